"""A layer with a ufunc of SciPy that CuPy has, and one with a ufunc that it has not. BC:6,4."""

from __future__ import annotations

import numpy as np
from scipy import special


class ScipyErf:
    def predict(self, x):
        return special.erf(x)

    def backward(self, x, z, dz, memory):
        return dz * 2 / np.sqrt(np.pi) * np.exp(-x * x)


class ScipyOnlyOnHost:
    def predict(self, x):
        return special.voigt_profile(x, 1.0, 1.0)  # breaks: unsupported-on-device

    def backward(self, x, z, dz, memory):
        return dz
