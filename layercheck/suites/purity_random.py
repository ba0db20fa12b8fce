"""The check that a layer does not seed the generators of the whole program."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from layercheck.case import Case
from layercheck.frames import source_line
from layercheck.outcome import Evaluations, Source
from layercheck.randomness import Generators
from layercheck.rounds import Live
from layercheck.subject import Mode
from layercheck.suites.agreement import called, passes
from layercheck.suites.evidence import source_of_backward, source_of_pass
from layercheck.suites.writes import has_gradients
from layercheck.verdict import Passed, fail


def global_random_not_reseeded(case: Case) -> Passed | None:
    """Where the global generators stand after a call depends on where they stood before.

    Drawing from `np.random` or `random` is fine. Seeding them in a pass makes every dropout mask
    and every shuffle of the whole program repeat itself from there on. The usual cause is
    `np.random.seed(...)`, left in forward to make results repeatable.

    Fix: seed once, where the program starts; or keep a generator of the layer's own:
    `self.rng = np.random.default_rng(seed)`.
    """
    for mode in passes(case):
        case.base(mode)
    with_backward = has_gradients(case)
    first = _stands_after(case, FIRST, with_backward)
    if all(stand.untouched for stand in first.values()):
        return None
    second = _stands_after(case, SECOND, with_backward)
    for call, stand in first.items():
        for module in _MODULES:
            same = stand.stands[module] == second[call].stands[module]
            if not stand.untouched and same:
                _fail(case, call, module, stand.seeders.get(module))
    return None


@dataclass(frozen=True)
class Stand:
    """Where the global generators stand after a call, and which line seeded them."""

    stands: dict[str, Any]
    untouched: bool
    seeders: dict[str, tuple[str, int]]


# Nobody writes these in a layer, so that seeding it is never mistaken for leaving it alone.
FIRST, SECOND = 1_913_248_571, 1_540_483_477
_MODULES = ("numpy.random", "random")


def _stands_after(case: Case, seed: int, with_backward: bool) -> dict[str, Stand]:
    """Run each pass, and backward after the last, with the generators at `seed` before each."""
    found: dict[str, Stand] = {}
    with Generators().preserved():
        for mode in passes(case):
            live = Live(case)
            inputs = live.inputs()
            done, found[mode] = _watched(seed, partial(live.instance.run, inputs, mode))
            case.evaluations += Evaluations(forward=1)
        if with_backward:
            upstream, carried = case.upstream(done.outputs), live.state_upstream()
            pull_back = partial(live.instance.pull_back, done, upstream, carried)
            _, found["backward"] = _watched(seed, pull_back)
            case.evaluations += Evaluations(backward=1)
    return found


def _watched(seed: int, call: Callable[[], Any]) -> tuple[Any, Stand]:
    np.random.seed(seed)  # noqa: NPY002 - what the layer does to it is the question
    random.seed(seed)
    before = _stands()
    with _watched_seeding() as seeders:
        result = call()
    return result, Stand(_stands(), _stands() == before, seeders)


def _stands() -> dict[str, Any]:
    state: Any = np.random.get_state()  # noqa: NPY002
    return dict(zip(_MODULES, ((state[1].tobytes(), state[2]), random.getstate()), strict=True))


@contextmanager
def _watched_seeding() -> Iterator[dict[str, tuple[str, int]]]:
    """Note the file and line that call ``seed`` of a module in the block."""
    found: dict[str, tuple[str, int]] = {}
    modules = {"numpy.random": np.random, "random": random}
    originals = {name: module.seed for name, module in modules.items()}

    def noting(name: str) -> Callable[..., None]:
        def seed(*args: Any, **kwargs: Any) -> None:
            frame = sys._getframe(1)
            found[name] = (frame.f_code.co_filename, frame.f_lineno)
            originals[name](*args, **kwargs)

        return seed

    for name, module in modules.items():
        module.seed = noting(name)  # type: ignore[attr-defined]
    try:
        yield found
    finally:
        for name, module in modules.items():
            module.seed = originals[name]  # type: ignore[attr-defined]


def _fail(case: Case, call: str, module: str, seeder: tuple[str, int] | None) -> None:
    known = source_of_backward(case) if call == "backward" else _source(case, call)
    name = "backward()" if call == "backward" else called(case, _mode(call))
    fail(
        f"{name} seeds {module}, the generator of the whole program.",
        where="After it the generator stands at the same place, wherever it stood before.",
        source=known if seeder is None else Source(*seeder, known.function if known else None),
        details=() if seeder is None else (source_line(*seeder),),
        fix="Seed once where the program starts, or keep a generator of the layer's own: "
        "self.rng = np.random.default_rng(seed).",
    )


def _source(case: Case, call: str) -> Source | None:
    return source_of_pass(case, _mode(call))


def _mode(call: str) -> Mode:
    return "predict" if call == "predict" else "forward"
