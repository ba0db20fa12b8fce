"""How a check speaks: it returns (passed) or raises one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from layercheck.errors import LayercheckError
from layercheck.outcome import Finding, Verified


@dataclass(frozen=True)
class Passed:
    """What a check that holds may add: notes, and how much of a gradient it verified."""

    notes: tuple[str, ...] = ()
    verified: Verified | None = None


class Verdict(LayercheckError):
    """Base of what a check raises to say that it did not pass."""


class Failed(Verdict):
    """The layer is wrong: `finding` is the evidence."""

    def __init__(self, finding: Finding, verified: Verified | None = None) -> None:
        super().__init__(finding.what)
        self.finding = finding
        self.verified = verified


class Skipped(Verdict):
    """The check does not apply; the message says why, and which option would enable it."""


class Inconclusive(Verdict):
    """The check could not decide; the message says why and what would help."""

    def __init__(self, reason: str, verified: Verified | None = None) -> None:
        super().__init__(reason)
        self.verified = verified


def fail(what: str, **evidence: Any) -> NoReturn:
    """Raise `Failed` with ``Finding(what, **evidence)``."""
    raise Failed(Finding(what, **evidence))


def skip(reason: str) -> NoReturn:
    """Raise `Skipped`."""
    raise Skipped(reason)
