"""What several checks of shapes say: a layer that raised, a gradient of another shape."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError, describe
from layercheck.layout import Layout
from layercheck.outcome import Source
from layercheck.subject import Evaluation
from layercheck.suites.evidence import Tensor, line_of_error, sizes, source_of_error
from layercheck.suites.shape_causes import cause_of_shape
from layercheck.verdict import fail


def fail_raised(
    case: Case,
    error: LayerError,
    source: Source | None,
    layouts: tuple[Layout, ...],
    fix: str | None = None,
) -> NoReturn:
    """Fail with what the layer raised at `layouts`, and its line."""
    fail(
        f"{error}.",
        where=f"at {sizes(case, layouts)}",
        source=source_of_error(error, source),
        details=line_of_error(error),
        fix=error.advice or _integers(case, error) or fix,
    )


# What NumPy, PyTorch, JAX and TensorFlow say where floating numbers are used as indices.
_NO_INDICES = (
    "must be of integer",
    "one of the following scalar types: Long, Int",
    "expected scalar type Long",
    "tensors used as indices must be long",
    "only applicable to integer",
    "Expected floating point type for target with class probabilities",
)


def _integers(case: Case, error: LayerError) -> str | None:
    """Return how to give indices, where floating inputs were used as such."""
    if not any(text in describe(error.original) for text in _NO_INDICES):
        return None
    names = case.subject.input_names
    floating = [name for i, name in enumerate(names) if not case.is_integer(i)]
    if not floating:
        return None
    option = "0:10" if len(names) == 1 else f"{floating[0]}=0:10"
    return f"If {' or '.join(floating)} holds indices, say in which range: --integers {option}."


def require_gradient_shape(tensor: Tensor, source: Source | None, evaluation: Evaluation) -> None:
    """Fail where a gradient is missing or has another shape than its array."""
    if tensor.integer:
        return
    if tensor.gradient is None:
        fail(
            f"backward() returned no gradient for {tensor.title}.",
            where=tensor.title,
            source=source,
            fix="Return an array of its shape; None is for integer inputs.",
        )
    actual, expected = np.shape(tensor.gradient), np.shape(tensor.value)
    if actual != expected:
        cause = cause_of_shape(tensor, evaluation)
        fail(
            f"backward() returned a gradient of shape {actual} for {tensor.title}, which has "
            f"shape {expected}.",
            where=tensor.title,
            source=source,
            cause=cause.cause if cause else None,
            fix=cause.fix if cause else f"Return an array of shape {expected}.",
        )
