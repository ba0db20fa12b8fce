"""An Elman network over a sequence that takes its first hidden state and returns its last.

Shows a hybrid block with two inputs and two outputs, a loop over time, and parameters whose
shapes are known from the first input.
"""

from __future__ import annotations

from mxnet.gluon import nn


class Elman(nn.HybridBlock):
    """h_t = tanh(W x_t + U h_(t-1) + b); x is T,B,C, h is B,C."""

    def __init__(self, hidden, steps, **kwargs):
        super().__init__(**kwargs)
        self._steps = steps
        with self.name_scope():
            self.entering = nn.Dense(hidden, flatten=False)
            self.recurrent = nn.Dense(hidden, use_bias=False, flatten=False)

    def hybrid_forward(self, F, x, h):  # noqa: D102
        outputs = []
        entered = self.entering(x)
        for t in range(self._steps):
            h = F.tanh(F.squeeze(F.slice_axis(entered, 0, t, t + 1), 0) + self.recurrent(h))
            outputs.append(h)
        return F.stack(*outputs, axis=0), h
