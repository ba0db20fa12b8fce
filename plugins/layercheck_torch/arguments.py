"""How the tensors of a run become the arguments of a layer's call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck import UsageError
from layercheck_torch.arrays import dtype_in, has_gradient, is_tensor, to_tensor

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Arguments:
    """The call of a layer, but for its tensors.

    Parameters
    ----------
    positions : tuple of (name or None, value)
        What is passed by position: the tensor of that name, or the value where there is none.
    keywords : tuple of str
        Tensors that are passed by name.
    fixed : mapping
        Values that are passed by name.
    """

    positions: tuple[tuple[str | None, Any], ...]
    keywords: tuple[str, ...] = ()
    fixed: Mapping[str, Any] | None = None

    def call(
        self, function: Callable[..., Any], tensors: Mapping[str, Any], dtype: np.dtype[Any]
    ) -> Any:
        """Return what `function` returns for these tensors."""
        args = [
            _in_dtype(value, dtype) if name is None else tensors[name]
            for name, value in self.positions
        ]
        keywords = {name: _in_dtype(value, dtype) for name, value in (self.fixed or {}).items()}
        return function(*args, **keywords, **{name: tensors[name] for name in self.keywords})


def arguments_of(
    function: Callable[..., Any],
    names: Sequence[str],
    given: Mapping[str, Any],
    *,
    skip: int = 0,
    called: str = "forward()",
) -> Arguments:
    """Return how `names` and what ``--call`` gives are passed.

    Parameters
    ----------
    skip : int
        Leading parameters that somebody else passes, such as ctx.

    Raises
    ------
    UsageError
        ``--call`` gives an argument that the function does not have.
    """
    parameters = _parameters(function)[skip:]
    known = {p.name: p for p in parameters}
    ordered = [p for p in parameters if p.kind in _POSITIONAL]
    last = max((i for i, p in enumerate(ordered) if p.name in (*names, *given)), default=-1)
    positions = [
        (p.name, None) if p.name in names else (None, given.get(p.name, p.default))
        for p in ordered[: last + 1]
    ]
    by_position = {p.name for p in ordered[: last + 1]}
    keywords = [n for n in names if n in known and n not in by_position]
    positions += [(n, None) for n in names if n not in known]
    fixed = {name: value for name, value in given.items() if name not in by_position}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters) or not parameters
    for name in fixed:
        if name not in known and not takes_any:
            raise UsageError(
                f"--call gives an argument {name!r}, which {called} does not have. Its arguments "
                f"are {', '.join(known)}."
            )
    return Arguments(tuple(positions), tuple(keywords), fixed)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _in_dtype(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return arrays and tensors that the user gave as tensors; floating ones in the run's dtype."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(_in_dtype(item, dtype) for item in value)
    if not isinstance(value, np.ndarray) and not is_tensor(value):
        return value
    tensor = to_tensor(value.copy()) if isinstance(value, np.ndarray) else value.detach().clone()
    return tensor.to(dtype_in(tensor, dtype)) if has_gradient(tensor) else tensor
