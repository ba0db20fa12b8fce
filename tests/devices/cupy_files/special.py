"""A layer that calls a special function, which SciPy computes where there is no device."""

import cupy as cp
import numpy as np
from cupyx.scipy import special


class Erf:
    def predict(self, x):
        return special.erf(x)

    def backward(self, x, z, dz, memory):
        return dz * float(2 / np.sqrt(np.pi)) * cp.exp(-x * x)
