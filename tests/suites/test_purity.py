from __future__ import annotations

import contextlib

import numpy as np
import pytest

from layercheck.suites.purity import (
    backward_of_earlier_forward,
    deterministic,
    forwards_retained,
    global_random_not_reseeded,
    inputs_unchanged,
    instances_independent,
    learnables_unchanged,
    no_aliasing,
    strided_inputs,
    suite,
    upstream_unchanged,
)
from layercheck.verdict import Skipped
from tests.cases import finding_of, make_case, reason_of

CALLS = {"n": 0}


class Relu:
    def predict(self, x):
        return np.maximum(x, 0)

    def backward(self, x, z, dz, memory):
        return dz * (x > 0)


class Identity:
    def predict(self, x):
        return x

    def backward(self, x, z, dz, memory):
        return dz


class Reshape:
    def predict(self, x):
        return x.reshape(len(x), -1)

    def backward(self, x, z, dz, memory):
        return dz.reshape(x.shape)


class Slice:
    def predict(self, x):
        return x[:, ::2]

    def backward(self, x, z, dz, memory):
        dx = np.zeros_like(x)
        dx[:, ::2] = dz
        return dx


class Scale:
    learnables = ("w",)

    def __init__(self):
        self.w = np.linspace(1.0, 2.0, 6)

    def predict(self, x):
        return x * self.w

    def backward(self, x, z, dz, memory):
        return dz * self.w, (dz * x).sum(axis=0)


class Dropout:
    def predict(self, x):
        return x

    def forward(self, x):
        mask = np.random.random(x.shape) < 0.5
        return x * mask, mask

    def backward(self, x, z, dz, memory):
        return dz * memory


class DropoutWithOwnGenerator(Dropout):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        mask = self.rng.random(x.shape) < 0.5
        return x * mask, mask


class DropoutWithLazyGenerator(Dropout):
    rng = None

    def forward(self, x):
        if self.rng is None:
            self.rng = np.random.default_rng()
        mask = self.rng.random(x.shape) < 0.5
        return x * mask, mask


class Rnn:
    """The output is the new state itself, which the next pass replaces."""

    states = ("h",)

    def initialize(self, layout):
        self.h = np.zeros(layout.size)

    def reset_state(self):
        self.h = np.zeros_like(self.h)

    def predict(self, x):
        self.h = np.tanh(x + self.h)
        return self.h

    def backward(self, x, z, dz, dh, memory):
        da = (dz + dh) * (1 - z**2)
        return da, da


class RnnInPlace(Rnn):
    def predict(self, x):
        self.h[...] = np.tanh(x + self.h)
        return self.h


class BatchNorm:
    states = ("mean",)

    def __init__(self):
        self.mean = np.zeros(6)

    def predict(self, x):
        return x - self.mean

    def forward(self, x):
        self.mean *= 0.9
        self.mean += 0.1 * x.mean(axis=0)
        return x - x.mean(axis=0), None

    def backward(self, x, z, dz, memory):
        return dz - dz.mean(axis=0)


class Embedding:
    learnables = ("table",)

    def __init__(self):
        self.table = np.arange(12.0).reshape(4, 3)

    def predict(self, ids):
        return self.table[ids]

    def backward(self, ids, z, dz, memory):
        dtable = np.zeros_like(self.table)
        np.add.at(dtable, ids, dz)
        return None, dtable


class Fourier:
    def predict(self, x):
        return np.fft.fft(x, axis=1)

    def backward(self, x, z, dz, memory):
        return np.real(np.fft.fft(np.conj(dz), axis=1))


class OnlyPredict:
    def predict(self, x):
        return np.tanh(x)


CORRECT = [
    (Relu, ("BC:4,6",), {}),
    (Identity, ("SSCB:3,3,2,4",), {}),
    (Reshape, ("BSC:4,3,2",), {}),
    (Slice, ("BC:4,6",), {}),
    (Scale, ("BC:4,6",), {}),
    (Dropout, ("BC:4,6",), {}),
    (DropoutWithOwnGenerator, ("BC:4,6",), {}),
    (DropoutWithLazyGenerator, ("BC:4,6",), {}),
    (Rnn, ("BC:4,6",), {}),
    (BatchNorm, ("BC:4,6",), {}),
    (Embedding, ("BT:4,5",), {"integers": {"ids": (0, 4)}}),
    (Fourier, ("BC:4,6",), {}),
    (OnlyPredict, ("C:6",), {}),
    (Relu, ("BC:1,1",), {}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("layer", "layouts", "options"), CORRECT)
def test_correct_layers_fail_no_purity_check(layer, layouts, options, seed, dtype):
    case = make_case(layer, *layouts, seed=seed, dtype=dtype, **options)
    for check in suite.checks:
        with contextlib.suppress(Skipped):
            check(case)


@pytest.mark.parametrize(
    "check", [check for check in suite.checks if check.name != "forwards_retained"]
)
def test_a_check_passes_a_correct_layer(check):
    check(make_case(Scale, "BC:4,6"))


@pytest.mark.parametrize("check", suite.checks, ids=lambda check: check.name)
def test_checks_leave_the_global_generator_alone(check):
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    with contextlib.suppress(Skipped):
        check(make_case(Dropout, "BC:4,6"))

    np.testing.assert_array_equal(np.random.get_state()[1], before)


class ClipsInput(Relu):
    def predict(self, x):
        x[x < 0] = 0
        return x.copy()


class BackwardWritesInput(Relu):
    def backward(self, x, z, dz, memory):
        x *= 0
        return dz * (z > 0)


class WritesUpstream(Relu):
    def backward(self, x, z, dz, memory):
        dz[x < 0] = 0
        return dz


def test_a_write_into_the_input_is_found_with_its_line():
    finding = finding_of(inputs_unchanged, make_case(ClipsInput, "BC:4,6"))

    assert finding.what == "predict() changes its input x."
    assert finding.cause.id == "mutates-input"
    assert "in the line `x[x < 0] = 0`" in finding.cause.text
    assert finding.source.function == "ClipsInput.predict"
    assert "before, 0 after" in finding.where
    assert "x = x.copy()" in finding.fix


def test_backward_that_writes_into_the_input_is_found():
    finding = finding_of(inputs_unchanged, make_case(BackwardWritesInput, "BC:4,6"))

    assert finding.what == "backward() changes its input x."
    assert "24 of 24 elements of x" in finding.where


def test_a_write_into_the_upstream_gradient_is_found_with_its_line():
    finding = finding_of(upstream_unchanged, make_case(WritesUpstream, "BC:4,6"))

    assert finding.what == "backward() changes the upstream gradient."
    assert finding.cause.id == "mutates-upstream"
    assert "`dz[x < 0] = 0`" in finding.cause.text
    inputs_unchanged(make_case(WritesUpstream, "BC:4,6"))


class UpdatesInBackward(Scale):
    def backward(self, x, z, dz, memory):
        dx, dw = super().backward(x, z, dz, memory)
        self.w = self.w - 0.01 * dw
        return dx, dw


class DecaysInForward(Scale):
    def predict(self, x):
        self.w *= 0.99
        return x * self.w


def test_an_update_in_backward_is_named_with_its_step():
    finding = finding_of(learnables_unchanged, make_case(UpdatesInBackward, "BC:4,6"))

    assert finding.what == "backward() changes the learnable w."
    assert finding.cause.id == "updates-learnables-in-backward"
    assert "a step of -0.01 times its gradient" in finding.cause.text


def test_a_forward_that_changes_a_learnable_is_found_with_its_line():
    finding = finding_of(learnables_unchanged, make_case(DecaysInForward, "BC:4,6"))

    assert finding.what == "predict() changes the learnable w."
    assert finding.cause is None
    assert finding.source.line is not None


class ReusesOutput(Scale):
    def __init__(self):
        super().__init__()
        self.out = None

    def predict(self, x):
        if self.out is None:
            self.out = np.empty_like(x)
        np.multiply(x, self.w, out=self.out)
        return self.out


class ReusesGradient(Relu):
    def __init__(self):
        self.dx = None

    def backward(self, x, z, dz, memory):
        if self.dx is None:
            self.dx = np.empty_like(x)
        self.dx[...] = dz * (x > 0)
        return self.dx


class BackwardEditsOutput:
    def predict(self, x):
        return np.tanh(x)

    def backward(self, x, z, dz, memory):
        z *= z
        return dz * (1 - z)


class ReturnsLearnable(Scale):
    def predict(self, x):
        return self.w[None, :4] + 0 * x[:, :4] if x is None else self.w[:4]

    def backward(self, x, z, dz, memory):
        dw = np.zeros_like(self.w)
        dw[:4] = dz
        return np.zeros_like(x), dw


class ReturnsClassArray(Relu):
    table = np.arange(6.0)

    def predict(self, x):
        return self.table

    def backward(self, x, z, dz, memory):
        return np.zeros_like(x)


@pytest.mark.parametrize(
    ("layer", "what", "attribute"),
    [
        (ReusesOutput, "The output that predict() returned changes when the next predict()", "out"),
        (RnnInPlace, "The output that predict() returned changes when the next predict()", "h"),
        (
            ReusesGradient,
            "The gradient of x that backward() returned changes when the next backward()",
            "dx",
        ),
    ],
)
def test_a_reused_buffer_is_named(layer, what, attribute):
    finding = finding_of(no_aliasing, make_case(layer, "BC:4,6"))

    assert finding.what.startswith(what)
    assert finding.cause.id == "reused-buffer"
    assert finding.cause.evidence["attribute"] == attribute


def test_a_backward_that_edits_the_output_is_found():
    finding = finding_of(no_aliasing, make_case(BackwardEditsOutput, "BC:4,6"))

    assert finding.what == "The output that predict() returned changes when backward() runs."
    assert finding.wrong is None or finding.wrong == 24


@pytest.mark.parametrize(
    ("layer", "owner"),
    [(ReturnsLearnable, "the learnable w"), (ReturnsClassArray, "the class attribute")],
)
def test_memory_that_others_write_is_not_handed_out(layer, owner):
    finding = finding_of(no_aliasing, make_case(layer, "BC:4,6"))

    assert f"The output shares memory with {owner}" in finding.what


class CountsCalls(Relu):
    calls = 0

    def predict(self, x):
        self.calls += 1
        return super().predict(x) + self.calls


class HiddenAverage(Relu):
    def __init__(self):
        self.seen = np.zeros(6)

    def predict(self, x):
        self.seen = self.seen + x.mean(axis=0)
        return x + self.seen


class Entropy:
    def predict(self, x):
        return x + np.random.default_rng(np.random.SeedSequence()).random()


@pytest.mark.parametrize(("layer", "attribute"), [(CountsCalls, "calls"), (HiddenAverage, "seen")])
def test_a_hidden_state_is_named(layer, attribute):
    finding = finding_of(deterministic, make_case(layer, "BC:4,6"))

    assert finding.cause.id == "nondeterministic"
    assert finding.cause.evidence == {"attribute": attribute}
    assert "--declare state=" in finding.fix


def test_a_state_may_change_the_output():
    deterministic(make_case(Rnn, "BC:4,6"))


def test_a_generator_that_cannot_be_seeded_is_found():
    finding = finding_of(deterministic, make_case(Entropy, "BC:4,6"))

    assert finding.cause.id == "nondeterministic"
    assert "cannot be seeded" in finding.cause.text


class SeedsNumpy(Relu):
    def predict(self, x):
        np.random.seed(42)
        return super().predict(x)


class SeedsRandomInBackward(Relu):
    def backward(self, x, z, dz, memory):
        import random

        random.seed(1)
        return dz * (x > 0)


@pytest.mark.parametrize(
    ("layer", "what", "line"),
    [
        (SeedsNumpy, "predict() seeds numpy.random", "np.random.seed(42)"),
        (SeedsRandomInBackward, "backward() seeds random", "random.seed(1)"),
    ],
)
def test_seeding_the_program_is_found_with_its_line(layer, what, line):
    finding = finding_of(global_random_not_reseeded, make_case(layer, "BC:4,6"))

    assert finding.what == f"{what}, the generator of the whole program."
    assert finding.details == (line,)
    assert finding.source.line is not None


def test_drawing_from_the_global_generator_is_fine():
    global_random_not_reseeded(make_case(Dropout, "BC:4,6"))


class KeepsMemoryOnItself(Relu):
    def predict(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, x, z, dz, memory):
        return dz * self.mask


class OnceOnly(Relu):
    used = False

    def predict(self, x):
        self.used = not self.used
        return super().predict(x)

    def backward(self, x, z, dz, memory):
        if not self.used:
            raise RuntimeError("the memory is gone")
        return dz * (x > 0)


def test_memory_of_a_later_forward_is_found():
    finding = finding_of(backward_of_earlier_forward, make_case(KeepsMemoryOnItself, "BC:4,6"))

    assert finding.what.startswith("The first forward's backward, run after a second forward,")
    assert finding.cause.id == "stale-memory"


def test_a_backward_that_raises_after_a_second_forward_is_found():
    finding = finding_of(backward_of_earlier_forward, make_case(OnceOnly, "BC:4,6"))

    assert finding.what == (
        "backward() fails after a second forward, with the memory of the first."
    )
    assert "the memory is gone" in finding.cause.text


class ClassCache(Relu):
    cache = {}  # noqa: RUF012

    def predict(self, x):
        self.cache["mask"] = x > 0
        return super().predict(x)

    def backward(self, x, z, dz, memory):
        return dz * self.cache["mask"]


class GlobalCount(Relu):
    def predict(self, x):
        CALLS["n"] += 1
        return x * (1 + (CALLS["n"] > CALLS.setdefault("limit", 10**6)))


def test_a_cache_of_the_class_is_named():
    finding = finding_of(instances_independent, make_case(ClassCache, "BC:4,6"))

    assert finding.what == (
        "backward() gives something else after a second object of the layer was used."
    )
    assert finding.cause.id == "stale-memory"
    assert "ClassCache.cache.mask" in finding.cause.text


def test_a_counter_that_changes_no_output_is_fine():
    instances_independent(make_case(GlobalCount, "BC:4,6"))


def test_a_layer_that_differs_by_itself_is_not_blamed_on_another():
    instances_independent(make_case(CountsCalls, "BC:4,6"))


class InPlaceShape(Relu):
    def predict(self, x):
        shape = x.shape
        x.shape = (-1,)
        z = np.maximum(x, 0).reshape(shape)
        x.shape = shape
        return z


class MemoryOrder(Relu):
    def predict(self, x):
        return np.maximum(x.ravel(order="K").reshape(x.shape), 0)


class BackwardMemoryOrder(Relu):
    def backward(self, x, z, dz, memory):
        return dz.ravel(order="K").reshape(x.shape) * (x > 0)


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (InPlaceShape, "predict() fails where its arguments are not contiguous"),
        (MemoryOrder, "predict() gives another output where its input is in Fortran order"),
        (BackwardMemoryOrder, "backward() gives another gradient where its arguments are in F"),
        (ClipsInput, "predict() fails where its arguments are read-only"),
        (WritesUpstream, "backward() fails where its arguments are read-only"),
    ],
)
def test_the_order_of_memory_must_not_matter(layer, what):
    finding = finding_of(strided_inputs, make_case(layer, "BC:4,6"))

    assert finding.what.startswith(what)


def test_a_refused_write_is_a_cause():
    finding = finding_of(strided_inputs, make_case(WritesUpstream, "BC:4,6"))

    assert finding.cause.id == "mutates-upstream"
    assert "read-only" in finding.cause.text


@pytest.mark.parametrize(
    ("check", "layer", "reason"),
    [
        (upstream_unchanged, OnlyPredict, "no backward"),
        (learnables_unchanged, Relu, "no learnables"),
        (backward_of_earlier_forward, OnlyPredict, "no backward"),
        (forwards_retained, Relu, "keeps one forward"),
    ],
)
def test_a_check_that_does_not_apply_says_why(check, layer, reason):
    assert reason in reason_of(check, make_case(layer, "BC:4,6"))
