"""Write tests/gpu/answers.json: what CuPy answers to the idioms.

    python tests/gpu/make_answers.py

On a machine with a GPU every answer is CuPy's own. Without one CuPy is asked with arrays that have
no memory: where it answers before it reaches for the device (it refuses the arguments), that is
its own answer too; the others are taken from its documentation (idioms.py) and marked so.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import cupy
import numpy
from idioms import IDIOMS, answer, run

OUT = Path(__file__).parent / "answers.json"
ITSELF, UNFINISHED, DOCUMENTED = "CuPy on a device", "CuPy without a device", "documentation"


def on_device():
    """Return every answer with its origin."""
    return {code: [answer(code, cupy, numpy)[0], ITSELF] for code in IDIOMS}


def memoryless(shape, dtype):
    """Return an array whose memory does not exist."""
    size = max(1, int(numpy.prod(shape))) * numpy.dtype(dtype).itemsize
    memory = cupy.cuda.UnownedMemory(1 << 28, size, None, device_id=0)
    return cupy.ndarray(shape, dtype, memptr=cupy.cuda.MemoryPointer(memory, 0))


def reached_device(error):
    """Whether CuPy got as far as the device, or a library of CUDA's, that is not there."""
    while error is not None:
        if isinstance(error, (cupy.cuda.runtime.CUDARuntimeError, ImportError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def without_device():
    """Return every answer with its origin."""
    found = {}
    for code, documented in IDIOMS.items():
        names = {"cp": cupy, "np": numpy, "h": numpy.arange(12.0).reshape(3, 4) - 5.5}
        names |= {"k": numpy.array([0, 2]), "m": names["h"] > 0, "x": memoryless((3, 4), "d")}
        names |= {"s": memoryless((), "d"), "n": memoryless((), "l")}
        said, error = run(code, names)
        found[code] = [documented, DOCUMENTED] if reached_device(error) else [said, UNFINISHED]
    return found


def main():
    """Write the answers."""
    warnings.simplefilter("ignore")
    has_device = cupy.is_available()
    device = None
    if has_device:
        device = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    answers = on_device() if has_device else without_device()
    record = {"cupy": cupy.__version__, "device": device, "answers": answers}
    OUT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
