"""What is learnt about a layer by running it at its layout, before any check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from layercheck import LayerError, Layout, Request, example_inputs
from layercheck_torch.arrays import dtype_in, torch_dtype
from layercheck_torch.copies import copied
from layercheck_torch.holding import Holding, has_value, named_states
from layercheck_torch.program import Plan, TorchProgram
from layercheck_torch.random import seeded
from layercheck_torch.tree import own_tensors

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Tried:
    """What the runs showed.

    Parameters
    ----------
    layer : object
        The layer, its lazy parameters initialised.
    outputs : int or None
        None where it runs in no dtype.
    states : mapping, first name -> names
        Buffers that the passes update.
    resizes : bool
        A pass changes the shape of a state, or makes it.
    reads_training : bool
        The call looks whether it is a training pass.
    dtypes : tuple of str
        Those it runs in, where it does not run in all.
    notes : tuple of str
    """

    layer: Any
    outputs: int | None = None
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resizes: bool = False
    reads_training: bool = True
    dtypes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def tried(
    request: Request, plan: Plan, layouts: tuple[Layout, ...], declared: tuple[str, ...]
) -> Tried:
    """Run a layer at its layout: in evaluation, then twice in training."""
    layer, notes = initialised(request, plan, layouts)
    errors: dict[str, LayerError] = {}
    for name in DTYPES:
        try:
            found = _run(request, plan, layouts, layer, np.dtype(name), declared)
        except LayerError as error:
            errors[name] = error
            continue
        if errors:
            notes = (*notes, _narrow_note(errors["float64"]))
        dtypes = (name,) if errors else ()
        return Tried(layer, *found, dtypes=dtypes, notes=notes)
    return Tried(layer, notes=notes)


def initialised(
    request: Request, plan: Plan, layouts: tuple[Layout, ...]
) -> tuple[Any, tuple[str, ...]]:
    """Return a copy of the layer whose lazy parameters have values, and what to say of it."""
    layer = copied(request.layer)
    if not isinstance(layer, torch.nn.Module):
        return layer, ()
    before = _names(layer)
    if any(torch.nn.parameter.is_lazy(p) for p in (*layer.parameters(), *layer.buffers())):
        _run_once(request, plan, layouts, layer)
        return layer, ()
    trial = copied(layer)
    try:
        _run_once(request, plan, layouts, trial)
    except LayerError:
        return layer, ()
    made = [name for name in _names(trial) if name not in before]
    if not made:
        return layer, ()
    return trial, (
        f"the first forward() makes {', '.join(made)}: an optimizer that is made before it does "
        "not train what it does not know",
    )


def _names(layer: Any) -> list[str]:
    return [name for name, _ in layer.named_parameters()]


def _run_once(request: Request, plan: Plan, layouts: tuple[Layout, ...], layer: Any) -> None:
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        inputs = example_inputs(request, plan.names, layouts, dtype)
        program = TorchProgram(layer, plan, dtype)
        try:
            with seeded(request.seed), torch.no_grad():
                generated = program.learnables()
                program.run(generated, (), inputs, "predict", record=False)
        except LayerError:
            if dtype == np.float64:
                raise
            continue
        return


def _run(
    request: Request,
    plan: Plan,
    layouts: tuple[Layout, ...],
    layer: Any,
    dtype: np.dtype[Any],
    declared: tuple[str, ...],
) -> tuple[int, dict[str, tuple[str, ...]], bool, bool]:
    trial = cast(copied(layer), dtype)
    program = TorchProgram(trial, plan, dtype)
    inputs = example_inputs(request, plan.names, layouts, dtype)
    names = {**named_states(trial), **{name: (name,) for name in declared}}
    before = _values(trial, names)
    moved: set[str] = set()
    resizes = False
    with seeded(request.seed), _watching_training() as reads:
        for mode in ("predict", "forward", "forward"):
            recorded = program.run(program.learnables(), (), inputs, mode, record=True)
            names = {**names, **named_states(trial)}
            after = _values(trial, names)
            for name, value in after.items():
                old = before.get(name)
                same = old is not None and np.array_equal(old, value, equal_nan=_floats(value))
                resizes |= old is None or old.shape != value.shape
                moved |= set() if same else {name}
    states = {name: names[name] for name in names if name in moved or name in declared}
    states = {name: found for name, found in states.items() if name in after}
    return len(recorded.outputs), states, resizes, bool(reads)


def _values(layer: Any, names: Mapping[str, Any]) -> dict[str, np.ndarray]:
    holding = Holding(states=tuple((name,) for name in names if has_value(layer, name)))
    values = holding.state_values(layer)
    return {
        names_[0]: np.array(value) for names_, value in zip(holding.states, values, strict=True)
    }


def _floats(value: np.ndarray) -> bool:
    return value.dtype.kind in "fc"


def cast(layer: Any, dtype: np.dtype[Any]) -> Any:
    """Give a layer's floating parameters and buffers a dtype, as ``.to(dtype)`` does.

    Complex ones get the complex dtype of its precision.
    """
    torch_dtype(dtype)
    if isinstance(layer, torch.nn.Module):
        with torch.no_grad():
            layer._apply(lambda tensor: tensor.to(dtype_in(tensor, dtype)))
    elif hasattr(layer, "__dict__"):
        for tensor in own_tensors(layer).values():
            if tensor.is_leaf:
                tensor.data = tensor.data.to(dtype_in(tensor, dtype))
    return layer


@contextmanager
def _watching_training() -> Iterator[list[Any]]:
    """Collect the modules whose calls look at ``training``.

    A module keeps it in its ``__dict__``, so that a property of the class comes first.
    """
    reads: list[Any] = []

    def read(module: Any) -> Any:
        reads.append(module)
        return module.__dict__["training"]

    def write(module: Any, value: Any) -> None:
        module.__dict__["training"] = value

    torch.nn.Module.training = property(read, write)
    try:
        yield reads
    finally:
        del torch.nn.Module.training


def _narrow_note(error: LayerError) -> str:
    return f"it runs in float32 and not in float64, where {error}"
