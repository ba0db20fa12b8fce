"""Network composition: a layer whose learnables are layers.

Shows a residual block z = x + PReLU(Dense(x)). The learnables of the inner layers are checked
as `dense.W`, `dense.b` and `activation.alpha`; `backward` returns a gradient for each, in order.
"""

from __future__ import annotations

from dense import Dense
from prelu import PReLU


class Residual:
    """z = x + PReLU(x W + b), for any layout that ends in C."""

    learnables = ("dense", "activation")

    def __init__(self):
        self.dense = Dense()
        self.activation = PReLU()

    def initialize(self, layout):
        """Initialize the inner layers; both see data of the same layout."""
        self.dense.initialize(layout)
        self.activation.initialize(layout)

    def predict(self, x):
        """Return z at inference."""
        return x + self.activation.predict(self.dense.predict(x))

    def forward(self, x):
        """Return z in training, and what the inner layers computed."""
        hidden = self.dense.predict(x)
        active = self.activation.predict(hidden)
        return x + active, (hidden, active)

    def backward(self, x, z, dz, memory):
        """Return the gradients of x and of every learnable of the inner layers."""
        hidden, active = memory
        dhidden, dalpha = self.activation.backward(hidden, active, dz, None)
        dx, dW, db = self.dense.backward(x, hidden, dhidden, None)
        return dz + dx, dW, db, dalpha
