"""Layers of Keras itself, checked on each backend; every failure must be expected.

    python tests/benchmarks/keras_corpus.py [BACKEND ...] [--only TEXT]

Prints a line for each layer and backend: what was asked, what failed, how long it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BACKENDS = ("tensorflow", "jax", "torch")
FEWER = 3  # on JAX and PyTorch every third layer is run


def main() -> int:
    """Run each backend in a process of its own; return the exit status."""
    words = sys.argv[1:]
    only = words.pop(words.index("--only") + 1) if "--only" in words else ""
    backends = [word for word in words if word in BACKENDS] or BACKENDS
    if os.environ.get("KERAS_CORPUS"):
        return run(only)
    bad = 0
    for backend in backends:
        environment = {**os.environ, "KERAS_BACKEND": backend, "KERAS_CORPUS": backend}
        command = [sys.executable, __file__, *(["--only", only] if only else [])]
        bad += subprocess.run(command, env=environment, check=False).returncode
    return bad


def run(only: str) -> int:
    """Check the layers on the backend of this process."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from frameworks.keras_layers import LAYERS

    backend = os.environ["KERAS_BACKEND"]
    names = [name for name in LAYERS if only in name]
    if backend != "tensorflow" and not only:
        names = names[::FEWER]
    names = [name for name in names if backend in LAYERS[name].backends]
    bad = 0
    for name in names:
        started = time.monotonic()
        summary, wrong = verdict(LAYERS[name])
        bad += bool(wrong)
        seconds = time.monotonic() - started
        say(f"{backend:10} {name:30} {summary:40} {seconds:5.1f} s  {wrong}")
    say(f"{backend}: {len(names)} layers, {bad} with an unexpected result")
    return bad


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def verdict(entry):
    """Return the summary of one layer, and what is not as expected."""
    from layercheck import LayercheckError, check_layer

    try:
        report = check_layer(entry.make(), *entry.layouts, **entry.options)
    except LayercheckError as error:
        return f"{type(error).__name__}: {error}", "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}", "crashed"
    outcomes = [(r.id, r.outcome.value, r) for r in report.results]
    failed = {id for id, outcome, _ in outcomes if outcome == "failed"}
    backend = os.environ["KERAS_BACKEND"]
    wrong = failed ^ {id for id, why in entry.fails.items() if backend in why}
    wrong |= {f"{id} incomplete" for id, outcome, _ in outcomes if outcome == "incomplete"}
    counts = [sum(o == kind for _, o, _ in outcomes) for kind in ("passed", "failed", "skipped")]
    return "{} passed, {} failed, {} skipped".format(*counts), " ".join(sorted(wrong))


if __name__ == "__main__":
    sys.exit(min(main(), 1))
