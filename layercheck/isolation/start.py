"""From what was typed to a run in which every layer has a process of its own."""

from __future__ import annotations

from dataclasses import replace

from layercheck.errors import TargetError
from layercheck.isolation.limits import Limits
from layercheck.isolation.pool import Pool
from layercheck.isolation.protocol import Arguments, Task
from layercheck.isolation.run import IsolatedRun, Target
from layercheck.targets import Place, expand, require_target


def typed_run(arguments: Arguments, command: str, limits: Limits) -> IsolatedRun:
    """Return the run that a command line asks for; its first process starts at once.

    Raises
    ------
    UsageError
        There is no target, or no process can be started.
    """
    require_target(arguments.target)
    pool = Pool(limits)
    pool.warm_up()
    task = Task(command, "", arguments=arguments, memory=limits.memory)
    return IsolatedRun(tuple(_target(text, task) for text in arguments.target), pool)


def _target(text: str, task: Task) -> Target:
    try:
        places = expand(text)
    except TargetError as error:
        return Target(text, problem=error)
    tasks = (replace(task, place=_text(place), takes_all=place.takes_all) for place in places)
    return Target(text, tuple(tasks))


def _text(place: Place) -> str:
    return place.text if place.name is None else place.command_name(place.name)
