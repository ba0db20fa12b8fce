"""Layer after layer in one process: nothing of the earlier ones is kept, no file stays open."""

from __future__ import annotations

import gc
import os
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from layercheck import check_layer

LAYER = """
    class Identity:
        def predict(self, x):
            return 1 * x

        def backward(self, x, z, dz, memory):
            return 1 * dz
"""
FILES = Path("/proc/self/fd")


def held():
    """How many objects of ours and of the layer's file live, by type, and how many files."""
    gc.collect()
    kinds = (f"{kind.__module__}.{kind.__name__}" for kind in map(type, gc.get_objects()))
    ours = Counter(kind for kind in kinds if kind.startswith("layercheck"))
    return ours, len(list(FILES.iterdir()))


@pytest.mark.skipif(not FILES.exists(), reason="open files are counted under /proc")
@pytest.mark.parametrize("isolate", [False, True])
def test_nothing_grows_with_the_number_of_layers(tmp_path, isolate):
    file = tmp_path / "identity.py"
    file.write_text(textwrap.dedent(LAYER))
    target = os.fspath(file) + "::Identity"
    found = []
    for _ in range(6):
        assert check_layer(target, "BC:4,3", only="shapes,purity", isolate=isolate).ok
        found.append(held())

    assert found[5] == found[3]
