"""Where what a layer prints goes while it runs in this process."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator

Streams = Callable[[], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Forget it."""
    with contextlib.redirect_stdout(_Sink()), contextlib.redirect_stderr(_Sink()):
        yield


@contextlib.contextmanager
def beside_the_report() -> Iterator[None]:
    """Show it on stderr, where a debugger can be used."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


class _Sink(io.TextIOBase):
    """A text stream that forgets what is written to it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)

    def close(self) -> None:
        """Stay open: the next call prints too."""
