"""Exceptions of Python code that MXNet calls back, which it prints and replaces by its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mxnet as mx

from layercheck import LayerError, call_layer

_ADVICE = (
    (
        r"has not been initialized|initialized because initialization was deferred",
        "Give its parameters values: call initialize() in the constructor, or before the check.",
    ),
    (
        r"non-differentiable because it didn't register FGradient",
        "MXNet does not differentiate this operator twice.",
    ),
)


def called(call: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a layer; what its own code raised inside MXNet is raised, and not MXNet's summary."""

    def run() -> Any:
        with _said() as errors:
            try:
                return function(*args)
            except Exception:
                if errors:
                    raise errors[0]  # noqa: B904 - it is the cause, not the consequence
                raise

    try:
        return call_layer(call, run)
    except LayerError as error:
        error.advice = error.advice or _advice(str(error.original))
        raise


def _advice(text: str) -> str | None:
    return next((advice for pattern, advice in _ADVICE if re.search(pattern, text)), None)


@contextmanager
def _said() -> Iterator[list[BaseException]]:
    """Collect exceptions that MXNet catches in its callbacks and prints."""
    errors: list[BaseException] = []

    def collect(*args: Any, **kwargs: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            errors.append(error)

    modules = (mx.autograd, mx.operator)
    for module in modules:
        vars(module)["print"] = collect
    try:
        yield errors
    finally:
        for module in modules:
            vars(module).pop("print", None)
