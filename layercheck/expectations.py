"""Results in order, as events: expected failures met, and the first failure that ends a layer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from layercheck.errors import UsageError, nearest
from layercheck.events import CheckFinished, CheckStarted, Event
from layercheck.outcome import Finding, Outcome, Question, Result

_PASSED = Finding(
    "The check passed although it is expected to fail.",
    fix="Remove the expectation: what it waited for has been mended.",
)
_BAD = (Outcome.FAILED, Outcome.INCOMPLETE)


@dataclass
class Ledger:
    """The results of one layer, in the order of its questions.

    The dtypes of a check are settled together: an expected failure is met if one fails.

    Parameters
    ----------
    questions : sequence of Question
        All that is to be asked, the dtypes of a check one after another.
    expected : mapping, check id -> reason
    stop_on_first : bool
        End at the first failure.
    """

    questions: tuple[Question, ...]
    expected: Mapping[str, str]
    stop_on_first: bool = False
    results: list[Result] = field(default_factory=list)

    def follow(self, stream: Iterable[CheckStarted | Result]) -> Iterator[Event]:
        """Yield the events of a stream of starts and raw results."""
        counts: dict[str, int] = {}
        for question in self.questions:
            counts[question.id] = counts.get(question.id, 0) + 1
        pending: list[Result] = []
        for item in stream:
            if isinstance(item, CheckStarted):
                yield item
                continue
            pending.append(item)
            if len(pending) < counts[item.id]:
                continue
            for result in settled(pending, self.expected.get(item.id)):
                self.results.append(result)
                yield CheckFinished(result)
            pending = []
            if self.stop_on_first and any(each.outcome in _BAD for each in self.results):
                return


def require_expected(expected: Iterable[str], known: Collection[str]) -> None:
    """Raise `UsageError` where an expected failure names no check or case of any layer."""
    for id in expected:
        if id not in known:
            start = id.partition(":")[0].rstrip(".")
            near = [name for name in known if name.startswith((f"{start}.", f"{start}:"))]
            raise UsageError(
                f"No check is called {id!r} (--expect-fail).{nearest(id, known)} "
                f"Known here: {', '.join(sorted(near or known))}."
            )


def settled(results: list[Result], reason: str | None) -> list[Result]:
    """Apply an expected failure to all dtypes of one check."""
    if reason is None:
        return results
    is_met = any(result.outcome is Outcome.FAILED for result in results)
    return [_expected(result, reason, is_met) for result in results]


def _expected(result: Result, reason: str, is_met: bool) -> Result:
    if is_met:
        failed = result.outcome is Outcome.FAILED
        outcome = Outcome.EXPECTED_FAILURE if failed else result.outcome
        return replace(result, outcome=outcome, expectation=reason)
    if result.outcome is Outcome.PASSED:
        return replace(result, outcome=Outcome.FAILED, expectation=reason, finding=_PASSED)
    return result
