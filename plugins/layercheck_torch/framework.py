"""What layercheck is told about PyTorch."""

from __future__ import annotations

import functools
import types
from typing import Any

import torch

from layercheck import Framework, Request, Subject, packages_used
from layercheck_torch.functions import adapt_function, adapt_function_class, function_class
from layercheck_torch.modules import adapt_module
from layercheck_torch.objects import adapt_object, pass_of

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, functools.partial, types.MethodType)


def recognise(obj: Any) -> bool:
    """Whether something is a module, an ``autograd.Function`` or a function of tensors."""
    if _is_module(obj) or function_class(obj) is not None or pass_of(obj) is not None:
        return True
    return isinstance(obj, (*_FUNCTIONS, torch.jit.ScriptFunction)) and _uses_torch(obj)


def adapt(request: Request) -> Subject:
    """Turn a layer of PyTorch into a subject."""
    if isinstance(request.layer, torch.nn.Module):
        return adapt_module(request)
    if function_class(request.layer) is not None:
        return adapt_function_class(request)
    if pass_of(request.layer) is not None:
        return adapt_object(request)
    return adapt_function(request)


def _is_module(obj: Any) -> bool:
    base = torch.nn.Module
    return isinstance(obj, base) or (
        isinstance(obj, type) and issubclass(obj, base) and obj is not base
    )


def _uses_torch(function: Any) -> bool:
    if isinstance(function, functools.partial):
        return _uses_torch(function.func)
    if isinstance(function, (types.BuiltinFunctionType, torch.jit.ScriptFunction)):
        owner = getattr(function, "__module__", None) or type(function).__module__
        known = getattr(torch, function.__name__, None) is function
        return known or owner.partition(".")[0] == "torch"
    return "torch" in packages_used(function)


framework = Framework("torch", recognise, adapt)
