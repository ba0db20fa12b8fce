"""Universal functions and their methods, carried out by jax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special as special
import numpy as np

from layercheck.autodiff.breaks import broken
from layercheck.autodiff.carrying import wrapped
from layercheck.autodiff.values import as_value, is_traced, numbers

_WHOLE = """
greater greater_equal less less_equal equal not_equal logical_and logical_or logical_not
logical_xor isnan isfinite isinf signbit isnat
"""
WHOLE = frozenset(_WHOLE.split())
# Their derivative may be infinite where nothing asks for it: behind np.where it counts as zero.
_STEEP = """
exp exp2 expm1 log log2 log10 log1p sqrt cbrt reciprocal divide power float_power multiply
square tan arcsin arccos sinh cosh arccosh arctanh logaddexp logaddexp2 arctan2 hypot
"""
STEEP = frozenset(_STEEP.split())
_LINEAR = """
add subtract negative positive absolute fabs sign maximum minimum fmax fmin sin cos tanh
arctan arcsinh conjugate floor ceil trunc rint floor_divide remainder fmod copysign heaviside
deg2rad rad2deg degrees radians ldexp matmul vecdot matvec vecmat divmod modf
"""
LINEAR = frozenset(_LINEAR.split())
SPECIAL = {
    "expit": jax.nn.sigmoid,
    "erf": special.erf,
    "erfc": special.erfc,
    "ndtr": special.ndtr,
    "log_ndtr": special.log_ndtr,
    "gammaln": special.gammaln,
    "psi": special.digamma,
    "logit": special.logit,
    "xlogy": special.xlogy,
    "xlog1py": special.xlog1py,
    "entr": special.entr,
    "erfinv": special.erfinv,
    "i0": special.i0,
    "i1": special.i1,
    "i0e": special.i0e,
    "i1e": special.i1e,
    "gamma": special.gamma,
    "log_expit": jax.nn.log_sigmoid,
    "rel_entr": special.rel_entr,
}
REDUCTIONS = {
    "add": jnp.sum,
    "multiply": jnp.prod,
    "maximum": jnp.max,
    "minimum": jnp.min,
    "logaddexp": jax.nn.logsumexp,
}
CUMULATIVE = {
    "add": jnp.cumsum,
    "multiply": jnp.cumprod,
    "maximum": jax.lax.cummax,
    "minimum": jax.lax.cummin,
}


def carry(
    called: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: Any
) -> Any:
    """Return the result; `out` gives the elements that ``where=`` leaves alone."""
    name = called.__name__
    if method == "__call__":
        return _call(called, name, inputs, kwargs, out)
    if method == "outer":
        return _outer(called, inputs, kwargs)
    if name in WHOLE:
        return getattr(called, method)(*numbers(inputs), **kwargs)
    if method == "reduce" and name in REDUCTIONS:
        return _reduce(name, inputs, kwargs)
    if method == "accumulate" and name in CUMULATIVE:
        axis, _ = _axis(inputs, kwargs)
        return wrapped(CUMULATIVE[name](as_value(inputs[0]), axis=axis))
    remedy = "x = x + ..., or np.bincount with weights" if method == "at" else "other functions"
    raise broken(f"calls np.{name}.{method}, which is not traced", f"Write it with {remedy}.")


def _call(
    called: np.ufunc, name: str, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: Any
) -> Any:
    if name in WHOLE or not any(map(is_traced, inputs)):
        return _whole(called, inputs, kwargs, out)
    given = np.asarray(kwargs.get("where", True))
    dtype = kwargs.get("dtype")
    values = _promoted(name, inputs, dtype)
    if not given.all():
        values = tuple(jnp.where(given, value, _harmless(value)) for value in values)
    result = _function(name)(*values)
    if not given.all():
        result = jnp.where(given, result, 0.0 if out is None else as_value(out))
    if isinstance(result, (tuple, list)) or name in ("matmul", "vecdot", "matvec", "vecmat"):
        return wrapped(tuple(result) if isinstance(result, list) else result)
    return wrapped(result, _strided(inputs, result.shape))


def _whole(called: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    if out is not None and "where" in kwargs:
        where = kwargs.pop("where")
        return wrapped(jnp.where(where, called(*numbers(inputs), **kwargs), as_value(out)))
    return called(*numbers(inputs), **kwargs)


def _harmless(value: Any) -> Any:
    return jnp.full_like(value, 0.5)  # every function is smooth there, but arccosh


def _promoted(name: str, inputs: tuple[Any, ...], dtype: Any) -> tuple[Any, ...]:
    """The values in the dtypes that NumPy would compute in, which are not always jax's."""
    values = tuple(map(as_value, inputs))
    if name == "ldexp":
        return values
    strong = [np.dtype(v.dtype) for v in values if hasattr(v, "dtype")]
    common = np.result_type(*strong) if dtype is None else np.dtype(dtype)
    return tuple(
        v.astype(common) if hasattr(v, "dtype") and (dtype or v.dtype.kind in "iub") else v
        for v in values
    )


def _function(name: str) -> Callable[..., Any]:
    if name in SPECIAL:
        return _steep(SPECIAL[name])
    if name in STEEP:
        return _steep(_hypot if name == "hypot" else getattr(jnp, name))
    if name in LINEAR:
        found: Callable[..., Any] = getattr(jnp, name)
        return found
    raise broken(f"calls np.{name}, which has no derivative here", "Write it with other functions.")


def _hypot(x: Any, y: Any) -> Any:
    """np.hypot, with the derivative 0 at the kink."""
    is_kink = (x == 0) & (y == 0)
    return jnp.where(is_kink, 0.0, jnp.hypot(jnp.where(is_kink, 1.0, x), y))


def _steep(function: Callable[..., Any]) -> Callable[..., Any]:
    """An elementwise function with gradients of 0 wherever the upstream gradient is 0."""

    def call(*values: Any) -> Any:
        shape = np.broadcast_shapes(*(jnp.shape(v) for v in values))
        arrays = [i for i, v in enumerate(values) if hasattr(v, "dtype")]

        def of_arrays(*given: Any) -> Any:
            arguments = list(values)
            for i, array in zip(arrays, given, strict=True):
                arguments[i] = array
            return function(*arguments)

        guarded = _guarded(of_arrays)
        return guarded(*(jnp.broadcast_to(values[i], shape) for i in arrays))

    return call


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    guarded = jax.custom_vjp(function)

    def forward(*values: Any) -> Any:
        return function(*values), values

    def backward(values: Any, upstream: Any) -> Any:
        _, pull_back = jax.vjp(function, *values)
        is_zero = upstream == 0
        return tuple(jnp.where(is_zero, 0, g).astype(g.dtype) for g in pull_back(upstream))

    guarded.defvjp(forward, backward)
    found: Callable[..., Any] = guarded
    return found


def _strided(inputs: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """An array with the order that NumPy gives the result of an elementwise function."""
    arrays = [x.strided if is_traced(x) else np.asarray(x) for x in inputs]
    if all(a.flags.c_contiguous for a in arrays) or 0 in shape:
        return None
    ops = [np.broadcast_to(np.False_, a.shape) if a.ndim == 0 else a for a in arrays]
    made = np.nditer([*ops, None], op_dtypes=[a.dtype for a in ops] + [np.dtype(bool)])
    return made.operands[-1]


def _outer(called: np.ufunc, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    left, right = inputs
    left = left if is_traced(left) else np.asarray(left)
    return called(left.reshape(*left.shape, *(1,) * np.ndim(right)), right, **kwargs)


def _reduce(name: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    axis, rest = _axis(inputs, kwargs)
    if name == "logaddexp":
        rest.pop("where", None)
    return wrapped(REDUCTIONS[name](as_value(inputs[0]), axis=axis, **rest))


def _axis(inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    rest = dict(kwargs)
    axis = inputs[1] if len(inputs) > 1 else rest.pop("axis", 0)
    return axis, {key: value for key, value in rest.items() if value is not None}
