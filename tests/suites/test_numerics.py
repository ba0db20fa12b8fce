from __future__ import annotations

import numpy as np
import pytest

from layercheck.devices.drivers import has_driver
from layercheck.suites import gpu, numerics
from layercheck.suites.numerics import (
    constant,
    finite,
    large_values,
    nan_contained,
    tiny_values,
    zeros,
)
from layercheck.suites.regimes import constant_values, largest, smallest, zero_values
from tests.cases import answer_of, finding_of, make_case, reason_of


class Tanh:
    def predict(self, x):
        return np.tanh(x)

    def backward(self, x, z, dz, memory):
        return dz * (1 - z**2)


class Softmax:
    def predict(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def backward(self, x, z, dz, memory):
        return z * (dz - (dz * z).sum(axis=-1, keepdims=True))


class Softplus:
    def predict(self, x):
        return np.logaddexp(0, x)

    def backward(self, x, z, dz, memory):
        return dz * 0.5 * (1 + np.tanh(x / 2))


class Exponential:
    """Infinite where exp is: no fault of the layer's."""

    def predict(self, x):
        return np.exp(x)

    def backward(self, x, z, dz, memory):
        return dz * z


class LayerNorm:
    eps = 1e-5

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        std = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self.eps)
        return centred / std, (centred / std, std)

    def backward(self, x, z, dz, memory):
        xn, std = memory
        mean = dz.mean(axis=-1, keepdims=True)
        return (dz - mean - xn * (dz * xn).mean(axis=-1, keepdims=True)) / std


class UnitLength:
    """x / |x|, and zero at zero."""

    def predict(self, x):
        return x / self._length(x)

    def backward(self, x, z, dz, memory):
        return (dz - z * (z * dz).sum(axis=-1, keepdims=True)) / self._length(x)

    def _length(self, x):
        length = np.sqrt((x**2).sum(axis=-1, keepdims=True))
        return np.where(length > 0, length, 1)


class SquareRoot:
    """sqrt(|x|) has an infinite slope at zero."""

    def predict(self, x):
        return np.sqrt(np.abs(x))

    def backward(self, x, z, dz, memory):
        return dz * np.sign(x) / (2 * np.where(z > 0, z, 1))


class BatchNorm:
    """Its variance starts at 0, where generic values could be negative."""

    states = ("mean", "var")

    def initialize(self, layout):
        self.mean, self.var = np.zeros(layout.size[-1]), np.zeros(layout.size[-1])

    def predict(self, x):
        return (x - self.mean) / np.sqrt(self.var + 1e-5)

    def forward(self, x):
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.mean, self.var = 0.9 * self.mean + 0.1 * mean, 0.9 * self.var + 0.1 * var
        std = np.sqrt(var + 1e-5)
        return (x - mean) / std, ((x - mean) / std, std)

    def backward(self, x, z, dz, memory):
        xn, std = memory
        return (dz - dz.mean(axis=0) - xn * (dz * xn).mean(axis=0)) / std


class Embedding:
    learnables = ("W",)

    def __init__(self):
        self.W = np.linspace(-1, 1, 27).reshape(9, 3)

    def predict(self, x):
        return self.W[x]

    def backward(self, x, z, dz, memory):
        dW = np.zeros_like(self.W)
        np.add.at(dW, x, dz)
        return None, dW


class Logarithm:
    def predict(self, x):
        return np.log(x)

    def backward(self, x, z, dz, memory):
        return dz / x


class Inner:
    """Two inputs of one layout."""

    def predict(self, a, b):
        return a * b

    def backward(self, a, b, z, dz, memory):
        return dz * b, dz * a


CORRECT = (
    (Tanh, ("BC:4,6",), {}),
    (Softmax, ("BC:4,6",), {}),
    (Softplus, ("BC:4,6",), {}),
    (Exponential, ("BC:4,6",), {}),
    (LayerNorm, ("BTC:3,5,4",), {}),
    (UnitLength, ("BC:4,6",), {}),
    (SquareRoot, ("BC:4,6",), {}),
    (BatchNorm, ("BC:7,3",), {}),
    (Embedding, ("BT:4,5",), {"integers": {"x": (0, 9)}}),
    (Logarithm, ("BC:4,6",), {"ranges": {"x": (0.5, 8.0)}}),
    (Inner, ("BC:4,6", "BC:4,6"), {}),
)


@pytest.mark.parametrize("check", numerics.suite.checks, ids=lambda check: check.name)
@pytest.mark.parametrize(("layer", "layouts", "options"), CORRECT, ids=lambda v: str(v))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", [0, 1])
def test_correct_layers_pass_or_skip_every_check(check, layer, layouts, options, dtype, seed):
    case = make_case(layer, *layouts, dtype=dtype, seed=seed, **options)
    answer = answer_of(check, case)

    assert answer is None or not answer.startswith("needs")


def test_checks_are_those_of_the_design_in_order():
    assert [check.name for check in numerics.suite.checks] == [
        "finite",
        "large_values",
        "tiny_values",
        "zeros",
        "constant",
        "nan_contained",
    ]


# finite


def test_finite_fails_where_the_domain_is_smaller_than_the_data():
    case = make_case(Logarithm, "BC:4,6")

    finding = finding_of(finite, case)

    negative = case.point().inputs[0] < 0
    assert finding.what == "The output of predict() is NaN for the values generated."
    assert finding.where.startswith(f"{negative.sum()} of 24 elements; first at B=")
    assert finding.wrong == negative.sum()
    assert finding.details == ()
    assert finding.source.line is not None
    assert finding.cause.id == "undefined-operation"
    assert finding.cause.text == (
        "NumPy first reports 'invalid value encountered in log' in `return np.log(x)`: 0/0, a "
        "difference of infinities, or a value outside the domain."
    )
    assert "--range x=LOW:HIGH" in finding.fix
    for check in (large_values, tiny_values, zeros, constant):
        assert reason_of(check, case) == "needs numerics.finite"


def test_finite_fails_for_gradients_of_learnables():
    class Power:
        learnables = ("p",)

        def __init__(self):
            self.p = np.array([2.0])

        def predict(self, x):
            return np.abs(x) ** self.p

        def backward(self, x, z, dz, memory):
            dx = dz * self.p * np.sign(x) * np.abs(x) ** (self.p - 1)
            return dx, (dz * z * np.log(x)).sum(keepdims=True)[0]

    finding = finding_of(finite, make_case(Power, "BC:4,6"))

    assert finding.what == "The gradient of learnable p is NaN for the values generated."
    assert finding.where == "1 of 1 elements; first at p[0]"
    assert finding.source.function == "Power.backward"
    assert "np.log(x)" in finding.cause.evidence["line"]


def test_finite_needs_the_passes():
    class Typo(Tanh):
        def predict(self, x):
            return np.tanh(y)  # noqa: F821

    assert reason_of(finite, make_case(Typo, "BC:4,6")) == "needs shapes.predict"


def test_finite_looks_at_outputs_where_backward_cannot_run():
    class Typo(Logarithm):
        def backward(self, x, z, dz, memory):
            return y  # noqa: F821

    assert "output" in finding_of(finite, make_case(Typo, "BC:4,6")).what
    assert finite(make_case(Typo, "BC:4,6", ranges={"x": (1.0, 2.0)})) is None


# large values


def test_large_values_fail_where_a_quotient_of_exponentials_overflows():
    class WithoutShift(Softmax):
        def predict(self, x):
            e = np.exp(x)
            return e / e.sum(axis=-1, keepdims=True)

    for dtype in ("float64", "float32"):
        finding = finding_of(large_values, make_case(WithoutShift, "BC:4,6", dtype=dtype))

        assert finding.what == "The output of predict() is NaN for values up to 1e3."
        assert finding.cause.id == "overflow"
        assert finding.cause.evidence == {
            "numpy": "overflow encountered in exp",
            "line": "e = np.exp(x)",
        }
        assert finding.details[0].endswith("there")


def test_large_values_fail_where_the_right_value_could_be_held():
    class Overflows(Softplus):
        def predict(self, x):
            return np.log(1 + np.exp(x))

    case = make_case(Overflows, "BC:4,6")
    finding = finding_of(large_values, case)

    x = largest(case)[0].inputs[0]
    assert finding.what == "The output of predict() is infinite for values up to 1e3."
    assert finding.wrong == (x > np.log(np.finfo(float).max)).sum()
    assert finding.details[0].endswith(f"gives {x[x > 709.7][0]:.6g} there")
    assert finding.cause.id == "overflow"


def test_large_values_fail_where_backward_alone_overflows():
    class InBackward(Softmax):
        def backward(self, x, z, dz, memory):
            e = np.exp(x)
            z = e / e.sum(axis=-1, keepdims=True)
            return z * (dz - (dz * z).sum(axis=-1, keepdims=True))

    finding = finding_of(large_values, make_case(InBackward, "BC:4,6"))

    assert finding.what == "The gradient of input x is NaN for values up to 1e3."
    assert finding.source.function == "InBackward.backward"
    assert finding.cause.evidence["line"] == "e = np.exp(x)"


def test_large_values_allow_infinity_where_the_right_value_is_too_large():
    for dtype in ("float64", "float32", "float16"):
        case = make_case(Exponential, "BC:4,6", dtype=dtype)

        assert large_values(case) is None


def test_large_values_stay_within_the_range():
    class UpToTen(Tanh):
        def predict(self, x):
            return np.log(10 - x)

        def backward(self, x, z, dz, memory):
            return -dz / (10 - x)

    case = make_case(UpToTen, "BC:4,6", ranges={"x": (-3.0, 9.0)})
    point, words = largest(case)

    assert set(point.inputs[0].ravel()) == {-3.0, 9.0}
    assert words == "the ends of --range"
    assert large_values(case) is None


def test_large_values_reach_a_thousand():
    point, words = largest(make_case(Tanh, "BC:4,6", dtype="float16"))

    assert np.abs(point.inputs[0]).max() == 1000
    assert point.inputs[0].dtype == np.float16
    assert words == "values up to 1e3"


# tiny values


def test_tiny_values_fail_where_a_high_power_underflows():
    class SixNorm(UnitLength):
        def _length(self, x):
            return (x**6).sum(axis=-1, keepdims=True) ** x.dtype.type(1 / 6)

    for dtype in ("float64", "float32"):
        finding = finding_of(tiny_values, make_case(SixNorm, "BC:4,6", dtype=dtype))

        assert "is infinite for values of about" in finding.what
        assert finding.cause.id == "underflow"
        assert finding.cause.evidence["numpy"].startswith("divide by zero")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_tiny_values_keep_their_fourth_powers_normal(dtype):
    point, _ = smallest(make_case(Tanh, "BC:4,6", dtype=dtype))
    fourth = point.inputs[0].astype(np.longdouble) ** 4
    info = np.finfo(dtype)

    assert (point.inputs[0] != 0).all()
    assert (fourth * 2**28 >= info.tiny).all()
    assert np.abs(point.inputs[0]).max() <= 0.2


@pytest.mark.parametrize(
    ("limits", "low", "high"), [((0.0, 1.0), 0, 1), ((-1.0, 0.0), -1, 0), ((-3.0, 5.0), -1, 1)]
)
def test_tiny_values_stay_within_the_range(limits, low, high):
    point, _ = smallest(make_case(Tanh, "BC:4,6", ranges={"x": limits}))
    signs = np.sign(point.inputs[0])

    assert (signs.min(), signs.max()) == (low if low else high, high if high else low)
    assert np.abs(point.inputs[0]).max() < 1e-9


# zeros, constant


def test_zeros_fail_where_a_norm_divides():
    class DividesByZero(UnitLength):
        def _length(self, x):
            return np.sqrt((x**2).sum(axis=-1, keepdims=True))

    case = make_case(DividesByZero, "BC:4,6")
    finding = finding_of(zeros, case)

    assert finding.what == "The output of predict() is NaN for zeros."
    assert finding.where == "24 of 24 elements; first at B=0, C=0"
    assert finding.cause.id == "undefined-operation"
    assert "return x / self._length(x)" in finding.cause.text
    for check in (finite, large_values, tiny_values, constant):
        assert check(case) is None


@pytest.mark.parametrize("check", [zeros, constant])
def test_zeros_and_constants_fail_without_epsilon(check):
    class WithoutEpsilon(LayerNorm):
        eps = 0.0

    case = make_case(WithoutEpsilon, "BTC:3,5,4")

    assert finding_of(check, case).cause.id == "undefined-operation"
    assert answer_of(large_values, case) is None
    assert answer_of(tiny_values, case) is None


@pytest.mark.parametrize("batch", [3, 7, 10])
def test_constants_fail_without_epsilon_however_many_are_averaged(batch):
    class WithoutEpsilon(BatchNorm):
        def forward(self, x):
            std = np.sqrt(x.var(axis=0))
            return (x - x.mean(axis=0)) / std, ((x - x.mean(axis=0)) / std, std)

    for dtype in ("float64", "float32"):
        assert finding_of(constant, make_case(WithoutEpsilon, f"BC:{batch},3", dtype=dtype))


def test_constants_fail_where_rounding_makes_a_variance_negative():
    class MeanOfSquares(LayerNorm):
        def forward(self, x):
            mean = x.mean(axis=-1, keepdims=True)
            var = (x**2).mean(axis=-1, keepdims=True) - mean**2
            std = np.sqrt(np.where(var == 0, 1, var))
            return (x - mean) / std, ((x - mean) / std, std)

    findings = [
        finding_of(constant, make_case(MeanOfSquares, f"BC:4,{n}", dtype=dtype))
        for dtype, n in (("float64", 7), ("float32", 6))
    ]

    assert {finding.cause.evidence["numpy"] for finding in findings} == {
        "invalid value encountered in sqrt"
    }


def test_zeros_are_skipped_where_they_are_outside_the_range():
    case = make_case(Logarithm, "BC:4,6", ranges={"x": (0.5, 8.0)})

    assert reason_of(zeros, case) == "0 is outside --range"
    assert reason_of(tiny_values, case) == "0 is outside --range"
    assert constant(case) is None


def test_zeros_replace_the_inputs_that_may_be_zero():
    case = make_case(Inner, "BC:4,6", "BC:4,6", ranges={"b": (1.0, 2.0)})
    a, b = zero_values(case)[0].inputs

    assert not a.any()
    assert b.min() > 1


def test_constants_are_equal_and_within_the_range():
    case = make_case(Inner, "BC:4,6", "BC:4,6", ranges={"b": (3.0, 6.0)})
    (a, b), (short, _) = (constant_values(case, short=s)[0].inputs for s in (False, True))

    assert np.unique(a).size == np.unique(b).size == np.unique(short).size == 1
    assert b[0, 0] == 5
    assert a[0, 0] == pytest.approx(2 / 3, rel=1e-15)
    assert short[0, 0] == 0.625


def test_regimes_are_skipped_where_no_input_is_generated():
    given = make_case(Tanh, "BC:4,6", data={"x": np.ones((4, 6))})
    integer = make_case(Embedding, "BT:4,5", integers={"x": (0, 9)})

    for check in (large_values, tiny_values, zeros, constant):
        assert "no floating input is generated" in reason_of(check, given)
        assert "no floating input is generated" in reason_of(check, integer)
    assert finite(given) is None
    assert finite(integer) is None


# nan_contained


class SpoilsTheBatch(Tanh):
    def predict(self, x):
        return np.tanh(x) if np.isfinite(x).all() else np.full_like(x, np.nan)


class SelectsByMultiplication(Tanh):
    def predict(self, x):
        return np.eye(len(x), dtype=x.dtype) @ x

    def backward(self, x, z, dz, memory):
        return dz.copy()


@pytest.mark.parametrize("layer", [SpoilsTheBatch, SelectsByMultiplication])
def test_nan_contained_fails_where_others_are_reached(layer):
    finding = finding_of(nan_contained, make_case(layer, "BC:4,6"))

    assert finding.what == "NaN in observation B=2 reaches the output of others in predict()."
    assert finding.where == "B=0, 1, 3"
    assert finding.wrong == 3
    assert finding.source.function == f"{layer.__name__}.predict"


def test_nan_contained_follows_the_axis_of_the_layout():
    class ByMultiplication(Tanh):
        def predict(self, x):
            return x @ np.eye(x.shape[1], dtype=x.dtype)

        def backward(self, x, z, dz, memory):
            return dz.copy()

    assert nan_contained(make_case(ByMultiplication, "BC:4,6")).notes == ()
    assert finding_of(nan_contained, make_case(ByMultiplication, "CB:6,4")).where == "B=0, 1, 3"


def test_nan_contained_looks_at_backward():
    class SpoilsGradients(Tanh):
        def backward(self, x, z, dz, memory):
            return dz * (1 - z**2) + 0 * z.sum()

    finding = finding_of(nan_contained, make_case(SpoilsGradients, "BC:4,6"))

    assert finding.what == (
        "NaN in observation B=2 reaches the gradient of x of others in backward()."
    )
    assert finding.where == "B=0, 1, 3"


def test_nan_contained_leaves_what_leaks_anyway_to_the_batch_suite():
    class Leaks(Tanh):
        def backward(self, x, z, dz, memory):
            dx = dz * (1 - z**2)
            return dx - dx.mean(axis=0)

    reason = reason_of(nan_contained, make_case(Leaks, "BC:4,6"))

    assert reason == "needs batch.input_gradients_independent"


def test_nan_contained_notes_what_swallows_it():
    class Relu(Tanh):
        def predict(self, x):
            return np.where(x > 0, x, 0)

        def backward(self, x, z, dz, memory):
            return dz * (x > 0)

    assert nan_contained(make_case(Relu, "BC:4,6")).notes == (
        "NaN in an observation does not show in its own output (predict)",
    )


def test_nan_contained_asks_the_pass_that_keeps_observations_apart():
    assert nan_contained(make_case(BatchNorm, "BC:7,3")).notes == ()


def test_nan_contained_is_skipped_with_its_reason():
    class Centred(Tanh):
        def predict(self, x):
            return x - x.mean(axis=0)

        def backward(self, x, z, dz, memory):
            return dz - dz.mean(axis=0)

    class Refuses(Tanh):
        def predict(self, x):
            if np.isnan(x).any():
                raise ValueError("NaN")
            return np.tanh(x)

    integers = {"integers": {"x": (0, 9)}}
    for layer, layout, options, reason in (
        (Tanh, "SC:4,6", {}, "the layouts have no common B"),
        (Tanh, "BC:1,6", {}, "the batch holds one observation"),
        (Centred, "BC:4,6", {}, "observations influence each other"),
        (Embedding, "BT:4,5", integers, "no floating input has B"),
        (Refuses, "BC:4,6", {}, "the layer refuses NaN: predict() raised ValueError: NaN"),
    ):
        assert reason in reason_of(nan_contained, make_case(layer, layout, **options))


# gpu


DEVICE_CHECKS = [c for c in gpu.suite.checks if not c.name.startswith("rehearsal")]


@pytest.mark.skipif(has_driver(), reason="a GPU's driver is here")
@pytest.mark.parametrize("check", DEVICE_CHECKS, ids=lambda check: check.name)
def test_checks_on_a_device_say_why_they_are_skipped(check):
    reason = reason_of(check, make_case(Tanh, "BC:4,6"))

    assert "no CUDA device" in reason
    assert check.page
