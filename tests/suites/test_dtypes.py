from __future__ import annotations

import numpy as np
import pytest

from layercheck.suites import dtypes, precision
from layercheck.suites.dtype_causes import cause_of_dtype, fits
from layercheck.suites.dtypes import gradients, low_precision, outputs, states
from tests.cases import answer_of, finding_of, make_case, reason_of

NUMPY2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"


class Tanh:
    def predict(self, x):
        return np.tanh(x)

    def backward(self, x, z, dz, memory):
        return dz * (1 - z**2)


class Dense:
    learnables = ("W", "b")

    def __init__(self):
        self.W = np.linspace(-1, 1, 18).reshape(6, 3)
        self.b = np.linspace(0, 1, 3)

    def predict(self, x):
        return x @ self.W + self.b

    def backward(self, x, z, dz, memory):
        return dz @ self.W.T, x.T @ dz, dz.sum(axis=0)


class BatchNorm:
    learnables = ("gamma",)
    states = ("mean", "var")

    def initialize(self, layout):
        channels = layout.size[-1]
        self.gamma = np.linspace(0.5, 2, channels)
        self.mean, self.var = np.zeros(channels), np.ones(channels)

    def predict(self, x):
        return self.gamma * (x - self.mean) / np.sqrt(self.var + 1e-5)

    def forward(self, x):
        mean, var = x.mean(axis=0), x.var(axis=0)
        self.mean, self.var = 0.9 * self.mean + 0.1 * mean, 0.9 * self.var + 0.1 * var
        std = np.sqrt(var + 1e-5)
        xn = (x - mean) / std
        return self.gamma * xn, (xn, std)

    def backward(self, x, z, dz, memory):
        xn, std = memory
        dxn = dz * self.gamma
        dx = (dxn - dxn.mean(axis=0) - xn * (dxn * xn).mean(axis=0)) / std
        return dx, (dz * xn).sum(axis=0)


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


class Modulus:
    """Real in and out, complex inside."""

    learnables = ("w",)

    def __init__(self):
        self.w = np.linspace(-1, 1, 6) + 1j * np.linspace(1, 2, 6)

    def predict(self, x):
        return np.abs(self.w * x) ** 2

    def backward(self, x, z, dz, memory):
        da = 2 * self.w * x * dz
        return (self.w.conj() * da).real, (x * da).sum(axis=0)


class DeepRelu:
    """Kinks everywhere: low precision takes another side at some."""

    learnables = ("W",)

    def __init__(self):
        self.W = np.random.default_rng(0).normal(size=(3, 16, 16)) / 3

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        hidden = [x]
        for W in self.W:
            hidden.append(np.maximum(hidden[-1] @ W, 0))
        return hidden[-1], hidden

    def backward(self, x, z, dz, memory):
        dW = np.zeros_like(self.W)
        for k in (2, 1, 0):
            dz = dz * (memory[k + 1] > 0)
            dW[k] = memory[k].T @ dz
            dz = dz @ self.W[k].T
        return dz, dW


class BiasBeforeNorm:
    """The bias has the gradient 0, of which every dtype leaves its own rounding."""

    learnables = ("b",)

    def __init__(self):
        self.b = np.zeros(5)

    def predict(self, x):
        return self.forward(x)[0]

    def forward(self, x):
        centred = x + self.b - (x + self.b).mean(axis=0)
        return centred, None

    def backward(self, x, z, dz, memory):
        dx = dz - dz.mean(axis=0)
        return dx, dx.sum(axis=0)


INTEGERS = {"integers": {"x": (0, 9)}}
CORRECT = (
    (Tanh, "BC:4,6", {}),
    (Dense, "BC:4,6", {}),
    (BatchNorm, "BC:7,3", {}),
    (Embedding, "BT:4,5", INTEGERS),
    (Modulus, "BC:4,6", {}),
    (DeepRelu, "BC:50,16", {}),
    (BiasBeforeNorm, "BC:40,5", {}),
)


@pytest.mark.parametrize("check", dtypes.suite.checks, ids=lambda check: check.name)
@pytest.mark.parametrize(("layer", "layout", "options"), CORRECT, ids=lambda v: str(v))
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("seed", [0, 1])
def test_correct_layers_pass_or_skip_every_check(check, layer, layout, options, dtype, seed):
    case = make_case(layer, layout, dtype=dtype, seed=seed, **options)
    answer = answer_of(check, case)

    assert answer is None or not answer.startswith("needs")


def test_checks_are_those_of_the_design_and_run_in_every_dtype():
    names = [check.name for check in dtypes.suite.checks]

    assert names == ["outputs", "gradients", "states", "low_precision"]
    assert {check.dtypes for check in dtypes.suite.checks} == {"all"}


# outputs


def test_outputs_fail_where_they_are_cut_down():
    class InFloat32(Tanh):
        def predict(self, x):
            return np.tanh(x).astype(np.float32)

    finding = finding_of(outputs, make_case(InFloat32, "BC:4,6"))

    assert finding.what == "The output of predict() is float32 where float64 goes in."
    assert finding.source.function == "InFloat32.predict"
    assert finding.cause.id == "dtype-downcast"
    assert finding.cause.text == (
        "float64 goes in and float32 comes out: 24 of 53 significant bits are left."
    )
    assert outputs(make_case(InFloat32, "BC:4,6", dtype="float32")) is None


def test_outputs_fail_where_they_are_promoted():
    class Allocates(Tanh):
        def predict(self, x):
            z = np.zeros(x.shape)
            z[:] = np.tanh(x)
            return z

    finding = finding_of(outputs, make_case(Allocates, "BC:4,6", dtype="float32"))

    assert finding.what == "The output of predict() is float64 where float32 goes in."
    assert finding.cause.id == "dtype-upcast"
    assert outputs(make_case(Allocates, "BC:4,6")) is None


def test_outputs_name_the_attribute_that_promotes_them():
    class Mask(Tanh):
        def __init__(self):
            self.other = np.ones(3)
            self.mask = np.ones(6)

        def predict(self, x):
            return np.tanh(x) * self.mask

    finding = finding_of(outputs, make_case(Mask, "BC:4,6", dtype="float32"))

    assert finding.cause.text == (
        "The attribute mask is float64: as float32 it leaves the output float32, too."
    )
    assert finding.cause.evidence == {"attribute": "mask", "dtype": "float64"}


@pytest.mark.skipif(not NUMPY2, reason="NumPy 1 lets the value of a scalar decide")
def test_outputs_name_the_numpy_scalar_that_promotes_them():
    class Scaled(Tanh):
        def __init__(self):
            self.scale = np.sqrt(2)

        def predict(self, x):
            return np.tanh(x) * self.scale

    finding = finding_of(outputs, make_case(Scaled, "BC:4,6", dtype="float32"))

    assert finding.cause.evidence["attribute"] == "scale"


def test_outputs_fail_for_either_pass():
    class ForwardAllocates(Tanh):
        def forward(self, x):
            return np.tanh(x).astype(np.float64), None

    finding = finding_of(outputs, make_case(ForwardAllocates, "BC:4,6", dtype="float32"))

    assert finding.what == "The output of forward() is float64 where float32 goes in."


def test_outputs_fail_where_they_are_integers():
    class Truncates(Tanh):
        def predict(self, x):
            z = np.zeros(x.shape, int)
            z[:] = 10 * x
            return z

    finding = finding_of(outputs, make_case(Truncates, "BC:4,6"))

    assert finding.cause.text == "float64 goes in and int64 comes out: the fractions are cut off."


def test_outputs_fail_for_complex_values_of_another_precision():
    class DoubleSpectrum(Tanh):
        def predict(self, x):
            return np.fft.fft(x).astype(np.complex128)

    finding = finding_of(outputs, make_case(DoubleSpectrum, "BC:4,6", dtype="float32"))

    assert finding.what == "The output of predict() is complex128 where float32 goes in."
    assert finding.cause.id == "dtype-upcast"


def test_outputs_fail_where_integer_inputs_promote_them():
    class Weights(Embedding):
        def predict(self, x):
            return self.W[x] * x[..., None]

    finding = finding_of(outputs, make_case(Weights, "BT:4,5", dtype="float32", **INTEGERS))

    assert finding.what == "The output of predict() is float64 where float32 goes in."


def test_outputs_are_skipped_where_nothing_floating_goes_in():
    class OneHot:
        def predict(self, x):
            return np.eye(9)[x]

    case = make_case(OneHot, "BT:4,5", dtype="float32", **INTEGERS)

    assert reason_of(outputs, case).startswith("nothing floating goes into the layer")


@pytest.mark.parametrize(
    ("value", "fit"),
    [
        (np.float32(1), True),
        (np.ones(2, np.complex64), True),
        (1.0, True),
        (np.float64(1), False),
        (np.ones(2, np.complex128), False),
        (np.ones(2, np.float16), False),
        (np.ones(2, int), False),
        (None, False),
    ],
)
def test_a_value_fits_the_precision_of_float32(value, fit):
    assert fits(value, np.dtype(np.float32)) is fit


def test_a_change_without_gain_or_loss_of_precision_has_no_cause():
    assert cause_of_dtype(np.dtype("f8"), np.dtype("c16")) is None
    assert cause_of_dtype(np.dtype("f8"), np.dtype(object)) is None


# gradients


def test_gradients_fail_where_backward_allocates_float64():
    class Allocates(Dense):
        def backward(self, x, z, dz, memory):
            dx, dW, db = super().backward(x, z, dz, memory)
            wide = np.zeros(dW.shape)
            wide += dW
            return dx, wide, db

    finding = finding_of(gradients, make_case(Allocates, "BC:4,6", dtype="float32"))

    assert finding.what == "The gradient of learnable W is float64 where W is float32."
    assert finding.where == "learnable W"
    assert finding.source.function == "Allocates.backward"
    assert finding.cause.id == "dtype-upcast"
    assert gradients(make_case(Allocates, "BC:4,6")) is None


@pytest.mark.parametrize(("dtype", "wrong"), [("float32", np.float64), ("float64", np.float32)])
def test_gradients_are_not_blamed_for_the_dtype_of_the_output(dtype, wrong):
    class OtherOutput(Tanh):
        def predict(self, x):
            return np.tanh(x).astype(wrong)

    case = make_case(OtherOutput, "BC:4,6", dtype=dtype)

    assert gradients(case) is None
    assert finding_of(outputs, case)


def test_gradients_fail_where_a_real_array_gets_a_complex_one():
    class KeepsImaginaryPart(Modulus):
        def backward(self, x, z, dz, memory):
            dx, dw = super().backward(x, z, dz, memory)
            return dx + 0j, dw

    finding = finding_of(gradients, make_case(KeepsImaginaryPart, "BC:4,6"))

    assert finding.what == "The gradient of input x is complex128 where x is float64."
    assert finding.fix == "x is real, and so is its gradient: return the real part."
    assert finding.cause is None


def test_gradients_fail_where_a_complex_array_gets_a_real_one():
    class DropsImaginaryPart(Modulus):
        def backward(self, x, z, dz, memory):
            dx, dw = super().backward(x, z, dz, memory)
            return dx, dw.real

    finding = finding_of(gradients, make_case(DropsImaginaryPart, "BC:4,6"))

    assert finding.where == "learnable w"
    assert "complex" in finding.fix


# states


def test_states_fail_where_they_are_promoted():
    class InFloat64(BatchNorm):
        def forward(self, x):
            done = super().forward(x)
            self.var = self.var.astype(np.float64)
            return done

    finding = finding_of(states, make_case(InFloat64, "BC:7,3", dtype="float32"))

    assert finding.what == "forward() turns state var from float32 into float64."
    assert finding.where == "state var"
    assert finding.cause.id == "dtype-upcast"
    assert states(make_case(InFloat64, "BC:7,3")) is None


def test_states_may_count_in_integers():
    class Counts(BatchNorm):
        states = ("mean", "var", "steps")

        def initialize(self, layout):
            super().initialize(layout)
            self.steps = np.array(0)

        def forward(self, x):
            self.steps = self.steps + 1
            return super().forward(x)

    assert states(make_case(Counts, "BC:7,3", dtype="float32")) is None


def test_states_are_skipped_without_any():
    assert "no states" in reason_of(states, make_case(Tanh, "BC:4,6"))


# low_precision


class CachesInHalfPrecision(Tanh):
    def predict(self, x):
        return np.tanh(x)

    def forward(self, x):
        z = np.tanh(x)
        return z, z.astype(np.float16) if z.dtype == np.float32 else z

    def backward(self, x, z, dz, memory):
        return dz * (1 - memory.astype(dz.dtype) ** 2)


@pytest.mark.parametrize("layout", ["BC:4,6", "BC:100,60"])
@pytest.mark.parametrize("seed", range(3))
def test_low_precision_fails_where_memory_is_kept_in_half_precision(layout, seed):
    case = make_case(CachesInHalfPrecision, layout, dtype="float32", seed=seed)

    finding = finding_of(low_precision, case)

    assert finding.what == "In float32 the gradient of input x is not that of float64."
    assert finding.cause.id == "rounding"
    assert 8 < finding.cause.evidence["bits"] < 16
    assert finding.worst.error > finding.worst.tolerance


def test_low_precision_fails_where_a_sum_overflows():
    class SumsBeforeDividing(Dense):
        def backward(self, x, z, dz, memory):
            dx, dW, _ = super().backward(x, z, dz, memory)
            return dx, dW, (dz * dz.dtype.type(60000)).sum(axis=0) / dz.dtype.type(60000)

    finding = finding_of(low_precision, make_case(SumsBeforeDividing, "BC:40,6", dtype="float16"))

    assert finding.what.startswith("In float16 the gradient of learnable b is ")
    assert finding.cause.id == "overflow"
    assert "its largest, 6.55e+04" in finding.cause.text
    assert low_precision(make_case(SumsBeforeDividing, "BC:40,6", dtype="float32")) is None


def test_low_precision_does_not_ask_for_what_the_dtype_cannot_hold():
    class Large(Tanh):
        def predict(self, x):
            return x

        def backward(self, x, z, dz, memory):
            return dz * 60000 * 20

    assert low_precision(make_case(Large, "BC:4,6", dtype="float16")) is None


class StepAt:
    """x / 3 where it is beyond an edge; adding 64 rounds it to multiples of 2^-17 in float32."""

    def __init__(self, edge=0.0):
        self.edge = edge

    def predict(self, x):
        third = x * x.dtype.type(1 / 3)
        return third * self._beyond(x, third)

    def backward(self, x, z, dz, memory):
        third = x * x.dtype.type(1 / 3)
        return dz * x.dtype.type(1 / 3) * self._beyond(x, third)

    def _beyond(self, x, third):
        return (third + 64) - 64 > x.dtype.type(self.edge)


@pytest.mark.parametrize("seed", range(5))
def test_low_precision_excuses_the_other_side_of_a_kink(seed, monkeypatch):
    x = make_case(StepAt, "BC:4,6", seed=seed).point().inputs[0]
    third = np.where(x > 1.2, x / 3, 0)
    rounded = np.round(third * 2**17) / 2**17
    # a quarter of the spacing away from it: one last bit does not round it otherwise, 64 do
    quarter = np.abs(np.abs(third - rounded) - 2**-19)
    index = np.unravel_index(np.argmin(quarter), x.shape)
    layer = StepAt((third + rounded)[index] / 2)

    assert low_precision(make_case(layer, "BC:4,6", dtype="float32", seed=seed)) is None
    monkeypatch.setattr(precision, "EXCUSE", 0.0)
    finding = finding_of(low_precision, make_case(layer, "BC:4,6", dtype="float32", seed=seed))
    assert finding.worst.index == index
    assert finding.wrong == 1


def test_low_precision_is_skipped_with_its_reason():
    class Always32(Tanh):
        def predict(self, x):
            return np.tanh(x).astype(np.float32)

    class Noise(Tanh):
        def predict(self, x):
            return x + np.random.normal(size=x.shape)

    class OnlyFloat32(Tanh):
        def predict(self, x):
            if x.dtype != np.float32:
                raise TypeError("float32 only")
            return np.tanh(x)

    assert "this is float64" in reason_of(low_precision, make_case(Tanh, "BC:4,6"))
    for layer, reason in (
        (Always32, "does not keep float64"),
        (Noise, "is random"),
        (OnlyFloat32, "does not run in float64: predict() raised TypeError: float32 only"),
    ):
        assert reason in reason_of(low_precision, make_case(layer, "BC:4,6", dtype="float32"))
