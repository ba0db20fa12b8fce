"""A folder of hostile and healthy layers, checked by one command; what came of each."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from faults.fault import HEAD

LAYOUT = "BC:4,3"
HEALTHY = 'class Healthy(_Scale):\n    """Right."""\n'
WRONG = """
class Wrong(_Scale):
    def backward(self, x, z, dz, memory):
        return -self.w * dz, (x * dz).sum(axis=0)
"""
ONLY = "contract,shapes,gradients,purity"


@dataclass(frozen=True)
class Trial:
    """What one command said of a fault."""

    kind: str
    survived: bool
    named: bool
    words: str
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """One command over a folder."""

    status: int
    document: dict
    stderr: str
    seconds: float

    def layer(self, stem):
        """The layer of a file."""
        for layer in self.document["layers"]:
            if f"{stem}.py" in layer["target"] or f"{stem}.py" in (layer["problem"] or ""):
                return layer
        return None

    def outcomes(self, stem):
        """Every result of a layer: (id, dtype) -> outcome."""
        results = self.layer(stem)["results"]
        return {(result["id"], result["dtype"]): result["outcome"] for result in results}


def run_folder(folder, faults, *options, only=ONLY, timeout=1200):
    """Write the layers, with a healthy and a wrong one before, between and after; check all."""
    for fault in faults:
        (folder / f"{fault.stem}.py").write_text(fault.text, encoding="utf-8")
    for name in ("a", "fault_m", "z"):
        (folder / f"{name}_healthy.py").write_text(HEAD + HEALTHY)
        (folder / f"{name}_wrong.py").write_text(HEAD + WRONG)
    command = [sys.executable, "-m", "layercheck", ".", "--layout", LAYOUT, "--only", only]
    started = time.monotonic()
    done = subprocess.run(
        [*command, "--report", "json", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    document = json.loads(done.stdout) if done.stdout else {"layers": []}
    return Run(done.returncode, document, done.stderr, time.monotonic() - started)


def judge(fault, run):
    """Say what came of a fault."""
    layer = run.layer(fault.stem)
    if layer is None:
        return Trial(fault.kind, False, False, "the layer is missing", ())
    said = words_of(layer)
    found = re.search(fault.named, "\n".join(said))
    outcomes = {result["id"]: result["outcome"] for result in layer["results"]}
    lost = tuple(id for id in fault.passes if outcomes.get(id) != "passed")
    shown = next((text for text in said if fault.named and re.search(fault.named, text)), "")
    return Trial(fault.kind, not lost, found is not None, shown or "nothing is wrong", lost)


def words_of(layer):
    """Everything that the report says of a layer."""
    said = [layer["problem"] or "", *layer["notes"]]
    for result in layer["results"]:
        finding = result["finding"] or {}
        said.append(result["id"])
        said += [result["reason"] or "", finding.get("what") or "", finding.get("where") or ""]
        said += [*(finding.get("details") or ()), *result["notes"]]
        said += [(finding.get("cause") or {}).get("text") or ""]
    return [text for text in said if text]


def table(trials):
    """The faults that were tried, whether the rest was survived, and how each was named."""
    lines = []
    for trial in trials:
        mark = "survived" if trial.survived and trial.named else "LOST"
        words = " ".join(trial.words.split())[:90]
        lines.append(f"{mark:<9} {trial.kind:<52} {words}".encode("ascii", "replace").decode())
    held = sum(trial.survived and trial.named for trial in trials)
    lines.append(f"{held} of {len(trials)} kinds of faults survived and named")
    return "\n".join(lines)
