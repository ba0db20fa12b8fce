"""What a call of a layer shares with everybody else in its process, and how it is put back."""

from __future__ import annotations

import builtins
import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_MODULES: tuple[Any, ...] = (np.random, random, np, np.linalg, builtins)
_OURS = 2  # functions of the first modules are replaced by checks
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM") if hasattr(signal, name))
_Setting = tuple[str, Callable[[], Any], Callable[[Any], Any]]


def _put_environment(saved: Mapping[Any, Any]) -> None:
    os.environ.clear()
    os.environ.update({os.fsdecode(key): os.fsdecode(value) for key, value in saved.items()})


def _set_streams(streams: tuple[Any, Any, Any]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


# name, how it is read, how it is put back; reading must be cheap
_SETTINGS: tuple[_Setting, ...] = (
    ("the working folder", os.getcwd, os.chdir),
    (
        "environment variables",
        lambda: dict(getattr(os.environ, "_data", os.environ)),
        _put_environment,
    ),
    ("numpy.seterr", np.geterr, lambda saved: np.seterr(**saved)),
    ("numpy.seterrcall", np.geterrcall, np.seterrcall),
    ("numpy.set_printoptions", np.get_printoptions, lambda saved: np.set_printoptions(**saved)),
    ("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    (
        "sys.modules",
        lambda: sys.modules.get("numpy"),
        lambda saved: sys.modules.__setitem__("numpy", saved),
    ),
    ("sys.path", lambda: list(sys.path), lambda saved: sys.path.__setitem__(slice(None), saved)),
    ("sys.stdout", lambda: (sys.stdin, sys.stdout, sys.stderr), _set_streams),
    ("sys.settrace", sys.gettrace, sys.settrace),
)


def _torch_settings() -> tuple[_Setting, ...]:
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "set_default_dtype"):
        return ()
    return (
        ("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
        ("torch's thread count", torch.get_num_threads, torch.set_num_threads),
    )


def _signal_settings() -> tuple[_Setting, ...]:
    if threading.current_thread() is not threading.main_thread():
        return ()
    return tuple(
        (
            f"the handler of {number.name}",
            lambda number=number: signal.getsignal(number),
            lambda saved, number=number: signal.signal(number, saved),
        )
        for number in _SIGNALS
    )


class Surroundings:
    """Remembers what is there, and puts it back.

    Names of modules are remembered once, the settings whenever `look` is called.
    """

    def __init__(self) -> None:
        self._names = [dict(vars(module)) for module in _MODULES]
        self._settings = (*_SETTINGS, *_signal_settings())
        self._values: list[Any] = []
        self._more: list[tuple[_Setting, Any]] = []
        self.look()

    def look(self) -> None:
        """Remember the settings, and the modules in which checks replace functions."""
        try:
            self._values = [read() for _, read, _ in self._settings]
        except Exception:
            self._values = [_read(read) for _, read, _ in self._settings]
        self._more = [(setting, _read(setting[1])) for setting in _torch_settings()]
        self._names[:_OURS] = [dict(vars(module)) for module in _MODULES[:_OURS]]

    def put_back(self) -> tuple[str, ...]:
        """Undo what was changed since; return what that was."""
        if self._is_as_it_was():
            return ()
        changed = []
        pairs = [*zip(self._settings, self._values, strict=True), *self._more]
        for (name, read, put), before in pairs:
            if before is not _UNKNOWN and not _equal(_read(read), before):
                changed.append(name)
                with contextlib.suppress(Exception):
                    put(before)
        for position, module in enumerate(_MODULES):
            changed += self._undo(position, module)
        return tuple(changed)

    def _is_as_it_was(self) -> bool:
        try:
            return (
                not self._more
                and [read() for _, read, _ in self._settings] == self._values
                and [vars(module) for module in _MODULES] == self._names
            )
        except Exception:
            return False

    def _undo(self, position: int, module: Any) -> list[str]:
        """Put attributes of a module back that were replaced or deleted; new ones stay."""
        now, names = vars(module), self._names[position]
        if _equal(now, names):
            return []
        wrong = [name for name, value in names.items() if now.get(name, _UNKNOWN) is not value]
        for name in wrong:
            setattr(module, name, names[name])
        self._names[position] = dict(now)
        return [f"{module.__name__}.{name}" for name in wrong]


@dataclass(frozen=True)
class _Unknown:
    """What could not be read."""


_UNKNOWN = _Unknown()


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # a working folder that is gone, a name that was replaced
        return _UNKNOWN


def _equal(first: Any, second: Any) -> bool:
    try:
        return bool(first == second)
    except Exception:  # an object of the layer's, with an __eq__ of its own
        return False
