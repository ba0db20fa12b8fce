"""torch.autograd.gradcheck and layercheck side by side, on the same NumPy layers.

    python tests/benchmarks/gradcheck.py [small | large]

needs torch and Linux, and takes some minutes. The layers are eight of tests/gradient_corpus with
the first four bugs of each; at the large layout, four of them with two bugs each. For torch each is
wrapped in an autograd.Function, and learnables are inputs of it. Everything is in float64, with
one seed.

What is timed, on the correct layer, after a warm-up at a tiny layout, in processor time of one
thread, the best of five where it is short:

- gradcheck: one call; its inputs exist already. It looks at one point.
- layercheck, one point: the same question. A case is made, forward and backward run, and the
  gradient of every tensor is verified, in process, at the values of the first draw.
- layercheck: `check_layer(layer, layout, only=("gradients",))`, the whole suite: two draws, a
  coarse grid and stress at a small layout, and whether backward is linear and repeatable.

Memory is the growth of the process's peak over the first such call. Every line comes from a
process of its own.

Slow mode compares dense Jacobians: at the large layout each would take terabytes, so it is left
out there. Fast mode builds them too, for the message of a failure; that function is replaced here,
which changes no verdict and is in fast mode's favour.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

TINY = "SSCB:4,3,3,2"
SMALL = "SSCB:10,10,4,10"  # 4,000 elements
LARGE = "SSCB:24,24,20,128"  # 1,474,560
SIZES = {"small": SMALL, "large": LARGE}
LAYERS = (
    "prelu.PReLU",
    "smooth.GELU",
    "dense.Dense",
    "convolution.Conv2D",
    "softmaxes.Softmax",
    "norms.BatchNorm",
    "norms.LayerNorm",
    "pooling.MaxPool",
)
OF_SIZE = {
    SMALL: LAYERS,
    LARGE: ("prelu.PReLU", "softmaxes.Softmax", "norms.BatchNorm", "dense.Dense"),
}
BUGS_OF_EACH = {SMALL: 4, LARGE: 2, TINY: 4}
BRIEF, REPEATS = 1.0, 4  # what takes less than a second is timed again
SLOW, FAST, STRICT = "gradcheck slow", "gradcheck fast", "gradcheck fast, atol=1e-12"
POINT, OURS = "layercheck, one point", "layercheck"
SETTINGS = {SLOW: {}, FAST: {"fast_mode": True}, STRICT: {"fast_mode": True, "atol": 1e-12}}
RUNS = {SMALL: (SLOW, FAST, STRICT, POINT, OURS), LARGE: (FAST, STRICT, OURS)}


def entries(name, layout):
    """The correct layer of this name, and its first bugs that show at ordinary values."""
    from tests.gradient_corpus import BUGS, CORRECT

    base = next(entry for entry in CORRECT if entry.name == name)
    bugs = [bug for bug in BUGS if bug.base == name and bug.tensors and bug.points == ("normal",)]
    return base, bugs[: BUGS_OF_EACH[layout]]


def function_of(entry, layout):
    """The layer as a function of tensors that torch differentiates by the written backward."""
    import torch

    from tests.gradient_corpus.driving import drive, put

    driven = drive(entry, (layout,))
    layer, count = driven.layer, len(driven.inputs)

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):
            ctx.arrays = [tensor.detach().numpy() for tensor in tensors]
            for name, value in zip(driven.learnables, ctx.arrays[count:], strict=True):
                put(layer, name, value)
            ctx.outputs, ctx.memory = driven.forward(layer, *ctx.arrays[:count])
            return torch.from_numpy(ctx.outputs[0])

        @staticmethod
        def backward(ctx, upstream):
            for name, value in zip(driven.learnables, ctx.arrays[count:], strict=True):
                put(layer, name, value)
            found = driven.backward(
                layer, ctx.arrays[:count], ctx.outputs, (upstream.numpy(),), (), ctx.memory
            )
            return tuple(torch.from_numpy(gradient.copy()) for gradient in found.values())

    return Wrapped.apply, tensors_of(driven, entry, layout)


def tensors_of(driven, entry, layout):
    """Values of the inputs and learnables, kept away from kinks."""
    import numpy as np
    import torch

    from layercheck import Layout
    from tests.gradient_corpus.driving import get
    from tests.gradient_corpus.values import make_input

    shape = Layout.parse(layout).shape
    values = [make_input(name, shape, "normal", entry.options, 0) for name in driven.inputs]
    values += [np.array(get(driven.layer, name)) for name in driven.learnables]
    return tuple(torch.from_numpy(value).requires_grad_() for value in values)


def prepared(entry, layout, tool):
    """A function without arguments that says whether the tool accepts the layer."""
    if tool == OURS:
        import layercheck

        layer = entry.make()
        return lambda: (
            layercheck.check_layer(layer, layout, only=("gradients",), dtypes=("float64",)).ok
        )
    if tool == POINT:
        return verified_at_one_point(entry, layout)
    import torch

    function, tensors = function_of(entry, layout)
    return lambda: torch.autograd.gradcheck(
        function, tensors, raise_exception=False, **SETTINGS[tool]
    )


def verified_at_one_point(entry, layout):
    """The question of gradcheck: all gradients, at one point with one upstream gradient."""
    from layercheck.gradients.verify import verify
    from layercheck.suites.evidence import tensors
    from layercheck.suites.gradient_trials import trial
    from tests.cases import make_case

    def check():
        case = make_case(entry.make(), layout)
        at = trial(case, 0)
        found = [
            verify(at.pose(tensor), case.rng("gradient", tensor.kind, tensor.name))
            for tensor in tensors(case, at.point, at.gradients)
        ]
        return not any(each.failed or each.inconclusive for each in found)

    return check


def measured(name, layout, tool):
    """Time, growth of the peak and verdict on the correct layer, and the bugs that are found."""
    base, bugs = entries(name, layout)
    prepared(base, TINY, tool)()
    check = prepared(base, layout, tool)
    before = peak()
    elapsed, accepted = timed(check)
    growth = peak() - before
    if elapsed < BRIEF:
        elapsed = min(elapsed, *(timed(check)[0] for _ in range(REPEATS)))
    found = [bug.name for bug in bugs if not prepared(bug, layout, tool)()]
    return {
        "seconds": elapsed,
        "mebibytes": growth,
        "alarm": not accepted,
        "found": found,
        "planted": len(bugs),
    }


def peak():
    """The process's peak in MiB; getrusage would hand on that of the process it comes from."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def timed(check):
    """The processor time of a call, and what it returns."""
    started = time.process_time()
    found = check()
    return time.process_time() - started, found


def without_dense_messages():
    """Keep fast mode from building dense Jacobians for the message of a failure."""
    module = sys.modules["torch.autograd.gradcheck"]
    module._run_slow_mode_and_get_error = lambda *arguments, **options: ""


def in_own_process(name, layout, tool):
    done = subprocess.run(
        [sys.executable, __file__, name, layout, tool], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name} {layout} {tool}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def in_words(seconds):
    """Two digits, in milliseconds below a second."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{float(f'{seconds * 1e3:.2g}'):g} ms"


def each_line(results):
    for (layout, name, tool), found in results.items():
        yield (
            f"{layout:18} {name:18} {tool:26} {in_words(found['seconds']):>8} "
            f"{found['mebibytes']:7.0f} MiB  {len(found['found'])} of {found['planted']} bugs"
            f"{'  FALSE ALARM' if found['alarm'] else ''}"
        )


def summary(results, layout, tool):
    """The row of a tool: medians and sums over the layers."""
    found = [found for (size, _, who), found in results.items() if (size, who) == (layout, tool)]
    seconds, memory = ([each[key] for each in found] for key in ("seconds", "mebibytes"))
    bugs, planted = sum(len(each["found"]) for each in found), sum(e["planted"] for e in found)
    cells = (
        f"{in_words(median(seconds))} ({in_words(min(seconds))} to {in_words(max(seconds))})",
        f"{median(memory):,.0f} MiB (at most {max(memory):,.0f})",
        f"{bugs} of {planted}",
        f"{sum(each['alarm'] for each in found)} of {len(found)}",
    )
    return f"| {tool} | " + " | ".join(cells) + " |"


def table(results):
    for layout in dict.fromkeys(layout for layout, _, _ in results):
        size = "4,000" if layout == SMALL else "1,474,560"
        yield f"| {size} elements | time | memory | bugs found | false alarms |"
        yield "| --- | --- | --- | --- | --- |"
        yield from (summary(results, layout, tool) for tool in RUNS[layout])
        yield ""


def ratios(results):
    """How often layercheck's time goes into that of slow mode, for every layer."""
    for name in LAYERS if any(layout == SMALL for layout, _, _ in results) else ():
        slow, point, ours = (results[SMALL, name, tool]["seconds"] for tool in (SLOW, POINT, OURS))
        yield (
            f"{name:18} slow mode at 4,000 elements / layercheck at one point = {slow / point:.0f}"
            f", / the whole suite = {slow / ours:.0f}"
        )


def child(name, layout, tool):
    """Measure one line, as JSON."""
    warnings.simplefilter("ignore")
    if tool in SETTINGS:
        import torch

        torch.set_num_threads(1)
        if layout == LARGE:
            without_dense_messages()
    sys.stdout.write(json.dumps(measured(name, layout, tool)))


def main():
    if len(sys.argv) == 4:
        child(*sys.argv[1:])
        return 0
    wanted = [SIZES[size] for size in sys.argv[1:]] or list(RUNS)
    try:
        import torch
    except ImportError:
        sys.stderr.write("This benchmark needs torch, which is not installed: pip install torch\n")
        return 2
    results = {}
    for layout in wanted:
        for name in OF_SIZE[layout]:
            for tool in RUNS[layout]:
                results[layout, name, tool] = in_own_process(name, layout, tool)
                *_, line = each_line(results)
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
    import numpy as np

    sys.stdout.write(f"\ntorch {torch.__version__}, numpy {np.__version__}\n\n")
    sys.stdout.write("\n".join([*ratios(results), "", *table(results)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
