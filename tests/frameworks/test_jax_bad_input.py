from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("jax", "flax", "equinox")

import flax.linen as nn  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from frameworks import jax_layers  # noqa: E402

import layercheck  # noqa: E402


class Evaluated(nn.Module):
    @nn.compact
    def __call__(self, x, quiet):
        return nn.Dropout(0.5, deterministic=quiet)(x)


def refused(layer, *layouts, **options):
    with pytest.raises(layercheck.UsageError) as raised:
        layercheck.check_layer(layer, *layouts, **options)
    return str(raised.value)


def finding(layer, layout, check):
    report = layercheck.check_layer(layer, layout, only=check)
    return next(r.finding for r in report.results if r.finding is not None)


def test_an_argument_that_is_no_array_is_asked_for():
    message = refused(Evaluated, "BC:3,4")

    assert "Evaluated has 2 inputs (x, quiet), and 1 layout was given." in message
    assert message.endswith("or --call quiet=VALUE for what is no array.")
    assert layercheck.check_layer(Evaluated, "BC:3,4", call={"quiet": True}, only="shapes").ok


def test_a_constant_that_the_function_does_not_take_is_named():
    message = refused(jax_layers.swish, "BC:3,4", call={"slope": 2})

    assert message == "swish has no argument 'slope' (--call). Its arguments are x."


def test_arguments_of_an_nnx_constructor_are_named_and_rngs_are_not():
    class Needs(jax_layers.NnxBlock):
        def __init__(self, width, *, rngs):
            super().__init__(width, rngs=rngs)

    message = refused(Needs, "BC:3,4")

    assert "needs 'width'. Write --init width=..." in message


def test_items_of_a_tuple_are_numbered_from_0():
    message = refused(nn.LSTMCell(3), "carry.1=BC:4,3", "inputs=BC:4,5")

    assert message == (
        "--layout gives carry.1 and not carry.0. Number the items of carry from 0 on."
    )


def test_a_loop_without_a_gradient_is_explained():
    def loop(x):
        return jax.lax.while_loop(lambda s: s[1] < 3, lambda s: (jnp.sin(s[0]), s[1] + 1), (x, 0))[
            0
        ]

    found = finding(loop, "BC:3,4", "gradients.autodiff")

    assert "jax.lax.while_loop, or fori_loop with traced bounds, has no gradient" in found.what


def test_a_conversion_to_numpy_is_explained_with_its_line():
    def through_numpy(x):
        return jnp.sin(x) * float(x[0, 0])

    found = finding(through_numpy, "BC:3,4", "gradients.autodiff")

    assert "the value of a traced array is asked for (float()" in found.what
    assert found.source.file.endswith("test_jax_bad_input.py")
    assert found.source.line == through_numpy.__code__.co_firstlineno + 1


def test_a_layer_that_returns_integers_has_nothing_to_differentiate():
    def largest(x):
        return jnp.argmax(x, axis=-1)

    report = layercheck.check_layer(largest, "BC:3,4")

    assert report.ok
    assert report.run.layers[0].notes == ("the layer returns int64, which has no derivative",)


def test_a_layer_for_float32_alone_is_checked_in_float32_and_says_so():
    def narrow(x):
        return jnp.sin(x.astype(jnp.float32))

    report = layercheck.check_layer(narrow, "BC:3,4", only="gradients")

    assert report.ok
    assert {r.dtype for r in report.results if r.dtype} == {"float32"}
    assert report.run.layers[0].notes[0].startswith("verified in float32: output 1 is float32")


def test_the_rules_of_a_custom_vjp_are_no_pair_of_their_own(tmp_path):
    (tmp_path / "swish_of_ours.py").write_text(
        "import jax\n\n\n@jax.custom_vjp\ndef f(x):\n    return x * 2\n\n\n"
        "def f_fwd(x):\n    return f(x), None\n\n\n"
        "def f_bwd(_, dz):\n    return (2 * dz,)\n\n\nf.defvjp(f_fwd, f_bwd)\n"
    )
    report = layercheck.check_layer(f"{tmp_path}/swish_of_ours.py", "BC:2,3", only="gradients")

    assert report.ok
    assert (report.run.layers[0].name, report.run.layers[0].convention) == ("f", "custom_vjp")
