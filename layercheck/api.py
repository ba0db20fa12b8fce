"""The Python face: `check_layer` and its `Report`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.case import Options
from layercheck.errors import LayercheckError
from layercheck.events import RunFinished
from layercheck.layout import Layout, parse_layout_option
from layercheck.loading import LoadedTarget, loaded_object
from layercheck.outcome import Outcome, Result, RunResult
from layercheck.plan import Plan, TargetPlan, require_known
from layercheck.plugins import load_suites
from layercheck.runner import run
from layercheck.settings import (
    require_dtypes,
    require_integers,
    require_options,
    require_range,
)


class CheckFailure(LayercheckError, AssertionError):
    """A layer failed; the message is the report."""


@dataclass(frozen=True)
class Report:
    """What `check_layer` found.

    It is true when the layer is ok, and prints itself as the terminal report.

    Parameters
    ----------
    run : RunResult
    """

    run: RunResult

    @property
    def ok(self) -> bool:
        """Something passed, and nothing failed or is incomplete."""
        return self.run.ok

    @property
    def results(self) -> tuple[Result, ...]:
        """The outcome of every check."""
        return self.run.results

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results that failed."""
        return tuple(r for r in self.results if r.outcome is Outcome.FAILED)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        from layercheck.reports.terminal import render

        return render(self.run)

    def __repr__(self) -> str:
        return f"<Report: {self.run.summary.line(self.run.elapsed_s)}>"

    def to_json(self) -> str:
        """Return the report as JSON text, schema ``layercheck/1``."""
        return json.dumps(self.run.to_json(), indent=2)

    def raise_for_failures(self) -> None:
        """Raise `CheckFailure` unless the layer is ok."""
        if not self.ok:
            raise CheckFailure(str(self))


def check_layer(
    layer: Any,
    *layouts: str | Layout,
    init: Mapping[str, Any] | None = None,
    call: Mapping[str, Any] | None = None,
    learnable: Mapping[str, Sequence[int]] | None = None,
    declare: Mapping[str, Any] | None = None,
    dtypes: Sequence[str] = ("float64", "float32"),
    range: Any = None,
    integers: Any = None,
    data: Any = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
    budget: int = 64,
    thorough: bool = False,
    gpu: bool = False,
) -> Report:
    """Check whether a layer is right.

    Parameters
    ----------
    layer : object, class, function or (forward, backward)
        The layer; a class is built with `init`.
    *layouts : str or Layout
        One for each input, in order: ``"SSCB:24,24,20,128"`` or ``"name=CB:7,4"``.
    init, call : mapping, optional
        Arguments of the constructor, and of every forward call.
    learnable : mapping, name -> shape, optional
        Parameters to generate, for a (forward, backward) pair.
    declare : mapping, optional
        What the tool cannot know: ``{"mixes": "B"}``.
    dtypes : sequence of str
        Real floating dtypes; gradients are verified in the first.
    range : (low, high) or mapping, input name -> (low, high), optional
        The values of the inputs.
    integers : (low, high) or mapping, input name -> (low, high), optional
        Inputs that hold integers; half-open.
    data : array or mapping, input name -> array, optional
        The inputs themselves.
    only, skip : sequence of str
        Suites, checks or globs.
    expected_failures : mapping, check id -> reason, optional
    seed : int
    budget : int
        Forwards that may be spent on one tensor to verify elements one by one.
    thorough : bool
        Verify gradients among zeros, ties and extremes at the full layout, too.
    gpu : bool
        GPU findings are failures.

    Returns
    -------
    Report

    Raises
    ------
    UsageError
        The layer is none, lacks arguments, or the layouts or options do not fit it.

    Examples
    --------
    >>> import layercheck
    >>> class Double:
    ...     def predict(self, x):
    ...         return 2 * x
    ...     def backward(self, x, z, dz, memory):
    ...         return 2 * dz
    >>> bool(layercheck.check_layer(Double(), "CB:5,4"))
    True
    """
    suites, _ = load_suites()
    expected = dict(expected_failures or {})
    require_known(only, suites, "only")
    require_known(skip, suites, "skip")
    require_known(expected, suites, "expected_failures")
    loaded = loaded_object(layer)
    parsed = tuple(_layout(layout) for layout in layouts)
    arguments = {
        "init": init,
        "call": call,
        "learnable": learnable,
        "declare": declare,
        "range": range,
        "integers": integers,
        "seed": seed,
    }
    target = TargetPlan(
        loaded=loaded,
        layouts=parsed,
        init=init or {},
        call=call or {},
        learnables={k: tuple(v) for k, v in (learnable or {}).items()},
        declared=declare or {},
        rerun=_rerun(loaded, layouts, arguments),
    )
    plan = Plan(
        targets=(target,),
        suites=suites,
        dtypes=require_dtypes(dtypes),
        only=tuple(only),
        skip=tuple(skip),
        expected=expected,
        options=require_options(
            Options(
                ranges=_per_input(range, require_range),
                integers=_per_input(integers, require_integers),
                data=_per_input(data, np.asarray),
                budget=budget,
                thorough=thorough,
                gpu=gpu,
            )
        ),
        seed=seed,
        command=target.rerun("", None) if target.rerun else "",
    )
    for event in run(plan):
        if isinstance(event, RunFinished):
            result = event.result
    if result.interrupted:
        raise KeyboardInterrupt
    return Report(result)


def _layout(layout: str | Layout) -> tuple[str | None, Layout]:
    return (None, layout) if isinstance(layout, Layout) else parse_layout_option(layout)


def _per_input(value: Any, convert: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a mapping input name -> value; "" stands for every input."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {str(name): convert(item) for name, item in value.items()}
    return {"": convert(value)}


def _rerun(
    loaded: LoadedTarget, layouts: Sequence[Any], arguments: Mapping[str, Any]
) -> Callable[[str, str | None], str]:
    """Return how the call is written again for one check."""

    def rerun(id: str, dtype: str | None) -> str:
        parts = [loaded.name, *(repr(str(layout)) for layout in layouts)]
        parts += [f"{key}={value!r}" for key, value in arguments.items() if value is not None]
        parts += [f"dtypes=({dtype!r},)"] if dtype else []
        parts += [f"only=({id!r},)"] if id else []
        return f"layercheck.check_layer({', '.join(parts)})"

    return rerun
