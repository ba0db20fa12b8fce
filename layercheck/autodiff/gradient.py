"""``layercheck.gradient``: the gradient of a function written in NumPy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.autodiff.available import why_unavailable
from layercheck.errors import UsageError


def gradient(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that computes the gradient of `f`, which is written in NumPy.

    `f` runs as it stands; its NumPy calls are carried out by jax.numpy, in the precision of its
    arguments. At kinks the value lies between the one-sided slopes.

    Parameters
    ----------
    f : callable
        Returns one real number; may call `gradient` itself, so that higher orders are had by
        ``gradient(lambda x: np.sum(gradient(f)(x) * v))``.
    argnums : int or tuple of int
        The positional arguments to differentiate with respect to, which hold real or complex
        numbers. The gradient of a complex one is dL/dRe + i dL/dIm.

    Returns
    -------
    callable
        Takes the arguments of `f`; returns an array of the shape of the argument, or a tuple of
        them where `argnums` is one.

    Raises
    ------
    TraceError
        When it is called: a line of `f` takes a value out of the trace (``float(x)``,
        ``np.asarray(x)``, a write into a plain array), so that its derivative would be lost.
    UsageError
        jax is missing, `f` does not return one real number, or an argument holds none.

    Examples
    --------
    >>> def rosenbrock(x):
    ...     return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> gradient(rosenbrock)([-1, 2]).tolist()
    [396.0, 200.0]
    """
    if not callable(f):
        raise UsageError(f"gradient() takes a function, not {f!r}. Write gradient(f)(x).")
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)

    @functools.wraps(f, updated=())
    def gradients(*args: Any, **kwargs: Any) -> Any:
        found = _gradients(f, numbers, args, kwargs)
        return found if isinstance(argnums, tuple) else found[0]

    return gradients


def _gradients(
    f: Callable[..., Any], numbers: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    reason = why_unavailable()
    if reason is not None:
        raise UsageError(f"gradient() cannot be used: {reason}.")
    from layercheck.autodiff.record import record, shown

    name = getattr(f, "__name__", repr(f))
    _require_arguments(name, numbers, args)
    values = [_floating(name, number, args[number]) for number in numbers]

    def one(*given: Any) -> tuple[Any]:
        arguments = list(args)
        for number, value in zip(numbers, given, strict=True):
            arguments[number] = value
        return (_one_number(name, f(*arguments, **kwargs)),)

    _, pull_back = record(one, values)
    return tuple(shown(g) for g in pull_back([1.0]))


def _require_arguments(name: str, numbers: tuple[int, ...], args: tuple[Any, ...]) -> None:
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise UsageError(
                f"The gradient of {name} is asked for with respect to argument {number}, and it "
                f"was called with {len(args)}. Pass it by position, or change argnums."
            )


def _floating(name: str, number: int, value: Any) -> Any:
    from layercheck.autodiff.values import is_traced

    if is_traced(value):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        array = array.astype(float)
    if array.dtype.kind not in "fc":
        raise UsageError(
            f"Argument {number} of {name} is of type {type(value).__name__}, which has no "
            "gradient. Pass numbers, or choose other arguments with argnums."
        )
    return array if isinstance(value, (np.ndarray, list, tuple)) else array[()]


def _one_number(name: str, returned: Any) -> Any:
    from layercheck.autodiff.values import is_traced

    kind = type(returned).__name__
    value = returned if is_traced(returned) else np.asarray(returned)
    if value.dtype.kind not in "fc":
        what = f"an array of {value.dtype}" if value.dtype.kind in "iub" else f"a {kind}"
        raise UsageError(
            f"{name} returned {what}, which has no derivative. Let it return a floating number."
        )
    if value.shape != ():
        raise UsageError(
            f"{name} returned an array of shape {value.shape}, and a gradient is that of one "
            "number. Sum it, or weigh it with an upstream gradient: np.sum(v * z)."
        )
    if value.dtype.kind == "c":
        raise UsageError(
            f"{name} returned a complex number, which has no gradient. Take its real part, or "
            "its absolute value."
        )
    return value
