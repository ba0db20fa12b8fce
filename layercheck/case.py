"""A case: a subject with data, dtype, device and seed, and what was learnt by running it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from layercheck.data import generic_values, integer_values, remembered_values
from layercheck.errors import LayerError
from layercheck.layout import Layout
from layercheck.outcome import Evaluations
from layercheck.subject import (
    Arrays,
    Differentiable,
    Evaluation,
    Gradients,
    Instance,
    Mode,
    Subject,
)
from layercheck.tolerances import eps_of, spread
from layercheck.verdict import Skipped

# a mask drops nothing of a few elements by chance; with nine seeds hardly ever
SEEDS = 8
NORMAL = (-2.0, 2.0)
WIDE = (-10.0, 10.0)
Fact = TypeVar("Fact")


@dataclass(frozen=True)
class Options:
    """What the user said about values and effort.

    Parameters
    ----------
    ranges : mapping, input name -> (low, high)
        The name "" stands for every input, here and below.
    integers : mapping, input name -> (low, high)
        Half-open; such an input has no gradient.
    data : mapping, input name -> array
        Values to use instead of generated ones; repeated or cut along B for other batch sizes.
    budget : int
        Forwards that may be spent on one tensor to verify elements one by one.
    thorough : bool
        Regimes of special values are run at the full layout, too.
    gpu : bool
        GPU findings are binding.
    """

    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    integers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    data: Mapping[str, np.ndarray] = field(default_factory=dict)
    budget: int = 64
    thorough: bool = False
    gpu: bool = False

    def range_of(self, name: str) -> tuple[float, float] | None:
        """The range of an input's values, None where the user gave none."""
        return self.ranges.get(name, self.ranges.get(""))

    def integers_of(self, name: str) -> tuple[int, int] | None:
        """The range of an input's integers, None where it holds none."""
        return self.integers.get(name, self.integers.get(""))

    def data_of(self, name: str) -> np.ndarray | None:
        """The values given for an input, None where there are none."""
        return self.data.get(name, self.data.get(""))


@dataclass(frozen=True)
class Point:
    """Arguments of one evaluation, and the layouts that the inputs have there."""

    inputs: Arrays
    learnables: Arrays
    states: Arrays
    layouts: tuple[Layout, ...]


class Case:
    """A subject with data, in one dtype on one device.

    Checks evaluate the subject through it: calls are counted, and what several checks need is
    computed once.

    Parameters
    ----------
    subject : Subject
    dtype : numpy dtype
        Real floating; complex inputs and learnables use the complex dtype of its precision.
    seed : int
    options : Options
    device : str
    """

    def __init__(
        self,
        subject: Subject,
        dtype: Any,
        seed: int = 0,
        options: Options | None = None,
        device: str = "cpu",
    ) -> None:
        self.subject = subject
        self.dtype = np.dtype(dtype)
        self.seed = seed
        self.options = options or Options()
        self.device = device
        self.evaluations = Evaluations()
        self._points: dict[tuple[int, tuple[Layout, ...]], Point] = {}
        self._base: dict[Mode, Evaluation | LayerError] = {}
        self._gradients: Gradients | LayerError | None = None
        self._memo: dict[Hashable, Any] = {}

    def memo(self, key: Hashable, compute: Callable[[], Fact]) -> Fact:
        """Return what `compute` returned when it was first asked for under `key`."""
        if key not in self._memo:
            self._memo[key] = compute()
        found: Fact = self._memo[key]
        return found

    # data

    def rng(self, *key: Any) -> np.random.Generator:
        """Return a generator that depends on the seed and on `key` alone."""
        return np.random.default_rng(self._seeds(*key))

    def _seeds(self, *key: Any) -> tuple[int, ...]:
        return (self.seed, *(zlib.crc32(repr(k).encode()) for k in key))

    @property
    def eps(self) -> float:
        """Machine epsilon of the case's dtype."""
        return eps_of(self.dtype)

    @cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """The input layouts, every size known."""
        return tuple(layout.resolved() for layout in self.subject.layouts)

    @cached_property
    def batch_size(self) -> int | None:
        """The common size of B; None where no input has it or the inputs disagree."""
        sizes = {layout.shape[layout.find("B")] for layout in self.layouts if "B" in layout.format}
        return sizes.pop() if len(sizes) == 1 else None

    def is_integer(self, position: int) -> bool:
        """Whether an input holds integers, and so has no gradient."""
        name = self.subject.input_names[position]
        given = self.options.data_of(name)
        if given is not None:
            return given.dtype.kind not in "fc"
        return self.options.integers_of(name) is not None

    def range_of(self, position: int, draw: int = 0) -> tuple[float, float]:
        """The range of an input's values: the user's, else +-10 (draw 1) or +-2."""
        given = self.options.range_of(self.subject.input_names[position])
        return given or (WIDE if draw == 1 else NORMAL)

    def point(self, *, draw: int = 0, batch: int | None = None, sizes: Any = None) -> Point:
        """Return generated arguments, the same for the same request.

        Parameters
        ----------
        draw : int
            0: values of +-2; 1: values of +-10; others: +-2 again (all within ``--range``).
        batch : int, optional
            Another batch size.
        sizes : sequence of Layout, optional
            Other layouts altogether.
        """
        layouts = tuple(sizes) if sizes is not None else self.layouts
        if batch is not None:
            layouts = tuple(
                layout.with_size("B", batch) if "B" in layout.format else layout
                for layout in layouts
            )
        if (draw, layouts) not in self._points:
            self._points[draw, layouts] = Point(
                tuple(self._input(i, layout, draw) for i, layout in enumerate(layouts)),
                self.learnables,
                self._states(layouts),
                layouts,
            )
        return self._points[draw, layouts]

    def _input(self, position: int, layout: Layout, draw: int) -> np.ndarray:
        name = self.subject.input_names[position]
        seeds = self._seeds("input", name, draw, layout.shape)
        given, integers = self.options.data_of(name), self.options.integers_of(name)
        if given is not None:
            return self._given(given, layout)
        if integers is not None:
            return integer_values(layout.shape, *integers, np.random.default_rng(seeds))
        values = remembered_values(layout.shape, *self.range_of(position, draw), seeds)
        return values.astype(self.dtype, copy=False)

    def _given(self, data: np.ndarray, layout: Layout) -> np.ndarray:
        axis = layout.axis("B")
        if axis is not None and data.shape[axis] != layout.shape[axis]:
            data = np.take(data, np.arange(layout.shape[axis]) % data.shape[axis], axis=axis)
        return self.cast(data)

    @cached_property
    def learnables(self) -> Arrays:
        """Generic values of the learnables, in the case's dtype."""
        return tuple(
            self.cast(generic_values(slot.value, self.rng("learnable", slot.name)))
            for slot in self.subject.learnables
        )

    def _states(self, layouts: tuple[Layout, ...]) -> Arrays:
        live = self.subject.build(self.dtype, layouts)
        return tuple(
            self.cast(generic_values(np.asarray(value), self.rng("state", slot.name)))
            for slot, value in zip(self.subject.states, live.states(), strict=True)
        )

    def cast(self, value: Any) -> np.ndarray:
        """Return an array in the case's dtype, or the complex dtype of its precision."""
        array: np.ndarray = np.asarray(value)
        if array.dtype.kind == "c":
            return array.astype(np.result_type(self.dtype, np.complex64))
        return array.astype(self.dtype) if array.dtype.kind == "f" else array.copy()

    def upstream(self, outputs: Sequence[Any], *key: Any) -> Arrays:
        """Return random upstream gradients: normal, none smaller than 0.05, short in binary."""
        return tuple(self._copy_of_upstream(np.asarray(z), i, *key) for i, z in enumerate(outputs))

    def _copy_of_upstream(self, output: np.ndarray, *key: Any) -> np.ndarray:
        def make() -> np.ndarray:
            return self._upstream(output, self.rng("upstream", key[0], output.shape, *key[1:]))

        if len(key) > 1:
            return make()
        return self.memo(("upstream", key, output.shape, output.dtype), make).copy()

    def long_upstream(self, outputs: Sequence[Any]) -> Arrays:
        """Return random upstream gradients of 30 binary places, which float32 has to round.

        What short numbers add up to is often exact in float32, and hides that it was rounded.
        """
        rng = self.rng("upstream", "long")
        long = (_away_from_zero(rng, np.shape(z), 2.0**30) for z in outputs)
        pairs = zip(self.upstream(outputs), long, strict=True)
        return tuple(d if d.dtype != np.float64 else value for d, value in pairs)

    def _upstream(self, output: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if output.dtype.kind not in "fc":
            return np.zeros(output.shape, self.dtype)
        value = _away_from_zero(rng, output.shape)
        if output.dtype.kind == "c":
            value = value + 1j * _away_from_zero(rng, output.shape)
        return value.astype(output.dtype, copy=False)

    # calls

    def evaluate(
        self, point: Point, mode: Mode = "forward", *, seed: int | None = None
    ) -> Evaluation:
        """Run one pass of the pure function; raises `LayerError` where the layer does."""
        self.evaluations += Evaluations(forward=1)
        return self.subject.evaluate(
            point.inputs,
            point.learnables,
            point.states,
            mode=mode,
            dtype=self.dtype,
            layouts=point.layouts,
            seed=self.seed if seed is None else seed,
        )

    def pull_back(
        self,
        evaluation: Evaluation,
        upstream: Sequence[Any],
        state_upstream: Sequence[Any] | None = None,
    ) -> Gradients:
        """Run backward on a copy; raises `LayerError` where the layer does."""
        self.evaluations += Evaluations(backward=1)
        if state_upstream is None and self.subject.facts.state_gradients:
            state_upstream = tuple(np.zeros_like(state) for state in evaluation.states)
        return self.subject.pull_back(evaluation, upstream, state_upstream)

    def differentiate(self, call: Callable[[Differentiable], Fact], point: Point) -> Fact:
        """Return what `call` does with a live layer that its framework differentiates.

        Raises `LayerError` where the layer does.
        """
        self.evaluations += Evaluations(forward=1)
        return self.subject.differentiate(
            call,
            point.learnables,
            point.states,
            dtype=self.dtype,
            layouts=point.layouts,
            seed=self.seed,
        )

    def instance(self, point: Point | None = None) -> Instance:
        """Return a new live layer that holds the point's learnables and states."""
        point = self.point() if point is None else point
        live = self.subject.build(self.dtype, point.layouts)
        live.assign(point.learnables, point.states)
        return live

    # what several checks need

    def attempt(self, mode: Mode) -> Evaluation:
        """The pass at the layout, run once; raises `LayerError` again where it raised."""
        if mode not in self._base:
            try:
                self._base[mode] = self.evaluate(self.point(), mode)
            except LayerError as error:
                self._base[mode] = error
        found = self._base[mode]
        if isinstance(found, LayerError):
            raise found
        return found

    def base(self, mode: Mode = "forward") -> Evaluation:
        """The pass at the layout; skips the check where that pass raised."""
        if mode == "forward" and self.subject.facts.one_pass:
            mode = "predict"
        try:
            return self.attempt(mode)
        except LayerError:
            raise Skipped(f"needs shapes.{mode}") from None

    def attempt_gradients(self) -> Gradients:
        """Backward of the base pass; raises `LayerError` again where it raised."""
        if self._gradients is None:
            evaluation = self.base()
            try:
                self._gradients = self.pull_back(evaluation, self.upstream(evaluation.outputs))
            except LayerError as error:
                self._gradients = error
        if isinstance(self._gradients, LayerError):
            raise self._gradients
        return self._gradients

    def gradients(self) -> Gradients:
        """Backward of the base pass; skips the check where there is none or it raised."""
        self.require_backward()
        try:
            return self.attempt_gradients()
        except LayerError:
            raise Skipped(f"needs {self.backward_check}") from None

    @property
    def backward_check(self) -> str:
        """The check that fails where backward raises."""
        return "gradients.autodiff" if self.is_derived else "shapes.gradients"

    @property
    def is_derived(self) -> bool:
        """Whether autodiff derives the gradients, and no backward is written."""
        return self.subject.facts.backward == "autodiff"

    def require_backward(self) -> None:
        """Skip the check where the layer has no backward."""
        if self.subject.facts.backward == "none":
            raise Skipped("the layer has no backward")

    @cached_property
    def is_random(self) -> bool:
        """Whether the training forward's output depends on the seed."""
        base = self.base().outputs
        tries = 1 if self.subject.facts.one_pass else SEEDS
        return not all(
            _same(base, self.evaluate(self.point(), self._training, seed=self.seed + n).outputs)
            for n in range(1, tries + 1)
        )

    @cached_property
    def _training(self) -> Mode:
        return "predict" if self.subject.facts.one_pass else "forward"

    def spread(self, mode: Mode) -> tuple[float, ...]:
        """The change of each output under a last-bit jitter of inputs and learnables."""
        if mode == "forward":
            mode = self._training
        if mode not in self._spreads:
            jittered = self.evaluate(self.jittered(self.point()), mode)
            self._spreads[mode] = spread(self.base(mode).outputs, jittered.outputs)
        return self._spreads[mode]

    @cached_property
    def _spreads(self) -> dict[Mode, tuple[float, ...]]:
        return {}

    @cached_property
    def gradient_spread(self) -> Gradients:
        """The change of each gradient (a float each) under a last-bit jitter.

        The upstream gradient is jittered, too: where its terms cancel, as in the gradient of
        sum(softmax(x)), their rounding errors are all that is left.
        """
        first, point = self.gradients(), self.jittered(self.point())
        evaluation = self.evaluate(point, self._training)
        rng = self.rng("jitter", "upstream")
        upstream = tuple(_jitter(d, rng) for d in self.upstream(evaluation.outputs))
        second = self.pull_back(evaluation, upstream)
        return Gradients(
            _spreads(first.inputs, second.inputs), _spreads(first.learnables, second.learnables)
        )

    def jittered(self, point: Point) -> Point:
        """Return `point` with every floating input and learnable moved by up to one last bit."""
        rng = self.rng("jitter")
        return replace(
            point,
            inputs=tuple(_jitter(x, rng) for x in point.inputs),
            learnables=tuple(_jitter(w, rng) for w in point.learnables),
        )


def _away_from_zero(
    rng: np.random.Generator, shape: tuple[int, ...], units: float = 2.0**10
) -> np.ndarray:
    value = np.asarray(rng.standard_normal(shape))
    value *= units
    np.round(value, out=value)
    value /= units
    np.copyto(value, np.copysign(0.0625, value), where=np.abs(value) < 0.05)
    return value


def _jitter(array: Any, rng: np.random.Generator) -> Any:
    if array.dtype.kind not in "fc":
        return array
    return array * (1 + eps_of(array.dtype) * rng.choice([-1.0, 1.0], array.shape)).astype(
        array.real.dtype
    )


def _same(first: Arrays, second: Arrays) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc")
        for a, b in zip(first, second, strict=True)
    )


def _spreads(first: Arrays, second: Arrays) -> Arrays:
    return tuple(
        0.0 if a is None or b is None or a.shape != b.shape else spread((a,), (b,))[0]
        for a, b in zip(first, second, strict=True)
    )
