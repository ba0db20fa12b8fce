"""The pytest plugin, seen through pytest itself."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

LAYERS = """
    import numpy as np


    class Scale:
        learnables = ("w",)

        def __init__(self, channels=3):
            self.w = np.full(channels, 0.5)

        def predict(self, x):
            return self.w * x

        def backward(self, x, z, dz, memory):
            return self.w * dz, (x * dz).sum(axis=0)


    class Averaged(Scale):
        def backward(self, x, z, dz, memory):
            return self.w * dz, (x * dz).mean(axis=0)


    class Raises:
        def __init__(self):
            raise RuntimeError("on purpose")

        def predict(self, x):
            return x


    class Counted(Scale):
        calls = 0

        def predict(self, x):
            type(self).calls += 1
            print("the layer prints")
            return super().predict(x)
"""
TESTS = """
    import layercheck
    from parts import Averaged, Counted, Raises, Scale

    checked = {"dtypes": ["float64", "float32"], "only": ["contract", "gradients", "dtypes"]}
    test_scale = layercheck.pytest_checks(Scale(), "BC:4,3", **checked)
    test_averaged = layercheck.pytest_checks(Averaged, "BC:4,3", **checked)
    test_known = layercheck.pytest_checks(
        Averaged,
        "BC:4,3",
        expected_failures={
            "gradients.learnable:w": "averaged on purpose",
            "gradients.input:x": "it was wrong once",
        },
        **checked,
    )
    test_raises = layercheck.pytest_checks(Raises, "BC:4,3")
    test_layout = layercheck.pytest_checks(Scale, "BBC:4,3")
    not_a_test = layercheck.pytest_checks(Scale, "BC:4,3")


    class TestInAClass:
        test_scale = layercheck.pytest_checks(Scale, "BC:2,3", only="contract")


    def test_nothing_ran_while_collecting():
        assert Counted.calls == 0


    test_counted = layercheck.pytest_checks(Counted(), "BC:4,3", only="shapes.predict")
"""
CONFIGURATION = """
    [[tool.layercheck.layers]]
    target = "parts.py::Scale"
    layouts = [["BC:4,3"], ["BC:2,3"]]
    only = "contract"

    [[tool.layercheck.layers]]
    name = "averaged"
    target = "parts:Averaged"
    layouts = "BC:4,3"
    only = "gradients"
    dtypes = ["float64"]

    [[tool.layercheck.layers]]
    name = "typo"
    target = "parts.py::Skale"
"""
NO_CACHE = ("-p", "no:cacheprovider")
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "NO_COLOR": "1"}


def make_folder(folder):
    files = {"parts.py": LAYERS, "test_parts.py": TESTS, "pyproject.toml": CONFIGURATION}
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text))
    (folder / "test_plain.py").write_text("def test_plain():\n    pass\n")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with layers, tests and a configuration."""
    return make_folder(tmp_path_factory.mktemp("repository"))


def run_pytest(folder, *arguments, plugins=("layercheck_pytest",)):
    loaded = [word for plugin in plugins for word in ("-p", plugin)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *loaded, "-v", "-rA", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(folder), "COLUMNS": "160"},
        timeout=600,
    )


def outcomes(done):
    """What became of each test, from the verbose lines."""
    pattern = re.compile(
        r"^(\S+::.+?) (PASSED|FAILED|SKIPPED|XFAIL|ERROR)(?: \(.*)? +\[ *\d+%\]$", re.M
    )
    return dict(pattern.findall(done.stdout))


@pytest.fixture(scope="module")
def whole(folder):
    """One run over everything in the test module."""
    return run_pytest(folder, "test_parts.py", "--junitxml=junit.xml")


def of(name, whole):
    start = f"test_parts.py::{name}["
    return {
        id.removeprefix(start)[:-1]: outcome
        for id, outcome in outcomes(whole).items()
        if id.startswith(start)
    }


def test_every_check_is_a_test_named_by_its_id_and_dtype(whole):
    found = of("test_scale", whole)

    assert found["contract.construct"] == "PASSED"
    assert found["gradients.learnable:w-float64"] == "PASSED"
    assert found["dtypes.outputs-float32"] == "PASSED"
    assert set(found.values()) == {"PASSED", "SKIPPED"}


def test_a_skip_has_its_reason_and_its_line(whole):
    assert re.search(
        r"SKIPPED \[\d+\] test_parts.py:\d+: backward is written by hand", whole.stdout
    )


def test_a_failure_shows_our_block_and_how_to_run_it_again(whole):
    assert of("test_averaged", whole)["gradients.learnable:w-float64"] == "FAILED"
    _, _, after = whole.stdout.partition("Failed gradients.learnable:w")
    block = after[: after.index("\n___")]

    assert "backward() returns a wrong gradient for learnable w." in block
    assert "(mean-instead-of-sum)" in block
    assert "layercheck.check_layer(Averaged, 'BC:4,3'" in block
    assert "pytest 'test_parts.py::test_averaged[gradients.learnable:w-float64]'" in block
    assert "Traceback" not in whole.stdout


def test_the_pytest_command_of_a_failure_runs_that_test_alone(folder, whole):
    command = re.search(
        r"^ +pytest ('.*test_averaged\[gradients.learnable.*')$", whole.stdout, re.M
    )
    done = run_pytest(folder, *shlex.split(command[1]), *NO_CACHE)

    assert list(outcomes(done).values()) == ["FAILED"]


def test_an_expected_failure_has_its_reason_and_is_strict(whole):
    found = of("test_known", whole)

    assert found["gradients.learnable:w-float64"] == "XFAIL"
    assert "averaged on purpose" in whole.stdout
    assert found["gradients.input:x-float64"] == "FAILED"
    assert "The check passed although it is expected to fail." in whole.stdout


def test_runxfail_shows_an_expected_failure_as_failed(folder):
    done = run_pytest(
        folder, "test_parts.py::test_known", "--runxfail", "-k", "learnable:w", *NO_CACHE
    )

    assert set(outcomes(done).values()) == {"FAILED"}


def test_a_layer_that_cannot_be_built_has_one_test_that_fails(whole):
    assert of("test_raises", whole) == {"contract.construct": "FAILED"}
    assert "RuntimeError: on purpose" in whole.stdout
    assert of("test_layout", whole) == {"contract.construct": "FAILED"}
    assert "The layout 'BBC' has" in whole.stdout


def test_only_names_of_tests_are_collected(whole):
    assert "not_a_test" not in whole.stdout
    assert "test_parts.py::TestInAClass::test_scale[contract.construct] PASSED" in whole.stdout


def test_collecting_does_not_run_a_layer(folder):
    done = run_pytest(folder, "test_parts.py", "-k", "nothing_ran or counted")
    found = outcomes(done)

    assert found["test_parts.py::test_nothing_ran_while_collecting"] == "PASSED"
    assert len(found) == 3
    assert set(found.values()) == {"PASSED"}


def test_junit_has_the_tests_with_their_messages(folder, whole):
    cases = ET.parse(folder / "junit.xml").getroot().findall(".//testcase")
    failed = {case.get("name"): case.find("failure") for case in cases if len(case)}
    failure = failed["test_averaged[gradients.learnable:w-float64]"]

    assert len(cases) == len(outcomes(whole))
    assert failure.get("message").endswith("learnable w. (mean-instead-of-sum)")
    assert "rerun " in failure.text


def test_the_last_failures_are_run_again_and_x_stops_at_the_first(folder, whole):
    again = run_pytest(folder, "test_parts.py", "--lf")
    first = run_pytest(folder, "test_parts.py", "-x", "-k", "averaged", *NO_CACHE)
    failed = {id for id, outcome in outcomes(whole).items() if outcome == "FAILED"}

    assert set(outcomes(again)) == failed
    assert list(outcomes(first).values()).count("FAILED") == 1


@pytest.mark.corpus
def test_workers_of_xdist_agree_and_keep_a_layer_together(folder, whole):
    pytest.importorskip("xdist")
    done = run_pytest(
        folder,
        *("test_parts.py", "-n", "2", "--dist", "loadgroup", "-k", "not nothing_ran"),
        plugins=("layercheck_pytest", "xdist.plugin"),
    )
    lines = re.findall(
        r"^\[(gw\d)\] \[ *\d+%\] (\w+) (\S+?)(?:@.*)?$", done.stdout.replace(" \n", "\n"), re.M
    )
    workers = {}
    for worker, _, id in lines:
        workers.setdefault(id.partition("[")[0], set()).add(worker)

    expected = {id: each for id, each in outcomes(whole).items() if "nothing_ran" not in id}

    assert {id: outcome for _, outcome, id in lines} == expected
    assert all(len(each) == 1 for each in workers.values())
    assert "pytest 'test_parts.py::test_averaged[gradients.learnable:w-float64]'" in done.stdout


@pytest.fixture(scope="module")
def configured(folder):
    """One run over the configured layers, beside one plain test."""
    return run_pytest(folder, "--layercheck", "test_plain.py")


def test_configured_layers_are_collected_on_request(folder, configured):
    found = outcomes(configured)

    assert found["test_plain.py::test_plain"] == "PASSED"
    assert found["pyproject.toml::Scale-1[contract.construct]"] == "PASSED"
    assert found["pyproject.toml::Scale-2[contract.construct]"] == "PASSED"
    assert found["pyproject.toml::averaged[gradients.learnable:w-float64]"] == "FAILED"
    assert found["pyproject.toml::typo[contract.construct]"] == "FAILED"
    assert "has no 'Skale'. Did you mean 'Scale'?" in configured.stdout
    assert "pyproject.toml" not in run_pytest(folder, "test_plain.py").stdout.split("configfile")[0]


def test_a_whole_folder_has_each_configured_layer_once(folder):
    done = run_pytest(folder, "--layercheck", "--collect-only", "-qq")

    assert done.stdout.count("\npyproject.toml::averaged[gradients.learnable:w-float64]") == 1


def test_both_commands_of_a_configured_failure_show_it_again(folder, configured):
    _, _, after = configured.stdout.partition("Failed gradients.learnable:w")
    ours = re.search(r"^rerun +(layercheck .*)$", after, re.M)[1]
    theirs = re.search(r"^ +(pytest .*)$", after, re.M)[1]
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(ours)], capture_output=True, text=True, cwd=folder
    )

    assert done.returncode == 1
    assert "Failed gradients.learnable:w" in done.stdout
    assert list(outcomes(run_pytest(folder, *shlex.split(theirs)[1:])).values()) == ["FAILED"]


def test_a_configuration_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.layercheck]\nlayer = 3\n")
    done = run_pytest(tmp_path, "--layercheck")

    assert "there is no key 'layer'. Did you mean 'layers'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_without_layers_pytest_starts_as_light_as_ever(folder):
    see = "import sys\ndef pytest_unconfigure():\n    print('LOADED', *sys.modules)\n"
    (Path(folder) / "see.py").write_text(see)
    done = run_pytest(folder, "test_plain.py", plugins=("layercheck_pytest", "see"))
    (loaded,) = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    names = set(loaded.split())

    assert "layercheck_pytest" in names
    assert not {"numpy", "layercheck", "rich", "layercheck_pytest.items"} & names
