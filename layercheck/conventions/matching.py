"""Which of the things that backward returned is the gradient of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from layercheck.conventions.places import Place
from layercheck.conventions.returns import Path, leaves
from layercheck.conventions.sources import Returned
from layercheck.conventions.vocabulary import is_gradient_of, normal, synonyms


@dataclass
class Match:
    """What was found: a gradient for each input, and for some learnables.

    Parameters
    ----------
    unclear : tuple of Path
        Returned things that may belong to several learnables of one shape.
    """

    inputs: list[Returned | None]
    learnables: dict[Place, Returned] = field(default_factory=dict)
    unclear: tuple[Path, ...] = ()


def match(
    result: Any,
    inputs: Sequence[Any],
    learnables: Sequence[Place],
    shapes: dict[Place, tuple[int, ...]],
    names: dict[Path, str],
) -> Match:
    """Match what backward returned with the inputs and with learnables without other gradient.

    The names in its return statement come first, then shapes that only one learnable has, then
    what is left over. Inputs take the rest in order: integer ones may have none.
    """
    found = leaves(result)
    given = {path: str(path[-1]) for path in found if path and isinstance(path[-1], str)}
    names = {**names, **given} if set(names) <= set(found) else given
    floats = sum(np.asarray(x).dtype.kind in "fc" for x in inputs)
    count = len(inputs)
    if not learnables or len(found) == count == floats:
        return Match(_in_order(list(found), inputs))
    matched = _by_name(found, learnables, names, shapes)
    spare = max(0, len(found) - len(matched) - min(floats, count))
    left = [place for place in learnables if place not in matched]
    if spare:
        matched.update(_by_shape(found, matched, left, shapes, inputs, spare, names))
    left = [place for place in learnables if place not in matched]
    paths = [path for path in found if path not in matched.values()]
    spare = len(paths) - count if len(paths) > count else len(paths) - floats
    unclear: tuple[Path, ...] = ()
    if spare > 0 and left:
        others = [path for path in paths if not _is_input(found[path], path, inputs, names)]
        if len(others) == len(left) == 1:
            matched[left[0]] = others[0]
            paths.remove(others[0])
        elif others:
            unclear = tuple(others)
            paths = [path for path in paths if path not in others]
    learnt = {place: Returned(path) for place, path in matched.items()}
    return Match(_in_order(paths, inputs), learnt, unclear)


def _in_order(paths: list[Path], inputs: Sequence[Any]) -> list[Returned | None]:
    """Give the inputs the paths in order; where some are missing, integer inputs go without."""
    kinds = [np.asarray(x).dtype.kind in "fc" for x in inputs]
    takes = kinds if len(paths) <= sum(kinds) else [True] * len(kinds)
    remaining = iter(paths)
    return [
        Returned(path) if wanted and (path := next(remaining, None)) is not None else None
        for wanted in takes
    ]


def _by_name(
    found: dict[Path, Any],
    learnables: Sequence[Place],
    names: dict[Path, str],
    shapes: dict[Place, tuple[int, ...]],
) -> dict[Place, Path]:
    matched: dict[Place, Path] = {}
    for wide in (False, True):
        for place in learnables:
            own = str(place.steps[-1][1])
            called = synonyms(own) if wide else (own,)
            paths = [
                path
                for path in found
                if path not in matched.values()
                and path in names
                and any(_means(names[path], name, keyed=bool(path)) for name in called)
            ]
            paths = [p for p in paths if _fits(found[p], shapes[place])] or paths
            if place not in matched and paths:
                matched[place] = paths[0]
    return matched


def _means(name: str, learnable: str, keyed: bool) -> bool:
    return is_gradient_of(name, learnable) or (keyed and normal(name) == normal(learnable))


def _by_shape(
    found: dict[Path, Any],
    matched: dict[Place, Path],
    left: list[Place],
    shapes: dict[Place, tuple[int, ...]],
    inputs: Sequence[Any],
    spare: int,
    names: dict[Path, str],
) -> dict[Place, Path]:
    """Match shapes that one learnable, one returned thing and no input have."""
    taken = set(matched.values())
    result: dict[Place, Path] = {}
    for place in left:
        alike = [p for p, value in found.items() if p not in taken and _fits(value, shapes[place])]
        rivals = [other for other in left if shapes[other] == shapes[place]]
        same_as_input = any(np.shape(x) == shapes[place] for x in inputs)
        alike = [p for p in alike if not (same_as_input and p in names)] or alike
        if len(alike) == len(rivals) == 1 and len(result) < spare and not same_as_input:
            result[place] = alike[0]
    return result


def _fits(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, (np.ndarray, np.generic)) and np.shape(value) == shape


def _is_input(value: Any, path: Path, inputs: Sequence[Any], names: dict[Path, str]) -> bool:
    return any(np.shape(value) == np.shape(x) for x in inputs)
