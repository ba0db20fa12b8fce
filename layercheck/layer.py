"""The optional base class of NumPy and CuPy layers, and the declarations in its body."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any, Generic, TypeVar


@dataclass(frozen=True)
class Learnable:
    """Declares an attribute of a `Layer` as an array that the optimiser updates.

    The attribute is None on every object until it is assigned there.

    Parameters
    ----------
    learn_rate_factor : float
        Multiplies the optimiser's learning rate for this array.
    l2_factor : float
        Multiplies the optimiser's L2 penalty for this array.
    """

    learn_rate_factor: float = 1.0
    l2_factor: float = 1.0

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return None on an object without a value of its own, the declaration on the class."""
        return self if instance is None else None


@dataclass(frozen=True)
class State:
    """Declares an attribute of a `Layer` as an array that predict or forward replaces.

    The attribute is None on every object until it is assigned there.
    """

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Return None on an object without a value of its own, the declaration on the class."""
        return self if instance is None else None


Kind = TypeVar("Kind", Learnable, State)


def declared(owner: type, kind: type[Kind]) -> dict[str, Kind]:
    """Return the declarations of one kind in a class and its bases, bases first, by name."""
    found: dict[str, Any] = {}
    for base in reversed(owner.__mro__):
        found.update(vars(base))
    return {name: value for name, value in found.items() if isinstance(value, kind)}


@dataclass(frozen=True)
class _DeclaredNames(Generic[Kind]):
    """The names of the declarations of one kind, as a class attribute."""

    kind: type[Kind]

    def __get__(self, instance: object, owner: type) -> tuple[str, ...]:
        return tuple(declared(owner, self.kind))


class Layer:
    """Optional base class of layers written with NumPy or CuPy.

    Gives a class the names of what it declares and a repr. A plain class with
    ``learnables = ("alpha",)`` is as good a layer; a subclass that writes `learnables`
    or `states` itself decides them alone.

    Attributes
    ----------
    learnables : tuple of str
        Names of the attributes declared with `Learnable`, in the order of declaration,
        those of base classes first.
    states : tuple of str
        Names of the attributes declared with `State`, in the same order.

    Examples
    --------
    >>> class PReLU(Layer):
    ...     alpha = Learnable(l2_factor=0.0)
    ...
    ...     def predict(self, x):
    ...         return np.maximum(x, 0) + self.alpha * np.minimum(x, 0)
    >>> PReLU.learnables, PReLU.states
    (('alpha',), ())
    >>> PReLU()
    PReLU(alpha=None)
    """

    learnables: Any = _DeclaredNames(Learnable)
    states: Any = _DeclaredNames(State)

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        names = [*self.learnables, *self.states]
        values = (f"{name}={_summary(getattr(self, name, None))}" for name in names)
        return f"{type(self).__name__}({', '.join(values)})"


def _summary(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{getattr(value, 'dtype', type(value).__name__)}{list(shape)}"
    return reprlib.repr(value)
