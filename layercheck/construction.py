"""A loaded target, built: the constructor or factory called with the arguments of ``--init``."""

from __future__ import annotations

import contextlib
import copy
import inspect
import sys
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from layercheck.calling import call_layer, keeping_changes
from layercheck.errors import LayerError, TargetError, nearest
from layercheck.frameworks.found import available, framework_of, is_of_framework
from layercheck.loading import LoadedTarget
from layercheck.recognition import FunctionPair, is_static_function, looks_like_layer

_MAKERS = ("make", "build", "create", "get", "new", "factory")
_NO_DEFAULT = inspect.Parameter.empty
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def construct(loaded: LoadedTarget, init: Mapping[str, Any] | None = None, seed: int = 0) -> Any:
    """Build the layer of a loaded target.

    Parameters
    ----------
    loaded : LoadedTarget
    init : mapping of str to value, optional
        Arguments of the constructor or factory; they are copied.
    seed : int
        Of random keys that the layer's framework asks for.

    Returns
    -------
    layer
        The object that a class or factory gives. An object, a forward/backward pair, a
        class whose passes are static, and a function of inputs are the layer themselves.

    Raises
    ------
    TargetError
        Required arguments are missing, or some are unknown.
    LayerError
        The constructor raised.
    """
    given = copy.deepcopy(dict(init or {}))
    obj = loaded.obj
    framework = framework_of(obj)
    if framework is not None:
        given = {**framework.arguments(obj, seed), **given}
    if isinstance(obj, type) and not is_static_function(obj):
        return _call(loaded, obj, given, "the constructor")
    is_function = framework is not None and framework.is_function(obj)
    if isinstance(obj, FunctionType) and not is_function and _is_factory(obj, given):
        layer = _call(loaded, obj, given, f"{loaded.name}()")
        if not looks_like_layer(layer) and not callable(layer) and not is_of_framework(layer):
            raise TargetError(
                f"{loaded.name}() in {loaded.target} returned {_shown(layer)}, which is no layer. "
                "Return an object with forward or predict, or a layer of a framework (installed "
                f"here: {', '.join(available()) or 'none'})."
            )
        return layer
    if given:
        raise TargetError(
            f"{loaded.name} is {_kind(obj)}, so nothing is built and --init "
            f"{', '.join(given)} has no use. Write --call NAME=EXPRESSION for extra arguments "
            "of the forward call."
        )
    return obj


def _call(
    loaded: LoadedTarget, function: Callable[..., Any], given: dict[str, Any], call: str
) -> Any:
    positional = _positional_arguments(loaded.name, function, given)
    try:
        with contextlib.redirect_stdout(sys.stderr), keeping_changes():
            return call_layer(call, function, *positional, **given)
    except LayerError as error:
        if error.file is None:
            error.file, error.line = loaded.file, loaded.line
        raise


def _positional_arguments(
    name: str, function: Callable[..., Any], given: dict[str, Any]
) -> list[Any]:
    """Check `given` against the signature; take out of it what has no keyword."""
    try:
        signature = _signature(function)
    except (TypeError, ValueError):  # a builtin without one
        return []
    parameters = signature.parameters
    kinds = {each.kind for each in parameters.values()}
    named = [n for n, each in parameters.items() if each.kind not in _VARIABLE]
    unknown = [n for n in given if n not in named]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        listed = f"Its arguments are {', '.join(named)}." if named else "It takes no arguments."
        raise TargetError(
            f"{name}() has no argument {unknown[0]!r}.{nearest(unknown[0], named)} {listed}"
        )
    missing = [n for n in named if parameters[n].default is _NO_DEFAULT and n not in given]
    if missing:
        options = " ".join(f"--init {n}=..." for n in missing)
        raise TargetError(
            f"{name}() needs {_enumerated(missing)}. Write {options} "
            f"(the signature is {name}{signature})."
        )
    first = [n for n in named if parameters[n].kind is inspect.Parameter.POSITIONAL_ONLY]
    return [given.pop(n) for n in first if n in given]


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature of a callable; of ``__init__`` where a metaclass hides it."""
    signature = inspect.signature(function)
    kinds = {each.kind for each in signature.parameters.values()}
    if not isinstance(function, type) or kinds != set(_VARIABLE):
        return signature
    own = inspect.signature(function.__init__)  # type: ignore[misc]
    return own.replace(parameters=list(own.parameters.values())[1:])


def _is_factory(function: FunctionType, given: dict[str, Any]) -> bool:
    """Return whether calling a function gives a layer, and not a layer's output.

    It does where it needs no argument, or arguments are given, or its name or annotation
    says so; a function that needs arguments and has none is one of inputs.
    """
    parameters = inspect.signature(function).parameters.values()
    needs = [p for p in parameters if p.default is _NO_DEFAULT and p.kind in _POSITIONAL]
    returns = function.__annotations__.get("return")
    if isinstance(returns, str):
        returns = function.__globals__.get(returns)
    says_so = function.__name__.split("_")[0] in _MAKERS or (
        isinstance(returns, type) and looks_like_layer(returns)
    )
    takes_inputs = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    return bool(given) or says_so or not (needs or takes_inputs)


def _kind(obj: Any) -> str:
    if isinstance(obj, FunctionPair):
        return "a pair of functions"
    if isinstance(obj, type):
        return "a class with static passes"
    return "a function of inputs" if isinstance(obj, FunctionType) else "an object"


def _shown(value: Any) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _enumerated(names: list[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
