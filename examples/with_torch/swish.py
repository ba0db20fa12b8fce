"""Swish, x sigmoid(x), with a backward that keeps its input alone."""

import torch


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return dz * (s + x * s * (1 - s))
