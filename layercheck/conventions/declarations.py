"""Declarations: what the tool cannot know and the user says (design section 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from layercheck.errors import DeclarationError, nearest
from layercheck.layout import LABELS

KEYS = (
    "convention",
    "gradient",
    "learnable",
    "state",
    "reset",
    "train",
    "result",
    "output",
    "mixes",
    "learnable_gradients",
    "backend",
)
CHOICES = {"mixes": ("B", "B!"), "learnable_gradients": ("mean", "sum")}


@dataclass(frozen=True)
class Declarations:
    """Declarations, checked.

    Parameters
    ----------
    gradients : mapping, learnable -> attribute path
        From ``gradient.W=dW``.
    learnables, states : tuple of str
        From ``learnable=NAME``, ``state=NAME``; several with commas.
    reset, train, result, convention : str or None
    outputs : tuple of str
        Formats of the outputs, in order, from ``output=CB`` or ``output=CB,C``.
    mixes : {None, "B", "B!"}
    learnable_gradients : {"sum", "mean"}
    backend : str or None
        What Keras computes with.
    """

    convention: str | None = None
    gradients: tuple[tuple[str, str], ...] = ()
    learnables: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    reset: str | None = None
    train: str | None = None
    result: str | None = None
    outputs: tuple[str, ...] = ()
    mixes: Literal["B", "B!"] | None = None
    learnable_gradients: Literal["sum", "mean"] = "sum"
    backend: str | None = None


def parse_declarations(given: Mapping[str, Any]) -> Declarations:
    """Check declarations by key and value; raises `DeclarationError` with the nearest name."""
    values: dict[str, Any] = {}
    gradients: list[tuple[str, str]] = []
    for key, value in given.items():
        head, dot, learnable = key.partition(".")
        if head not in KEYS or (dot and head != "gradient"):
            raise DeclarationError(
                f"There is no declaration {key!r}.{nearest(key, KEYS)} "
                f"The declarations are {', '.join(KEYS)}."
            )
        if head == "gradient":
            if not learnable:
                raise DeclarationError(
                    "The declaration 'gradient' names no learnable. Write gradient.W=ATTRIBUTE."
                )
            gradients.append((learnable, str(value)))
        else:
            values[head] = _checked(head, value)
    names = {"learnable": "learnables", "state": "states", "output": "outputs"}
    return Declarations(
        gradients=tuple(gradients), **{names.get(k, k): v for k, v in values.items()}
    )


def _checked(key: str, value: Any) -> Any:
    if key in CHOICES and value not in CHOICES[key]:
        raise DeclarationError(
            f"The declaration {key}={value} has no such value. It is {' or '.join(CHOICES[key])}."
        )
    if key in ("learnable", "state", "output"):
        items = value.split(",") if isinstance(value, str) else list(value)
        values = tuple(str(item).strip() for item in items)
        if key == "output":
            for text in values:
                _require_format(text)
        return values
    return str(value)


def _require_format(text: str) -> None:
    unknown = [letter for letter in text if letter not in LABELS]
    if unknown or not text:
        raise DeclarationError(
            f"The declaration output={text} is not a format. Write its labels, as in output=CB "
            f"({', '.join(f'{k} {v}' for k, v in LABELS.items())})."
        )
