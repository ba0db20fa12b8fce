"""What it costs to verify all gradients of a layer at one point, and what is seen for it.

    python -m tests.benchmarks.engine [LAYER ...]

Counts are forwards, and do not depend on the machine; times are ratios within this run. Memory is
what the whole suite adds to the peak of a fresh process, over the bytes of the inputs, beyond what
one forward and one backward of the layer take alone (in parentheses).
Limits are in brackets; a figure beyond its limit has a star.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

import layercheck
from layercheck.suites.gradient_answers import answer
from layercheck.suites.gradient_trials import trial
from tests.benchmarks.layers import IMAGES, LAYERS
from tests.cases import make_case

IN_BLOCKS = {
    "PReLU": 48,
    "GELU": 52,
    "dense": 38,
    "convolution": 36,
    "softmax": 49,
    "batch norm": 61,
    "layer norm": 69,
    "LSTM step": 97,
    "max pooling": 30,
    "half spectrum": 23,
    "attention": 92,
}
ONE_BY_ONE = {"PReLU": 30, "GELU": 24, "max pooling": 30}  # PReLU: 24 for x and 6 for alpha
MEMORY = 20
SLOW = 0.030  # seconds of a forward from which the limit of the time is the lower one
TIMES = {"LSTM step": 60, "attention": 60}
SIZES = (
    ("10^3", "6,4,20,2"),
    ("10^4", "8,6,20,10"),
    ("10^5", "24,22,20,9"),
    ("10^6", "24,22,20,95"),
)


@dataclass(frozen=True)
class Cost:
    """Of all tensors of a layer at one point."""

    forwards: int
    backwards: int
    individually: int
    in_blocks: int
    seconds: float
    once: float
    forward: float
    error: float

    @property
    def ratio(self):
        """Time over that of one forward and one backward."""
        return self.seconds / self.once


def best(action, repeats=3):
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def cost(make, *layouts, **options):
    """Verify every gradient of a right layer at its first point."""
    case = make_case(make, *layouts, **options)
    t = trial(case, 0)
    forward = best(lambda: case.evaluate(t.point))
    backward = best(lambda: t.pull_back(t.upstream))
    before, started = case.evaluations, time.perf_counter()
    found = [answer(t, tensor.kind, tensor.name) for tensor in t.tensors()]
    seconds, calls = time.perf_counter() - started, case.evaluations - before
    wrong = [each for each in found if each.failed or each.inconclusive]
    if wrong:
        raise AssertionError(f"{make.__name__} was accused or not judged: {wrong[0]}")
    return Cost(
        calls.forward,
        calls.backward,
        sum(each.verified.individually for each in found),
        sum(each.verified.in_blocks for each in found),
        seconds,
        forward + backward,
        forward,
        max(each.verified.detectable_error or 0 for each in found),
    )


def peak():
    """Return the peak of this process, in bytes."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def memory(name):
    """Return what the peak grows by for one pass, and for the suite, over the inputs' bytes."""
    make, *layouts = LAYERS[name]
    sizes = [layercheck.Layout.parse(text.rpartition("=")[2]) for text in layouts]
    small = [layout.with_size("B", 2) for layout in sizes]
    names = [text.rpartition("=")[0] for text in layouts]
    named = [f"{n}={each}" if n else str(each) for n, each in zip(names, small, strict=True)]
    layercheck.check_layer(make(), *named, only=("gradients",), dtypes=("float64",))
    before, size = peak(), sum(8 * np.prod(layout.shape) for layout in sizes)
    one_pass(make, layouts)
    alone = peak() - before
    layercheck.check_layer(make(), *layouts, only=("gradients",), dtypes=("float64",))
    return alone / size, (peak() - before) / size


def one_pass(make, layouts):
    """Run forward and backward once."""
    case = make_case(make, *layouts)
    evaluation = case.evaluate(case.point())
    case.pull_back(evaluation, case.upstream(evaluation.outputs))


def memory_of(name):
    """The same in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.engine", "--memory", name]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(map(float, told.split()))


def against(figure, limit, digits=0):
    """A figure and its limit."""
    star = "*" if figure > limit else ""
    return f"{figure:.{digits}f}{star} [{limit}]"


def line(name, used):
    """One layer: counts, what they show, time and memory."""
    make, *layouts = LAYERS[name]
    alone, whole = used
    blocks = cost(make, *layouts, budget=0)
    usual = cost(make, *layouts)
    limit = TIMES.get(name, 40 if usual.forward > SLOW else 100)
    one_by_one = ONE_BY_ONE.get(name)
    cells = (
        f"{name:14}",
        f"{against(blocks.forwards, IN_BLOCKS[name]):>9}",
        f"{against(usual.forwards, one_by_one) if one_by_one else str(usual.forwards):>9}",
        f"{usual.individually:>13,}",
        f"{usual.in_blocks:>11,}",
        f"{usual.error:>9.0e}",
        f"{against(usual.ratio, limit):>10}",
        f"{against(whole - alone, MEMORY):>8} ({alone:.0f})",
    )
    return " ".join(cells)


HEADER = (
    f"{'layer':14} {'in blocks':>9} {'forwards':>9} {'individually':>13} {'in blocks':>11} "
    f"{'error':>9} {'time':>10} {'memory':>8}"
)


def growth():
    """Forwards, in blocks, at four sizes: they do not grow."""
    lines = [f"{'forwards at':14} " + " ".join(f"{size:>6}" for size, _ in SIZES)]
    for name, (make, *layouts) in LAYERS.items():
        if layouts == [IMAGES]:
            counts = [cost(make, f"SSCB:{size}", budget=0).forwards for _, size in SIZES]
            lines.append(f"{name:14} " + " ".join(f"{count:>6}" for count in counts))
    return lines


def main():
    if sys.argv[1:2] == ["--memory"]:
        sys.stdout.write("{:.1f} {:.1f}".format(*memory(sys.argv[2])))
        return
    names = sys.argv[1:] or list(LAYERS)
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        sys.exit(
            f"There is no layer {unknown[0]!r}. The layers are {', '.join(map(repr, LAYERS))}."
        )
    # Before this process grows: on Linux a new process inherits the peak of the one it comes from.
    used = [memory_of(name) for name in names]
    sys.stdout.write(HEADER + "\n")
    for name, grown in zip(names, used, strict=True):
        sys.stdout.write(line(name, grown) + "\n")
        sys.stdout.flush()
    if not sys.argv[1:]:
        sys.stdout.write("\n" + "\n".join(growth()) + "\n")


if __name__ == "__main__":
    main()
