"""Self-attention that takes axis 0 for time: every sequence sees the others of its batch."""

import math

import torch
from torch import nn


class SelfAttention(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.project = nn.Linear(features, 3 * features)

    def forward(self, x):
        q, k, v = self.project(x).transpose(0, 1).chunk(3, dim=-1)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        return (torch.softmax(scores, dim=-1) @ v).transpose(0, 1)
