"""Plugins, found by their entry points: listed without loading, loaded when selected.

A plugin that cannot be loaded is named with its distribution and the reason, and never stops
the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal

from layercheck.errors import UsageError, describe, nearest

if TYPE_CHECKING:
    from layercheck.suite import Suite

Kind = Literal["suite", "framework", "report"]
BUILT_IN_SUITES = (
    *("contract", "shapes", "dtypes", "gradients", "batch"),
    *("state", "purity", "numerics", "gpu"),
)
_WITHOUT = {
    "suite": "The checks of {name} are unavailable; the other suites are unaffected.",
    "framework": "Checks of {name} layers are unavailable; NumPy layers are unaffected.",
    "report": "The report {name} is unavailable; the other reports are unaffected.",
}


class PluginError(UsageError):
    """A plugin is not installed or cannot be loaded."""


@dataclass(frozen=True)
class Plugin:
    """An installed plugin, not loaded.

    Parameters
    ----------
    kind : {"suite", "framework", "report"}
    entry : EntryPoint
    """

    kind: Kind
    entry: EntryPoint

    @property
    def name(self) -> str:
        """The name that selects it."""
        return self.entry.name

    @property
    def distribution(self) -> str:
        """``layercheck 0.1.0``: the distribution that registered it, and its version."""
        dist = self.entry.dist
        return "an unknown distribution" if dist is None else f"{dist.name} {dist.version}"

    def load(self) -> Any:
        """Import it and return its object; raises `PluginError` where that fails."""
        try:
            return self.entry.load()
        except (Exception, SystemExit) as error:
            raise self.problem(f"could not be loaded: {describe(error)}") from error

    def problem(self, what: str) -> PluginError:
        """Return the error that says `what` of this plugin, and what does not work without it."""
        without = _WITHOUT[self.kind].format(name=self.name)
        return PluginError(
            f"The {self.kind} plugin {self.name!r} ({self.distribution}) {what.rstrip('.')}. "
            f"{without}"
        )


def installed(kind: Kind) -> tuple[Plugin, ...]:
    """Return the installed plugins of a kind by name, those of layercheck first; loads none."""
    found = {(e.name, e.value): Plugin(kind, e) for e in entry_points(group=f"layercheck.{kind}s")}
    return tuple(sorted(found.values(), key=lambda p: (not _is_ours(p), p.name, p.entry.value)))


def _is_ours(plugin: Plugin) -> bool:
    return plugin.entry.dist is not None and plugin.entry.dist.name == "layercheck"


def load_suites() -> tuple[tuple[Suite, ...], tuple[str, ...]]:
    """Load every installed suite.

    Returns
    -------
    suites : tuple of Suite
        The built-in ones in their fixed order, then others by name.
    problems : tuple of str
        One message for each that could not be loaded.
    """
    suites: dict[str, Suite] = {}
    problems: list[str] = []
    for plugin in installed("suite"):
        try:
            suite = _load_suite(plugin, suites)
        except PluginError as error:
            problems.append(str(error))
        else:
            suites[suite.name] = suite
    return tuple(sorted(suites.values(), key=_place)), tuple(problems)


def _load_suite(plugin: Plugin, known: dict[str, Suite]) -> Suite:
    from layercheck.suite import Suite

    suite = plugin.load()
    if not isinstance(suite, Suite):
        raise plugin.problem(f"is no Suite: {plugin.entry.value} is of type {type(suite).__name__}")
    if suite.name in known:
        raise plugin.problem(f"calls its suite {suite.name!r}, and there is one of that name")
    return suite


def _place(suite: Suite) -> tuple[int, str]:
    ours = suite.name in BUILT_IN_SUITES
    return (BUILT_IN_SUITES.index(suite.name) if ours else len(BUILT_IN_SUITES), suite.name)


def load_reporter(name: str) -> Any:
    """Return the reporter of a name.

    Raises
    ------
    PluginError
        None of that name is installed (the nearest is suggested), or it cannot be loaded.
    """
    reporters = {plugin.name: plugin for plugin in reversed(installed("report"))}
    if name not in reporters:
        raise PluginError(
            f"There is no report {name!r}.{nearest(name, reporters)} "
            f"Installed: {', '.join(sorted(reporters)) or 'none'}."
        )
    return reporters[name].load()


def load_frameworks() -> tuple[dict[str, Any], tuple[str, ...]]:
    """Load every installed framework plugin; return them by name, and a message for each other."""
    frameworks: dict[str, Any] = {}
    problems: list[str] = []
    for plugin in installed("framework"):
        try:
            frameworks.setdefault(plugin.name, plugin.load())
        except PluginError as error:
            problems.append(str(error))
    return frameworks, tuple(problems)
