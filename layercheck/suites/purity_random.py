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
from layercheck.randomness import Generators, RandomSource
from layercheck.rounds import Live
from layercheck.subject import Mode
from layercheck.suites.agreement import called, passes
from layercheck.suites.evidence import source_of_backward, source_of_pass
from layercheck.suites.writes import has_gradients
from layercheck.verdict import Passed, fail


def global_random_not_reseeded(case: Case) -> Passed | None:
    """Where the global generators stand after a call depends on where they stood before.

    Drawing from them is fine. Seeding them in a pass makes every dropout mask and every shuffle
    of the whole program repeat itself from there on. The usual causes are `np.random.seed(...)`
    and `torch.manual_seed(...)`, left in forward to make results repeatable.

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
        for module in stand.stands:
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
    with Generators(*Live(case).instance.roots()).preserved():
        for mode in passes(case):
            live = Live(case)
            inputs, sources = live.inputs(), _shared(live)
            done, found[mode] = _watched(seed, partial(live.instance.run, inputs, mode), sources)
            case.evaluations += Evaluations(forward=1)
        if with_backward:
            upstream, carried = case.upstream(done.outputs), live.state_upstream()
            pull_back = partial(live.instance.pull_back, done, upstream, carried)
            _, found["backward"] = _watched(seed, pull_back, _shared(live))
            case.evaluations += Evaluations(backward=1)
    return found


def _shared(live: Live) -> dict[str, RandomSource]:
    """The generators of the layer's framework that the whole program draws from, by name."""
    roots = live.instance.roots()
    return {r.shared: r for r in roots if isinstance(r, RandomSource) and r.shared is not None}


def _watched(
    seed: int, call: Callable[[], Any], sources: dict[str, RandomSource]
) -> tuple[Any, Stand]:
    for source in sources.values():
        source.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what the layer does to it is the question
    random.seed(seed)
    before = _stands(sources)
    with _watched_seeding() as seeders:
        result = call()
    after = _stands(sources)
    return result, Stand(after, after == before, seeders)


def _stands(sources: dict[str, RandomSource]) -> dict[str, Any]:
    state: Any = np.random.get_state()  # noqa: NPY002
    own = dict(zip(_MODULES, ((state[1].tobytes(), state[2]), random.getstate()), strict=True))
    return own | {name: np.asarray(source.state()).tobytes() for name, source in sources.items()}


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
    own = "self.rng = np.random.default_rng(seed)"
    if module == "torch.random":
        own = "self.generator = torch.Generator().manual_seed(seed)"
    fail(
        f"{name} seeds {module}, the generator of the whole program.",
        where="After it the generator stands at the same place, wherever it stood before.",
        source=known if seeder is None else Source(*seeder, known.function if known else None),
        details=() if seeder is None else (source_line(*seeder),),
        fix=f"Seed once where the program starts, or keep a generator of the layer's own: {own}.",
    )


def _source(case: Case, call: str) -> Source | None:
    return source_of_pass(case, _mode(call))


def _mode(call: str) -> Mode:
    return "predict" if call == "predict" else "forward"
