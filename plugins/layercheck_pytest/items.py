"""The tests of a layer, one for each check and dtype."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from layercheck.testing import (
    Inquiry,
    Outcome,
    PytestChecks,
    Question,
    Result,
    UsageError,
    configuration_in,
    failure_text,
    headline,
    inquire_configured,
    quote,
)

_WIDTH = 92


class LayerFile(pytest.File):
    """The layers that a pyproject.toml lists."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the tests of every layer, in the order of the file."""
        try:
            found = configuration_in(self.path.parent)
        except UsageError as error:
            raise self.CollectError(str(error)) from None
        if found is None or not found.entries:
            raise self.CollectError(
                f"{self.path.name} lists no layer. Write a table [[tool.layercheck.layers]] with "
                "its target for each."
            )
        for entry in found.entries:
            try:
                for inquiry in inquire_configured(entry, found):
                    yield from _items(self, inquiry.name, inquiry, 0)
            except UsageError as error:
                yield _broken(self, entry.name, error, 0)


def items_of(parent: Any, name: str, checks: PytestChecks) -> Iterator[pytest.Item]:
    """Yield the tests of one layer of a test module."""
    line = _line(parent.obj, name)
    try:
        inquiry = checks.inquire()
    except UsageError as error:
        yield _broken(parent, name, error, line)
    else:
        yield from _items(parent, name, inquiry, line)


class CheckItem(pytest.Item):
    """One check of one layer, in one dtype."""

    def __init__(
        self, *, inquiry: Inquiry, question: Question, line: int, group: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.inquiry, self.question, self.line = inquiry, question, line
        self.again = f"pytest {quote(self.nodeid)}"
        if hasattr(self.config.option, "dist"):  # pytest-xdist, which registers the marker
            self.add_marker(pytest.mark.xdist_group(group))

    def runtest(self) -> None:
        """Ask the question."""
        result = self.inquiry.answer(self.question)
        if result.outcome is Outcome.SKIPPED:
            raise pytest.skip.Exception(result.reason or "skipped", _use_item_location=True)
        if result.outcome is Outcome.EXPECTED_FAILURE and not self.config.option.runxfail:
            pytest.xfail(result.expectation or "")
        if result.outcome is not Outcome.PASSED:
            raise CheckFailed(result)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the block that the command would show."""
        if isinstance(excinfo.value, CheckFailed):
            return _Shown(excinfo.value.result, self)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where the test is written, and what it is called."""
        return self.path, self.line, self.name


class BrokenItem(pytest.Item):
    """The one test of a layer that cannot be built."""

    def __init__(self, *, error: UsageError, line: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.error, self.line = error, line

    def runtest(self) -> None:
        """Say why."""
        pytest.fail(str(self.error), pytrace=False)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where the test is written, and what it is called."""
        return self.path, self.line, self.name


class CheckFailed(Exception):
    """A check failed or is incomplete."""

    def __init__(self, result: Result) -> None:
        super().__init__(headline(result))
        self.result = result


class _Shown:
    """A failure as pytest shows it."""

    def __init__(self, result: Result, item: CheckItem) -> None:
        self._result, self._again = result, item.again
        message = headline(result)
        self.reprcrash = SimpleNamespace(path=str(item.path), lineno=item.line, message=message)

    def __str__(self) -> str:
        return failure_text(self._result, self._again)

    def toterminal(self, tw: Any) -> None:
        """Write the block."""
        width = min(tw.fullwidth, _WIDTH)
        text = failure_text(self._result, self._again, width=width, colour=tw.hasmarkup)
        tw.write(text, flush=True)


def _items(parent: Any, name: str, inquiry: Inquiry, line: int) -> Iterator[pytest.Item]:
    for question in inquiry.questions:
        dtype = f"-{question.dtype}" if question.dtype else ""
        yield CheckItem.from_parent(
            parent,
            name=f"{name}[{question.id}{dtype}]",
            nodeid=f"{parent.nodeid}::{name}[{question.id}{dtype}]",
            inquiry=inquiry,
            question=question,
            line=line,
            group=f"{parent.nodeid}::{name}",
        )


def _broken(parent: Any, name: str, error: UsageError, line: int) -> pytest.Item:
    name = f"{name}[contract.construct]"
    item: pytest.Item = BrokenItem.from_parent(
        parent, name=name, nodeid=f"{parent.nodeid}::{name}", error=error, line=line
    )
    return item


def _line(owner: Any, name: str) -> int:
    """Return the line, from 0, that assigns a name in a module or class."""
    try:
        lines, first = inspect.getsourcelines(owner)
    except (OSError, TypeError):
        return 0
    pattern = re.compile(rf"\s*{re.escape(name)}\s*(:[^=]+)?=")
    at = next((i for i, text in enumerate(lines) if pattern.match(text)), 0)
    return at + max(first - 1, 0)
