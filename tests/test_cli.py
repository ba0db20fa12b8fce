from __future__ import annotations

import importlib
import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from ctrl_c import heeding

import layercheck as layercheck_package
from layercheck.cli import main
from layercheck.errors import LayercheckError
from layercheck.outcome import Cause, Finding, Worst
from layercheck.suite import Check, Suite
from layercheck.verdict import Failed, Inconclusive, Passed, skip

FILES = {
    "good.py": """
        class Double:
            def predict(self, x):
                return 2 * x

            def backward(self, x, z, dz, memory):
                return 2 * dz
    """,
    "scale.py": """
        import numpy as np


        class Scale:
            learnables = ("w",)

            def __init__(self, channels, start=1.0):
                self.w = np.full(channels, start)

            def predict(self, x):
                return self.w * x

            def backward(self, x, z, dz, memory):
                return self.w * dz, (x * dz).sum(axis=0)
    """,
    "two.py": """
        class First:
            def predict(self, x):
                return x

            def backward(self, x, z, dz, memory):
                return dz


        class Second(First):
            pass
    """,
    "sum.py": """
        class Sum:
            num_inputs = 2

            def predict(self, x1, x2):
                return x1 + x2

            def backward(self, x1, x2, z, dz, memory):
                return dz, dz
    """,
    "raises.py": """
        class Raises:
            def __init__(self):
                raise RuntimeError("on purpose")

            def predict(self, x):
                return x
    """,
    "prints.py": """
        print("while it is imported")


        class Prints:
            def __init__(self):
                print("while it is built")

            def predict(self, x):
                print("while it runs")
                return x

            def backward(self, x, z, dz, memory):
                return dz
    """,
    "syntax.py": "def f(:\n",
    "broken.py": "import a_module_that_is_not_there\n",
    "empty.py": "x = 1\n",
}
X = "BC:4,3"
SCALE = ["scale.py", "--layout", X, "--init", "channels=3"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with layers; what is imported from it is forgotten afterwards."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    (tmp_path / "binary.py").write_bytes(b"\x00\x01\x02")
    np.savez(tmp_path / "x.npz", x=np.ones((4, 3)))
    np.savez(tmp_path / "other.npz", x=np.ones((4, 5)))
    np.savez(tmp_path / "rank.npz", x=np.ones(4))
    np.savez(tmp_path / "nan.npz", x=np.full((4, 3), np.nan))
    np.savez(tmp_path / "y.npz", y=np.ones((4, 3)), z=np.ones(3))
    np.savez(tmp_path / "text.npz", x=np.full((4, 3), "a"))
    np.savez(tmp_path / "pickle.npz", x=np.array([{}], dtype=object))
    (tmp_path / "junk.npz").write_text("hello")
    modules, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("layercheck.", "rich.", "numpy.")):
            del sys.modules[name]
    importlib.invalidate_caches()


def holds(case):
    """It always holds."""


def wrong(case):
    """It never holds."""
    case.evaluate(case.point())
    raise Failed(
        Finding(
            "forward() is wrong.",
            "everywhere",
            worst=Worst((0,), 1.0, 2.0, 1.0, 1e-9),
            cause=Cause("sign-flipped", "It is."),
        )
    )


def undecided(case):
    """Nobody knows."""
    raise Inconclusive("the reference is not accurate enough")


def absent(case):
    """It does not apply."""
    skip("it does not apply")


def each(case, name):
    """It holds for each input."""
    return Passed(notes=(f"saw {name}",))


def own_bug(case):
    """It is a bug of ours."""
    raise ZeroDivisionError("a bug")


DEMO = Suite(
    "demo",
    "For these tests.",
    (
        Check("holds", holds),
        Check("wrong", wrong, dtypes="all"),
        Check("undecided", undecided),
        Check("absent", absent),
        Check("each", each, cases=lambda subject: subject.input_names),
        Check("own_bug", own_bug),
    ),
)


@pytest.fixture
def demo(monkeypatch):
    """Only the suite demo is installed."""
    monkeypatch.setattr("layercheck.plugins.load_suites", lambda: ((DEMO,), ()))


def layercheck(*arguments):
    """Run the command here, where tests can put suites of their own in the place of ours."""
    return CliRunner().invoke(main, ["--in-process", *arguments])


def isolated(*arguments):
    """Run the command as users do: the layer has a process of its own."""
    return CliRunner().invoke(main, list(arguments))


def script(*arguments, **options):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "layercheck", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        **options,
    )


BAD_INPUT = [
    ([], "There is no target. Name what to check"),
    (["none.py"], "There is no file 'none.py' in "),
    (["nowhere/"], "There is no file 'nowhere/' in "),
    (["no_such_module:Layer"], "There is no file, folder or module 'no_such_module'."),
    (["syntax.py"], "line 1 raised SyntaxError: invalid syntax.\n    1 | def f(:"),
    (["broken.py"], "No module named 'a_module_that_is_not_there'"),
    (["broken.py"], "Install 'a_module_that_is_not_there' beside layercheck"),
    (["empty.py"], "empty.py defines no layer"),
    (["binary.py"], "binary.py is a binary file"),
    (["two.py", "--layout", X], "Choose one:\n    layercheck two.py::First\n    layercheck two.py"),
    (["two.py::Frist", "--layout", X], "two.py has no 'Frist'. Did you mean 'First'?"),
    (["scale.py", "--layout", X], "Scale() needs 'channels'. Write --init channels=..."),
    (["scale.py", "--layout", X, "--init", "chanels=3"], "Did you mean 'channels'?"),
    ([*SCALE, "--init", "start=nothing()"], "--init start does not evaluate: 'nothing()' raised"),
    ([*SCALE, "--init", "channels=4"], "--init gives 'channels' twice"),
    (["good.py", "--call", "1=2"], "--call '1=2' does not start with a name"),
    (["good.py", "--learnable", "w=x"], "--learnable w has the sizes 'x'."),
    (["good.py", "--learnable", "w=0"], "--learnable w has the sizes '0'."),
    (["good.py", "--layout", "XB:4,3"], "The layout 'XB' has the unknown label 'X'."),
    (["good.py", "--layout", "BB:4,3"], "The layout 'BB' has 2 axes B (batch)"),
    (["good.py", "--layout", "CC:4,3"], "The layout 'CC' has 2 axes C (channel)"),
    (["good.py", "--layout", "TT:4,3"], "The layout 'TT' has 2 axes T (time)"),
    (["good.py", "--layout", "BC:4"], "has 2 labels and 1 size (4)"),
    (["good.py", "--layout", "BC:4,0"], "The layout BC has the size 0."),
    (["good.py", "--layout", "BC:4,-3"], "The layout BC has the size -3."),
    (["good.py", "--layout", "BC:9999999,9999999"], "is too large for this machine"),
    (["good.py", "--layout", "BC:" + "9" * 30 + ",1"], "no array can have more than 2^63 - 1"),
    (["good.py"], "Double has 1 input (x), and 0 layouts were given."),
    (["good.py", "--layout", X, "--layout", X], "1 input (x), and 2 layouts were given"),
    (["sum.py", "--layout", X], "Sum has 2 inputs (x1, x2), and 1 layout was given."),
    (["good.py", "--layout", f"y={X}"], "There is no input 'y'; the inputs of Double are x."),
    (["good.py", "--layout", f"x={X}", "--layout", f"x={X}"], "gives the input 'x' twice"),
    (["good.py", "--layout", X, "--only", "gradient"], "There is no suite 'gradient' (--only)."),
    (["good.py", "--layout", X, "--only", "contract.constuct"], "mean 'contract.construct'?"),
    (["good.py", "--layout", X, "--skip", "batc"], "(--skip). Did you mean 'batch'?"),
    (["good.py", "--layout", X, "--expect-fail", "batch.permutation"], "gives no reason."),
    (["good.py", "--layout", X, "--expect-fail", "batch.x=y"], "There is no check 'batch.x'"),
    (["good.py", "--layout", X, "--dtype", "flaot32"], "Did you mean 'float32'?"),
    (["good.py", "--layout", X, "--dtype", ","], "No dtype was given."),
    (["good.py", "--layout", X, "--device", "gpu"], "There is no device 'gpu' to run on."),
    (["good.py", "--layout", X, "--report", "jsno"], "no report 'jsno'. Did you mean 'json'?"),
    (["good.py", "--layout", X, "--report", "json:no/a"], "there is no folder"),
    (["good.py", "--layout", X, "--declare", "mixs=B"], "Did you mean 'mixes'?"),
    (["good.py", "--layout", X, "--declare", "mixes=Z"], "mixes=Z has no such value. It is B or"),
    (["good.py", "--layout", X, "--declare", "mixes"], "--declare 'mixes' is not KEY=VALUE."),
    (["good.py", "--layout", X, "--range", "1"], "--range '1' is not LOW:HIGH with two numbers."),
    (["good.py", "--layout", X, "--range", "2:1"], "The range 2:1 is empty."),
    (["good.py", "--layout", X, "--range", "y=0:1"], "an input 'y', and Double has none"),
    (["good.py", "--layout", X, "--range", "0:1", "--range", "0:2"], "gives every input twice"),
    (["good.py", "--layout", X, "--integers", "0:1.5"], "with two whole numbers."),
    (["good.py", "--layout", X, "--integers", "3:3"], "The integers 3:3 are none"),
    (["good.py", "--layout", X, "--integers", "0:9", "--range", "0:1"], "--range and --integers"),
    (["good.py", "--layout", X, "--data", "none.npz"], "'none.npz' cannot be read: No such file"),
    (["good.py", "--layout", X, "--data", "other.npz"], "Pass --layout BC:4,5, or data of"),
    (["good.py", "--layout", X, "--data", "rank.npz"], "Give data with the axes BC."),
    (["good.py", "--layout", "BC:?,3", "--data", "x.npz"], "Pass --layout BC:4,3"),
    (["good.py", "--layout", X, "--data", "nan.npz"], "12 values that are not finite"),
    (["good.py", "--layout", X, "--data", "y.npz"], "an input 'y', and Double has none"),
    (["good.py", "--layout", X, "--data", "text.npz"], "are of dtype <U1. Give numbers."),
    (["good.py", "--layout", X, "--data", "pickle.npz"], "holds pickled Python objects"),
    (["good.py", "--layout", X, "--data", "junk.npz"], "'junk.npz' is no .npz file."),
    (["good.py", "--layout", X, "--seed", "-1"], "--seed '-1' is not a whole number"),
    (["good.py", "--layout", X, "--budget", "many"], "--budget 'many' is not a whole number"),
    (["good.py", "--layout", X, "-v", "-q"], "-v and -q contradict each other."),
    (["good.py", "--layuot", X], "There is no option '--layuot'. Did you mean '--layout'?"),
    (["good.py", "--layout"], "Option '--layout' requires an argument."),
    (["--explain", "contract.constuct"], "Did you mean 'contract.construct'?"),
]


@pytest.mark.parametrize(
    ("arguments", "message"),
    BAD_INPUT,
    ids=[shlex.join(case[0]) or "nothing" for case in BAD_INPUT],
)
def test_bad_input_is_one_message_on_stderr_and_status_2(folder, arguments, message):
    before = sorted(path.name for path in folder.iterdir())
    done = layercheck(*arguments)

    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert done.exit_code == 2
    assert sorted(path.name for path in folder.iterdir() if path.name != "__pycache__") == before


def test_every_option_is_checked_before_a_target_is_imported(folder):
    (folder / "marks.py").write_text("open('imported', 'w').close()\n")

    assert layercheck("marks.py", "--layout", X, "--seed", "x").exit_code == 2
    assert not (folder / "imported").exists()


STATUS = [
    (["--only", "demo.holds"], 0),
    (["--only", "demo.holds,demo.absent"], 0),
    (["--only", "demo.wrong"], 1),
    (["--only", "demo.undecided,demo.holds"], 1),
    (["--only", "demo.wrong", "--expect-fail", "demo.wrong=known"], 0),
    (["--only", "demo.holds", "--expect-fail", "demo.holds=it was wrong"], 1),
]


@pytest.mark.parametrize(("options", "status"), STATUS, ids=[" ".join(case[0]) for case in STATUS])
def test_the_exit_status_is_the_verdict(folder, demo, options, status):
    done = layercheck("good.py", "--layout", X, *options)

    assert done.exit_code == status
    assert done.stdout.splitlines()[-1].startswith("Test Summary: ")
    assert done.stderr == ""


def test_where_nothing_ran_the_reasons_are_on_stderr(folder, demo):
    done = layercheck("good.py", "--layout", X, "--only", "demo.absent", "--report", "json:a.json")

    assert done.exit_code == 2
    assert done.stdout == ""
    assert "1 skipped: it does not apply" in done.stderr
    assert done.stderr.endswith("Nothing ran: every selected check was skipped.\n")
    assert not (folder / "a.json").exists()


def test_where_no_check_is_left_stderr_says_so(folder, demo):
    done = layercheck("good.py", "--layout", X, "--only", "demo.holds", "--skip", "demo")

    assert done.exit_code == 2
    assert done.stderr.endswith("Nothing ran: --only and --skip leave no check.\n")


def test_a_bug_of_ours_has_status_70_and_its_traceback(folder, demo):
    done = layercheck("good.py", "--layout", X, "--only", "demo.own_bug")

    assert done.exit_code == 70
    assert "ZeroDivisionError: a bug" in done.stderr
    assert done.stderr.endswith(
        "This is a bug of layercheck, not of your layer. Report it with the lines above.\n"
    )


def test_of_several_targets_one_that_cannot_be_loaded_does_not_stop_the_others(folder, demo):
    done = layercheck("good.py", "broken.py", "two.py", "--layout", X, "--only", "demo.holds")

    assert done.exit_code == 1
    assert "layer  Double  good.py:2" in done.stdout
    assert "broken.py cannot be imported" in done.stdout
    assert "    layercheck two.py::First\n" in done.stdout
    assert "\n2 of 3 layers could not be checked.\nTest Summary: 1 Passed" in done.stdout


def test_a_folder_is_every_layer_in_it(folder, demo):
    (folder / "layers").mkdir()
    for name in ("good.py", "two.py"):
        (folder / name).rename(folder / "layers" / name)
    done = layercheck("layers", "--layout", X, "--only", "demo.holds", "--report", "json")

    assert done.exit_code == 0
    layers = json.loads(done.stdout)["layers"]
    assert [layer["target"] for layer in layers] == [
        str(Path("layers", "good.py")) + "::Double",
        str(Path("layers", "two.py")) + "::First",
        str(Path("layers", "two.py")) + "::Second",
    ]


def test_if_no_target_can_be_loaded_each_reason_is_told(folder):
    done = layercheck("broken.py", "empty.py", "--layout", X)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert "broken.py cannot be imported" in done.stderr
    assert "empty.py defines no layer" in done.stderr


def test_a_constructor_that_raises_fails_contract_construct(folder):
    done = layercheck("raises.py", "--layout", X, "--report", "json")
    results = json.loads(done.stdout)["layers"][0]["results"]

    assert done.exit_code == 1
    (failed,) = [result for result in results if result["outcome"] == "failed"]
    assert failed["id"] == "contract.construct"
    assert "RuntimeError: on purpose" in failed["finding"]["what"]


def reruns(done):
    return [line[10:] for line in done.stdout.splitlines() if line.startswith("rerun ")]


def test_the_rerun_line_has_every_argument_that_matters(folder, demo):
    values = ["--range", "x=0:1", "--declare", "mixes=B", "--budget", "9", "--seed", "3"]
    values.append("--thorough")
    init = ["--init", "channels=3", "--init", "start=2 * 1"]
    done = layercheck(
        "scale.py", *init, "--layout", "BC:?,3", *values, "-v", "--only", "demo.holds,demo.wrong"
    )

    assert reruns(done) == [
        "layercheck scale.py::Scale --layout 'BC:?,3' --init channels=3 --init 'start=2 * 1' "
        "--declare mixes=B --range x=0:1 --dtype float64 --thorough --budget 9 --seed 3 "
        "--only demo.wrong"
    ]


@pytest.mark.parametrize(
    ("id", "outcome"), [("demo.wrong", "failed"), ("demo.undecided", "incomplete")]
)
def test_the_rerun_line_runs_that_check_alone(folder, demo, id, outcome):
    done = layercheck(*SCALE, "--skip", "demo.own_bug")
    (command,) = [line for line in reruns(done) if line.endswith(id)]
    again = layercheck(*shlex.split(command)[1:], "--report", "json")

    assert again.exit_code == 1
    (result,) = json.loads(again.stdout)["layers"][0]["results"]
    assert (result["id"], result["dtype"], result["outcome"]) == (id, "float64", outcome)
    assert result["rerun"] == command


def test_exitfirst_stops_at_the_first_failure(folder, demo):
    done = layercheck("good.py", "--layout", X, "-x", "--report", "json")

    assert done.exit_code == 1
    results = json.loads(done.stdout)["layers"][0]["results"]
    assert [result["id"] for result in results] == ["demo.holds", "demo.wrong", "demo.wrong"]


def test_lists_take_commas_and_options_repeat(folder, demo):
    options = ["--only", "demo.holds,demo.each", "--only", "demo.wrong", "--skip", "demo.wr*"]
    done = layercheck("good.py", "--layout", X, *options, "--report", "json")

    results = json.loads(done.stdout)["layers"][0]["results"]
    assert [result["id"] for result in results] == ["demo.holds", "demo.each:x"]


def test_verbose_lists_each_check_and_what_was_recognised(folder, demo):
    done = layercheck(*SCALE, "--only", "demo.holds,demo.each", "-v")

    assert "as     native convention, numpy\n       learnable w of size 3: declared" in done.stdout
    assert "             . holds   float64\n" in done.stdout
    assert "             . each:x  float64  saw x\n" in done.stdout


def test_quiet_prints_the_last_line_only(folder, demo):
    done = layercheck("good.py", "--layout", X, "--only", "demo.holds,demo.wrong", "-q")

    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("Test Summary: 1 Passed, 2 Failed, 0 Incomplete, 0 Skipped. ")
    assert done.stderr == ""


def test_reports_go_to_files_beside_the_terminal_report(folder, demo):
    done = layercheck("good.py", "--layout", X, "--only", "demo.holds", "--report", "json:out.json")

    assert done.stdout.splitlines()[-1].startswith("Test Summary: 1 Passed")
    data = json.loads((folder / "out.json").read_text())
    assert data["command"] == (
        "layercheck --in-process good.py --layout BC:4,3 --only demo.holds --report json:out.json"
    )


def test_the_json_report_fits_its_schema_and_its_ids_are_unique(folder):
    done = layercheck(*SCALE, "--report", "json")
    data = json.loads(done.stdout)
    schema = Path(layercheck_package.__file__).parent / "reports" / "schema.json"
    jsonschema.validate(data, json.loads(schema.read_text(encoding="utf-8")))
    results = data["layers"][0]["results"]
    keys = [(result["id"], result["dtype"], result["device"]) for result in results]

    assert len(set(keys)) == len(keys)
    assert {result["suite"] for result in results} >= {"contract", "shapes", "gradients"}


def test_data_and_integers_are_what_the_layer_gets(folder, monkeypatch):
    seen = []

    def look(case, name):
        """It looks."""
        seen.append(case.point().inputs[case.subject.input_names.index(name)])

    suite = Suite("look", "It looks.", (Check("at", look, cases=lambda s: s.input_names),))
    monkeypatch.setattr("layercheck.plugins.load_suites", lambda: ((suite,), ()))
    options = ["--data", "x1=x.npz", "--integers", "x2=0:3"]
    done = layercheck("sum.py", "--layout", X, "--layout", X, *options)

    assert done.exit_code == 0, done.stderr
    np.testing.assert_array_equal(seen[0], np.ones((4, 3)))
    assert seen[1].dtype.kind == "i"
    assert set(seen[1].ravel()) <= {0, 1, 2}


def test_list_checks_and_explain_print_pages():
    listing = layercheck("--list-checks")
    page = layercheck("--explain", "contract.construct")

    assert (listing.exit_code, page.exit_code) == (0, 0)
    assert "contract\n" in listing.stdout
    assert page.stdout.startswith("contract.construct\n\nThe class can be built")


def test_a_plugin_that_cannot_be_loaded_is_named_and_stops_nothing(folder, monkeypatch):
    message = "The suite plugin 'x' (dist 1.0) could not be loaded."
    monkeypatch.setattr("layercheck.plugins.load_suites", lambda: ((DEMO,), (message,)))
    done = layercheck("good.py", "--layout", X, "--only", "demo.holds")

    assert done.exit_code == 0
    assert done.stderr == f"{message}\n"


def test_messages_show_no_escapes_of_the_user(folder):
    done = layercheck("\x1b[31mno.py\r")

    assert "\x1b" not in done.stderr
    assert "\r" not in done.stderr


def test_every_error_of_ours_has_a_message_in_the_command(folder, monkeypatch):
    def fail():
        raise LayercheckError("not the user's mistake")

    monkeypatch.setattr("layercheck.plugins.load_suites", fail)

    assert layercheck("good.py", "--layout", X).exit_code == 70


def test_the_version_is_printed():
    from layercheck import __version__

    done = script("--version")

    assert (done.stdout, done.returncode) == (f"layercheck {__version__}\n", 0)


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_load_neither_numpy_nor_rich(option):
    code = (
        "import sys\n"
        "from layercheck.cli import main\n"
        "try:\n"
        f"    main([{option!r}])\n"
        "except SystemExit as done:\n"
        "    assert done.code == 0\n"
        "assert not {'numpy', 'rich', 'importlib.metadata'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_nothing_that_a_layer_prints_reaches_stdout(folder):
    done = script("prints.py", "--layout", X, "--report", "json", "--only", "contract")

    assert json.loads(done.stdout)["schema"] == "layercheck/1"


def test_an_ascii_stream_gets_ascii(folder):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = script("good.py", "--layout", X, "--only", "contract", env=environment)

    assert done.returncode == 0
    assert "-" * 92 in done.stdout
    assert done.stdout.isascii()


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pipe")
def test_a_pipe_that_nobody_reads_changes_no_status(folder):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "layercheck", "good.py", "--layout", X]
    done = subprocess.run(
        [*command, "--only", "contract.construct", "--report", "json:a.json"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)

    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert (folder / "a.json").exists()


SLOW = """
import time
from pathlib import Path


class Slow:
    def predict(self, x):
        Path("started").touch()
        time.sleep(30)
        return x

    def backward(self, x, z, dz, memory):
        return dz
"""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_reports_what_is_done_with_status_130(folder):
    (folder / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "layercheck", "slow.py", "--layout", X]
    command += ["--only", "contract.construct,shapes", "--report", "json:a.json"]
    with subprocess.Popen(
        heeding(*command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until = time.monotonic() + 300
        while not (folder / "started").exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)  # until the command, too, has heard of what is done
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=300)

    assert process.returncode == 130
    assert "Interrupted: this is what was done before Ctrl-C.\n" in stdout
    assert stdout.splitlines()[-1].startswith("Test Summary: 1 Passed")
    assert "Traceback" not in stderr
    assert json.loads((folder / "a.json").read_text())["interrupted"] is True
