"""Check layers of JAX: ``python -m tests.benchmarks.jax_corpus [layers|bugs|NAMES]``.

Prints a line for each layer that Flax and Equinox ship and for each that is wrong on purpose,
with what it fails, and the counts of surprises: anything else than the tables expect.
"""

from __future__ import annotations

import sys
import time
import warnings

import layercheck
from tests.frameworks import jax_bugs, jax_corpus


def say(text):
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def rows():
    """Yield the table, the name, the layer, layouts, options and expected failures of each."""
    for (kind, name), each in jax_corpus.CORPUS.items():
        yield "layers", f"{kind} {name}", each.make, each.layouts, each.options, set(each.fails)
    for name, (layouts, options, fails) in jax_bugs.BUGS.items():
        yield "bugs", name, lambda name=name: getattr(jax_bugs, name), layouts, options, fails


def main(wanted):
    """Check the rows of a table, or those whose names contain one of `wanted`."""
    begun, count, surprises = time.perf_counter(), 0, 0
    for table, name, make, layouts, options, expected in rows():
        if wanted and not any(text == table or text in name for text in wanted):
            continue
        started = time.perf_counter()
        report = layercheck.check_layer(make(), *layouts, **options)
        failed = {result.id for result in report.failures}
        count += 1
        surprises += failed != expected
        verdict = " ".join(sorted(failed)) or "-"
        note = "" if failed == expected else f"  EXPECTED {' '.join(sorted(expected)) or '-'}"
        seconds = time.perf_counter() - started
        say(f"{table:7} {name:34} {' '.join(layouts):34} {seconds:5.1f} s  {verdict}{note}")
    say(f"{count} layers, {surprises} surprises, {time.perf_counter() - begun:.0f} s")
    return surprises


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(bool(main(sys.argv[1:])))
