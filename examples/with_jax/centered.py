"""The CenteredLayer of Dive into Deep Learning, in Flax: its mean is over the batch, too."""

import flax.linen as nn


class CenteredLayer(nn.Module):
    """Subtracts the mean of all elements."""

    def __call__(self, X):
        """Return the centred input."""
        return X - X.mean()
