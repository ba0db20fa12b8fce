"""A layer with a kernel in CUDA C++, which only a GPU can run."""

from __future__ import annotations

import cupy as cp

square = cp.ElementwiseKernel("T x", "T z", "z = x * x", "square")


class Square:
    def predict(self, x):
        return square(x)

    def backward(self, x, z, dz, memory):
        return 2 * x * dz
