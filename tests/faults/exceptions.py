"""Layers that raise what nobody expects."""

from __future__ import annotations

from faults.fault import Fault, backward

EXCEPTIONS = (
    Fault(
        "BaseException",
        backward('raise BaseException("base")'),
        r"backward\(\) raised BaseException: base",
    ),
    Fault(
        "KeyboardInterrupt",
        backward("raise KeyboardInterrupt"),
        r"backward\(\) raised KeyboardInterrupt",
    ),
    Fault("GeneratorExit", backward("raise GeneratorExit"), r"backward\(\) raised GeneratorExit"),
    Fault("StopIteration", backward("next(iter(()))"), r"backward\(\) raised StopIteration"),
    Fault(
        "an exception that cannot be pickled",
        """
        class Odd(Exception):
            def __init__(self, lock):
                super().__init__(lock)

            def __reduce__(self):
                raise TypeError("not this one")

        class Faulty(_Scale):
            def backward(self, x, z, dz, memory):
                raise Odd(threading.Lock())
        """,
        r"backward\(\) raised Odd",
    ),
    Fault(
        "an exception whose str raises",
        """
        class Odd(Exception):
            def __str__(self):
                raise SystemExit("no words")

        class Faulty(_Scale):
            def backward(self, x, z, dz, memory):
                raise Odd
        """,
        r"backward\(\) raised Odd: <its message cannot be shown>",
    ),
    Fault(
        "an exception with an endless message",
        backward('raise ValueError("x" * 10**8)'),
        r"backward\(\) raised ValueError: xxx",
    ),
    Fault(
        "an exception with escapes and markup",
        backward('raise ValueError("[bold]\\x1b[31mred\\r\\n</table>\\ud800")'),
        r"backward\(\) raised ValueError: \[bold\]",
    ),
    Fault(
        "an exception group",
        backward('raise ExceptionGroup("many", [ValueError(1), TypeError(2)])'),
        r"backward\(\) raised ExceptionGroup: many",
    ),
    Fault(
        "an exception that is its own cause",
        backward('error = ValueError("round"); error.__cause__ = error; raise error'),
        r"backward\(\) raised ValueError: round",
    ),
    Fault(
        "an error of the interpreter",
        backward('raise SystemError("bad internal call")'),
        r"backward\(\) raised SystemError",
    ),
)
