"""From the options of the command line to the events of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from layercheck.baseline import Baseline, read_baseline
from layercheck.config.reading import Configuration, find_configuration
from layercheck.errors import UsageError
from layercheck.events import Event
from layercheck.isolation.limits import Limits, with_jobs
from layercheck.isolation.protocol import Arguments
from layercheck.isolation.run import IsolatedRun
from layercheck.isolation.start import configured_run, typed_run
from layercheck.targets import require_target

_OF_ONE_LAYER = (
    *("layout", "init", "call", "learnable", "declare"),
    *("range", "integers", "data", "expect_fail"),
)
_UNKEPT = ("timeout", "time_limit", "memory", "jobs")


@contextlib.contextmanager
def asked_events(
    given: dict[str, Any], command: str, warn: Callable[[str], None]
) -> Iterator[Iterable[Event]]:
    """Give the events of the run that a command line asks for, and end its processes.

    Parameters
    ----------
    given : dict
        The options under their names; what was not typed is None, False or empty.
    command : str
    warn : callable
        Gets what is missing here and does not stop the run.

    Raises
    ------
    UsageError
        There is no target, or an option cannot be carried out.
    """
    debug = given.pop("pdb")
    in_process = given.pop("in_process") or debug
    given["stop_on_first"] = given.pop("exitfirst")
    typed = {name: value for name, value in given.items() if value not in (None, (), False)}
    if in_process:
        yield _here(typed, command, debug, warn)
        return
    run = _typed(typed, command) if "target" in typed else _configured(typed, command)
    with contextlib.closing(run):
        yield run.events()


def listed_layers() -> str:
    """Return the name and the command of every configured layer."""
    from layercheck.arguments import whole_command

    entries = _configuration().entries
    return "".join(f"{each.name}\n    {whole_command(each.arguments)}\n" for each in entries)


def _typed(typed: dict[str, Any], command: str) -> IsolatedRun:
    """Return the run of the targets that were typed."""
    limits, baseline = _limits(typed), _baseline(typed)
    return typed_run(_arguments(typed), command, limits, baseline)


def _configured(typed: dict[str, Any], command: str) -> IsolatedRun:
    """Return the run of the layers of pyproject.toml; options of the run replace what it says."""
    found = _configuration()
    for name in typed:
        if name in _OF_ONE_LAYER:
            raise UsageError(
                f"--{name.replace('_', '-')} belongs to a layer. Name its TARGET, or write it "
                f"into {found.file.name}."
            )
    together = {**found.run, **typed}
    limits, baseline = _limits(together), _baseline(together)
    own = {name: value for name, value in typed.items() if name not in ("jobs", "baseline")}
    layers = [(each.name, replace(each.arguments, **own)) for each in found.entries]
    return configured_run(layers, command, limits, [str(found.folder)], baseline)


def _configuration() -> Configuration:
    """Return the configuration; raises `UsageError` where it lists no layer."""
    found = find_configuration()
    if found is None or not found.entries:
        require_target(())
    assert found is not None
    return found


def _arguments(typed: Mapping[str, Any]) -> Arguments:
    others = ("jobs", "baseline")
    return Arguments(**{name: value for name, value in typed.items() if name not in others})


def _limits(given: Mapping[str, Any]) -> Limits:
    texts = {name: given.get(name) for name in ("timeout", "time_limit", "memory")}
    return with_jobs(Limits.parse(**texts), given.get("jobs") or "1")


def _baseline(given: Mapping[str, Any]) -> Baseline:
    path = given.get("baseline")
    return Baseline() if path is None else read_baseline(path)


def _here(
    typed: dict[str, Any], command: str, debug: bool, warn: Callable[[str], None]
) -> Iterable[Event]:
    """Return the run in this process."""
    from layercheck.arguments import make_plan
    from layercheck.debugging import post_mortem
    from layercheck.devices import stand_in
    from layercheck.plugins import load_suites
    from layercheck.runner import run
    from layercheck.streams import beside_the_report

    stand_in.install()
    _require_kept(typed)
    suites, problems = load_suites()
    for problem in problems:
        warn(problem)
    plan = make_plan(_arguments(typed), suites, command)
    return run(plan, beside_the_report, post_mortem if debug else None, _baseline(typed))


def _require_kept(typed: Mapping[str, Any]) -> None:
    """Raise `UsageError` for what needs a process of the layer's own."""
    for name in _UNKEPT:
        if name in typed:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} cannot be kept in this process. Leave out {option}, or --in-process "
                "and --pdb."
            )
    if "target" not in typed and find_configuration() is not None:
        raise UsageError(
            "--in-process and --pdb check what is named on the command line. Name a TARGET; "
            "layercheck --list-layers prints the command of each configured layer."
        )
    require_target(typed.get("target", ()))
