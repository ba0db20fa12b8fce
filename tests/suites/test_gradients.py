from __future__ import annotations

import contextlib

import numpy as np
import pytest

from layercheck.suites.gradients import (
    autodiff,
    forward_mode,
    input_gradient,
    learnable_gradient,
    linear_in_upstream,
    reaches_all_learnables,
    repeatable,
    second_order,
    state_gradient,
)
from layercheck.verdict import Failed, Inconclusive
from tests.cases import finding_of, make_case, reason_of


class PReLU:
    """A slope a channel below zero."""

    learnables = ("alpha",)

    def __init__(self):
        self.alpha = None

    def initialize(self, layout):
        if self.alpha is None:
            self.alpha = layout.along("C", np.full(layout.size[layout.find("C")], 0.25))

    def predict(self, x):
        return np.where(x > 0, x, self.alpha * x)

    def dx(self, x, dz):
        return np.where(x > 0, dz, self.alpha * dz)

    def dalpha(self, x, dz):
        others = tuple(axis for axis, n in enumerate(self.alpha.shape) if n == 1)
        return np.sum(np.minimum(x, 0) * dz, axis=others, keepdims=True)

    def backward(self, x, z, dz, memory):
        return self.dx(x, dz), self.dalpha(x, dz)


class Averaged(PReLU):
    def dalpha(self, x, dz):
        return super().dalpha(x, dz) / x.shape[-1]


class Negative(PReLU):
    def dalpha(self, x, dz):
        return -super().dalpha(x, dz)


class Silent(PReLU):
    def dalpha(self, x, dz):
        return np.zeros_like(self.alpha)


class BranchesOnUpstream(PReLU):
    def dx(self, x, dz):
        return np.where(dz > 0, dz, self.alpha * dz)


class ForgetsUpstream(PReLU):
    def dx(self, x, dz):
        return np.where(x > 0, 1.0, self.alpha) * np.ones_like(dz)


class ForgetsUpstreamBelow(PReLU):
    def dx(self, x, dz):
        return np.where(x > 0, dz, self.alpha)


class SquaresUpstream(PReLU):
    def dx(self, x, dz):
        return super().dx(x, dz * dz)


class OneElement(PReLU):
    def dx(self, x, dz):
        found = super().dx(x, dz)
        found[1, 2, 1, 3] *= 1.001
        return found


class Stateful:
    states = ("h",)

    def __init__(self):
        self.h = None

    def initialize(self, layout):
        if self.h is None:
            self.h = np.zeros(layout.shape)

    def predict(self, x):
        self.h = np.tanh(x + self.h)
        return 2 * self.h

    def backward(self, x, z, dz, dh, memory):
        d = (2 * dz + dh) * (1 - (z / 2) ** 2)
        return d, d


class ForgetsStateUpstream(Stateful):
    def backward(self, x, z, dz, dh, memory):
        d = 2 * dz * (1 - (z / 2) ** 2)
        return d, d


class AddsUp(PReLU):
    """Adds to a buffer that nothing empties."""

    def __init__(self):
        super().__init__()
        self.total = 0.0

    def dalpha(self, x, dz):
        self.total = self.total + super().dalpha(x, dz)
        return self.total


LAYOUT = "SSCB:4,3,2,5"


@pytest.mark.parametrize("layout", [LAYOUT, "CB:6,4", "CBT:3,2,5"])
def test_a_right_layer_passes_every_check(layout):
    case = make_case(PReLU, layout)

    linear_in_upstream(case)
    repeatable(case)
    reaches_all_learnables(case)
    for check, name, size in [
        (input_gradient, "x", int(np.prod(case.layouts[0].shape))),
        (learnable_gradient, "alpha", case.learnables[0].size),
    ]:
        verified = check(case, name).verified
        assert verified.elements == verified.of == verified.individually == size
        assert verified.detectable_error < 1e-7


def test_float32_alone_is_verified_in_float64():
    case = make_case(PReLU, LAYOUT, dtype="float32")

    assert input_gradient(case, "x").verified.detectable_error < 1e-7
    assert case.evaluations.forward > 3


def test_a_mean_is_named_with_both_batch_sizes():
    finding = finding_of(learnable_gradient, make_case(Averaged, "SSCB:24,24,20,16"), "alpha")

    assert finding.cause.id == "mean-instead-of-sum"
    assert finding.cause.evidence["labels"] == "B"
    assert finding.wrong == 20
    assert finding.worst.analytic / finding.worst.numeric == pytest.approx(1 / 16)


def test_a_declared_mean_passes():
    case = make_case(Averaged, LAYOUT, declared={"learnable_gradients": "mean"})

    assert learnable_gradient(case, "alpha").verified.elements == 2


@pytest.mark.parametrize(
    ("layer", "cause"),
    [(Negative, "sign-flipped"), (Silent, "zero-gradient"), (Averaged, "mean-instead-of-sum")],
)
def test_the_cause_of_a_wrong_learnable_gradient_is_named(layer, cause):
    finding = finding_of(learnable_gradient, make_case(layer, LAYOUT), "alpha")

    assert finding.cause.id == cause
    assert "alpha" in finding.what
    assert "C=" in finding.where


@pytest.mark.parametrize(
    ("layer", "cause"),
    [
        (BranchesOnUpstream, "mask-from-upstream"),
        (ForgetsUpstream, "missing-upstream-gradient"),
        (ForgetsUpstreamBelow, "missing-upstream-gradient"),
        (SquaresUpstream, "upstream-nonlinear"),
    ],
)
def test_a_backward_that_is_not_linear_fails_both_checks_with_its_cause(layer, cause):
    case = make_case(layer, LAYOUT)

    assert finding_of(linear_in_upstream, case).cause.id == cause
    assert finding_of(input_gradient, case, "x").cause.id == cause


def test_one_wrong_element_is_shown_with_its_index():
    finding = finding_of(input_gradient, make_case(OneElement, LAYOUT), "x")

    assert finding.worst.index == (1, 2, 1, 3)
    assert finding.wrong == 1
    assert finding.where == "1 of 120 elements; worst at x at S1=1, S2=2, C=1, B=3"


def test_gradients_of_states_are_verified():
    case = make_case(Stateful, "CB:4,3")

    assert state_gradient(case, "h").verified.elements == 12
    assert input_gradient(case, "x").verified.elements == 12


def test_a_forgotten_state_upstream_is_found():
    case = make_case(ForgetsStateUpstream, "CB:4,3")

    assert finding_of(state_gradient, case, "h").wrong == 12
    assert finding_of(input_gradient, case, "x").wrong == 12


def test_a_learnable_without_gradient_is_reported():
    finding = finding_of(reaches_all_learnables, make_case(Silent, LAYOUT))

    assert finding.cause.id == "zero-gradient"
    assert "alpha" in finding.what


class DeadReLU:
    learnables = ("w",)

    def __init__(self):
        self.w = np.full((4, 1), -0.5)

    def predict(self, x):
        return np.maximum(self.w * np.abs(x), 0)

    def backward(self, x, z, dz, memory):
        dz = dz * (self.w * np.abs(x) > 0)
        return dz * self.w * np.sign(x), np.sum(dz * np.abs(x), axis=1, keepdims=True)


class Ignored(DeadReLU):
    """Its learnable is removed again, up to rounding."""

    def predict(self, x):
        return np.sin((x + self.w) - self.w)

    def backward(self, x, z, dz, memory):
        return dz * np.cos(x), np.zeros_like(self.w)


@pytest.mark.parametrize("layer", [DeadReLU, Ignored])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_learnable_whose_gradient_is_rightly_zero_is_not_missed(layer, dtype):
    assert reaches_all_learnables(make_case(layer, "CB:4,3", dtype=dtype)) is None


def test_a_buffer_that_adds_up_is_not_repeatable():
    finding = finding_of(repeatable, make_case(AddsUp, LAYOUT))

    assert finding.cause.id == "accumulates"


def test_integers_have_no_gradient():
    case = make_case(PReLU, LAYOUT, integers={"x": (0, 5)})

    assert "integers" in reason_of(input_gradient, case, "x")


def test_no_step_leaves_the_range():
    seen = []

    class Log:
        def predict(self, x):
            seen.extend((x.min(), x.max()))
            return np.log(x)

        def backward(self, x, z, dz, memory):
            return dz / x

    input_gradient(make_case(Log, "BC:4,6", ranges={"x": (0.5, 3.0)}), "x")

    assert min(seen) >= 0.5
    assert max(seen) <= 3.0


class Cosine:
    def predict(self, x):
        return np.cos(x)

    def backward(self, x, z, dz, memory):
        return -dz * np.sin(x)


class Sine(Cosine):
    def backward(self, x, z, dz, memory):
        return dz * np.sin(x)


@pytest.mark.parametrize(
    "around", [(-1e3, 1e3), (-1e5, 1e5), (-1e6, 1e6), (1e6, 1.1e6), (9e8, 1.1e9)], ids=str
)
def test_a_right_cosine_of_large_numbers_is_not_accused(around):
    for seed in range(3):
        case = make_case(Cosine, "CB:5,4", seed=seed, ranges={"x": around})
        if around[1] <= 1e3:
            input_gradient(case, "x")
        else:
            with contextlib.suppress(Inconclusive):
                input_gradient(case, "x")


class SineOfSquares:
    """Its inner values reach 50,000, and so does their rounding."""

    def predict(self, x):
        return np.sin(20 * x**2)

    def backward(self, x, z, dz, memory):
        return dz * 40 * x * np.cos(20 * x**2)


class Triangle:
    """A triangle wave with a period far below the size of x."""

    def predict(self, x):
        return np.abs(np.mod(x / 0.1, 2) - 1)

    def backward(self, x, z, dz, memory):
        return dz * np.sign(np.mod(x / 0.1, 2) - 1) / 0.1


@pytest.mark.parametrize("layer", [SineOfSquares, Triangle])
@pytest.mark.parametrize("around", [(-50.0, 50.0), (10.0, 11.0)], ids=str)
def test_rounding_inside_a_right_layer_is_not_taken_for_a_mistake(layer, around):
    for seed in range(4):
        with contextlib.suppress(Inconclusive):
            input_gradient(make_case(layer, "CB:7,9", seed=seed, ranges={"x": around}), "x")


def test_a_wrong_cosine_of_large_numbers_is_accused():
    near, far = (
        finding_of(input_gradient, make_case(Sine, "CB:5,4", ranges={"x": around}), "x")
        for around in ((-1e3, 1e3), (1e6, 1.1e6))
    )

    assert near.cause.id == "sign-flipped"
    assert far.worst.analytic != far.worst.numeric


def test_outputs_that_are_never_finite_skip_the_gradients():
    class Infinite:
        def predict(self, x):
            return x / (x * 0)

        def backward(self, x, z, dz, memory):
            return dz

    with np.errstate(all="ignore"):
        reason = reason_of(input_gradient, make_case(Infinite, "BC:4,6"), "x")

    assert "numerics.finite" in reason


def test_a_noisy_forward_is_inconclusive():
    class Noisy:
        count = 0

        def predict(self, x):
            Noisy.count += 1
            return x + 0.1 * np.sin(1e3 * Noisy.count + np.arange(x.size).reshape(x.shape) ** 2)

        def backward(self, x, z, dz, memory):
            return dz

    with pytest.raises((Inconclusive, Failed)) as caught:
        input_gradient(make_case(Noisy, "BC:4,6"), "x")

    assert isinstance(caught.value, Inconclusive)


@pytest.mark.parametrize("check", [autodiff, second_order, forward_mode])
def test_checks_of_differentiating_frameworks_are_skipped(check):
    assert "written by hand" in reason_of(check, make_case(PReLU, LAYOUT))
