"""What isolation costs, and that nothing grows, as ratios within one run of this script.

    python tests/benchmarks/isolation.py

Overhead: the command on every example with a process of its own against ``--in-process``, the
best of some repeats. Growth: memory held and files open after 500 layers in one process, against
those after the first 100; once in that process, once with a worker for each layer.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = tomllib.loads((ROOT / "examples" / "verdicts.toml").read_text("utf-8"))["example"]
LAYERS, SETTLED = 500, 100
REPEATS = 3
LAYER = """
import numpy as np


class Scale:
    learnables = ("w",)

    def __init__(self, w=1.0):
        self.w = np.full(3, w)

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        return self.w * dz, (x * dz).sum(axis=0)
"""


def best(command):
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        times.append(time.perf_counter() - started)
        if done.returncode not in (0, 1):
            raise SystemExit(done.stderr.decode())
    return min(times)


def overheads():
    """Seconds of every example isolated and in process."""
    for example in EXAMPLES:
        command = [sys.executable, "-m", "layercheck", f"examples/{example['file']}"]
        command += example["arguments"]
        yield example["file"], best(command), best([*command, "--in-process"])


def held():
    """Bytes that this process holds, and how many files it has open."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path("/proc/self/fd").iterdir()))


def growth(isolate):
    """What is held after SETTLED layers and after all."""
    import layercheck

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scale.py"
        file.write_text(LAYER)
        for number in range(1, LAYERS + 1):
            report = layercheck.check_layer(f"{file}::Scale", "BC:4,3", isolate=isolate)
            if not report.ok:
                raise SystemExit(str(report))
            if number == SETTLED:
                before = held()
    return before, held()


def show(name, isolated, here):
    ratio = isolated / here
    sys.stdout.write(f"  {name:<32} {isolated:6.2f} s / {here:6.2f} s = {ratio:.2f}\n")
    sys.stdout.flush()


def main():
    if sys.argv[1:2] == ["growth"]:
        before, after = growth(sys.argv[2] == "isolated")
        sys.stdout.write(f"{before[0] / 2**20:.1f} {after[0] / 2**20:.1f} {before[1]} {after[1]}")
        return
    total = [0.0, 0.0]
    sys.stdout.write("command on an example, isolated / in process (best of 3)\n")
    for file, isolated, here in overheads():
        total[0] += isolated
        total[1] += here
        show(file, isolated, here)
    show("all examples", *total)
    for kind in ("isolated", "in process"):
        done = subprocess.run(
            [sys.executable, __file__, "growth", kind], check=True, capture_output=True, text=True
        )
        old, new, files, now = done.stdout.split()
        sys.stdout.write(
            f"{LAYERS} layers in a row, {kind}: {old} MiB held after {SETTLED}, {new} MiB after "
            f"{LAYERS}; open files {files} and {now}\n"
        )


if __name__ == "__main__":
    main()
