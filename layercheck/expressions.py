"""Values that the user writes as Python expressions: ``--init W=rng.normal(size=(20, 7))``."""

from __future__ import annotations

import ast
import contextlib
import shlex
import sys
import warnings
import zlib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from layercheck.errors import UsageError, describe

_CONSTANTS = ("True", "False", "None")
# Frameworks that an expression may name, imported when one does.
_MODULES = {
    "torch": "torch",
    "jax": "jax",
    "jnp": "jax.numpy",
    "keras": "keras",
    "tf": "tensorflow",
    "mx": "mxnet",
}


def evaluate_init(
    expressions: Mapping[str, Any], seed: int = 0, option: str = "--init"
) -> dict[str, Any]:
    """Evaluate the expressions of ``--init`` or ``--call``.

    ``np`` and ``rng`` are in scope, and the frameworks by their usual names (``torch``, ``jnp``,
    ``jax``, ``keras``, ``tf``, ``mx``), imported where one is named. Each name has an `rng` of its
    own, seeded by `seed` and the name, so that the order and presence of other names change
    nothing. A bare identifier other than True, False, None, ``np`` and ``rng`` is a string.

    Parameters
    ----------
    expressions : mapping of str to str
        What is not a string, such as a number from a configuration file, is kept.
    seed : int
    option : str
        The option that messages name.

    Raises
    ------
    UsageError
        An expression does not evaluate; the message shows how to quote it.

    Examples
    --------
    >>> evaluate_init({"channels": "20", "mode": "same", "scale": "2 ** -3"})
    {'channels': 20, 'mode': 'same', 'scale': 0.125}
    """
    return {
        name: _evaluate(name, text, seed, option) if isinstance(text, str) else text
        for name, text in expressions.items()
    }


def split_assignments(texts: Iterable[str], option: str = "--init") -> dict[str, str]:
    """Split ``KEY=EXPR`` texts into a dictionary; a key that repeats is an error."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, expression = text.partition("=")
        name = name.strip()
        if not (equals and _is_name(name, option)):
            raise UsageError(
                f"{option} {text!r} does not start with a name and '='. "
                f"Write {option} NAME=EXPRESSION, as in {option} channels=20."
            )
        if name in found:
            raise UsageError(
                f"{option} gives {name!r} twice: {found[name]!r} and {expression!r}. Keep one."
            )
        found[name] = expression
    return found


def _is_name(name: str, option: str) -> bool:
    """Whether a key is an identifier; a learnable may be ``params.W`` or ``layers.0``, too."""
    first, *rest = name.split(".")
    if rest and option != "--learnable":
        return False
    return first.isidentifier() and all(part.isidentifier() or part.isdigit() for part in rest)


def _evaluate(name: str, text: str, seed: int, option: str) -> Any:
    stripped = text.strip()
    scope: dict[str, Any] = {
        "np": np,
        "rng": np.random.default_rng([seed, zlib.crc32(name.encode())]),
    }
    if stripped.isidentifier() and stripped not in (*_CONSTANTS, *scope):
        return stripped
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(stripped, f"<{option} {name}>", "eval")
            scope |= _modules(tree)
            return eval(compile(tree, f"<{option} {name}>", "eval"), scope)
    except (Exception, SystemExit) as error:
        raise UsageError(_explain(name, stripped, option, error)) from error


def _modules(tree: ast.AST) -> dict[str, Any]:
    """Import the frameworks that an expression names."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {name: import_module(_MODULES[name]) for name in sorted(names & set(_MODULES))}


def _explain(name: str, text: str, option: str, error: BaseException) -> str:
    reason = f"SyntaxError: {error.msg}" if isinstance(error, SyntaxError) else describe(error)
    as_text = shlex.quote(f"{name}={text!r}")
    module = (
        "check a function of your module that builds the layer (FILE.py::FUNCTION), "
        if isinstance(error, NameError)
        else ""
    )
    return (
        f"{option} {name} does not evaluate: {text!r} raised {reason.splitlines()[0]}. "
        "Write a Python expression with np and rng in scope, "
        f"as in {option} '{name}=rng.normal(size=(20, 7))', {module}or quote a string twice, "
        f"as in {option} {as_text}."
    )
