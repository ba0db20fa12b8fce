"""NumPy's functions of arrays, carried out by jax: which are, and which need no derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from layercheck.autodiff import particular
from layercheck.autodiff.breaks import broken
from layercheck.autodiff.carrying import wrapped
from layercheck.autodiff.values import as_value, is_traced, numbers

# The same function, with the same arguments.
_ALIKE = """
sum mean prod max min amax amin var nansum nanmean nanmax nanmin nanprod nanvar median
nanmedian percentile quantile nanpercentile nanquantile average cumsum cumprod nancumsum
nancumprod diff gradient ediff1d trapezoid dot vdot inner outer tensordot einsum kron cross
trace diag diagflat tril triu concatenate concat stack vstack hstack dstack column_stack block
broadcast_to broadcast_arrays tile repeat roll pad interp convolve correlate real imag angle
sinc i0 unwrap nan_to_num round around fix polyval vander meshgrid insert append delete resize
linspace logspace geomspace cov corrcoef select choose compress extract real_if_close ptp
vecdot linalg.inv linalg.det linalg.slogdet linalg.solve linalg.cholesky linalg.eigh
linalg.eigvalsh linalg.svd linalg.svdvals linalg.qr linalg.pinv linalg.matrix_power
linalg.lstsq linalg.multi_dot linalg.outer linalg.cross linalg.vecdot linalg.matmul
linalg.tensordot linalg.trace linalg.cond linalg.eigvals linalg.eig linalg.tensorsolve
linalg.tensorinv fft.fft fft.ifft fft.rfft fft.irfft fft.fft2 fft.ifft2 fft.fftn fft.ifftn
fft.rfft2 fft.irfft2 fft.rfftn fft.irfftn fft.hfft fft.ihfft fft.fftshift fft.ifftshift poly
polyadd polysub polymul polyder polyint
"""
ALIKE = frozenset(_ALIKE.split())
# Only rearranged: views, where NumPy makes views.
_REARRANGED = """
reshape ravel transpose permute_dims matrix_transpose swapaxes moveaxis rollaxis squeeze
expand_dims flip fliplr flipud rot90 diagonal linalg.diagonal linalg.matrix_transpose
atleast_1d atleast_2d atleast_3d
"""
REARRANGED = frozenset(_REARRANGED.split())
_DIVIDED = """
split array_split hsplit vsplit dsplit unstack
"""
DIVIDED = frozenset(_DIVIDED.split())
# Whole numbers, truth values and descriptions: they have no derivative.
_WHOLE = """
argmax argmin nanargmax nanargmin argsort argpartition argwhere nonzero flatnonzero
count_nonzero any all searchsorted digitize lexsort isclose allclose array_equal array_equiv
isin in1d iscomplexobj isrealobj isreal iscomplex isposinf isneginf shape ndim size
result_type can_cast min_scalar_type common_type array_repr array_str array2string ix_
einsum_path linalg.matrix_rank histogram_bin_edges packbits unravel_index ravel_multi_index
histogram
"""
WHOLE = frozenset(_WHOLE.split())


def name_of(called: Callable[..., Any]) -> str:
    """Return the name behind ``np.``."""
    _, _, inside = called.__module__.partition(".")
    prefix = f"{inside}." if inside in ("linalg", "fft") else ""
    return f"{prefix}{called.__name__}"


def carry(name: str, called: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result of one function."""
    own = getattr(particular, name.replace(".", "_"), None)
    if own is not None:
        return own(*args, **kwargs)
    if name in WHOLE:
        return called(*numbers(args), **{key: numbers(v) for key, v in kwargs.items()})
    if name in REARRANGED and args and is_traced(args[0]):
        return _rearranged(name, args[0], args[1:], kwargs)
    if name in DIVIDED and is_traced(args[0]):
        return _divided(name, args[0], args[1:], kwargs)
    if name in ALIKE or name in REARRANGED:
        kwargs = {key: _value(v) for key, v in kwargs.items() if key not in _MEANINGLESS}
        return wrapped(_called(_found(jnp, name), tuple(map(_value, args)), kwargs))
    raise broken(f"calls np.{name}, which is not traced", "Write it with other functions.")


_MEANINGLESS = ("casting", "optimize", "subok")


def _found(namespace: Any, name: str) -> Callable[..., Any]:
    for part in name.split("."):
        namespace = getattr(namespace, part)
    found: Callable[..., Any] = namespace
    return found


def _called(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> Any:
    """Call jax's function, with arrays for lists where it takes no lists."""
    try:
        return function(*args, **kwargs)
    except TypeError:
        if not any(isinstance(thing, list) for thing in (*args, *kwargs.values())):
            raise
    return function(*map(_array, args), **{key: _array(value) for key, value in kwargs.items()})


def _array(thing: Any) -> Any:
    return jnp.asarray(thing) if isinstance(thing, list) else thing


def _value(thing: Any) -> Any:
    """An argument as jax takes it; indices and the like stay NumPy's."""
    if isinstance(thing, (list, tuple)):
        return type(thing)(map(_value, thing))
    if type(thing) is np.ndarray and thing.dtype.kind in "iub":
        return thing.copy()
    if is_traced(thing) or isinstance(thing, (np.ndarray, np.inexact)):
        return as_value(thing)
    return thing


def _either(name: str, args: Any, kwargs: Any) -> Callable[[Any], Any]:
    def read(array: Any) -> Any:
        return _found(jnp if isinstance(array, jax.Array) else np, name)(array, *args, **kwargs)

    return read


def _rearranged(name: str, array: Any, args: Any, kwargs: Any) -> Any:
    kwargs = {"shape" if key == "newshape" else key: v for key, v in kwargs.items()}
    return array.seen_through(_either(name, args, kwargs))


def _divided(name: str, array: Any, args: Any, kwargs: Any) -> list[Any]:
    read = _either(name, args, kwargs)

    def part(number: int) -> Callable[[Any], Any]:
        return lambda a: read(a)[number]

    return [array.seen_through(part(i)) for i in range(len(read(array.strided)))]
