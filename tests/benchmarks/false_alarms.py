"""How often a correct layer is accused: every correct layer of the gradient corpus, many times.

    python -m tests.benchmarks.false_alarms SEEDS [FIRST]

One run is a layer at one batch size, in one dtype, with one seed; 22 seeds are over 20,000 runs.
The suite looks at each layer in all its regimes.
"""

from __future__ import annotations

import sys
from collections import Counter

import layercheck
from tests.gradient_corpus import CORRECT

BATCHES = (None, 1, 2, 16)
DTYPES = ("float64", "float32")


def layouts_of(entry, batch):
    """The layouts of an entry at another batch size; its own where `batch` is None."""
    layouts = tuple(map(layercheck.Layout.parse, entry.layouts))
    return layouts if batch is None else tuple(each.with_size("B", batch) for each in layouts)


def cases():
    for entry in CORRECT:
        for batch in BATCHES if "data" not in entry.options else (None,):
            for dtype in DTYPES:
                yield entry, batch, dtype


def verdicts(entry, batch, dtype, seed):
    """The ids of what failed and of what is incomplete."""
    report = layercheck.check_layer(
        entry.make(),
        *layouts_of(entry, batch),
        only=("gradients",),
        dtypes=(dtype,),
        seed=seed,
        **entry.options,
    )
    outcomes = {result.id: result.outcome.value for result in report.results}
    return {name: how for name, how in outcomes.items() if how in ("failed", "incomplete")}


def main(seeds, first=0):
    counts = Counter()
    for seed in range(first, first + seeds):
        for entry, batch, dtype in cases():
            found = verdicts(entry, batch, dtype, seed)
            counts.update(("runs", *set(found.values())))
            for name, how in found.items():
                sys.stdout.write(f"{how} {entry} B={batch} {dtype} seed {seed}: {name}\n")
        sys.stdout.write(
            f"{counts['runs']} runs of {len(CORRECT)} correct layers: "
            f"{counts['failed']} false alarms, {counts['incomplete']} incomplete\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
