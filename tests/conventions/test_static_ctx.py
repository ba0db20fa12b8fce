from __future__ import annotations

import numpy as np
import pytest

from layercheck.errors import ReturnError
from tests.conventions.driven import gradient_places, require_affine, run, subject_of


class Linear:
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return x @ weight + bias

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output @ weight.T, x.T @ grad_output, grad_output.sum(axis=0)


SIZES = {"weight": (6, 3), "bias": (3,)}


@pytest.mark.parametrize("layer", [Linear, Linear()])
def test_static_passes_are_driven_with_a_context(layer):
    subject = subject_of(layer, "BC:4,6", learnables=SIZES)

    require_affine(run(subject), "weight", "bias")

    assert subject.convention == "static"
    assert subject.facts.memory == "handed over"
    assert gradient_places(subject)["bias"] == "returned by backward(), item 2"


class Scaled:
    """A gradient for every argument, None for the factor."""

    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return factor * x

    @staticmethod
    def backward(ctx, grad_output):
        assert ctx.needs_input_grad[0]
        return ctx.factor * grad_output, None


def test_static_backward_may_return_none_for_configuration():
    found = run(subject_of(Scaled, "BC:4,6", call={"factor": 3.0}))

    np.testing.assert_allclose(found.input_gradients[0], 3 * found.upstream[0])


class Split:
    @staticmethod
    def forward(ctx, x):
        return x[:, :2], x[:, 2:]

    @staticmethod
    def backward(ctx, first, rest):
        return np.concatenate([first, rest], axis=1)


def test_static_passes_may_have_several_outputs():
    found = run(subject_of(Split, "BC:4,6"))

    np.testing.assert_array_equal(found.input_gradients[0], np.hstack(found.upstream))


class CountsThree(Scaled):
    @staticmethod
    def backward(ctx, grad_output):
        return grad_output, None, None


def test_static_wrong_count_of_gradients_is_the_layers_error():
    with pytest.raises(ReturnError, match=r"3 values; expected 1 gradient \(x\)"):
        run(subject_of(CountsThree, "BC:4,6", call={"factor": 3.0}))


def test_static_class_is_never_written_to():
    before = dict(vars(Linear))

    run(subject_of(Linear, "BC:4,6", learnables=SIZES))

    assert dict(vars(Linear)) == before
