"""What the corpus says of a layer: that it is right, or which gradients are wrong, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Correct:
    """A layer whose gradients are right.

    `make` builds it; `options` are keywords of `check_layer`; `full` are layouts of a real size.
    """

    name: str
    make: Callable[[], Any]
    layouts: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    convention: str = "native"
    full: tuple[str, ...] | None = None
    note: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Bug:
    """A layer that differs from the correct layer `base` in its gradients alone.

    Parameters
    ----------
    wrong : frozenset of str
        Every check of the suite gradients that must fail, and of other suites those that must.
    may : frozenset of str
        Checks of the suite gradients of which it is open whether they fail: whether what a
        rounded result adds up to is linear is a matter of tolerance.
    causes : mapping, check id -> tuple of str
        For each wrong tensor, and for checks that find the mistake itself, the first causes
        that are true.
    points : tuple of str
        Kinds of values at which the difference shows, of `values.POINTS`.
    smallest : float
        Differences from the true gradient, relative to its largest element, exceed this.
    """

    name: str
    make: Callable[[], Any]
    layouts: tuple[str, ...]
    wrong: frozenset[str]
    causes: Mapping[str, tuple[str, ...]]
    base: str
    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    full: tuple[str, ...] | None = None
    convention: str = "native"
    points: tuple[str, ...] = ("normal",)
    smallest: float = 1e-6
    may: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name

    @property
    def tensors(self) -> frozenset[str]:
        """The checks of single tensors among `wrong`."""
        return frozenset(name for name in self.wrong if is_tensor(name))


def is_tensor(name: str) -> bool:
    """Whether a check id is that of one tensor's gradient."""
    return name.startswith("gradients.") and ":" in name


def right(
    layer: Any,
    *layouts: str,
    full: str | tuple[str, ...] | None = None,
    convention: str = "native",
    note: str = "",
    name: str = "",
    **options: Any,
) -> Correct:
    """Make the entry of a correct layer from its class, a factory or a pair of functions."""
    full = (full,) if isinstance(full, str) else full
    make = maker(layer, convention)
    return Correct(name or name_of(layer), make, layouts, options, convention, full, note)


def wrong(
    base: Correct,
    layer: Any,
    note: str,
    causes: Mapping[str, str],
    *,
    also: str = "",
    may: str = "",
    full: bool = False,
    points: str = "normal",
    smallest: float = 1e-6,
    name: str = "",
    **options: Any,
) -> Bug:
    """Make the entry of a bug in the layer `base`.

    `causes` maps each wrong tensor, as in ``input:x``, or another check that fails, to its
    acceptable causes between spaces; `also` lists checks that fail without a cause of their own.
    Checks of the suite gradients go without its name.
    """
    accepted = {_full_id(check): tuple(ids.split()) for check, ids in causes.items()}
    others = map(_full_id, also.split())
    return Bug(
        name or name_of(layer),
        maker(layer, base.convention),
        base.layouts,
        frozenset((*accepted, *others)),
        accepted,
        base.name,
        {**base.options, **options},
        note,
        base.full if full else None,
        base.convention,
        tuple(points.split()),
        smallest,
        frozenset(map(_full_id, may.split())),
    )


def _full_id(check: str) -> str:
    suites = ("gradients.", "purity.")
    return check if check.startswith(suites) else f"gradients.{check}"


def maker(layer: Any, convention: str) -> Callable[[], Any]:
    """Return what builds the layer; pairs and static functions are layers as they are."""
    return (lambda: layer) if convention in ("pair", "static") else layer


def name_of(layer: Any) -> str:
    """Return ``module.Class``, or ``module.function`` of a pair's backward."""
    named = layer[1] if isinstance(layer, tuple) else layer
    return f"{named.__module__.rpartition('.')[2]}.{named.__qualname__}"


def normal(*shape: int) -> np.ndarray:
    """Return initial weights that depend on the shape alone, none of them small."""
    rng = np.random.default_rng(shape)
    return rng.choice([-1, 1], shape) * rng.uniform(0.2, 1.2, shape) / math.sqrt(shape[-1])
