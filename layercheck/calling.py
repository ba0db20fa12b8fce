"""Calls of the user's code: the one place where its exceptions become ours."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Protocol

import numpy as np

from layercheck.errors import CallUnavailable, LayerError
from layercheck.frames import display_path, locate
from layercheck.watching import Watch

FloatingPointKind = Literal["divide", "over", "under", "invalid"]


class BorderLike(Protocol):
    """What calls of a layer whose arrays live on a device pass through."""

    def call(
        self, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Return ``function(*args, **kwargs)``."""


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)
_BORDER: ContextVar[BorderLike | None] = ContextVar("border", default=None)
_RAISED: ContextVar[tuple[FloatingPointKind, ...]] = ContextVar("raised", default=())


@contextmanager
def raising(*kinds: FloatingPointKind) -> Iterator[None]:
    """Make layers raise FloatingPointError in the block, at the line where NumPy reports one."""
    token = _RAISED.set(kinds)
    try:
        yield
    finally:
        _RAISED.reset(token)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let `watch` see every call of a layer in the block."""
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)


@contextmanager
def crossing(border: BorderLike | None) -> Iterator[None]:
    """Let every call of a layer in the block pass through `border`; None: through none."""
    token = _BORDER.set(border)
    try:
        yield
    finally:
        _BORDER.reset(token)


@contextmanager
def keeping_changes() -> Iterator[None]:
    """Let what a call changes around it stay changed."""
    watch = _WATCH.get()
    if watch is None:
        yield
        return
    watch.keeps = True
    try:
        yield
    finally:
        watch.keeps = False


def call_layer(call: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``function(*args, **kwargs)``; what it raises becomes a `LayerError`.

    Floating-point and other warnings stay silent: checks look at the values. Only the errors
    that `raising` names are raised.

    Parameters
    ----------
    call : str
        What is called, for messages: ``forward()``.

    Raises
    ------
    LayerError
    CallUnavailable
        The memory ran out, or the call is not to be made again: no answer of the layer's.
    """
    watch, border = _WATCH.get(), _BORDER.get()
    try:
        raised: dict[str, Any] = dict.fromkeys(_RAISED.get(), "raise")
        with np.errstate(all="ignore", **raised), _seen(watch, call):
            if border is not None:
                return border.call(function, args, kwargs)
            return function(*args, **kwargs)
    except (LayerError, CallUnavailable):
        raise
    except MemoryError as error:
        raise CallUnavailable(f"The memory ran out in {call}. Give a smaller layout.") from error
    except KeyboardInterrupt as error:
        if watch is None or not watch.takes_interrupts:
            raise
        raise LayerError(call, error, *locate(error)) from error
    except BaseException as error:
        raise LayerError(call, error, *locate(error)) from error


@contextmanager
def _seen(watch: Watch | None, call: str) -> Iterator[None]:
    if watch is not None:
        with watch.over(call):
            yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def as_answer(error: Exception, check: Any = None) -> LayerError | CallUnavailable | None:
    """Return what an exception outside the calls of a layer says of it, None if it is a bug.

    Properties, ``__eq__``, ``__getattr__``, ``__deepcopy__`` and the like run whenever an
    object is looked at, and may use up what everybody needs.

    Parameters
    ----------
    check : function, optional
        What was running; its file is not the layer's.
    """
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return CallUnavailable("No file can be opened any more: the layer keeps too many open.")
    if isinstance(error, MemoryError):
        return CallUnavailable("The memory ran out. Give a smaller layout.")
    file, line = locate(error)
    home = getattr(getattr(check, "__code__", None), "co_filename", None)
    if file is not None and file != home:
        return LayerError("its code outside the passes", error, file, line)
    if isinstance(error, RecursionError):
        return CallUnavailable("What the layer holds is nested too deeply to be copied.")
    return None


def with_place(error: LayerError) -> str:
    """Return what was raised, and where in the user's code."""
    place = f" ({display_path(error.file)}:{error.line})" if error.file else ""
    return f"{error}{place}"
