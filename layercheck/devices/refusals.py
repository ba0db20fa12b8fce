"""What a device array refuses: the exceptions that CuPy raises, with cause and remedy."""

from __future__ import annotations

from typing import Any, NoReturn

from layercheck.errors import CallUnavailable

USE_XP = (
    "Make the array where the input is: np.zeros_like(x), or xp = cupy.get_array_module(x) and "
    "xp.zeros(...). What the layer keeps from its constructor is moved with xp.asarray(...)."
)
STAY = (
    "Use the array itself, or xp.asarray(x) with xp = cupy.get_array_module(x); x.get() copies to "
    "the host on purpose."
)
# What to write instead of what CuPy does not have.
INSTEAD = {
    "ufunc.at": "Write cupyx.scatter_add(a, indices, values) on the device, or xp.add.at(...).",
    "block": "Nest xp.concatenate calls.",
    "insert": "Join the parts with xp.concatenate.",
    "vectorize": "Write it with array operations.",
    "frompyfunc": "Write it with array operations.",
    "nditer": "Write it with array operations.",
}
ELSE = "Write it with functions that CuPy has, or give the device a way of its own with xp."


class Refusal(Exception):
    """Base of what device arrays raise.

    Parameters
    ----------
    message : str
    cause : str
        The id of the cause.
    fix : str
        The usual remedy, one sentence.
    """

    def __init__(self, message: str, cause: str, fix: str) -> None:
        super().__init__(message)
        self.cause = cause
        self.fix = fix

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.cause, self.fix)


class RefusedType(Refusal, TypeError):
    """Raised where CuPy raises TypeError."""


class RefusedValue(Refusal, ValueError):
    """Raised where CuPy raises ValueError."""


class RefusedName(Refusal, AttributeError):
    """Raised where CuPy raises AttributeError."""


class NotRehearsed(CallUnavailable):
    """CuPy can do it, and the rehearsal cannot."""


for _refused, _raised in (
    (RefusedType, TypeError),
    (RefusedValue, ValueError),
    (RefusedName, AttributeError),
):
    _refused.__name__ = _raised.__name__  # messages show what CuPy raises


def refuse_host(what: str, shape: tuple[int, ...]) -> NoReturn:
    """Raise for a host array that meets a device array in `what`."""
    raise RefusedType(
        f"{what} got a numpy.ndarray of shape {shape} together with a cupy.ndarray; CuPy copies "
        "none to the device by itself",
        "host-array-on-device",
        USE_XP,
    )


def refuse_conversion() -> NoReturn:
    """Raise for a device array that is to become a host array by itself."""
    raise RefusedType(
        "a cupy.ndarray is to become a numpy.ndarray here; CuPy refuses implicit conversion",
        "implicit-conversion",
        STAY,
    )


def refuse_missing(what: str, key: str) -> NoReturn:
    """Raise for a function that CuPy does not have."""
    raise RefusedType(
        f"CuPy has no {what} for its arrays", "unsupported-on-device", INSTEAD.get(key, ELSE)
    )


def refuse_argument(function: str, name: str) -> NoReturn:
    """Raise for a keyword that CuPy's function does not take."""
    raise RefusedType(
        f"CuPy's {function}() takes no argument {name!r}",
        "unsupported-on-device",
        f"Do without {name}=, for instance by indexing or xp.where before {function}().",
    )


# What CuPy itself says, in place of a `Refusal`.
_SAID = (
    ("implicit conversion", "implicit-conversion", STAY),
    ("unsupported type <class 'numpy.ndarray'>", "host-array-on-device", USE_XP),
    ("got numpy.ndarray", "host-array-on-device", USE_XP),
    ("non-scalar numpy.ndarray cannot be used", "host-array-on-device", USE_XP),
    ("only cupy arrays can be", "host-array-on-device", USE_XP),
    ("no implementation found", "unsupported-on-device", ELSE),
    ("all returned notimplemented", "unsupported-on-device", ELSE),
    ("unexpected keyword argument", "unsupported-on-device", ELSE),
    ("object has no attribute", "unsupported-on-device", ELSE),
    ("unsupported dtype", "unsupported-on-device", ELSE),
)


def refusal_of(error: BaseException | None) -> Refusal | None:
    """Return the refusal that an exception is, was raised from, or says in CuPy's words."""
    while error is not None:
        if isinstance(error, Refusal):
            return error
        if isinstance(error, (TypeError, ValueError, AttributeError)):
            text = str(error)
            for said, cause, fix in _SAID:
                if said in text.lower() and "cupy" in _modules(error):
                    return RefusedType(text, cause, fix)
        error = error.__cause__ or error.__context__
    return None


def _modules(error: BaseException) -> set[str]:
    """The packages whose code an exception went through, and those that its text names."""
    found = {"cupy"} if "cupy" in str(error) else set()
    step = error.__traceback__
    while step is not None:
        found.add(str(step.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        step = step.tb_next
    return found
