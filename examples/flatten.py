"""Flatten: images SSCB become features CB.

Shows `output_layout`, which says what the labels of the output are where its format differs
from that of the input.
"""

from __future__ import annotations

import math


class Flatten:
    """All spatial positions and channels of an observation in one column."""

    def predict(self, x):
        """Return z of shape (everything else, B)."""
        return x.reshape(-1, x.shape[-1])

    def backward(self, x, z, dz, memory):
        """Return the gradient of x."""
        return dz.reshape(x.shape)

    def output_layout(self, layout):
        """Return the layout of z."""
        *positions, observations = layout.size
        return layout.of("CB", (math.prod(positions), observations))
