"""Targets: what the user asks to check, as text or object, and the layers it names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from layercheck.commands import as_argument, command_line
from layercheck.errors import TargetError, describe, nearest
from layercheck.frames import display_path, locate
from layercheck.frameworks.found import available, is_of_framework
from layercheck.importing import OWN_NAME, import_file, import_module, shadowing_warnings
from layercheck.recognition import (
    FunctionPair,
    forward_method,
    functions_in,
    layers_in,
    looks_like_layer,
    pair_named,
)
from layercheck.targets import Place, expand, nothing_in

_LISTED = 12


@dataclass(frozen=True)
class LoadedTarget:
    """A layer that was found, before it is built.

    Parameters
    ----------
    target : str
        What to type to get it again: ``examples/prelu.py::PReLU``.
    name : str
    obj : class, object, function or FunctionPair
    file, line : str or None, int or None
        Where it is defined; the file is an absolute path.
    module : module or None
    warnings : tuple of str
        What the user should know about the file.
    """

    target: str
    name: str
    obj: Any
    file: str | None = None
    line: int | None = None
    module: ModuleType | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loading:
    """The layers of several targets, and what could not be loaded."""

    targets: tuple[LoadedTarget, ...]
    errors: tuple[TargetError, ...]


def load_all(texts: Iterable[str]) -> Loading:
    """Load every layer of every target; what fails stands beside the others as an error."""
    targets: dict[str, LoadedTarget] = {}
    errors: list[TargetError] = []
    for text in texts:
        loading = _load(text)
        targets.update((found.target, found) for found in loading.targets)
        errors += loading.errors
    return Loading(tuple(targets.values()), tuple(errors))


def load_targets(text: str) -> list[LoadedTarget]:
    """Load the layers of one target.

    Parameters
    ----------
    text : str
        ``path.py`` (its only layer), ``path.py::NAME``, ``package.module:NAME``, or a
        folder or glob (every layer in it). NAME is a class, an object, a factory, a
        function, or the stem of a forward/backward pair.

    Raises
    ------
    TargetError
        Something of it cannot be loaded, or it names no layer.
    """
    loading = _load(text)
    if loading.errors:
        raise loading.errors[0]
    return list(loading.targets)


def loaded_layer(layer: Any) -> LoadedTarget:
    """Return a layer that is given as text or as an object."""
    if not isinstance(layer, str):
        return loaded_object(layer)
    (found, *others) = load_targets(layer)
    if others:
        names = ", ".join(each.target for each in (found, *others))
        raise TargetError(f"{layer!r} names {len(others) + 1} layers: {names}. Name one of them.")
    return found


def loaded_object(obj: Any) -> LoadedTarget:
    """Return a layer that is given as an object, a class or (forward, backward) functions."""
    if isinstance(obj, tuple) and len(obj) == 2 and all(isinstance(f, FunctionType) for f in obj):
        obj = _pair_of(*obj)
    name = _own_name(obj)
    _require_layer(obj, name)
    definition = _definition(obj)
    module = inspect.getmodule(definition)
    file, line = _defined_at(obj)
    target = name
    if "<locals>" not in definition.__qualname__ and module is not None:
        is_file = module.__name__ == "__main__" or module.__name__.startswith(OWN_NAME)
        target = f"{display_path(file)}::{name}" if is_file and file else target
        target = target if is_file else f"{module.__name__}:{name}"
    return LoadedTarget(target, name, obj, file, line, module)


def _load(text: str) -> Loading:
    targets: list[LoadedTarget] = []
    errors: list[TargetError] = []
    try:
        places = expand(text)
    except TargetError as error:
        return Loading((), (error,))
    for place in places:
        try:
            targets += _load_place(place)
        except TargetError as error:
            errors.append(error)
    if not targets and not errors:
        errors.append(nothing_in(text))
    return Loading(tuple(targets), tuple(errors))


def load_place(text: str, *, takes_all: bool = False) -> list[LoadedTarget]:
    """Load the layers of one file or module.

    Parameters
    ----------
    text : str
        As `load_targets` takes it, but no folder and no glob.
    takes_all : bool
        Every layer of it is wanted, and none is fine.
    """
    (place,) = expand(text)
    return _load_place(replace(place, takes_all=takes_all))


def _load_place(place: Place) -> list[LoadedTarget]:
    try:
        return _layers_of(place)
    except TargetError:
        raise
    except Exception as error:  # a __getattr__, a property, a metaclass
        file, line = locate(error)
        if file is None:
            raise
        raise TargetError(
            f"{place.text} cannot be searched for layers: its code raised {describe(error)} "
            f"({display_path(file)}:{line})."
        ) from error


def _layers_of(place: Place) -> list[LoadedTarget]:
    module = import_file(place.path) if place.path else import_module(place.text)
    found = layers_in(module, is_of_framework)
    if place.name is not None:
        obj = _look_up(module, place.name, place.text, found)
        _require_layer(obj, place.name, f" in {place.text}")
        found = {obj.name if isinstance(obj, FunctionPair) else place.name: obj}
    elif not place.takes_all:
        found = found or functions_in(module, is_of_framework)
        _require_one(found, place)
    warnings = shadowing_warnings(place.path) if place.path else ()
    return [
        LoadedTarget(place.command_name(name), name, obj, *_defined_at(obj), module, warnings)
        for name, obj in found.items()
    ]


def _look_up(module: ModuleType, name: str, text: str, layers: dict[str, object]) -> Any:
    obj: Any = pair_named(module, name)
    if obj is not None:
        return obj
    obj = module
    for part in name.split("."):
        if not hasattr(obj, part):
            public = [each for each in vars(module) if not each.startswith("_")]
            guess = nearest(name, layers) or nearest(name, public)
            raise TargetError(f"{text} has no {name!r}.{guess} {_listed(layers)}")
        obj = getattr(obj, part)
    return obj


def _require_layer(obj: Any, name: str, where: str = "") -> None:
    if is_of_framework(obj):
        return
    if isinstance(obj, ModuleType) or not (callable(obj) or looks_like_layer(obj)):
        what = f"of type {type(obj).__name__}, which is no layer"
    elif isinstance(obj, type) and not looks_like_layer(obj):
        if any("__call__" in vars(base) for base in obj.__mro__):
            return
        what = _why_not(obj)
    else:
        return
    raise TargetError(f"{name}{where} is {what}. {_wanted()}")


def _why_not(cls: type) -> str:
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        return f"an abstract class: it leaves {missing} to its subclasses"
    if any(hasattr(cls, name) for name in ("forward", "predict")) and forward_method(cls) is None:
        return "an abstract class: its forward pass has no body"
    return "a class without a forward pass"


def _wanted() -> str:
    known = ", ".join(available()) or "none"
    return (
        "A layer is a class or object with forward or predict, a function, a pair NAME_forward "
        f"and NAME_backward, or a layer of a framework (installed here: {known})."
    )


def _require_one(found: dict[str, object], place: Place) -> None:
    if not found:
        raise TargetError(
            f"{place.text} defines no layer: no class with a forward pass, no pair NAME_forward "
            f"and NAME_backward. Name what to check: {place.command_name('NAME')}."
        )
    if len(found) > 1:
        commands = [command_line([as_argument(place.command_name(name))]) for name in found]
        raise TargetError(
            f"{place.text} defines {len(found)} layers. Choose one:\n    " + "\n    ".join(commands)
        )


def _listed(layers: dict[str, object]) -> str:
    if not layers:
        return _wanted()
    names = list(layers)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"Its layers are {', '.join(names[:_LISTED])}{more}."


def _pair_of(forward: FunctionType, backward: FunctionType) -> FunctionPair:
    words = [word for word in forward.__name__.split("_") if word not in ("forward", "fwd")]
    return FunctionPair("_".join(words) or forward.__name__, forward, backward)


def _definition(obj: Any) -> Any:
    """Return the class or function whose source shows what an object is."""
    if isinstance(obj, FunctionPair):
        obj = obj.forward
    if callable(obj) and not isinstance(obj, type):
        obj = inspect.unwrap(obj)
    return obj if isinstance(obj, (type, FunctionType)) else type(obj)


def _own_name(obj: Any) -> str:
    if isinstance(obj, FunctionPair):
        return obj.name
    return str(getattr(obj, "__name__", type(obj).__name__))


def _defined_at(obj: Any) -> tuple[str | None, int | None]:
    definition = _definition(obj)
    try:
        file = inspect.getsourcefile(definition)
        line = inspect.findsource(definition)[1] + 1
    except (OSError, TypeError):
        return None, None
    return (str(Path(file).absolute()), line) if file else (None, None)
