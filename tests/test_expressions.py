from __future__ import annotations

import shlex
import sys
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layercheck.errors import UsageError
from layercheck.expressions import evaluate_init, split_assignments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("-0.5", -0.5),
        ("(3, 3)", (3, 3)),
        ("'a b'", "a b"),
        ("True", True),
        ("False", False),
        ("None", None),
        ("same", "same"),
        ("relu", "relu"),
        ("float", "float"),
        ("[1, 2][0]", 1),
        (" 7 ", 7),
        ("{'mode': 'train'}", {"mode": "train"}),
        ("sum(i for i in range(4))", 6),
        ("np.float32", np.float32),
    ],
)
def test_init_expression_gives_its_value(text, value):
    assert evaluate_init({"key": text}) == {"key": value}


def test_init_keeps_values_that_are_no_text():
    assert evaluate_init({"channels": 20, "sizes": [1, 2]}) == {"channels": 20, "sizes": [1, 2]}


def test_init_arrays_follow_the_seed_and_the_name_only():
    text = "rng.normal(size=(4, 3))"
    both = evaluate_init({"W": text, "V": text}, seed=3)

    assert both["W"].shape == (4, 3)
    assert np.array_equal(both["W"], evaluate_init({"W": text}, seed=3)["W"])
    assert not np.array_equal(both["W"], both["V"])
    assert not np.array_equal(both["W"], evaluate_init({"W": text}, seed=4)["W"])


def test_init_rng_itself_is_a_generator():
    assert isinstance(evaluate_init({"generator": "rng"})["generator"], np.random.Generator)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("same pad", "SyntaxError: "),
        ("same-pad", "NameError: name 'same' is not defined"),
        ("", "SyntaxError: "),
        ("x = 3", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("rng.normal(size=", "SyntaxError: "),
        ("np.nonsense", "AttributeError: "),
        ("__import__('sys').exit(3)", "SystemExit: 3"),
    ],
)
def test_init_that_does_not_evaluate_shows_the_reason_and_the_quoting(text, reason):
    with pytest.raises(UsageError) as caught:
        evaluate_init({"mode": text})

    message = str(caught.value)
    assert message.startswith(f"--init mode does not evaluate: {text!r} raised {reason}")
    assert "as in --init 'mode=rng.normal(size=(20, 7))'" in message


def test_init_shows_a_quoting_that_a_shell_turns_into_the_string():
    with pytest.raises(UsageError) as caught:
        evaluate_init({"mode": "it's so"})

    quoted = str(caught.value).rpartition("as in --init ")[2].removesuffix(".")
    (word,) = shlex.split(quoted)
    assert evaluate_init(split_assignments([word])) == {"mode": "it's so"}


def test_init_of_a_name_of_the_module_says_to_write_a_function():
    with pytest.raises(UsageError, match=r"check a function of your module that builds the layer"):
        evaluate_init({"layers": "[Linear(4, 7), ReLU()]"})


def test_init_messages_name_the_option():
    with pytest.raises(UsageError, match="--call pool does not evaluate"):
        evaluate_init({"pool": "1 +"}, option="--call")


def test_init_prints_nothing_on_stdout(capsys):
    evaluate_init({"x": "print('noise')"})

    assert capsys.readouterr().out == ""


def test_assignments_split_at_the_first_equals_sign():
    assert split_assignments(["a=1", "b=f(x=2)", "c ==", "d="]) == {
        "a": "1",
        "b": "f(x=2)",
        "c": "=",
        "d": "",
    }


@pytest.mark.parametrize("text", ["", "channels", "=3", "3=x", "a b=1"])
def test_assignments_without_a_name_are_refused(text):
    with pytest.raises(UsageError, match="Write --init NAME=EXPRESSION"):
        split_assignments([text])


def test_assignments_that_repeat_are_refused():
    with pytest.raises(UsageError, match="gives 'a' twice: '1' and '2'"):
        split_assignments(["a=1", "a=2"])


@given(st.text(max_size=20))
def test_init_of_a_quoted_text_is_that_text(text):
    assert evaluate_init({"key": repr(text)}) == {"key": text}


@pytest.mark.parametrize("name", ["jax", "torch", "keras", "jnp", "tf", "mx"])
def test_a_bare_name_of_a_framework_is_a_string(name):
    assert evaluate_init({"backend": name}) == {"backend": name}


def test_an_expression_may_name_a_framework(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(float16="half"))

    assert evaluate_init({"dtype": "torch.float16", "n": "2"}) == {"dtype": "half", "n": 2}


def test_a_framework_that_is_missing_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "mxnet", None)

    with pytest.raises(UsageError, match=r"'mx\.cpu\(\)' raised ModuleNotFoundError"):
        evaluate_init({"ctx": "mx.cpu()"})


def test_a_learnable_may_be_an_item_of_a_dict_or_a_tuple():
    texts = ["params.W=4,3", "layers.0=3"]

    assert split_assignments(texts, "--learnable") == {"params.W": "4,3", "layers.0": "3"}
    with pytest.raises(UsageError, match="does not start with a name"):
        split_assignments(["a.b=1"], "--call")
