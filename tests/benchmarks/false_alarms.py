"""How often a correct layer is accused of a wrong gradient.

    python -m tests.benchmarks.false_alarms [FIRST LAST] [--totals FILE]

A *run* is one correct layer at one size, with one seed, in one dtype and in one regime of values,
where every gradient that the layer has is verified, through `check_layer`. Four regimes make four
runs of one call: values of +-2, values of +-10, a coarse grid (ties, zeros, clip edges), and
stress (tiny, large, tied and zero values). A regime that the layer does not get (integers, given
data, values at which it is not finite) is no run.

In float32 the differences are taken in float32, as for a layer that leaves float64 for float32,
which is the harder task; that the float32 gradient agrees with the verified float64 one
(`dtypes.low_precision`) is asked, too.

The calls are numbered, each has its own seed, and FIRST LAST are those to make: without
them all layers are gone through three times. With `--totals`, counts are added to those of
earlier slices.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import layercheck
from layercheck.suites import gradient_trials
from layercheck.suites.gradient_trials import Trial
from tests import corpus, gradient_corpus

BATCHES = (None, 1, 2, 16)  # None: the layouts as the corpus has them
DTYPES = ("float64", "float32")
REGIMES = ("+-2", "+-10", "grid", "stress")
ROUNDS = 3
CHECKS = ("gradients", "dtypes.low_precision")


@dataclass(frozen=True)
class Layer:
    """A correct layer of one of the two corpora."""

    name: str
    make: object
    layouts: tuple[str, ...]
    options: dict[str, object]

    def with_batch(self, size):
        layouts = tuple(map(layercheck.Layout.parse, self.layouts))
        return layouts if size is None else tuple(each.with_size("B", size) for each in layouts)

    @property
    def batches(self):
        """The batch sizes to try: none but its own where the data are given or there is no B."""
        fixed = "data" in self.options or not any("B" in text for text in self.layouts)
        return (None,) if fixed else BATCHES


@dataclass(frozen=True)
class Call:
    """One call of `check_layer`: a layer, a batch size, a dtype and a seed."""

    number: int
    layer: Layer
    batch: int | None
    dtype: str

    def __str__(self):
        layouts = " ".join(map(str, self.layer.with_batch(self.batch)))
        return f"{self.layer.name} {layouts} {self.dtype} seed {self.number}"


def layers():
    """Every correct layer of both corpora."""
    for entry in gradient_corpus.CORRECT:
        yield Layer(f"gradients/{entry}", entry.make, entry.layouts, dict(entry.options))
    for entry in corpus.CORRECT:
        options = {**entry.options, "init": dict(entry.init)}
        yield Layer(f"layers/{entry}", lambda e=entry: e.layer, entry.layouts, options)


@cache
def one_round():
    """Every layer at every size in every dtype: the calls that numbers count through."""
    return [
        (layer, batch, dtype)
        for batch_number in range(len(BATCHES))
        for dtype in DTYPES
        for layer in layers()
        for batch in layer.batches[batch_number : batch_number + 1]
    ]


def calls(numbers: Iterable[int]) -> Iterator[Call]:
    for number in numbers:
        yield Call(number, *one_round()[number % len(one_round())])


@contextmanager
def points_seen(dtype):
    """Collect the points at which gradients are verified, by regime."""
    seen: dict[int, tuple[Trial, str]] = {}
    pose = Trial.pose

    def watched(trial, tensor):
        seen[id(trial)] = trial, regime_of(trial)
        return pose(trial, tensor)

    with ExitStack() as stack:
        stack.enter_context(patch.object(Trial, "pose", watched))
        if dtype == "float32":
            stack.enter_context(patch.object(gradient_trials, "_reference", lambda case: case))
        yield seen


def regime_of(trial):
    if trial.regime:
        return "grid" if "grid" in trial.regime else "stress"
    return "+-10" if trial.point is trial.case.point(draw=gradient_trials.WIDE) else "+-2"


def run(call):
    """Return the regimes that were run, and what failed or is incomplete."""
    with points_seen(call.dtype) as seen:
        report = layercheck.check_layer(
            call.layer.make(),
            *call.layer.with_batch(call.batch),
            only=CHECKS,
            dtypes=(call.dtype,),
            seed=call.number,
            **call.layer.options,
        )
    unsettled = [r for r in report.results if r.outcome.value in ("failed", "incomplete")]
    return [regime for _, regime in seen.values()], unsettled


def told(call, result):
    """What is wrong, and how to see it again."""
    return (
        f"{result.outcome.value}: {result.id} of {call}\n"
        f"    {result.finding or result.reason}\n"
        f"    python -m tests.benchmarks.false_alarms {call.number} {call.number + 1}\n"
    )


def campaign(numbers, counts, write):
    """Make the calls, counting runs, alarms and incomplete results."""
    for call in calls(numbers):
        done, unsettled = run(call)
        counts.update(f"runs {call.layer.name} {call.dtype} {regime}" for regime in done)
        for result in unsettled:
            counts[result.outcome.value] += 1
            write(told(call, result))


def table(counts):
    """The runs by layer, dtype and regime."""
    columns = [f"{dtype} {regime}" for dtype in DTYPES for regime in REGIMES]
    named = sorted({key.split(" ", 1)[1].rsplit(" ", 2)[0] for key in counts if key[:5] == "runs "})
    width = max(map(len, named), default=0)
    header = " ".join(f"{column:>14}" for column in columns)
    lines = [f"{'runs':{width}} {header}"]
    for name in (*named, "all"):
        cells = [
            sum(counts[f"runs {each} {column}"] for each in (named if name == "all" else [name]))
            for column in columns
        ]
        lines.append(f"{name:{width}} " + " ".join(f"{cell:14,}" for cell in cells))
    return "\n".join(lines) + "\n"


def summary(counts):
    """One sentence: runs, layers, alarms, and what zero alarms say."""
    runs = sum(n for key, n in counts.items() if key.startswith("runs "))
    layers_run = {key.rsplit(" ", 2)[0] for key in counts if key.startswith("runs ")}
    bound = f"; none in {runs:,} means fewer than {3 / runs:.1e} a run (rule of three, 95 %)"
    return (
        f"{runs:,} runs of {len(layers_run)} correct layers: {counts['failed']} false alarms, "
        f"{counts['incomplete']} incomplete{bound if runs and not counts['failed'] else ''}\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("slice", nargs="*", type=int, metavar="FIRST LAST")
    parser.add_argument("--totals", type=Path, help="a JSON file in which counts add up")
    given = parser.parse_args()
    if len(given.slice) not in (0, 2):
        parser.error("give both FIRST and LAST, or neither")
    first, last = given.slice or (0, ROUNDS * len(one_round()))
    counts = Counter()
    if given.totals and given.totals.exists():
        counts.update(json.loads(given.totals.read_text(encoding="utf-8")))
    campaign(range(first, last), counts, sys.stdout.write)
    if given.totals:
        given.totals.write_text(json.dumps(counts, indent=1), encoding="utf-8")
    sys.stdout.write(table(counts) + summary(counts))


if __name__ == "__main__":
    main()
