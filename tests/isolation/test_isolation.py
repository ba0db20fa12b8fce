"""Layers in processes of their own, from the command line and from Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import layercheck
from layercheck.errors import LayoutError, TargetError, UsageError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the layers use POSIX calls")
SCALE = """
import os, sys, time
import numpy as np


class Scale:
    learnables = ("w",)

    def __init__(self, w=2.0, fatal=False):
        self.w = np.asarray(w, dtype=float)
        self.fatal = fatal

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        if self.fatal:
            os._exit(3)
        return self.w * dz, np.sum(x * dz)
"""
X = "BC:4,3"
GRADIENTS = ("--only", "contract.construct,gradients")


@pytest.fixture
def write(tmp_path):
    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        return tmp_path

    return write


def command(folder, *arguments, stdin="", **environment):
    return subprocess.run(
        [sys.executable, "-m", "layercheck", *arguments],
        cwd=folder,
        input=stdin,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def results(done):
    layers = json.loads(done.stdout)["layers"]
    return {(r["id"], r["dtype"]): r for layer in layers for r in layer["results"]}


def test_a_crash_costs_the_calls_that_crash(write):
    folder = write(scale=SCALE)
    arguments = ["scale.py", "--layout", X, "--init", "fatal=True", "--report", "json"]
    done = command(folder, *arguments, "--only", "shapes,purity.deterministic")
    found = {key: r["outcome"] for key, r in results(done).items() if r["outcome"] != "skipped"}

    assert done.returncode == 1
    assert done.stderr == ""
    assert found == {
        ("shapes.predict", "float64"): "passed",
        ("shapes.predict", "float32"): "passed",
        ("shapes.gradients", "float64"): "incomplete",
        ("shapes.gradients", "float32"): "incomplete",
        ("purity.deterministic", "float64"): "passed",
    }


def test_a_call_that_ended_two_processes_is_not_made_again(write):
    folder = write(scale=SCALE)
    arguments = ["scale.py", "--layout", X, "--init", "fatal=True", "--report", "json"]
    done = command(folder, *arguments, *GRADIENTS)
    reasons = [r["reason"] for r in results(done).values() if r["outcome"] == "incomplete"]

    why = "backward() ended the process with exit code 3, without an exception."
    assert len(reasons) > 2
    assert reasons[:2] == [why, why]
    assert set(reasons[2:]) == {f"backward() is not called again: {why}"}


def test_the_rerun_command_of_a_crash_crashes_again(write):
    folder = write(scale=SCALE)
    arguments = ["scale.py", "--layout", X, "--init", "fatal=True", "--report", "json"]
    done = command(folder, *arguments, "--only", "shapes.gradients", "--timeout", "30")
    (result, _) = results(done).values()

    assert result["rerun"].endswith("--dtype float64 --timeout 30 --seed 0 --only shapes.gradients")
    again = command(folder, *result["rerun"].split()[1:], "--report", "json")
    assert [r["reason"] for r in results(again).values()] == [result["reason"]]


def test_the_last_lines_that_a_layer_printed_are_shown_with_its_crash(write):
    text = SCALE.replace("os._exit(3)", 'print("almost\\x1b[31m done"); os._exit(3)')
    done = command(write(scale=text), "scale.py", "--layout", X, "--init", "fatal=True", *GRADIENTS)

    assert "it last printed: almost\\x1b[31m done" in done.stdout
    assert "\x1b" not in done.stdout


def test_what_a_healthy_layer_prints_is_not_shown(write):
    text = SCALE.replace("return self.w * x", 'print("chatter"); return self.w * x')
    done = command(write(scale=text), "scale.py", "--layout", X, *GRADIENTS)

    assert done.returncode == 0
    assert "chatter" not in done.stdout + done.stderr


def test_the_time_of_the_run_ends_it_with_what_is_done(write):
    text = SCALE.replace("return self.w * dz", "time.sleep(60)\n        return self.w * dz")
    started = time.monotonic()
    arguments = ["scale.py", "--layout", X, "--time-limit", "3", "--report", "json"]
    done = command(write(scale=text), *arguments, "--only", "contract.construct,shapes,gradients")
    found = results(done)

    assert time.monotonic() - started < 30
    assert done.returncode == 1
    assert found["contract.construct", None]["outcome"] == "passed"
    assert found["shapes.predict", "float64"]["outcome"] == "passed"
    assert found["shapes.gradients", "float64"]["reason"].startswith(
        "The time of the run was over during backward(), after 3 s (--time-limit)"
    )
    last = found["gradients.learnable:w", "float64"]
    assert last["outcome"] == "incomplete"
    assert last["reason"].startswith("It was not run. The time of the run was over")


def test_options_that_need_a_process_are_errors_without_one(write):
    folder = write(scale=SCALE)
    for option in ("--timeout=1", "--time-limit=1", "--memory=1G"):
        done = command(folder, "scale.py", "--layout", X, "--in-process", option)

        assert done.returncode == 2
        assert f"{option.partition('=')[0]} cannot be kept in this process." in done.stderr


def test_a_debugger_opens_where_a_check_fails(write):
    text = SCALE.replace("os._exit(3)", 'raise ValueError("on purpose")')
    options = ["--layout", X, "--init", "fatal=True", "--only", "shapes.gradients", "--pdb"]
    done = command(write(scale=text), "scale.py", *options, stdin="p self.fatal, dz.shape\nq\nq\n")

    assert done.returncode == 1
    assert "ValueError: on purpose" in done.stderr
    assert "(Pdb) (True, (4, 3))" in done.stderr
    assert "(Pdb)" not in done.stdout


def test_a_breakpoint_is_told_where_it_works(write):
    text = SCALE.replace("return self.w * x", "breakpoint(); return self.w * x")
    options = ["--layout", X, "--only", "shapes.predict"]
    isolated = command(write(scale=text), "scale.py", *options)
    here = command(write(), "scale.py", *options, "--in-process", stdin="c\n" * 50)

    said = " ".join(isolated.stdout.split())
    assert "breakpoint() needs the process of the command: pass --in-process." in said
    assert here.returncode == 0
    assert "(Pdb)" in here.stderr


def test_the_worker_says_what_it_is_for():
    done = subprocess.run(
        [sys.executable, "-m", "layercheck.worker"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert (
        done.stderr == "layercheck.worker is started by layercheck, which checks layers with it.\n"
    )


def test_an_option_that_does_not_fit_any_layer_stops_the_run_before_it_begins(write):
    folder = write(scale=SCALE, other=SCALE)
    done = command(folder, ".", "--layout", X, "--only", "gradient")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("There is no suite 'gradient'") == 1


def test_each_layer_of_a_file_has_a_process_of_its_own(write):
    text = SCALE + "\n\nclass Patient(Scale):\n    pass\n"
    text = text.replace("self.w * x", "np.multiply(self.w, x)", 1)
    text = text.replace('"""', "").replace("self.fatal = fatal", "np.multiply = None", 1)
    healthy = "\n\nclass Well:\n    def predict(self, x):\n        return np.multiply(2, x)\n\n"
    healthy += "    def backward(self, x, z, dz, memory):\n        return np.multiply(2, dz)\n"
    done = command(write(two=text + healthy), "two.py::Well", "--layout", X, *GRADIENTS)
    both = command(write(), ".", "--layout", X, *GRADIENTS, "--report", "json")
    layers = {layer["name"]: layer for layer in json.loads(both.stdout)["layers"]}

    assert done.returncode == 0
    assert set(layers) == {"Scale", "Patient", "Well"}
    assert layers["Well"]["summary"]["failed"] == 0
    assert layers["Well"]["summary"]["passed"] > 3
    assert layers["Scale"]["summary"]["passed"] == 1


def test_an_expected_failure_may_name_a_case_of_any_layer(write):
    other = SCALE.replace('"w"', '"v"').replace("self.w", "self.v")
    folder = write(scale=SCALE, other=other)
    known = ["--expect-fail", "gradients.learnable:v=known"]
    unknown = ["--expect-fail", "gradients.learnable:u=known"]

    done = command(folder, ".", "--layout", X, *GRADIENTS, *known, "--report", "json")
    refused = command(folder, ".", "--layout", X, *GRADIENTS, *unknown)

    assert len(json.loads(done.stdout)["layers"]) == 2
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "No check is called 'gradients.learnable:u'" in refused.stderr


def test_a_worker_has_a_fixed_hash_seed_and_the_callers_environment(write):
    text = """
    import os
    SEED = hash("a")

    class Look:
        def predict(self, x):
            raise ValueError(f"{SEED} {os.environ.get('PYTHONHASHSEED')}")

        def backward(self, x, z, dz, memory):
            return dz
    """
    folder = write(look=text)
    arguments = ["look.py", "--layout", X, "--only", "shapes.predict", "--dtype", "float64"]
    said = {
        command(folder, *arguments, "--report", "json", PYTHONHASHSEED=seed)
        .stdout.partition("ValueError: ")[2]
        .partition('"')[0]
        for seed in ("7", "8")
    }

    (one, other) = sorted(said)
    assert one.split()[0] == other.split()[0]
    assert (one.split()[1].rstrip("."), other.split()[1].rstrip(".")) == ("7", "8")


def test_nothing_is_left_running_and_no_file_is_left(write):
    text = SCALE.replace(
        "return self.w * dz",
        'import subprocess; subprocess.Popen(["sleep", "987"]); return self.w * dz',
    )
    folder = write(scale=text)
    before = set(Path(folder).iterdir())
    done = command(folder, "scale.py", "--layout", X, *GRADIENTS, TMPDIR=str(folder))

    assert done.returncode == 0
    assert "the layer left child processes; they were ended" in done.stdout
    assert (
        "sleep 987"
        not in subprocess.run(
            ["ps", "axo", "args"], capture_output=True, text=True, check=True
        ).stdout
    )
    assert {path for path in Path(folder).iterdir() if path.name != "__pycache__"} == before


def test_the_worker_ends_with_its_parent(write):
    text = SCALE.replace(
        "return self.w * x", 'open("pid", "w").write(str(os.getpid()))\n        time.sleep(600)'
    )
    folder = write(scale=text)
    arguments = [sys.executable, "-m", "layercheck", "scale.py", "--layout", X]
    with subprocess.Popen(arguments, cwd=folder, stdout=subprocess.DEVNULL) as parent:
        until = time.monotonic() + 300
        while not (folder / "pid").exists() and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.1)
        parent.send_signal(signal.SIGKILL)
    worker = int((folder / "pid").read_text())
    until = time.monotonic() + 100
    while _is_alive(worker) and time.monotonic() < until:
        time.sleep(0.05)

    assert not _is_alive(worker)


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Module:
    """A layer of this module, which pytest imports in a way of its own."""

    def predict(self, x):
        return 2 * x

    def backward(self, x, z, dz, memory):
        return 2 * dz


def test_a_class_can_be_checked_in_a_process_of_its_own_from_python():
    here = layercheck.check_layer(Module, X, only=("gradients",))
    isolated = layercheck.check_layer(Module, X, only=("gradients",), isolate=True)

    assert isolated.ok
    assert [r.id for r in isolated.results] == [r.id for r in here.results]
    assert [r.outcome for r in isolated.results] == [r.outcome for r in here.results]


def test_a_target_is_text_with_and_without_a_process_of_its_own(write):
    target = f"{write(scale=SCALE)}/scale.py::Scale"
    for isolate in (False, True):
        report = layercheck.check_layer(
            target, X, init={"w": 3.0}, only=("gradients",), isolate=isolate
        )

        assert report.ok
        assert report.run.layers[0].name == "Scale"


def test_a_crash_is_a_report_in_python(write):
    report = layercheck.check_layer(
        f"{write(scale=SCALE)}/scale.py",
        X,
        init={"fatal": True},
        only=("shapes.gradients",),
        dtypes=("float64",),
        isolate=True,
        timeout=300,
    )

    assert not report
    assert report.results[0].reason.startswith("backward() ended the process with exit code 3")


def test_what_cannot_be_built_again_is_an_error():
    class Local(Module):
        pass

    for layer, why in ((Module(), "is an object"), (Local, "is defined in a function")):
        with pytest.raises(UsageError, match=f"{why}.*, so it cannot be built in another process"):
            layercheck.check_layer(layer, X, isolate=True)


def test_mistakes_are_the_errors_that_they_are_without_isolation(tmp_path):
    with pytest.raises(LayoutError, match="unknown label 'X'"):
        layercheck.check_layer(Module, "XB:4,3", isolate=True)
    with pytest.raises(TargetError, match="There is no file"):
        layercheck.check_layer(f"{tmp_path}/none.py", X, isolate=True)
    with pytest.raises(UsageError, match="timeout cannot be kept in this process"):
        layercheck.check_layer(Module, X, timeout=3)


def test_a_call_in_this_process_leaves_it_as_it_was(write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    more = 'os.environ["LEFT"] = "1"; os.chdir("/"); self.fatal = fatal'
    text = SCALE.replace("self.fatal = fatal", more)
    report = layercheck.check_layer(f"{write(scale=text)}/scale.py", X, only=("shapes",))

    assert report.ok
    assert "LEFT" not in os.environ
    assert Path.cwd() == tmp_path
