"""A layer in NumPy, and one whose gradient is averaged on purpose."""

import numpy as np


class Scale:
    learnables = ("w",)

    def initialize(self, layout):
        if getattr(self, "w", None) is None:
            self.w = np.ones(layout.size[layout.find("C")])

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        return self.w * dz, np.sum(x * dz, axis=0)


class AveragingScale(Scale):
    def backward(self, x, z, dz, memory):
        return self.w * dz, np.mean(x * dz, axis=0)
