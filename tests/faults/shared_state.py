"""Layers that change what they share with everybody else in the process."""

from __future__ import annotations

from faults.fault import RUNS, WHOLE, Fault, predict

SHARED_STATE = (
    Fault("numpy.seterr", predict('np.seterr(all="raise")'), r"changes numpy\.seterr", WHOLE),
    Fault(
        "numpy.set_printoptions",
        predict("np.set_printoptions(threshold=3)"),
        r"changes numpy\.set_printoptions",
        WHOLE,
    ),
    Fault(
        "random seeds set",
        predict("np.random.seed(0); random.seed(0)"),
        "seed|generator",
        RUNS,
    ),
    Fault(
        "numpy patched",
        predict("np.sum = np.asarray = lambda *_, **__: 0"),
        r"predict\(\) changes numpy\.(sum|asarray); it was put back",
        WHOLE,
    ),
    Fault(
        "numpy.random patched",
        predict("np.random.seed = lambda *_: None"),
        r"predict\(\) changes numpy\.random\.seed",
        WHOLE,
    ),
    Fault(
        "builtins patched",
        predict("builtins.len = lambda _: 0"),
        r"predict\(\) changes builtins\.len",
        WHOLE,
    ),
    Fault(
        "builtins deleted",
        predict("del builtins.isinstance"),
        r"predict\(\) changes builtins\.isinstance",
        WHOLE,
    ),
    Fault(
        "environment variables and thread counts",
        predict('os.environ["OMP_NUM_THREADS"] = "1"; os.environ.pop("PATH", None)'),
        r"predict\(\) changes environment variables",
        WHOLE,
    ),
    Fault(
        "working folder changed",
        predict('os.chdir("/")'),
        r"predict\(\) changes the working folder; it was put back after the call",
        WHOLE,
    ),
    Fault(
        "working folder deleted",
        predict("folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)"),
        r"predict\(\) changes the working folder",
        WHOLE,
    ),
    Fault(
        "signal handlers replaced",
        predict(
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "signal.signal(signal.SIGTERM, lambda *_: None)"
        ),
        r"predict\(\) changes .*the handler of SIGTERM",
        WHOLE,
    ),
    Fault(
        "recursion limit",
        predict("sys.setrecursionlimit(10**6)"),
        "changes the recursion limit",
        WHOLE,
    ),
    Fault("sys.path emptied", predict("sys.path.clear()"), r"changes sys\.path", WHOLE),
    Fault("sys.modules emptied", predict('sys.modules.pop("numpy", None)'), "", WHOLE),
    Fault(
        "a trace function",
        predict("sys.settrace(lambda *_: None)"),
        r"changes sys\.settrace",
        WHOLE,
    ),
    Fault("a profile function", predict("sys.setprofile(lambda *_: 1)"), "", WHOLE),
    Fault("warnings as errors", predict('warnings.simplefilter("error")'), "", WHOLE),
    Fault("faulthandler switched off", predict("faulthandler.disable()"), "", WHOLE),
)
