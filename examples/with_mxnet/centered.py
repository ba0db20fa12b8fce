"""CenteredLayer of the d2l book in MXNet: it subtracts the mean of everything, the batch too.

Shows a block without parameters. Each observation's output depends on the others, in prediction
as well: what the network says of a picture then depends on the pictures beside it.
"""

from __future__ import annotations

from mxnet.gluon import nn


class CenteredLayer(nn.Block):
    """z = x - mean(x), the mean taken over all elements of all observations."""

    def forward(self, x):
        """Return z."""
        return x - x.mean()
