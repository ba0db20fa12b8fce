"""Several layers at the same time: the same verdicts in the same order, and nothing stops them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from ctrl_c import heeding

LAYERS = {
    "a.py": """
        class Double:
            def predict(self, x):
                return 2 * x

            def backward(self, x, z, dz, memory):
                return 2 * dz
    """,
    "b.py": """
        import os
        from a import Double


        class Crash(Double):
            def predict(self, x):
                os._exit(3)
    """,
    "c.py": """
        from a import Double as _Double


        class First(_Double):
            pass


        class Wrong(_Double):
            def backward(self, x, z, dz, memory):
                return 3 * dz


        class Third(_Double):
            pass
    """,
    "d.py": "class Broken:\n    def predict(self, x)\n        return x\n",
    "e.py": """
        import time
        from pathlib import Path


        class Slow:
            def predict(self, x):
                Path("started").touch()
                time.sleep(60)
                return x

            def backward(self, x, z, dz, memory):
                return dz
    """,
}
OPTIONS = ["--layout", "BC:4,3", "--only", "contract,gradients", "--dtype", "float64"]


@pytest.fixture
def folder(tmp_path):
    """A folder with layers; one of them crashes, one is wrong, one file cannot be read."""
    for name, text in LAYERS.items():
        (tmp_path / name).write_text(textwrap.dedent(text))
    return tmp_path


def command(*arguments):
    return [sys.executable, "-m", "layercheck", *arguments]


def check(folder, *arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, cwd=folder, timeout=600
    )


def verdicts(text):
    """A report without what differs from run to run."""
    run = json.loads(text)
    for part in (run, run["summary"], *(r for layer in run["layers"] for r in layer["results"])):
        part.pop("elapsed_s", None)
    return {key: value for key, value in run.items() if key != "command"}


def test_jobs_change_neither_verdicts_nor_their_order(folder):
    targets = ["c.py::First", "a.py", "b.py::Crash", "d.py", "c.py::Wrong", "none.py"]
    one = check(folder, *targets, *OPTIONS, "--report", "json")
    three = check(folder, *targets, *OPTIONS, "--report", "json", "--jobs", "3")

    assert one.returncode == three.returncode == 1
    assert verdicts(three.stdout) == verdicts(one.stdout)
    names = [layer["name"] for layer in json.loads(three.stdout)["layers"]]
    assert names[:3] == ["First", "Double", "Crash"]
    assert "died" in three.stdout or "exit" in three.stdout


def test_the_layers_of_one_file_are_shared_out(folder):
    (folder / "d.py").unlink()
    (folder / "e.py").unlink()
    (folder / "b.py").unlink()
    one = check(folder, ".", *OPTIONS, "--report", "json")
    two = check(folder, ".", *OPTIONS, "--report", "json", "--jobs", "2")

    layers = json.loads(two.stdout)["layers"]
    assert [each["name"] for each in layers] == ["Double", "First", "Wrong", "Third"]
    assert verdicts(two.stdout) == verdicts(one.stdout)


def test_an_option_that_no_layer_can_carry_out_ends_the_run(folder):
    done = check(folder, "a.py", "c.py::First", *OPTIONS, "--seed", "x", "--jobs", "2")

    assert (done.returncode, done.stdout) == (2, "")
    assert "--seed 'x' is not a whole number" in done.stderr


def test_an_expected_failure_may_name_a_check_of_any_layer(folder):
    expected = ["--expect-fail", "gradients.input:x=on purpose"]
    done = check(folder, "c.py::Wrong", *OPTIONS, *expected, "--jobs", "2")
    typo = check(folder, "c.py::Wrong", "a.py", *OPTIONS, "--expect-fail", "gradients.input:y=no")

    assert done.returncode == 0, done.stdout
    assert typo.returncode == 2
    assert "No check is called 'gradients.input:y'" in typo.stderr


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_a_number_of_jobs_that_is_none_is_said(folder, jobs):
    done = check(folder, "a.py", *OPTIONS, "--jobs", jobs)

    assert done.returncode == 2
    assert f"--jobs '{jobs}' is no number of processes." in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_prints_what_is_done_of_several_layers(folder):
    words = command("a.py", "e.py", "c.py::First", *OPTIONS[:2], "--only", "contract,shapes")
    shown = folder / "stdout.txt"
    with (
        shown.open("w") as stdout,
        subprocess.Popen(
            heeding(*words, "--jobs", "2"),
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        ) as process,
    ):
        until = time.monotonic() + 300
        while time.monotonic() < until and not (
            (folder / "started").exists() and "layer  Double" in shown.read_text()
        ):
            time.sleep(0.05)
        time.sleep(2)  # that Slow has begun must have come to the command
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=300)

    text = shown.read_text()
    assert process.returncode == 130, stderr
    assert text.index("layer  Double") < text.index("layer  Slow")
    assert "Interrupted: this is what was done before Ctrl-C.\n" in text
    assert "Traceback" not in stderr
