"""From the arguments of `check_layer` to a plan; a worker makes the same plan of the same call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.machinery import PathFinder
from numbers import Integral
from types import FunctionType
from typing import Any

import numpy as np

from layercheck.case import Options
from layercheck.errors import LayoutError, UsageError
from layercheck.frameworks.backend import choose_backend
from layercheck.isolation.limits import Limits
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import Task
from layercheck.isolation.run import IsolatedRun, Target
from layercheck.isolation.values import encode
from layercheck.layout import Layout, parse_layout_option
from layercheck.loading import LoadedTarget, loaded_object
from layercheck.plan import Plan, TargetPlan, require_known
from layercheck.recognition import FunctionPair
from layercheck.settings import (
    require_dtypes,
    require_integers,
    require_options,
    require_range,
)
from layercheck.suite import Suite


@dataclass(frozen=True)
class Call:
    """What `check_layer` was given beside the layer; its docstring says what each means."""

    layouts: Sequence[str | Layout]
    init: Mapping[str, Any] | None = None
    call: Mapping[str, Any] | None = None
    learnable: Mapping[str, Sequence[int]] | None = None
    declare: Mapping[str, Any] | None = None
    dtypes: Sequence[Any] = ("float64", "float32")
    range: Any = None
    integers: Any = None
    data: Any = None
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    budget: int = 64
    thorough: bool = False
    gpu: bool = False


def require_call(call: Call) -> Call:
    """Return the call, its names listed; raises `UsageError` for what no option can hold."""
    for layout in call.layouts:
        if not isinstance(layout, (str, Layout)):
            raise LayoutError(
                f"The layout {layout!r} is no text. Pass one for each input, as "
                "'SSCB:24,24,20,128', or a layercheck.Layout."
            )
    for name in ("init", "call", "learnable", "declare", "expected_failures"):
        value = getattr(call, name)
        if value is not None and not isinstance(value, Mapping):
            raise UsageError(f"{name} is {value!r}. Pass a mapping, as {name}={{'NAME': VALUE}}.")
    for name in ("seed", "budget"):
        value = getattr(call, name)
        if not isinstance(value, Integral):
            raise UsageError(f"{name} is {value!r}. Pass a whole number.")
    return replace(call, only=_names(call.only, "only"), skip=_names(call.skip, "skip"))


def _names(value: Any, argument: str) -> tuple[str, ...]:
    """Return the ids of a sequence, or of one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Collection) or not all(isinstance(part, str) for part in parts):
        raise UsageError(f"{argument} is {value!r}. Pass ids, as {argument}=('gradients',).")
    return tuple(name for part in parts if (name := part.strip()))


def make_called_plan(
    call: Call, suites: tuple[Suite, ...], load: Callable[[], LoadedTarget]
) -> Plan:
    """Check every argument, then get the layer.

    Raises
    ------
    UsageError
        An argument cannot be carried out, or the layer is none.
    """
    require_known(call.only, suites, "only")
    require_known(call.skip, suites, "skip")
    require_known(call.expected_failures, suites, "expected_failures")
    dtypes, options = require_dtypes(call.dtypes), _options(call)
    layouts = tuple(_layout(layout) for layout in call.layouts)
    choose_backend((call.declare or {}).get("backend"))
    loaded = load()
    rerun = _rerun(loaded, call)
    target = TargetPlan(
        loaded=loaded,
        layouts=layouts,
        init=call.init or {},
        call=call.call or {},
        learnables={name: tuple(sizes) for name, sizes in (call.learnable or {}).items()},
        declared=call.declare or {},
        rerun=rerun,
    )
    return Plan(
        targets=(target,),
        suites=suites,
        dtypes=dtypes,
        only=tuple(call.only),
        skip=tuple(call.skip),
        expected=dict(call.expected_failures),
        options=options,
        seed=call.seed,
        command=rerun("", None),
    )


def called_run(layer: Any, call: Call, limits: Limits) -> IsolatedRun:
    """Return the run of a call in a process of its own.

    Raises
    ------
    UsageError
        The layer or a value cannot be handed to another process.
    """
    place = layer if isinstance(layer, str) else _importable(layer)
    values = {each.name: getattr(call, each.name) for each in fields(call)}
    values["layouts"] = [str(layout) for layout in call.layouts]
    if not isinstance(call.dtypes, str):
        names = [each if isinstance(each, str) else np.dtype(each).name for each in call.dtypes]
        values["dtypes"] = names
    called = {name: encode(value, name) for name, value in values.items()}
    task = Task("", place, called=called, path=tuple(sys.path), memory=limits.memory)
    return IsolatedRun((Target(place, (task,)),), Pool(limits))


def _importable(layer: Any) -> str:
    """Return the target text of a class or function; raises `UsageError` where it has none."""
    found = loaded_object(layer)
    is_object = not isinstance(found.obj, (type, FunctionType, FunctionPair))
    if is_object or ":" not in found.target:
        what = "an object" if is_object else "defined in a function or typed in"
        raise UsageError(
            f"{found.name} is {what}, so it cannot be built in another process. Pass its class "
            "with init={...}, or text as 'path/to/layer.py::NAME', or isolate=False."
        )
    module, colon, name = found.target.partition(":")
    is_module = colon and not name.startswith(":")
    if is_module and found.file and PathFinder.find_spec(module.partition(".")[0]) is None:
        return f"{found.file}::{name}"  # imported in a way of its own, as pytest does
    return found.target


def _options(call: Call) -> Options:
    return require_options(
        Options(
            ranges=_per_input(call.range, require_range),
            integers=_per_input(call.integers, require_integers),
            data=_per_input(call.data, np.asarray),
            budget=call.budget,
            thorough=call.thorough,
            gpu=call.gpu,
        )
    )


def _layout(layout: str | Layout) -> tuple[str | None, Layout]:
    return (None, layout) if isinstance(layout, Layout) else parse_layout_option(layout)


def _per_input(value: Any, convert: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a mapping input name -> value; "" stands for every input."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(name): convert(item) for name, item in value.items()}
    return {"": convert(value)}


def _rerun(loaded: LoadedTarget, call: Call) -> Callable[[str, str | None], str]:
    """Return how the call is written again for one check."""
    names = ("init", "call", "learnable", "declare", "range", "integers", "seed")
    values = {name: getattr(call, name) for name in names}

    def rerun(id: str, dtype: str | None) -> str:
        parts = [loaded.name, *(repr(str(layout)) for layout in call.layouts)]
        parts += [f"{key}={value!r}" for key, value in values.items() if value is not None]
        parts += [f"dtypes=({dtype!r},)"] if dtype else []
        parts += [f"only=({id!r},)"] if id else []
        return f"layercheck.check_layer({', '.join(parts)})"

    return rerun
