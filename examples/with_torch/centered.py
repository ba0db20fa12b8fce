"""Subtracts the mean of its input: the first custom layer of d2l.ai's chapter."""

from torch import nn


class CenteredLayer(nn.Module):
    def forward(self, X):
        return X - X.mean()
