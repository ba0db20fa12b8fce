"""The framework of a layer: recognised through ``sys.modules``, never by importing one."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from types import CodeType, FunctionType, ModuleType
from typing import Any

from layercheck.frameworks.framework import Framework
from layercheck.plugins import Plugin, installed


def framework_of(obj: Any) -> Framework | None:
    """Return the framework that recognises a class, an object or a function; None: none does.

    Raises
    ------
    PluginError
        A framework is imported, and its plugin cannot be loaded.
    """
    return next((each for each in imported() if each.recognise(obj)), None)


def is_of_framework(obj: Any) -> bool:
    """Whether a class, an object or a function is a layer of an imported framework."""
    return framework_of(obj) is not None


def available() -> tuple[str, ...]:
    """Return the names of the frameworks that have a plugin and are installed; imports none."""
    names = {plugin.name for plugin in _plugins()}
    return tuple(sorted(name for name in names if _is_installed(name)))


def _is_installed(name: str) -> bool:
    try:
        return name in sys.modules or find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def imported() -> list[Framework]:
    """Return the frameworks that are imported and have a plugin, in the order they are asked."""
    plugins = [each for each in _plugins() if each.name in sys.modules]
    found = {plugin.name: _load(plugin) for plugin in reversed(plugins)}
    frameworks = sorted(found.values(), key=lambda each: each.name)
    covered = {name for each in frameworks for name in each.above}
    return sorted(frameworks, key=lambda each: each.name in covered)


@cache
def _plugins() -> tuple[Plugin, ...]:
    return installed("framework")


@cache
def _load(plugin: Plugin) -> Framework:
    framework = plugin.load()
    if not isinstance(framework, Framework):
        kind = type(framework).__name__
        raise plugin.problem(f"is no Framework: {plugin.entry.value} is of type {kind}")
    return framework


def packages_used(function: Any) -> frozenset[str]:
    """Return the packages whose names a function's code uses, those of inner functions included.

    Where it uses none, as in ``x * x``, those that its module imports.
    """
    function = inspect.unwrap(function)
    if not isinstance(function, FunctionType):
        return frozenset()
    names = set(_names(function.__code__))
    used = {_package(function.__globals__.get(name)) for name in names} - {None}
    if not used:
        used = {_package(value) for value in function.__globals__.values()} - {None}
    return frozenset(name for name in used if name is not None)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _package(value: Any) -> str | None:
    """The root package of a module, or of the module that defines a class or function."""
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0]
    module = getattr(value, "__module__", None)
    if not isinstance(module, str):
        return None
    root = module.partition(".")[0]
    return None if root in ("builtins", "__main__") else root
