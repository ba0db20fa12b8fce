"""From a plan to events, in this process."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator

import numpy as np

from layercheck.baseline import Baseline
from layercheck.checking import Checking, Debug, cases_of
from layercheck.errors import UsageError
from layercheck.events import Event, LayerFinished, RunFinished, RunStarted
from layercheck.expectations import Ledger, require_expected
from layercheck.outcome import LayerResult, RunResult, check_id
from layercheck.plan import Plan
from layercheck.preparing import Prepared, prepare
from layercheck.streams import Streams, quiet
from layercheck.version import __version__


def run(
    plan: Plan,
    streams: Streams = quiet,
    debug: Debug | None = None,
    baseline: Baseline | None = None,
) -> Iterator[Event]:
    """Run `plan`; yield what happens. The last event is `RunFinished`, also after Ctrl-C.

    Parameters
    ----------
    plan : Plan
    streams : callable
        A context in which the layer's prints go where they shall.
    debug : callable, optional
        Gets what a failing check raised.
    baseline : Baseline, optional
        Failures that are accepted.

    Raises
    ------
    UsageError
        No target can be loaded; where only some cannot, they are reported as layer results.
    """
    started = time.perf_counter()
    prepared = _prepare_all(plan, streams)
    yield RunStarted(__version__, environment(), plan.seed, len(prepared))
    layers: list[LayerResult] = []
    interrupted = False
    for item in prepared:
        if isinstance(item, LayerResult):
            layers.append(item)
            yield LayerFinished(item)
            continue
        checking = Checking(plan, item, streams, debug)
        accepted = baseline.of(checking.result(())) if baseline is not None else {}
        expected = {**accepted, **plan.expected}
        ledger = Ledger(checking.questions(), expected, plan.stop_on_first)
        yield checking.started()
        try:
            yield from ledger.follow(checking.stream())
        except KeyboardInterrupt:
            interrupted = True
        layers.append(checking.result(tuple(ledger.results)))
        yield LayerFinished(layers[-1])
        if interrupted:
            break
    elapsed = time.perf_counter() - started
    yield RunFinished(
        RunResult(
            version=__version__,
            command=plan.command,
            seed=plan.seed,
            environment=environment(),
            layers=tuple(layers),
            elapsed_s=elapsed,
            interrupted=interrupted,
        )
    )


def environment() -> dict[str, str]:
    """The versions that a run depends on."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(terse=True),
    }


def _prepare_all(plan: Plan, streams: Streams) -> list[Prepared | LayerResult]:
    prepared: list[Prepared | LayerResult] = []
    problems: list[UsageError] = []
    for target in plan.targets:
        try:
            with streams():
                prepared.append(prepare(target, plan.seed, plan.options))
        except UsageError as error:
            problems.append(error)
            loaded = target.loaded
            prepared.append(LayerResult(loaded.target, loaded.name, problem=str(error)))
    problems.extend(plan.unloadable)
    prepared.extend(LayerResult("", "", problem=str(problem)) for problem in plan.unloadable)
    if len(problems) == len(prepared):
        raise problems[0] if len(problems) == 1 else UsageError("\n".join(map(str, problems)))
    runnable = [item for item in prepared if isinstance(item, Prepared)]
    if all(item.subject for item in runnable):
        require_expected(plan.expected, {id for item in runnable for id in known_ids(plan, item)})
    return prepared


def known_ids(plan: Plan, prepared: Prepared) -> Iterator[str]:
    """Yield the ids of all checks and cases that a layer has, selected or not."""
    for suite in plan.suites:
        for check in suite.checks:
            for name in cases_of(check, prepared.subject):
                yield check_id(suite.name, check.name, name)
