"""The exceptions of layercheck.

LayercheckError
|-- UsageError            the command, the call or the configuration cannot be carried out
|   |-- LayoutError       a layout that cannot be parsed or does not fit
|   |-- TargetError       a target that is not found, not loadable or not a layer
|   |-- DataError         input data that cannot be read or do not fit
|   |-- DeclarationError  a declaration that is unknown or does not fit the layer
|   `-- QuestionError     the layer can be read in several ways; ends with what answers it
|-- TraceError            NumPy code cannot be differentiated as it stands
|-- CallUnavailable       a call of the layer that cannot be made here; not the layer's answer
`-- LayerError            the user's layer raised while it was being called
    `-- ReturnError       it returned something that is not what its convention asks for
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_MESSAGE = 4000


class LayercheckError(Exception):
    """Base of every exception that layercheck raises on purpose."""


class UsageError(LayercheckError):
    """What was asked for cannot be done; the message says what to do instead."""


class LayoutError(UsageError):
    """A layout cannot be parsed or does not fit the layer."""


class TargetError(UsageError):
    """A target is not found, cannot be loaded or is not a layer."""


class DataError(UsageError):
    """Input data cannot be read or do not fit the layout."""


class DeclarationError(UsageError):
    """A declaration is unknown or does not fit the layer."""


class QuestionError(UsageError):
    """A layer can be read in several ways; the message ends with the declaration that decides."""


class TraceError(LayercheckError):
    """A line of NumPy code takes a value out of the trace, so that its derivative would be lost.

    Parameters
    ----------
    what : str
        What the line does: ``calls float() on a traced value``.
    remedy : str
        What to write instead.
    file, line : str or None, int or None
    place : str
        Both, as they are shown.
    """

    def __init__(
        self,
        what: str,
        remedy: str = "",
        file: str | None = None,
        line: int | None = None,
        place: str = "",
    ) -> None:
        super().__init__(what, remedy, file, line, place)
        self.what = what
        self.remedy = remedy
        self.file = file
        self.line = line
        self.place = place

    def __str__(self) -> str:
        subject = self.place or "The code"
        return f"{subject} {self.what.removesuffix('.')}. {self.remedy}".rstrip()


class CallUnavailable(LayercheckError):
    """The layer cannot be called here; the message says why."""


class LayerError(LayercheckError):
    """The user's layer raised an exception.

    Parameters
    ----------
    call : str
        What was called: ``forward()``, ``backward()``, ``the constructor``.
    original : BaseException
        What the layer raised.
    file, line : str or None, int or None
        The innermost frame that lies in the user's own code.

    Attributes
    ----------
    advice : str or None
        What to do about it, where whoever called the layer knows.
    """

    advice: str | None = None

    def __init__(
        self,
        call: str,
        original: BaseException,
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(call, original, file, line)
        self.call = call
        self.original = original
        self.file = file
        self.line = line

    def __str__(self) -> str:
        said = describe(self.original)
        return f"{self.call} raised {said if said.endswith('..') else said.removesuffix('.')}"


class ReturnError(LayerError):
    """The user's layer returned the wrong number or kind of things.

    Parameters
    ----------
    call : str
    problem : str
        What was returned and what was expected: ``returned 3 values; expected 2: dx, dW``.
    """

    def __init__(
        self, call: str, problem: str, file: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(call, TypeError(problem), file, line)
        self.problem = problem

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.call, self.problem, self.file, self.line)

    def __str__(self) -> str:
        return f"{self.call} {self.problem}"


def describe(error: BaseException) -> str:
    """Return ``TypeName: message``, also for exceptions whose ``str`` raises or is endless."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException as problem:
        if isinstance(problem, KeyboardInterrupt):
            raise
        text = "<its message cannot be shown>"
    if len(text) > LONGEST_MESSAGE:
        text = f"{text[:LONGEST_MESSAGE]}..."
    return f"{name}: {text}" if text else name


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the known name nearest to `name`, or nothing."""
    spellings = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), spellings, n=1, cutoff=0.55)
    return f" Did you mean {spellings[found[0]]!r}?" if found else ""
