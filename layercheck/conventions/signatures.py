"""What can be read from a method without calling it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from layercheck.outcome import Source


@dataclass(frozen=True)
class Signature:
    """The positional parameters of a callable.

    Parameters
    ----------
    required, optional : tuple of str
        Names of positional parameters, ``self`` left out.
    variable : bool
        It takes ``*args``.
    keywords : tuple of str
        Keyword-only parameters.
    takes_any_keyword : bool
        It takes ``**kwargs``.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    variable: bool = False
    keywords: tuple[str, ...] = ()
    takes_any_keyword: bool = False

    @property
    def positional(self) -> tuple[str, ...]:
        """Every positional parameter."""
        return self.required + self.optional

    def accepts(self, count: int) -> bool:
        """Whether it can be called with `count` positional arguments."""
        at_most = count <= len(self.positional) or self.variable
        return len(self.required) <= count and at_most


def signature_of(function: Callable[..., Any]) -> Signature:
    """Return the signature of a function or bound method; unreadable ones take anything."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return Signature(variable=True, takes_any_keyword=True)
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [p for p in parameters if p.kind in kinds]
    return Signature(
        tuple(p.name for p in positional if p.default is p.empty),
        tuple(p.name for p in positional if p.default is not p.empty),
        any(p.kind is p.VAR_POSITIONAL for p in parameters),
        tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def source_of(item: Any, function: str | None = None) -> Source:
    """Return where a class, function or method is written."""
    item = inspect.unwrap(getattr(item, "__func__", item)) if callable(item) else type(item)
    try:
        file = inspect.getsourcefile(item)
        line = inspect.getsourcelines(item)[1]
    except (TypeError, OSError):
        return Source(function=function)
    return Source(file, line, function)
