"""What the user's passes returned, as arrays; and what their source calls it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from layercheck.conventions.signatures import source_of
from layercheck.errors import ReturnError
from layercheck.residence import Resident
from layercheck.subject import Arrays

Path = tuple[Any, ...]
NUMBERS = "fciub"


def as_arrays(method: Callable[..., Any], name: str, things: Iterable[Any]) -> Arrays:
    """Require arrays of numbers; a numpy scalar counts as an array without axes."""
    return tuple(_as_array(method, name, thing) for thing in things)


def _as_array(method: Callable[..., Any], name: str, thing: Any) -> np.ndarray:
    if isinstance(thing, np.generic):
        thing = np.asarray(thing)
    if not isinstance(thing, np.ndarray):
        what = "None" if thing is None else f"a {type(thing).__name__}"
        raise returned(method, name, f"returned {what} where an array is expected.")
    if isinstance(thing, np.ma.MaskedArray):
        raise returned(method, name, "returned a masked array; fill it, as in z.filled(0).")
    if thing.dtype.kind not in NUMBERS:
        what = f"an array of dtype {thing.dtype}"
        raise returned(method, name, f"returned {what} where numbers are expected.")
    return thing if type(thing) in (np.ndarray, Resident) else thing.view(np.ndarray)


def returned(method: Callable[..., Any], name: str, problem: str) -> ReturnError:
    """Return the error that says what a pass returned, with where the pass is written."""
    source = source_of(method)
    return ReturnError(f"{name}()", problem, source.file, source.line)


def counted(count: int, noun: str) -> str:
    """Return ``1 value``, ``2 values``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Return what is in nested tuples, lists and dicts, by its path."""
    if isinstance(value, dict):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, (tuple, list)):
        items = enumerate(value)
    else:
        return {path: value}
    found: dict[Path, Any] = {}
    for step, item in items:
        found.update(leaves(item, (*path, step)))
    return found


def names_returned(method: Callable[..., Any]) -> dict[Path, str]:
    """Return the names in the method's return statements, by path: ``return dx, [dW, db]``.

    Empty where the source is not there or the statements disagree.
    """
    node = _definition(method)
    if node is None:
        return {}
    found = [_names(each.value) for each in _returns(node) if each.value is not None]
    return found[0] if found and all(names == found[0] for names in found) else {}


def returns_nothing(method: Callable[..., Any]) -> bool:
    """Whether a method's source has no return statement with a value."""
    node = _definition(method)
    return node is not None and not any(
        r.value is not None and not _is_none(r.value) for r in _returns(node)
    )


def lists_appended(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the attributes of self to which a method's source appends."""
    node = _definition(method)
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)] if node is not None else []
    owners = [c.func.value for c in calls if isinstance(c.func, ast.Attribute)]
    named = [c.func.attr for c in calls if isinstance(c.func, ast.Attribute)]
    return tuple(
        owner.attr
        for owner, name in zip(owners, named, strict=True)
        if name == "append"
        and isinstance(owner, ast.Attribute)
        and isinstance(owner.value, ast.Name)
    )


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _definition(method: Callable[..., Any]) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(method))))
    except (OSError, TypeError, SyntaxError):
        return None
    node = tree.body[0]
    named = isinstance(node, ast.FunctionDef) and node.name == getattr(method, "__name__", "")
    return node if named and isinstance(node, ast.FunctionDef) else None


def _returns(node: ast.AST) -> list[ast.Return]:
    """Return the return statements of a function, not of those defined in it."""
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            found.append(child)
        elif not isinstance(child, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            found += _returns(child)
    return found


def _names(node: ast.AST, path: Path = ()) -> dict[Path, str]:
    found: dict[Path, str] = {}
    if isinstance(node, (ast.Tuple, ast.List)):
        for i, item in enumerate(node.elts):
            found.update(_names(item, (*path, i)))
    elif isinstance(node, ast.Dict):
        for key, item in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant):
                found[*path, key.value] = str(key.value)
                found.update(
                    {p: n for p, n in _names(item, (*path, key.value)).items() if len(p) > 1}
                    if isinstance(item, (ast.Tuple, ast.List, ast.Dict))
                    else {}
                )
    elif isinstance(node, ast.Name):
        found[path] = node.id
    elif isinstance(node, ast.Attribute):
        found[path] = node.attr
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        found[path] = str(node.slice.value)
    return found
