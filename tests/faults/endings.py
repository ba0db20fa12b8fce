"""Layers that end their process, or never end."""

from __future__ import annotations

from faults.fault import BUILT, Fault, backward, predict

CRASHES = (
    Fault(
        "segmentation fault",
        backward('print("just before"); ctypes.string_at(0)'),
        r"backward\(\) ended the process with SIGSEGV, a segmentation fault \(.*fault_.*\.py:\d+\)",
    ),
    Fault("segmentation fault in predict", predict("ctypes.string_at(0)"), "SIGSEGV", BUILT),
    Fault("abort", backward("os.abort()"), r"backward\(\) ended the process with SIGABRT"),
    Fault(
        "arithmetic signal",
        backward("signal.raise_signal(signal.SIGFPE)"),
        r"backward\(\) ended the process with SIGFPE",
    ),
    Fault(
        "killed from outside",
        backward("os.kill(os.getpid(), signal.SIGKILL)"),
        r"backward\(\) ended the process with SIGKILL",
    ),
    Fault(
        "overflow of the C stack",
        """
        class Faulty(_Scale):
            def backward(self, x, z, dz, memory):
                sys.setrecursionlimit(10**9)
                threading.stack_size(0)
                return eval("(" * 0 + "self.deep(0)")

            def deep(self, n):
                return sorted([1, 2], key=lambda _: self.deep(n + 1))
        """,
        r"backward\(\) (ended the process with SIG|raised)",
    ),
    Fault(
        "os._exit",
        backward("os._exit(0)"),
        r"backward\(\) ended the process with exit code 0, without an exception",
    ),
    Fault("sys.exit", backward("sys.exit(3)"), r"backward\(\) raised SystemExit: 3"),
    Fault(
        "crash in the constructor",
        """
        class Faulty(_Scale):
            def __init__(self):
                ctypes.string_at(0)
        """,
        "The constructor ended the process with SIGSEGV",
        (),
    ),
    Fault(
        "an alarm that fires later",
        predict("signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)"),
        r"predict\(\) ended the process with SIGALRM",
        BUILT,
    ),
)

HANGS = (
    Fault(
        "endless loop in Python",
        backward("while True: pass"),
        r"backward\(\) did not return within [\d.]+ s \(--timeout\) \(.*fault_.*\.py:\d+\)",
    ),
    Fault(
        "endless loop in C holding the GIL",
        backward("ctypes.PyDLL(None).sleep(1000)"),
        r"backward\(\) did not return within",
    ),
    Fault(
        "endless regular expression",
        backward('re.match("(a*)*b", "a" * 40)'),
        r"backward\(\) did not return within",
    ),
    Fault(
        "deadlock",
        backward("lock = threading.Lock(); lock.acquire(); lock.acquire()"),
        r"backward\(\) did not return within",
    ),
    Fault(
        "reads from an empty pipe",
        backward("os.read(os.pipe()[0], 1)"),
        r"backward\(\) did not return within",
    ),
    Fault(
        "stops its process",
        backward("os.kill(os.getpid(), signal.SIGSTOP)"),
        r"backward\(\) did not return within",
    ),
    Fault(
        "waits for a child that never ends",
        backward('subprocess.run(["sleep", "1000"])'),
        r"backward\(\) did not return within",
    ),
    Fault("waits for input", backward("input()"), r"backward\(\) raised EOFError"),
    Fault(
        "hang with all signals ignored",
        backward(
            """
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            while True: pass
            """
        ),
        r"backward\(\) did not return within",
    ),
    Fault(
        "hang in the constructor",
        """
        class Faulty(_Scale):
            def __init__(self):
                time.sleep(1000)
        """,
        "The constructor did not return within",
        (),
    ),
    Fault(
        "hang in __deepcopy__",
        """
        class Faulty(_Scale):
            def __deepcopy__(self, memo):
                time.sleep(1000)
        """,
        "deep copy did not return within",
    ),
    Fault(
        "hang in a property",
        """
        class Faulty(_Scale):
            @property
            def backward(self):
                time.sleep(1000)
        """,
        "Code of the layer outside its passes did not return within",
        (),
    ),
)

IMPORTS = (
    Fault(
        "crash at import",
        "class Faulty(_Scale):\n    pass\n\nctypes.string_at(0)\n",
        r"The import of .* ended the process with SIGSEGV",
        (),
    ),
    Fault(
        "hang at import",
        "class Faulty(_Scale):\n    pass\n\ntime.sleep(1000)\n",
        r"The import of .* did not return within",
        (),
    ),
    Fault(
        "exit at import",
        "class Faulty(_Scale):\n    pass\n\nsys.exit(1)\n",
        "cannot be imported: line .* raised SystemExit: 1",
        (),
    ),
    Fault(
        "os._exit at import",
        "class Faulty(_Scale):\n    pass\n\nos._exit(7)\n",
        "The import of .* ended the process with exit code 7",
        (),
    ),
    Fault(
        "a module that raises when it is asked",
        """
        class Faulty(_Scale):
            pass

        class Other:
            forward = property(lambda self: 1)
            @property
            def __class__(self):
                raise OSError("no class")

        other = Other()
        """,
        "",
    ),
    Fault(
        "side effects at import",
        """
        print("while it is imported")
        os.environ["FROM_IMPORT"] = "1"
        os.chdir(tempfile.gettempdir())
        sys.stdout = None
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        atexit.register(time.sleep, 1000)
        threading.Thread(target=time.sleep, args=(1000,)).start()

        class Faulty(_Scale):
            pass
        """,
        "",
    ),
)
