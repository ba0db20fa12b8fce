"""JAX's tracing errors in one sentence: what the layer does, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from layercheck import LayerError

_BY_TYPE = {
    "TracerArrayConversionError": (
        "a traced array is converted to NumPy (np.asarray, or a function of NumPy), which JAX "
        "cannot follow. Use jax.numpy"
    ),
    "TracerBoolConversionError": (
        "Python branches on the value of a traced array (if, while, and, bool()). Use jnp.where, "
        "jax.lax.cond or jax.lax.while_loop"
    ),
    "TracerIntegerConversionError": (
        "a traced array is used as a Python integer (an index of a list, range(), a size). Use "
        "jax.lax.dynamic_slice, jnp.take or jax.lax.fori_loop, or give it with --call as a constant"
    ),
    "NonConcreteBooleanIndexError": (
        "a traced array is indexed with a boolean array, so that its size depends on the values. "
        "Use jnp.where(mask, x, 0)"
    ),
    "ConcretizationTypeError": (
        "the value of a traced array is asked for (float(), int(), .item(), or an argument that "
        "has to be a constant). Stay with arrays of jax.numpy, or give the constant with --call"
    ),
    "UnexpectedTracerError": (
        "a traced array of an earlier call was kept in a global, an attribute or a closure, and "
        "used again (a leaked tracer). Return it instead, and take it as an argument"
    ),
}
_BY_TEXT = {
    "apply forward-mode differentiation (jvp) to a custom_vjp": (
        "a custom_vjp function has no forward mode. A custom_jvp function has both modes"
    ),
    "Reverse-mode differentiation does not work for lax.while_loop": (
        "jax.lax.while_loop, or fori_loop with traced bounds, has no gradient. Use jax.lax.scan, "
        "or fori_loop with bounds that are Python integers"
    ),
    "callbacks do not support JVP": (
        "jax.pure_callback and io_callback have no derivative. Give the function one with "
        "jax.custom_vjp"
    ),
}


class TraceError(LayerError):
    """A layer does what JAX cannot trace or differentiate."""

    def __init__(
        self,
        call: str,
        original: BaseException,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(call, original, file, line)
        self.explanation = explanation(original) or ""

    def __str__(self) -> str:
        return f"{self.call} raised {type(self.original).__name__}: {self.explanation}"


@contextmanager
def explained() -> Iterator[None]:
    """Replace a `LayerError` in the block by one that explains it, where we know how."""
    try:
        yield
    except TraceError:
        raise
    except LayerError as error:
        if explanation(error.original) is None:
            raise
        raise TraceError(error.call, error.original, error.file, error.line) from error


def explanation(error: BaseException) -> str | None:
    """Return what an error of JAX means for the layer; None for other errors."""
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_TYPE:
            return _BY_TYPE[kind.__name__]
    text = str(error)
    return next((words for part, words in _BY_TEXT.items() if part in text), None)
