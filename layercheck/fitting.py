"""Whether the values that the user gave fit the inputs of a layer."""

from __future__ import annotations

from itertools import chain

import numpy as np

from layercheck.case import Options
from layercheck.errors import DataError, UsageError, nearest
from layercheck.layout import Layout
from layercheck.subject import Subject
from layercheck.where import describe_index

_KINDS = "fciub"


def require_fit(options: Options, subject: Subject) -> None:
    """Raise `UsageError` for values of an input that does not exist, and data that do not fit."""
    names = subject.input_names
    for name in chain(options.ranges, options.integers, options.data):
        if name and name not in names:
            raise UsageError(
                f"Values are given for an input {name!r}, and {subject.name} has none of that "
                f"name.{nearest(name, names)} Its inputs are {', '.join(names)}."
            )
    for name, layout in zip(names, subject.layouts, strict=True):
        data = options.data_of(name)
        if data is not None:
            _require_data(name, data, layout)


def _require_data(name: str, data: np.ndarray, layout: Layout) -> None:
    if data.dtype.kind not in _KINDS:
        raise DataError(f"The data of input {name!r} are of dtype {data.dtype}. Give numbers.")
    if data.shape != layout.size:
        shape = ",".join(map(str, data.shape))
        advice = (
            f"Pass --layout {Layout(layout.format, data.shape)}, or data of the layout's size."
            if data.ndim == layout.rank and 0 not in data.shape
            else f"Give data with the axes {layout.format}."
        )
        raise DataError(
            f"The data of input {name!r} have the size {shape or 'of a scalar'}, and its layout "
            f"is {layout}. {advice}"
        )
    bad = np.argwhere(~np.isfinite(data))
    if len(bad):
        where = describe_index(tuple(bad[0]), None, name)
        raise DataError(
            f"The data of input {name!r} hold {len(bad)} values that are not finite, the first "
            f"at {where}. Give finite numbers; the suite numerics tries others itself."
        )
