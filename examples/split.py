"""Split: one input, two outputs.

Shows a layer with several outputs: `predict` returns a tuple, and `backward` receives every
output and every upstream gradient in that order.
"""

from __future__ import annotations

import numpy as np


class Split:
    """The first half of the channels, and the rest."""

    output_names = ("first", "rest")

    def initialize(self, layout):
        """Remember which axis holds the channels."""
        self.axis = layout.find("C")

    def predict(self, x):
        """Return both parts."""
        first, rest = np.array_split(x, 2, axis=self.axis)
        return first, rest

    def backward(self, x, first, rest, dfirst, drest, memory):
        """Return the gradient of x."""
        return np.concatenate([dfirst, drest], axis=self.axis)
