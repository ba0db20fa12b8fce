"""What a traced function raises, told as the error of the line that the user wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layercheck import LayerError


def explained(error: LayerError) -> LayerError:
    """Return an error of traced code with its own message, file and line; others as they are."""
    traced: Any = getattr(error.original, "ag_error_metadata", None)
    if traced is None:
        return error
    frames = [f for f in traced.translated_stack if "tensorflow" not in Path(f.filename).parts]
    place = (frames[0].filename, frames[0].lineno) if frames else (error.file, error.line)
    return LayerError(error.call, _shortened(error.original), *place)


def _shortened(error: BaseException) -> BaseException:
    """Return an exception of the same name, without the traceback in its message."""
    kind = type(type(error).__name__, (Exception,), {})
    short: BaseException = kind(message(error))
    return short


def message(error: BaseException) -> str:
    """Return the line of a message that says what is wrong: traced code quotes its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error: " in line]
    text = told[-1].partition("Error: ")[2] if told else (lines or [""])[0]
    return text[:300].rstrip(".")
