"""PyTorch layers that are right: nothing may fail."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from tests.frameworks.torch_bugs import bug as right


class Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return dz * torch.cos(x)


class Both(torch.autograd.Function):
    """With a tangent of its own, and a rule for vmap."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return torch.exp(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)
        ctx.save_for_forward(output)

    @staticmethod
    def backward(ctx, dz):
        (z,) = ctx.saved_tensors
        return dz * z

    @staticmethod
    def jvp(ctx, dx):
        (z,) = ctx.saved_tensors
        return dx * z


class Scaled(torch.autograd.Function):
    """With an argument that is no tensor, and an output without a gradient."""

    @staticmethod
    def forward(ctx, x, power=2):
        ctx.save_for_backward(x)
        ctx.power = power
        order = x.argsort(dim=-1)
        ctx.mark_non_differentiable(order)
        return x**power, order

    @staticmethod
    def backward(ctx, dz, _):
        (x,) = ctx.saved_tensors
        return ctx.power * x ** (ctx.power - 1) * dz, None


class Affine(torch.autograd.Function):
    """Asks which gradients are needed, counting without ctx."""

    @staticmethod
    def forward(ctx, x, w, b=None):
        ctx.save_for_backward(x, w)
        ctx.has_bias = b is not None
        return x @ w if b is None else x @ w + b

    @staticmethod
    def backward(ctx, dz):
        x, w = ctx.saved_tensors
        dx = dz @ w.T if ctx.needs_input_grad[0] else None
        dw = x.T @ dz if ctx.needs_input_grad[1] else None
        return dx, dw, dz.sum(0) if ctx.has_bias else None


class OnceOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.positive = x > 0
        return x * ctx.positive

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dz):
        return dz * ctx.positive


class TwoOutputs(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x + y, x * y

    @staticmethod
    def backward(ctx, ds, dp):
        x, y = ctx.saved_tensors
        return ds + dp * y, ds + dp * x


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def affine(x, w, b):
    return F.linear(x, w, b)


def stack(x, y):
    return {"sum": x + y, "both": (x * y, [x - y])}


class Softmaxed(nn.Module):
    def forward(self, x):
        return torch.softmax(x, -1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.inner = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4))

    def forward(self, x):
        return x + self.inner(self.norm(x))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 3))

    def forward(self, x):
        return torch.tanh(x @ self.weight) @ self.weight.T


class Registered(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.linspace(-1, 1, 3))

    def forward(self, x):
        return x * self.table


class Smoothed(nn.Module):
    """Statistics that training alone moves."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
            return x - x.mean(0)
        return x - self.mean


class Noisy(nn.Module):
    def forward(self, x):
        return x + 0.1 * torch.randn_like(x) if self.training else x


class MaskedMean(nn.Module):
    def forward(self, x, mask=None):
        if mask is None:
            return x.mean(1)
        weight = torch.sigmoid(mask).unsqueeze(-1)
        return (x * weight).sum(1) / weight.sum(1)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 4)

    def forward(self, x, h):
        for step in x.unbind(1):
            h = self.cell(step, h)
        return h


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, dtype=torch.complex64))

    def forward(self, x):
        return (x * self.weight).abs()


class Fourier(nn.Module):
    def __init__(self):
        super().__init__()
        self.filter = nn.Parameter(torch.randn(4, dtype=torch.complex64))

    def forward(self, x):
        return torch.fft.irfft(torch.fft.rfft(x) * self.filter, n=x.shape[-1])


class Counter(nn.Module):
    """Counts its calls, which changes nothing."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return 3 * x


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        return torch.utils.checkpoint.checkpoint(self.inner, x, use_reentrant=False)


def make_pooling():
    return nn.MaxPool2d(2)


def make_dropout():
    return nn.Dropout(0.25)


def make_rnn():
    return nn.LSTM(3, 4, batch_first=True)


def make_convolution():
    return nn.Conv2d(2, 3, 3, groups=1, padding=1)


def make_group_norm():
    return nn.GroupNorm(2, 4)


def make_instance_norm():
    return nn.InstanceNorm1d(3)


def make_prelu():
    return nn.PReLU(3)


def make_bilinear():
    return nn.Bilinear(3, 2, 4)


def make_encoder():
    return nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)


def make_embedding():
    return nn.EmbeddingBag(10, 4)


def make_upsample():
    return nn.Upsample(scale_factor=2)


RIGHT = (
    right(Sine, "BC:4,3"),
    right(Both, "BC:4,3"),
    right(Scaled, "BC:4,3", call={"power": 3}),
    right(Affine, ("BC:4,3", "UU:3,2")),
    right(Affine, ("BC:4,3", "UU:3,2", "U:2")),
    right(OnceOnly, "BC:4,3"),
    right(TwoOutputs, ("BC:4,3", "BC:4,3")),
    right(gelu, "BC:4,3"),
    right(affine, "BC:4,3", learnable={"w": (2, 3), "b": (2,)}),
    right(stack, ("BC:4,3", "BC:4,3")),
    right(Softmaxed, "BC:4,3"),
    right(Residual, "BTC:3,2,4"),
    right(Tied, "BC:4,3"),
    right(Registered, "BC:4,3"),
    right(Smoothed, "BC:4,3"),
    right(Noisy, "BC:4,3"),
    right(MaskedMean, "BTC:3,4,2"),
    right(MaskedMean, ("BTC:3,4,2", "BT:3,4")),
    right(Gated, ("BTC:3,2,3", "BC:3,4")),
    right(Complex, "BC:4,3"),
    right(Fourier, "BC:4,6"),
    right(Counter, "BC:4,3"),
    right(Checkpointed, "BC:4,3"),
    right(make_pooling, "BCSS:2,2,4,4"),
    right(make_dropout, "BC:20,10"),
    right(make_rnn, "BTC:2,3,3"),
    right(make_convolution, "BCSS:2,2,4,4"),
    right(make_group_norm, "BCS:2,4,3"),
    right(make_instance_norm, "BCS:2,3,4"),
    right(make_prelu, "BCS:2,3,4"),
    right(make_bilinear, ("BC:4,3", "BC:4,2")),
    right(make_encoder, "BTC:2,3,4"),
    right(make_embedding, "BT:3,4", integers=(0, 10)),
    right(make_upsample, "BCSS:2,2,3,3"),
)
