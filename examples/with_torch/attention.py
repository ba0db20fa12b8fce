"""Self-attention with several heads, and a mask that may be left out."""

import math

import torch
from torch import nn


class SelfAttention(nn.Module):
    def __init__(self, features, heads=2):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)

    def forward(self, x, mask=None):
        batch, time, features = x.shape
        parts = self.project(x).reshape(batch, time, 3, self.heads, -1)
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores + mask
        mixed = torch.softmax(scores, dim=-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, time, features))
