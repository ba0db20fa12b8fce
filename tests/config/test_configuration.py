from __future__ import annotations

import json
import shlex
import subprocess
import sys
import textwrap
import tomllib
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from layercheck.arguments import whole_command
from layercheck.config import keys
from layercheck.config.reading import configured, find_configuration, read_configuration
from layercheck.errors import UsageError
from layercheck.expressions import evaluate_init, split_assignments

LAYERS = """
    import numpy as np


    class Scale:
        learnables = ("w",)

        def __init__(self, channels, start=1.0, mode="plain"):
            assert mode in ("plain", "a b")
            self.w = np.full(channels, start)

        def predict(self, x):
            return self.w * x

        def backward(self, x, z, dz, memory):
            return self.w * dz, (x * dz).sum(axis=0)


    class Averaged(Scale):
        def backward(self, x, z, dz, memory):
            return self.w * dz, (x * dz).mean(axis=0)
"""
GATE = """
    [tool.layercheck]
    dtypes = ["float64"]
    only = ["gradients", "contract"]
    seed = 3

    [[tool.layercheck.layers]]
    target = "parts/layers.py::Scale"
    layouts = [["BC:4,3"], ["BC:2,3"]]
    init = {channels = 3, start = {expr = "np.pi"}, mode = "a b"}

    [[tool.layercheck.layers]]
    target = "parts.layers:Averaged"
    layouts = "BC:4,3"
    init.channels = 3
    [tool.layercheck.layers.expected_failures]
    "gradients.learnable:w" = "averaged on purpose"
"""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A working folder with layers and the configuration that lists them."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "layers.py").write_text(textwrap.dedent(LAYERS))
    configure(tmp_path, GATE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(folder, text):
    (folder / "pyproject.toml").write_text(textwrap.dedent(text))


def layercheck(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "layercheck", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
    )


def table(text):
    return tomllib.loads(textwrap.dedent(text))["tool"]["layercheck"]


def entries(text):
    return configured(table(text), Path("pyproject.toml").absolute()).entries


def test_the_command_alone_checks_every_layer_in_order(repository):
    done = layercheck("--report", "json")
    run = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert [layer["name"] for layer in run["layers"]] == ["Scale", "Scale", "Averaged"]
    assert [layer["layouts"][0]["size"] for layer in run["layers"]] == [[4, 3], [2, 3], [4, 3]]
    assert run["seed"] == 3
    assert run["summary"]["expected_failures"] == 1
    assert all(layer["dtypes"] == ["float64"] for layer in run["layers"])


def test_the_layers_of_a_repository_are_found_from_its_folders(repository):
    done = layercheck("-q", "--only", "contract", cwd=repository / "parts")

    assert done.returncode == 0, done.stderr
    assert ", 0 Failed, 0 Incomplete, " in done.stdout


def test_a_listed_command_checks_that_layer_alike(repository):
    listed = layercheck("--list-layers").stdout.splitlines()
    commands = [line.strip() for line in listed if line.startswith(" ")]

    assert [line for line in listed if not line.startswith(" ")] == [
        "Scale-1",
        "Scale-2",
        "Averaged",
    ]
    done = layercheck(*shlex.split(commands[2])[1:])
    assert done.returncode == 0, done.stdout
    assert ", 1 Expected failures." in done.stdout


def test_an_option_of_the_run_replaces_what_the_file_says(repository):
    run = json.loads(layercheck("--report", "json", "--only", "shapes", "--seed", "7").stdout)

    assert {r["suite"] for layer in run["layers"] for r in layer["results"]} == {"shapes"}
    assert run["seed"] == 7


def test_one_layer_that_cannot_be_checked_does_not_stop_the_others(repository):
    configure(
        repository,
        """
        [[tool.layercheck.layers]]
        target = "parts/layers.py::Scale"
        layouts = "BC:4,3"
        init = {chanels = 3}
        only = "contract"

        [[tool.layercheck.layers]]
        name = "typo"
        target = "parts/layers.py::Scale"
        layouts = "BC:4,3"
        init = {channels = 3}
        expected_failures = {"gradients.lernable" = "why"}

        [[tool.layercheck.layers]]
        name = "fine"
        target = "parts/layers.py::Scale"
        layouts = "BC:4,3"
        init = {channels = 3}
        only = "contract"
        """,
    )
    done = layercheck()

    assert done.returncode == 1
    assert "'Scale': Scale() has no argument 'chanels'. Did you mean" in flat(done.stdout)
    assert "The configured layer 'typo': There is no check 'gradients.lernable'" in flat(
        done.stdout
    )
    assert ", 0 Failed, 0 Incomplete, " in done.stdout


def flat(text):
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "BC:4,3"], "--layout belongs to a layer. Name its TARGET"),
        (["--expect-fail", "a.b=c"], "--expect-fail belongs to a layer."),
        (["--in-process"], "Name a TARGET; layercheck --list-layers prints the command"),
    ],
)
def test_an_option_of_one_layer_needs_a_target(repository, arguments, message):
    done = layercheck(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_target_on_the_command_line_ignores_the_configuration(repository):
    target = ["parts/layers.py::Scale", "--layout", "BC:4,3", "--init", "channels=3"]
    run = json.loads(layercheck(*target, "--only", "contract", "--report", "json").stdout)

    assert run["seed"] == 0
    assert run["layers"][0]["dtypes"] == ["float64", "float32"]


LAYER = "[[tool.layercheck.layers]]\ntarget = 'a.py'\n"
WRONG = [
    ("[tool.layercheck]\ndtype = 'float64'", "no key 'dtype'. Did you mean 'dtypes'?"),
    ("[tool.layercheck]\ntarget = 'a.py'", "It belongs to a table [[tool.layercheck.layers]]."),
    (LAYER + "lay_outs = 'BC:1,2'", "layer a.py: there is no key 'lay_outs'. Did you mean"),
    (LAYER + "timeout = 3", "It belongs to [tool.layercheck]: it holds for the whole run."),
    (LAYER + "seed = -1", "seed is -1. Write a whole number from 0 on, as in seed = 0."),
    (LAYER + "seed = true", "seed is True. Write a whole number"),
    (LAYER + "layouts = [['BC:1,2'], 'BC:1,2']", "layouts is [['BC:1,2'], 'BC:1,2']. Write one"),
    (LAYER + "range = [1]", "range is [1]. Write two numbers"),
    (LAYER + "init = 3", "init is 3. Write a table"),
    (LAYER + "init.day = 2026-01-01", "init.day is a date, which no layer is given."),
    (LAYER + "init.w = {expr = 3}", "init.w.expr is 3. Write a Python expression as text."),
    (LAYER + "learnable.w = 'a'", "learnable.w is 'a'. Write its sizes"),
    (LAYER + "expected_failures = {'a.b' = ''}", "'a.b' has the reason ''."),
    ("[[tool.layercheck.layers]]\nname = 'a'", "layer 1 of [[tool.layercheck.layers]] has no"),
    (LAYER + LAYER, "2 layers are called 'a'. Give each a name of its own"),
    ("[tool]\nlayercheck = 3", "tool.layercheck is 3. Write a table [tool.layercheck]."),
    ("[tool.layercheck]\nlayers = 3", "layers is no list of tables."),
    ("[tool.layercheck", "pyproject.toml cannot be read: "),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[case[1][:40] for case in WRONG])
def test_what_the_file_gets_wrong_is_said_with_its_place(tmp_path, text, message):
    configure(tmp_path, text)

    with pytest.raises(UsageError) as error:
        read_configuration(tmp_path / "pyproject.toml")
    assert message in str(error.value)
    assert str(error.value).startswith("pyproject.toml")


def test_a_file_without_our_table_lists_nothing(tmp_path):
    configure(tmp_path, "[project]\nname = 'a'")

    assert find_configuration(tmp_path) is None


def test_values_arrive_as_they_are():
    (entry,) = entries(
        """
        [[tool.layercheck.layers]]
        target = "a.py"
        [tool.layercheck.layers.init]
        units = 3
        rate = 0.5
        far = -inf
        mode = "same"
        text = "a b"
        name = "np"
        flag = true
        nested = {sizes = [1, 2.5], of = {expr = "np.zeros(2)"}}
        W = {expr = "rng.normal(size=(2, 3))"}
        """
    )
    init = evaluate_init(split_assignments(entry.arguments.init))

    assert init.pop("W").shape == (2, 3)
    nested = init.pop("nested")
    assert nested["sizes"] == [1, 2.5]
    np.testing.assert_array_equal(nested["of"], np.zeros(2))
    assert init == {
        "units": 3,
        "rate": 0.5,
        "far": -np.inf,
        "mode": "same",
        "text": "a b",
        "name": "np",
        "flag": True,
    }


def test_an_expression_that_is_one_name_is_no_text():
    (entry,) = entries(LAYER + "init.w = {expr = 'nothing'}")

    with pytest.raises(UsageError, match="raised NameError"):
        evaluate_init(split_assignments(entry.arguments.init))


def test_every_option_of_a_layer_has_its_text():
    (entry,) = entries(
        """
        [[tool.layercheck.layers]]
        target = "pkg.layers:Conv"
        layouts = ["x=CB:4,3", "CB:4,3"]
        learnable = {w = [400, 10], beta = []}
        declare = {mixes = "B", learnable = ["a", "b"], gradient.W = "dW"}
        range = {x = [-1, 2.5]}
        integers = [0, 9]
        expected_failures = {"batch.permutation" = "because"}
        budget = 100
        thorough = true
        """
    )
    given = entry.arguments

    assert entry.name == "Conv"
    assert given.layout == ("x=CB:4,3", "CB:4,3")
    assert given.learnable == ("w=400,10", "beta=")
    assert given.declare == ("mixes=B", "learnable=a", "learnable=b", "gradient.W=dW")
    assert (given.range, given.integers) == (("x=-1:2.5",), ("0:9",))
    assert given.expect_fail == ("batch.permutation=because",)
    assert (given.budget, given.thorough) == ("100", True)
    assert whole_command(given).startswith("layercheck pkg.layers:Conv --layout x=CB:4,3 ")


def schema():
    text = (resources.files("layercheck") / "config" / "schema.json").read_text("utf-8")
    return json.loads(text)


def test_the_schema_has_the_keys_that_we_read():
    tool = schema()

    assert set(tool["properties"]) == {*keys.TOOL, "layers"}
    assert set(tool["properties"]["layers"]["items"]["properties"]) == set(keys.LAYER)


def test_the_schema_accepts_what_we_accept():
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(table(GATE), schema())


@pytest.mark.parametrize("text", [case[0] for case in WRONG[:9]], ids=range(9))
def test_the_schema_refuses_what_we_refuse(text):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(table(text), schema())
