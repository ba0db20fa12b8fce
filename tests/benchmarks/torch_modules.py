"""Check every module of PyTorch's own table: ``python -m tests.benchmarks.torch_modules [NAMES]``.

Prints a line for each module whose verdict is not the expected one, and the counts.
"""

from __future__ import annotations

import sys
import time
import traceback
import warnings

from tests.frameworks.torch_modules import entries
from tests.frameworks.torch_properties import FAILS


def say(text):
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(wanted):
    """Check the modules whose names contain one of `wanted`; all, where it is empty."""
    started, counts, surprises = time.perf_counter(), {"layers": 0, "results": 0, "expected": 0}, 0
    for entry in entries():
        if wanted and not any(text in entry.name for text in wanted):
            continue
        begun = time.perf_counter()
        try:
            report = entry.check()
        except Exception as error:
            surprises += 1
            say(f"{entry.name} {' '.join(entry.layouts)}")
            say("".join(traceback.format_exception(error)[-3:]))
            continue
        found = {r.id: r.outcome.value for r in report.results}
        unsettled = {id for id, outcome in found.items() if outcome in ("failed", "incomplete")}
        expected = set(FAILS.get(entry.name.rpartition(" ")[0], {}))
        counts["layers"] += 1
        counts["results"] += len(report.results)
        counts["expected"] += len(expected & unsettled)
        if unsettled != expected:
            surprises += 1
            say(f"{entry.name} {' '.join(entry.layouts)}")
            for id in sorted(unsettled ^ expected):
                say(f"    {found.get(id, 'not asked')}: {id}")
        if wanted:
            say(f"{report}\n{time.perf_counter() - begun:.1f} s")
    say(
        f"{counts['layers']} modules, {counts['results']:,} results, {counts['expected']} expected "
        f"failures, {surprises} surprises, {time.perf_counter() - started:.0f} s"
    )
    return surprises


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(bool(main(sys.argv[1:])))
