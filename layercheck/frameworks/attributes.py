"""What a layer holds in plain Python attributes: remembered, compared and put back.

A framework's layer whose arrays are set from outside can serve many evaluations as one object,
if what its passes write to itself is taken back.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

_CONTAINERS = (dict, list, set, deque)
_PLAIN = (*_CONTAINERS, OrderedDict, defaultdict, tuple)
_LEAVES = (str, bytes, int, float, complex, bool, type(None), np.generic)


class Attributes:
    """The attributes of a layer and of all that it holds, as they are now.

    Parameters
    ----------
    layer : object
    opens : callable, object -> bool
        Whether an object with a ``__dict__``, or of a subclass of a container, is part of the
        layer, rather than the framework's.
    """

    def __init__(self, layer: Any, opens: Callable[[Any], bool]) -> None:
        self._layer, self._opens = layer, opens
        self._kept: dict[int, tuple[Any, Any]] = {}
        stack = [layer]
        while stack:
            item = stack.pop()
            if isinstance(item, _LEAVES) or id(item) in self._kept:
                continue
            content = self._content(item)
            if content is not None:
                self._kept[id(item)] = item, content
                stack += _parts(content)

    def now(self) -> Attributes:
        """Return the attributes as they are now; itself where they are the same."""
        other = Attributes(self._layer, self._opens)
        return self if other == self else other

    def put_back(self) -> None:
        """Make every attribute what it was."""
        for item, content in self._kept.values():
            if not _same(self._content(item), content):
                _write(item, content)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the very same objects, and equal arrays."""
        if not isinstance(other, Attributes) or self._kept.keys() != other._kept.keys():
            return False
        pairs = ((content, other._kept[key][1]) for key, (_, content) in self._kept.items())
        return all(_same(mine, its) for mine, its in pairs)

    __hash__ = object.__hash__

    def _content(self, item: Any) -> Any:
        kind = type(item)
        if kind is np.ndarray:
            return item.copy() if item.dtype != object else None
        if kind in _PLAIN or (isinstance(item, _CONTAINERS) and self._opens(item)):
            return next(each(item) for each in (*_CONTAINERS, tuple) if isinstance(item, each))
        attributes = getattr(item, "__dict__", None)
        if isinstance(attributes, dict) and not isinstance(item, type) and self._opens(item):
            return dict(attributes)
        return None


def _parts(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return list(content.values())
    return [] if isinstance(content, np.ndarray) else list(content)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if first is None or second is None or len(first) != len(second):
        return False
    if isinstance(first, dict):
        pairs = [(value, second.get(key, first)) for key, value in first.items()]
    elif isinstance(first, set):
        return bool(first == second)
    else:
        pairs = list(zip(first, second, strict=True))
    return all(a is b or _is_equal_leaf(a, b) for a, b in pairs)


def _is_equal_leaf(a: Any, b: Any) -> bool:
    return isinstance(a, _LEAVES) and type(a) is type(b) and bool(a == b)


def _write(item: Any, content: Any) -> None:
    if isinstance(item, np.ndarray):
        np.copyto(item, content)
    elif isinstance(item, list):
        list.__setitem__(item, slice(None), content)
    elif isinstance(item, deque):
        item.clear()
        item.extend(content)
    elif isinstance(item, dict):
        dict.clear(item)
        dict.update(item, content)
    elif isinstance(item, set):
        set.clear(item)
        set.update(item, content)
    elif not isinstance(item, tuple):
        attributes = vars(item)
        attributes.clear()
        attributes.update(content)
