"""What can be read from a method without calling it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from layercheck.conventions.vocabulary import JOINING, SEVERAL, normal
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
    keywords, required_keywords : tuple of str
        Keyword-only parameters, and those of them without a default.
    takes_any_keyword : bool
        It takes ``**kwargs``.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    variable: bool = False
    keywords: tuple[str, ...] = ()
    required_keywords: tuple[str, ...] = ()
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
        tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )


def takes_list(method: Callable[..., Any], name: str) -> bool:
    """Whether a parameter stands for several arrays: by its annotation, or its name and use."""
    try:
        annotation = str(inspect.signature(method).parameters[name].annotation).lower()
        tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    except (KeyError, OSError, TypeError, ValueError, SyntaxError):
        return False
    if any(word in annotation for word in ("list", "tuple", "sequence", "iterable")):
        return True
    plural = normal(name) in SEVERAL
    return any(_unpacks(n, name) or (plural and _walks(n, name)) for n in ast.walk(tree))


def _unpacks(node: ast.AST, name: str) -> bool:
    """Whether a statement is ``a, b = name``."""
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], (ast.Tuple, ast.List))
        and _is(node.value, name)
    )


def _walks(node: ast.AST, name: str) -> bool:
    """Whether a node is a loop over `name`, ``f(*name)``, or joins or adds what is in it."""
    if isinstance(node, (ast.For, ast.comprehension)):
        return _is(node.iter, name)
    if isinstance(node, ast.Call) and node.args:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else None
        called = node.func.id if isinstance(node.func, ast.Name) else called
        return called in JOINING and _is(node.args[0], name)
    return isinstance(node, ast.Starred) and _is(node.value, name)


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def source_of(item: Any, function: str | None = None) -> Source:
    """Return where a class, function or method is written."""
    item = inspect.unwrap(getattr(item, "__func__", item)) if callable(item) else type(item)
    try:
        file = inspect.getsourcefile(item)
        line = inspect.getsourcelines(item)[1]
    except (TypeError, OSError):
        return Source(function=function)
    return Source(file, line, function)
