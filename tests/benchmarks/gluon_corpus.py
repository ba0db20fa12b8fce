"""Layers of Gluon, wrong ones and right ones, checked; every failure must be expected.

    python tests/benchmarks/gluon_corpus.py [NAME ...]

Prints a line for each layer: what passed, what failed, how long it took. Needs mxnet 1.9.1; with
MXNET_ENGINE_TYPE=NaiveEngine it takes about half the time.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path


def main() -> int:
    """Check every layer; return how many have an unexpected result."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    with warnings.catch_warnings():  # of NumPy 1.23, that np.bool goes
        warnings.simplefilter("ignore")
        from frameworks.gluon_bugs import BUGS, RIGHT
        from frameworks.gluon_layers import LAYERS, PROPERTIES
    rows = [
        *(
            ("gluon", n, m, a, PROPERTIES.get(n, (set(), ""))[0], o)
            for n, (m, a, o) in LAYERS.items()
        ),
        *(("wrong", k.__name__, lambda k=k: k, a, ids, o) for k, (a, ids, o) in BUGS.items()),
        *(("right", k.__name__, lambda k=k: k, a, set(), o) for k, (a, o) in RIGHT.items()),
    ]
    names = sys.argv[1:]
    rows = [row for row in rows if not names or row[1] in names]
    bad = sum(_is_unexpected(*row) for row in rows)
    sys.stdout.write(f"{len(rows)} layers, {bad} with an unexpected result\n")
    return min(bad, 1)


def _is_unexpected(kind, name, make, layouts, expected, options) -> bool:
    from layercheck import check_layer

    started = time.monotonic()
    try:
        results = check_layer(make(), *layouts, **options).results
    except Exception as error:
        sys.stdout.write(f"{kind}  {name:26} {type(error).__name__}: {error}\n")
        return True
    found = {r.id for r in results if r.outcome.value in ("failed", "incomplete")}
    passed = sum(r.outcome.value == "passed" for r in results)
    wrong = " ".join(sorted(found ^ expected))
    seconds = time.monotonic() - started
    sys.stdout.write(
        f"{kind}  {name:26} {passed:3} passed, {len(found)} failed {seconds:6.1f} s  {wrong}\n"
    )
    sys.stdout.flush()
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
