"""Pipes and files that a child process gets beside its stdin, stdout and stderr."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


class Channel:
    """A pipe of which the parent closes the end that it gives away."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self._open = {self.read, self.write}

    def send(self, data: bytes) -> None:
        """Write all of `data`."""
        send_all(self.write, data)

    def close_read(self) -> None:
        """Close the end that reads."""
        self._close(self.read)

    def close_write(self) -> None:
        """Close the end that writes."""
        self._close(self.write)

    def close(self) -> None:
        """Close what is open."""
        self.close_read()
        self.close_write()

    def _close(self, end: int) -> None:
        if end in self._open:
            self._open.remove(end)
            with contextlib.suppress(OSError):
                os.close(end)


def send_all(descriptor: int, data: bytes) -> None:
    """Write all of `data`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def shared_options(descriptors: Sequence[int]) -> tuple[str, dict[str, Any]]:
    """Return what tells a child where its descriptors are, and the options of ``Popen``.

    The child leads a process group, so that what it starts can be ended with it.
    """
    if sys.platform == "win32":
        import msvcrt

        handles = [msvcrt.get_osfhandle(each) for each in descriptors]
        for handle in handles:
            os.set_handle_inheritable(handle, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": handles})
        return _joined(handles), {
            "startupinfo": startup,
            "creationflags": subprocess.CREATE_NEW_PROCESS_GROUP,
        }
    return _joined(descriptors), {"pass_fds": tuple(descriptors), "start_new_session": True}


def open_shared(text: str) -> list[int]:
    """Return the descriptors that `text` names, in the child; its own children do not get them."""
    numbers = [int(number) for number in text.split(",")]
    if sys.platform == "win32":
        import msvcrt

        return [msvcrt.open_osfhandle(number, os.O_RDWR) for number in numbers]
    for number in numbers:
        os.set_inheritable(number, False)
    return numbers


def _joined(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)
