"""A framework: the object that a plugin registers in the group ``layercheck.frameworks``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from layercheck.conventions.request import Request
from layercheck.subject import Subject


def _nothing(maker: Any, seed: int) -> Mapping[str, Any]:
    return {}


def _never(obj: Any) -> bool:
    return False


@dataclass(frozen=True)
class Framework:
    """A framework, whose layers a plugin turns into subjects.

    The name of its entry point is the name under which the framework is imported: its module is
    loaded only where ``sys.modules`` has that name.

    Parameters
    ----------
    name : str
        ``torch``: as its entry point, and as reports show it.
    recognise : callable, object -> bool
        Whether a class, an object or a function is a layer of the framework.
    adapt : callable, Request -> Subject
        Turn a layer, built, into a subject. Raises `LayerError` where the layer's code raises,
        `LayoutError` and the like where what the user said does not fit it.
    arguments : callable, (class or factory, seed) -> mapping, optional
        Arguments of the constructor that the framework supplies where the user does not, such as
        random keys.
    is_function : callable, object -> bool, optional
        Whether something callable is a function of inputs and not a factory of layers.
    above : tuple of str
        Frameworks whose classes its own layers are built on; it is asked before them.
    """

    name: str
    recognise: Callable[[Any], bool]
    adapt: Callable[[Request], Subject]
    arguments: Callable[[Any, int], Mapping[str, Any]] = _nothing
    is_function: Callable[[Any], bool] = _never
    above: tuple[str, ...] = ()
