"""Calls of the user's code: the one place where its exceptions become ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import numpy as np

from layercheck.errors import LayerError
from layercheck.frames import locate

FloatingPointKind = Literal["divide", "over", "under", "invalid"]
_RAISED: ContextVar[tuple[FloatingPointKind, ...]] = ContextVar("raised", default=())


@contextmanager
def raising(*kinds: FloatingPointKind) -> Iterator[None]:
    """Make layers raise FloatingPointError in the block, at the line where NumPy reports one."""
    token = _RAISED.set(kinds)
    try:
        yield
    finally:
        _RAISED.reset(token)


def call_layer(call: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``function(*args, **kwargs)``; what it raises becomes a `LayerError`.

    Floating-point and other warnings stay silent: checks look at the values. Only the errors
    that `raising` names are raised.

    Parameters
    ----------
    call : str
        What is called, for messages: ``forward()``.
    """
    try:
        raised: dict[str, Any] = dict.fromkeys(_RAISED.get(), "raise")
        with np.errstate(all="ignore", **raised), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)
    except LayerError:
        raise
    except (Exception, SystemExit) as error:
        raise LayerError(call, error, *locate(error)) from error
