"""What layercheck is told about MXNet."""

from __future__ import annotations

import types
from typing import Any

import mxnet as mx

from layercheck import Framework, Request, Subject, packages_used
from layercheck_mxnet.blocks import adapt_block
from layercheck_mxnet.functions import adapt_function, adapt_function_class

_BASES = (mx.gluon.Block, mx.gluon.HybridBlock, mx.autograd.Function)
_LAYERS = (mx.gluon.Block, mx.autograd.Function)


def recognise(obj: Any) -> bool:
    """Whether something is a block, an ``autograd.Function`` or a function of NDArrays."""
    if isinstance(obj, types.FunctionType):
        return "mxnet" in packages_used(obj)
    if isinstance(obj, type):
        return issubclass(obj, _LAYERS) and obj not in _BASES
    return isinstance(obj, _LAYERS)


def adapt(request: Request) -> Subject:
    """Turn a layer of MXNet into a subject."""
    if isinstance(request.layer, mx.gluon.Block):
        return adapt_block(request)
    if isinstance(request.layer, mx.autograd.Function):
        return adapt_function_class(request)
    return adapt_function(request)


def is_function(obj: Any) -> bool:
    """Whether something is a function of NDArrays, and no factory of blocks."""
    return isinstance(obj, types.FunctionType) and not _makes_blocks(obj)


def _makes_blocks(function: types.FunctionType) -> bool:
    found = (function.__globals__.get(name) for name in function.__code__.co_names)
    return function.__code__.co_argcount == 0 or any(
        isinstance(value, type) and issubclass(value, mx.gluon.Block) for value in found
    )


framework = Framework("mxnet", recognise, adapt, is_function=is_function)
