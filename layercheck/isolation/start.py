"""From what was typed or configured to a run in which every layer has a process of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from layercheck.baseline import Baseline
from layercheck.errors import TargetError
from layercheck.isolation.cluster import cluster_slots
from layercheck.isolation.fleet import PoolSlot, Slot
from layercheck.isolation.limits import Limits
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import Arguments, Task
from layercheck.isolation.run import IsolatedRun, Target
from layercheck.targets import Place, expand, require_target


def typed_run(
    arguments: Arguments, command: str, limits: Limits, baseline: Baseline
) -> IsolatedRun:
    """Return the run that a command line asks for; its first process starts at once.

    Raises
    ------
    UsageError
        There is no target, or no process can be started.
    """
    require_target(arguments.target)
    task = Task(command, "", arguments=arguments, memory=limits.memory)
    targets = [_target(text, task) for text in arguments.target]
    return IsolatedRun(targets, _slots(limits), baseline)


def configured_run(
    layers: Sequence[tuple[str, Arguments]],
    command: str,
    limits: Limits,
    path: Sequence[str],
    baseline: Baseline,
) -> IsolatedRun:
    """Return the run of the layers of a configuration, each with options of its own.

    Parameters
    ----------
    layers : sequence of (name, Arguments)
    command : str
    limits : Limits
    path : sequence of str
        Folders that are importable beside the working folder.
    baseline : Baseline
        Failures that are accepted.
    """
    targets = []
    for name, arguments in layers:
        task = Task(command, "", arguments=arguments, memory=limits.memory, path=tuple(path))
        target = _target(arguments.target[0], task)
        targets.append(replace(target, configured_as=name))
    return IsolatedRun(targets, _slots(limits), baseline)


def _slots(limits: Limits) -> Pool | Sequence[Slot]:
    """Return what carries the layers out; here, the first process starts at once."""
    if limits.cluster is not None:
        return cluster_slots(limits.cluster, limits)
    if limits.jobs == 1:
        pool = Pool(limits)
        pool.warm_up()
        return pool
    threads = max(1, (os.cpu_count() or 1) // limits.jobs)
    pools = [Pool(limits, threads) for _ in range(limits.jobs)]
    pools[0].warm_up()
    return [PoolSlot(pool) for pool in pools]


def _target(text: str, task: Task) -> Target:
    try:
        places = expand(text)
    except TargetError as error:
        return Target(text, problem=error)
    tasks = (replace(task, place=_text(place), takes_all=place.takes_all) for place in places)
    return Target(text, tuple(tasks))


def _text(place: Place) -> str:
    return place.text if place.name is None else place.command_name(place.name)
