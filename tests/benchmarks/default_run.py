"""What a default run costs, as ratios within one run of this script.

    python tests/benchmarks/default_run.py

Time: the best of some repeats, ours against the layer's own forward plus backward; the command's
start against a bare ``import click``. Memory: the growth of a fresh process's peak over a run,
against the bytes of the input.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
LAYOUT = "SSCB:24,24,20,128"


def best(action, repeats):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def run(*arguments):
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def start_up():
    """``--version`` against a bare import of click, and of an interpreter that does nothing."""
    bare = best(lambda: run("-c", "import click"), 20)
    ours = best(lambda: run("-m", "layercheck", "--version"), 20)
    return ours / bare


def layer_and_input():
    import numpy as np

    import layercheck

    sys.path.insert(0, str(EXAMPLES))
    from prelu import PReLU

    layout = layercheck.Layout.parse(LAYOUT)
    layer = PReLU()
    layer.initialize(layout)
    return layer, np.random.default_rng(0).uniform(-2, 2, layout.shape)


def default_run():
    """Time and evaluations of the whole default run, both dtypes, on PReLU."""
    import layercheck

    layer, x = layer_and_input()

    def once():
        z = layer.predict(x)
        layer.backward(x, z, z, None)

    report = layercheck.check_layer(type(layer)(), LAYOUT)
    ours = best(lambda: layercheck.check_layer(type(layer)(), LAYOUT), 3)
    return ours, best(once, 10), report


def peak_growth():
    """Run in a fresh process: bytes by which the peak grew over the run, over the input's."""
    import layercheck

    layer, x = layer_and_input()
    small = "SSCB:2,2,20,2"
    layercheck.check_layer(type(layer)(), small)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    layercheck.check_layer(type(layer)(), LAYOUT)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (after - before) * 1024 / x.nbytes


def main():
    if sys.argv[1:] == ["memory"]:
        sys.stdout.write(f"{peak_growth():.1f}")
        return
    # Before this process grows: on Linux a new process inherits the peak of the one it comes from.
    memory = subprocess.run(
        [sys.executable, __file__, "memory"], check=True, capture_output=True, text=True
    ).stdout
    ours, once, report = default_run()
    evaluations = report.run.layers[0].evaluations
    lines = [
        f"default run, PReLU at {LAYOUT}, float64 and float32: {report.run.summary}",
        f"  forwards {evaluations.forward}, backwards {evaluations.backward}",
        f"  time / (forward + backward) = {ours:.2f} s / {once * 1e3:.1f} ms = {ours / once:.0f}"
        "   (target 150)",
        f"  extra peak memory / input = {memory}   (target 40)",
        f"layercheck --version / import click = {start_up():.2f}   (target 1.5)",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
