"""Attention of one head with dropout, as a hybrid block.

Shows a layer that is random in training and deterministic in prediction.
"""

from __future__ import annotations

from mxnet.gluon import nn


class Attention(nn.HybridBlock):
    """softmax(Q K' / sqrt(d)) V; x is B,T,C."""

    def __init__(self, units, rate=0.1, **kwargs):
        super().__init__(**kwargs)
        self._units = units
        with self.name_scope():
            self.query = nn.Dense(units, flatten=False, use_bias=False)
            self.key = nn.Dense(units, flatten=False, use_bias=False)
            self.value = nn.Dense(units, flatten=False, use_bias=False)
            self.dropout = nn.Dropout(rate)

    def hybrid_forward(self, F, x):  # noqa: D102
        scores = F.batch_dot(self.query(x), self.key(x), transpose_b=True)
        weights = self.dropout(F.softmax(scores / self._units**0.5))
        return F.batch_dot(weights, self.value(x))
