"""The Python face: `check_layer` and its `Report`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layercheck.calls import Call, called_run, make_called_plan, require_call
from layercheck.errors import LayercheckError, UsageError
from layercheck.events import BugFound, Event, RunFinished
from layercheck.isolation.limits import require_limits
from layercheck.layout import Layout
from layercheck.loading import loaded_layer
from layercheck.outcome import Outcome, Result, RunResult
from layercheck.plugins import load_suites
from layercheck.runner import run
from layercheck.surroundings import Surroundings


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

    def _repr_html_(self) -> str:
        from layercheck.reports.html import fragment

        return fragment(self.run)

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
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    expected_failures: Mapping[str, str] | None = None,
    seed: int = 0,
    budget: int = 64,
    thorough: bool = False,
    gpu: bool = False,
    isolate: bool = False,
    timeout: float | None = None,
    time_limit: float | None = None,
    memory: int | str | None = None,
) -> Report:
    """Check whether a layer is right.

    Parameters
    ----------
    layer : object, class, function, (forward, backward) or str
        The layer; a class is built with `init`. Text is a target, as on the command line:
        ``"path/to/layer.py::Name"`` or ``"package.module:Name"``.
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
    only, skip : sequence of str, or str
        Suites, checks or globs; one text may hold several, with commas.
    expected_failures : mapping, check id -> reason, optional
    seed : int
    budget : int
        Forwards that may be spent on one tensor to verify elements one by one.
    thorough : bool
        Verify gradients among zeros, ties and extremes at the full layout, too.
    gpu : bool
        GPU findings are failures.
    isolate : bool
        Check in a process of its own, so that a layer that crashes or hangs is survived. The
        layer must be one that can be built there: text, or an importable class or function;
        `init` and `call` hold numbers, strings, arrays, and lists or dicts of them.
    timeout, time_limit : float, optional
        With `isolate`: the seconds that one call of the layer may take (60), and the run.
    memory : int or str, optional
        With `isolate`: the bytes that its process may hold, or text as ``"4G"``.

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
    given = require_call(
        Call(
            layouts=layouts,
            init=init,
            call=call,
            learnable=learnable,
            declare=declare,
            dtypes=dtypes,
            range=range,
            integers=integers,
            data=data,
            only=only,
            skip=skip,
            expected_failures=expected_failures or {},
            seed=seed,
            budget=budget,
            thorough=thorough,
            gpu=gpu,
        )
    )
    limits = {"timeout": timeout, "time_limit": time_limit, "memory": memory}
    if isolate:
        events = called_run(layer, given, require_limits(limits)).events()
    else:
        _require_no_limits(limits)
        events = _events_here(layer, given)
    return Report(_followed(events))


def _events_here(layer: Any, call: Call) -> Iterator[Event]:
    """The events of a run in this process, which is left as it was."""
    suites, _ = load_suites()
    plan = make_called_plan(call, suites, lambda: loaded_layer(layer))
    surroundings = Surroundings()
    try:
        yield from run(plan)
    finally:
        surroundings.put_back()


def _followed(events: Iterator[Event]) -> RunResult:
    """Return the result at the end of `events`; raise what the run cannot answer."""
    result = None
    for event in events:
        if isinstance(event, BugFound):
            raise RuntimeError(f"layercheck itself failed:\n{event.traceback}")
        if isinstance(event, RunFinished):
            result = event.result
    assert result is not None
    if result.interrupted:
        raise KeyboardInterrupt
    return result


def _require_no_limits(limits: Mapping[str, Any]) -> None:
    given = [name for name, value in limits.items() if value is not None]
    if given:
        raise UsageError(
            f"{given[0]} cannot be kept in this process. Pass isolate=True, or leave out "
            f"{given[0]}."
        )
