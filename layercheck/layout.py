"""Layouts: which axis of an array means what, and how long it is."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from layercheck.errors import LayoutError

LABELS = {
    "S": "spatial",
    "C": "channel",
    "B": "batch",
    "T": "time",
    "U": "unspecified",
}
REPEATABLE = "SU"
MAX_RANK = 32  # numpy 1.23 allows no more axes
MAX_ELEMENTS = 2**63 - 1  # the largest array index
BATCH_DEFAULT = 4
OTHER_DEFAULTS = (
    *(5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61),
    *(67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139),
)
_WRITE = "Write FORMAT:SIZES, as in SSCB:24,24,20,128."


@dataclass(frozen=True)
class Layout:
    """The labels and sizes of one input or output.

    Parameters
    ----------
    format : str
        One letter an axis: S spatial, C channel, B batch (observations), T time,
        U unspecified. S and U may repeat; the order is free.
    size : tuple of int or None
        One size an axis; None is an unknown size, printed as ``?``.

    Raises
    ------
    LayoutError
        The labels or the sizes cannot be those of an array.

    Examples
    --------
    >>> layout = Layout.parse("SSCB:24,24,20,?")
    >>> layout.size[layout.find("C")]
    20
    >>> str(layout.resolved())
    'SSCB:24,24,20,4'
    """

    format: str
    size: tuple[int | None, ...]

    def __post_init__(self) -> None:
        sizes = tuple(_require_size(n, self.format) for n in self.size)
        object.__setattr__(self, "size", sizes)
        _require_labels(self.format)
        _require_one_size_a_label(self.format, sizes)
        _require_indexable(self)

    @classmethod
    def parse(cls, text: str) -> Layout:
        """Read a layout as it is written on the command line.

        Parameters
        ----------
        text : str
            ``FORMAT:SIZES``, as ``SSCB:24,24,20,128`` or ``CBT:20,?,9``.
        """
        labels, colon, sizes = text.strip().partition(":")
        if not colon:
            raise LayoutError(f"The layout {text!r} has no ':' before its sizes. {_WRITE}")
        fields = sizes.split(",") if sizes.strip() else []
        return cls(labels.strip(), tuple(_read_size(field.strip(), text) for field in fields))

    @classmethod
    def of(cls, format: str, size: Iterable[int | None]) -> Layout:
        """Build a layout from its labels and any iterable of sizes, such as an array's shape."""
        return cls(format, tuple(size))

    def __str__(self) -> str:
        return f"{self.format}:{','.join('?' if n is None else str(n) for n in self.size)}"

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each axis."""
        return tuple(self.format)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.format)

    @property
    def has_unknown(self) -> bool:
        """Whether a size is unknown."""
        return None in self.size

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes as the shape of an array; every size must be known."""
        known = tuple(n for n in self.size if n is not None)
        if len(known) < self.rank:
            raise LayoutError(
                f"The layout {self} has an unknown size, so no array has its shape. "
                "Call resolved() first."
            )
        return known

    @property
    def elements(self) -> int:
        """The number of elements; every size must be known."""
        return math.prod(self.shape)

    def bytes(self, itemsize: int) -> int:
        """Return the memory of one array at this layout, `itemsize` bytes an element."""
        return self.elements * itemsize

    def find(self, label: str) -> int:
        """Return the axis of a label that occurs once (MATLAB's ``finddim``).

        Raises
        ------
        LayoutError
            The label is absent (`axis` returns None then) or occurs several times
            (`find_all` returns every axis).
        """
        axis = self.axis(label)
        if axis is None:
            raise LayoutError(
                f"The layout {self} has no axis {label} ({LABELS[label]}). "
                f"Its labels are {', '.join(self.format) or 'none'}."
            )
        return axis

    def axis(self, label: str) -> int | None:
        """Return the axis of a label, or None where it is absent; a repeated label raises."""
        axes = self.find_all(label)
        if len(axes) > 1:
            raise LayoutError(
                f"The layout {self} has {len(axes)} axes {label}, so none is the axis {label}. "
                f"find_all({label!r}) returns {axes}."
            )
        return axes[0] if axes else None

    def find_all(self, label: str) -> tuple[int, ...]:
        """Return every axis of a label, in order; none where it is absent."""
        if label not in LABELS:
            raise LayoutError(f"There is no label {label!r}. {_known_labels()}")
        return tuple(axis for axis, found in enumerate(self.format) if found == label)

    def with_size(self, where: str | int, size: int | None) -> Layout:
        """Return this layout with another size on every axis of a label, or on one axis."""
        if isinstance(where, str):
            axes = self.find_all(where) or (self.find(where),)
        else:
            axes = (range(self.rank)[where],)
        changed = [size if axis in axes else n for axis, n in enumerate(self.size)]
        return replace(self, size=tuple(changed))

    def resolved(
        self, batch: int = BATCH_DEFAULT, others: Iterable[int] = OTHER_DEFAULTS
    ) -> Layout:
        """Return this layout with a size for each unknown one: `batch` for B, `others` in turn."""
        following = chain(others, OTHER_DEFAULTS)
        sizes = [
            n if n is not None else batch if label == "B" else next(following)
            for label, n in zip(self.format, self.size, strict=True)
        ]
        return replace(self, size=tuple(sizes))

    def along(self, label: str, vector: Any) -> Any:
        """Return a vector reshaped so that it broadcasts along a label's axis.

        Parameters
        ----------
        label : str
            A label that occurs once.
        vector : array, shape (K,)
            Of any array library; its length is not compared with the layout's size.

        Returns
        -------
        array, shape (1, ..., K, ..., 1)
        """
        shape = [1] * self.rank
        shape[self.find(label)] = -1
        return vector.reshape(tuple(shape))


def parse_layout_option(text: str) -> tuple[str | None, Layout]:
    """Read ``FORMAT:SIZES`` or ``name=FORMAT:SIZES``; return the input's name, or None, and it."""
    name, equals, layout = text.partition("=")
    if not equals:
        return None, Layout.parse(text)
    if not name.strip():
        raise LayoutError(
            f"The layout {text!r} has no name before '='. Write NAME=FORMAT:SIZES, "
            "or FORMAT:SIZES for the inputs in order."
        )
    return name.strip(), Layout.parse(layout)


def _read_size(field: str, text: str) -> int | None:
    if field == "?":
        return None
    digits = field.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        found = f"the size {field!r}" if field else "an empty size"
        raise LayoutError(
            f"The layout {text!r} has {found}. Each size is a whole number above 0, "
            "or ? where it is unknown."
        )
    if len(digits) > 4 * len(str(MAX_ELEMENTS)):  # int() refuses to read thousands of digits
        raise LayoutError(
            f"The layout has a size of {len(digits)} digits. Choose sizes that fit into memory."
        )
    return int(field)


def _require_size(size: Any, labels: str) -> int | None:
    if size is None:
        return None
    try:
        number = operator.index(size)
    except TypeError:
        number = None
    if number is None or isinstance(size, bool):
        raise LayoutError(
            f"The layout {labels} has the size {size!r}. Each size is a whole number above 0, "
            "or None where it is unknown."
        )
    if number < 1:
        raise LayoutError(
            f"The layout {labels} has the size {number}. Each size is a whole number above 0, "
            "or ? where it is unknown."
        )
    return number


def _require_labels(labels: str) -> None:
    unknown = [label for label in dict.fromkeys(labels) if label not in LABELS]
    if unknown:
        hint = _meant(labels.upper())
        raise LayoutError(
            f"The layout {labels!r} has the unknown label{'s' if len(unknown) > 1 else ''} "
            f"{', '.join(map(repr, unknown))}.{hint} {_known_labels()}"
        )
    for label, count in Counter(labels).items():
        if count > 1 and label not in REPEATABLE:
            raise LayoutError(
                f"The layout {labels!r} has {count} axes {label} ({LABELS[label]}); only S and U "
                "may repeat. Label the others U where they mean nothing else."
            )
    if len(labels) > MAX_RANK:
        raise LayoutError(
            f"The layout {labels!r} has {len(labels)} axes; arrays have at most {MAX_RANK}."
        )


def _meant(labels: str) -> str:
    """Return the format that the letters of other libraries mean: BCSS for NCHW."""
    depth = "S" if "H" in labels else "C"
    meant = labels.translate(str.maketrans("NHWLD", f"BSST{depth}"))
    fits = all(c in LABELS and (c in REPEATABLE or meant.count(c) == 1) for c in meant)
    return f" Did you mean {meant!r}?" if fits else ""


def _require_one_size_a_label(labels: str, sizes: tuple[int | None, ...]) -> None:
    if len(labels) == len(sizes):
        return
    written = ",".join("?" if n is None else str(n) for n in sizes) or "none"
    raise LayoutError(
        f"The layout {labels!r} has {_counted(len(labels), 'label')} "
        f"and {_counted(len(sizes), 'size')} ({written}). Write one size for each label."
    )


def _require_indexable(layout: Layout) -> None:
    elements = math.prod(n for n in layout.size if n is not None)
    if elements > MAX_ELEMENTS:
        raise LayoutError(
            f"The layout {layout.format} has about 1e{math.log10(elements):.0f} elements; "
            "no array can have more than 2^63 - 1. Choose smaller sizes."
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _known_labels() -> str:
    return "The labels are " + ", ".join(f"{label} {word}" for label, word in LABELS.items()) + "."
