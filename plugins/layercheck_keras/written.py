"""Whether a gradient in a Keras layer is written by hand."""

from __future__ import annotations

import inspect
import sys
from typing import Any

import keras

_DECORATORS = ("custom_gradient", "custom_vjp", "custom_jvp")


def is_written(layer: Any) -> bool:
    """Whether a pass of the user's names a custom gradient, or a function that has one."""
    return any(_names_one(function) for function in _functions(layer))


def _functions(layer: Any) -> list[Any]:
    if not isinstance(layer, keras.Layer):
        return [layer]
    classes = {type(each) for each in layer._flatten_layers()}
    return [
        value
        for cls in classes
        for base in cls.__mro__
        if base.__module__.partition(".")[0] not in ("keras", "tensorflow", "torch", "builtins")
        for value in vars(base).values()
        if inspect.isfunction(value)
    ]


def _names_one(function: Any) -> bool:
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return False
    names = _names(code)
    if names & set(_DECORATORS):
        return True
    found = [inspect.unwrap(function).__globals__.get(name) for name in names]
    return any(has_custom_gradient(each) for each in found)


def has_custom_gradient(obj: Any) -> bool:
    """Whether an object is a function with a gradient of its own, on any backend."""
    decorator = getattr(obj, "_tf_decorator", None)
    if getattr(decorator, "decorator_name", None) in _DECORATORS:
        return True
    if type(obj).__name__ in _DECORATORS:
        return True
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(obj, type) and issubclass(obj, torch.autograd.Function)


def _names(code: Any) -> set[str]:
    inner = [_names(each) for each in code.co_consts if inspect.iscode(each)]
    return set(code.co_names).union(*inner)
