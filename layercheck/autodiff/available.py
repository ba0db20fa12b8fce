"""Whether jax is there, which carries out what is differentiated."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import numpy as np

from layercheck.errors import describe


def why_unavailable() -> str | None:
    """Return why NumPy code cannot be differentiated here, None where it can."""
    if "jax" not in sys.modules and find_spec("jax") is None:
        advice = "pip install jax" if int(np.__version__.partition(".")[0]) >= 2 else _OLD
        return f"jax is not installed, which differentiates NumPy code: {advice}"
    try:
        import jax.numpy  # noqa: F401
    except Exception as error:
        return f"jax, which differentiates NumPy code, cannot be imported: {describe(error)}"
    return None


_OLD = "it needs NumPy 2, so in an environment with numpy>=2: pip install jax"
