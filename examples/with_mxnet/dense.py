"""MyDense of the d2l book in MXNet: a dense layer with two parameters and ReLU.

Shows a block whose parameters are made by ``self.params.get`` and used as ``weight.data()``.
"""

from __future__ import annotations

from mxnet import nd
from mxnet.gluon import nn


class MyDense(nn.Block):
    """z = relu(x W + b)."""

    def __init__(self, units, in_units, **kwargs):
        super().__init__(**kwargs)
        self.weight = self.params.get("weight", shape=(in_units, units))
        self.bias = self.params.get("bias", shape=(units,))

    def forward(self, x):
        """Return z."""
        linear = nd.dot(x, self.weight.data()) + self.bias.data()
        return nd.relu(linear)
