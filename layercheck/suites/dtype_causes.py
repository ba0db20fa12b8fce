"""Whether an array has the dtype that it should have, and why it has another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.errors import LayerError
from layercheck.outcome import Cause
from layercheck.rounds import Live
from layercheck.subject import Mode


def fits(value: Any, dtype: np.dtype[Any]) -> bool:
    """Whether an array or NumPy scalar has a real dtype, or the complex one of its precision.

    A plain Python number takes the dtype of what it meets, and fits always.
    """
    if not isinstance(value, (np.ndarray, np.generic)):
        return isinstance(value, (int, float, complex))
    return value.dtype in (dtype, np.result_type(dtype, np.complex64))


def cause_of_dtype(expected: np.dtype[Any], found: np.dtype[Any]) -> Cause | None:
    """Return the change of precision as a cause; None where the precision is the same."""
    evidence = {"expected": str(expected), "found": str(found)}
    if found.kind in "biu":
        text = f"{expected} goes in and {found} comes out: the fractions are cut off."
        return Cause("dtype-downcast", text, evidence)
    if found.kind not in "fc":
        return None
    gained = _bits(found) - _bits(expected)
    if gained == 0:
        return None
    if gained > 0:
        text = f"{expected} goes in and {found} comes out: something in between is {found}."
        return Cause("dtype-upcast", text, evidence)
    text = (
        f"{expected} goes in and {found} comes out: "
        f"{_bits(found)} of {_bits(expected)} significant bits are left."
    )
    return Cause("dtype-downcast", text, evidence)


def _bits(dtype: np.dtype[Any]) -> int:
    return int(np.finfo(dtype).nmant) + 1


def promoting_attribute(case: Case, mode: Mode, number: int) -> Cause | None:
    """Return the attribute that promotes an output: with it in the case's dtype, it fits."""
    live = case.instance()
    for name, value in _wider_attributes(live.layer, case.dtype):
        if _output_dtype(case, mode, number, name, value) == case.dtype:
            text = (
                f"The attribute {name} is {value.dtype}: as {case.dtype} it leaves the output "
                f"{case.dtype}, too."
            )
            return Cause("dtype-upcast", text, {"attribute": name, "dtype": str(value.dtype)})
    return None


def _wider_attributes(layer: Any, dtype: np.dtype[Any]) -> Iterator[tuple[str, Any]]:
    for name, value in list(getattr(layer, "__dict__", {}).items()):
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fc":
            continue
        if _bits(value.dtype) > _bits(dtype):
            yield name, value


def _output_dtype(case: Case, mode: Mode, number: int, name: str, value: Any) -> Any:
    """The dtype of an output once an attribute is cast; None where the layer cannot run so."""
    live = Live(case)
    narrow = np.result_type(case.dtype, np.complex64) if value.dtype.kind == "c" else case.dtype
    try:
        setattr(live.instance.layer, name, value.astype(narrow))
        return live.run(live.inputs(), mode).outputs[number].dtype
    except (LayerError, AttributeError):
        return None
