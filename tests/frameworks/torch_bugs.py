"""PyTorch layers that are wrong on purpose, and the checks that each must fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import layercheck


@dataclass(frozen=True)
class Entry:
    """A layer, and the ids that it fails."""

    layer: Any
    layouts: tuple[str, ...]
    fails: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self):
        return self.layer.__name__

    def unsettled(self):
        report = layercheck.check_layer(self.layer, *self.layouts, **self.options)
        return report, {r.id for r in report.results if r.outcome.value in ("failed", "incomplete")}


def bug(layer, layout, *fails, **options):
    layouts = (layout,) if isinstance(layout, str) else layout
    return Entry(layer, layouts, frozenset(fails), options)


class ForgetsUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return torch.cos(x)


class WrongSign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.cos(x)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return dz * torch.sin(x)


class MaskFromUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, dz):
        return dz * (dz > 0)


class AveragesBias(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, b):
        return x + b

    @staticmethod
    def backward(ctx, dz):
        return dz, dz.mean(0)


class SumsOverLast(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, b):
        return x + b

    @staticmethod
    def backward(ctx, dz):
        return dz, dz.sum(1)


class TransposedWeight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x @ w

    @staticmethod
    def backward(ctx, dz):
        x, w = ctx.saved_tensors
        return dz @ w.T, (x.T @ dz).T


class SwapsGradients(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, dz):
        x, y = ctx.saved_tensors
        return dz * x, dz * y


class SavesTheOutput(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return torch.exp(x) - 1

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, dz):
        (z,) = ctx.saved_tensors
        return dz * z


class WritesUpstream(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.positive = x > 0
        return x * ctx.positive

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dz):
        return dz.mul_(ctx.positive)


class RoundsToFloat(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.float())
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return (dz * (1 - torch.tanh(x) ** 2)).to(dz.dtype)


class CountsContext(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, dz):
        x, w = ctx.saved_tensors
        return (dz * w if ctx.needs_input_grad[1] else None), dz * x


class OneGradientMissing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(y)
        return x * y + y

    @staticmethod
    def backward(ctx, dz):
        (y,) = ctx.saved_tensors
        return dz * y, None


class WrongAtZero(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.abs()

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return dz * torch.where(x >= 0, 1.0, -1.0).to(dz.dtype) * torch.where(x == 0, 2.0, 1.0)


class KeepsInAClass(torch.autograd.Function):
    kept = None

    @staticmethod
    def forward(ctx, x):
        KeepsInAClass.kept = x.detach().clone()
        return x**2

    @staticmethod
    def backward(ctx, dz):
        return 2 * KeepsInAClass.kept * dz


class WrongTangent(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return torch.sin(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return dz * torch.cos(x)

    @staticmethod
    def jvp(ctx, dx):
        (x,) = ctx.saved_tensors
        return dx * torch.sin(x)


class TwiceWrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return dz * 3 * x.detach() ** 2


class DetachedPath(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(3, 3)
        self.value = nn.Linear(3, 3)

    def forward(self, x):
        return torch.sigmoid(self.gate(x)).detach() * self.value(x)


class DataWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2))

    def forward(self, x):
        return x @ self.weight.data


class ThroughNumpy(nn.Module):
    def forward(self, x):
        return torch.from_numpy(np.tanh(x.detach().numpy()))


class NumpyOfInput(nn.Module):
    def forward(self, x):
        return torch.from_numpy(np.tanh(x.numpy()))


class CentresInPlace(nn.Module):
    def forward(self, x):
        x -= x.mean(-1, keepdim=True)
        return x


class SavedThenWritten(nn.Module):
    def forward(self, x):
        z = torch.sigmoid(x)
        z *= 2
        return z


class DropsInEvaluation(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5)


class UnscaledDropout(nn.Module):
    def forward(self, x):
        return x * torch.bernoulli(torch.full_like(x, 0.5)) if self.training else x


class NormOverBatch(nn.Module):
    def forward(self, x):
        return (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-3).sqrt()


class StatisticsInEvaluation(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return x - (x.mean(0) if self.training else self.mean)


class PlainStatistics(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = torch.zeros(())

    def forward(self, x):
        self.seen = self.seen + 1
        return x / self.seen


class HiddenParameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(3, 3), nn.Linear(3, 3)]

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(F.linear(x, layer.weight.to(x.dtype), layer.bias.to(x.dtype)))
        return x


class UnsavedProjection(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = torch.randn(3, 3)

    def forward(self, x):
        return x @ self.projection.to(x.dtype)


class CastsToFloat(nn.Module):
    def forward(self, x):
        return torch.tanh(x.float())


class ZerosOfDefault(nn.Module):
    def forward(self, x):
        z = torch.zeros(x.shape)
        z[...] = 2 * x
        return z


class LastStepOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.shape = x.shape
        return x.sum(1)

    @staticmethod
    def backward(ctx, dz):
        dx = dz.new_zeros(ctx.shape)
        dx[:, -1] = dz
        return dx


class KeepsGraph(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(3, 3)
        self.register_buffer("h", torch.zeros(3), persistent=False)

    def forward(self, x):
        z = torch.tanh(self.cell(x) + self.h)
        self.h = z.mean(0) if self.training else self.h
        return z


class StaleCache(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = None

    def forward(self, x):
        if self.scale is None:
            self.scale = x.detach().abs().amax()
        return x / self.scale


class Reseeds(nn.Module):
    def forward(self, x):
        torch.manual_seed(0)
        return x + torch.randn(3).to(x.dtype)


class FixedBatch(nn.Module):
    def forward(self, x):
        return x.reshape(4, 3) * 2


class NoGuard(nn.Module):
    def forward(self, x):
        return x / x.norm(dim=-1, keepdim=True)


BUGS = (
    bug(ForgetsUpstream, "BC:4,3", "gradients.input:x", "gradients.linear_in_upstream"),
    bug(WrongSign, "BC:4,3", "gradients.input:x"),
    bug(MaskFromUpstream, "BC:4,3", "gradients.input:x", "gradients.linear_in_upstream"),
    bug(AveragesBias, ("BC:4,3", "C:3"), "batch.input_gradients_independent", "gradients.input:b"),
    bug(SumsOverLast, ("BC:4,3", "C:3"), "shapes.gradients"),
    bug(TransposedWeight, ("BC:4,3", "UU:3,3"), "gradients.input:w"),
    bug(SwapsGradients, ("BC:4,3", "BC:4,3"), "gradients.input:x", "gradients.input:y"),
    bug(SavesTheOutput, "BC:4,3", "gradients.input:x"),
    bug(WritesUpstream, "BC:4,3", "purity.upstream_unchanged"),
    bug(RoundsToFloat, "BC:4,3", "gradients.input:x"),
    bug(CountsContext, ("BC:4,3", "BC:4,3"), "torch.one_gradient_at_a_time"),
    bug(OneGradientMissing, ("BC:4,3", "BC:4,3"), "gradients.input:y"),
    bug(WrongAtZero, "BC:4,3", "gradients.input:x"),
    bug(
        KeepsInAClass,
        "BC:4,3",
        "gradients.second_order",
        "purity.backward_of_earlier_forward",
        "purity.instances_independent",
    ),
    bug(WrongTangent, "BC:4,3", "gradients.forward_mode"),
    bug(TwiceWrong, "BC:4,3", "gradients.second_order"),
    bug(
        DetachedPath,
        "BC:4,3",
        "gradients.input:x",
        "gradients.learnable:gate.bias",
        "gradients.learnable:gate.weight",
        "gradients.reaches_all_learnables",
    ),
    bug(DataWeight, "BC:4,3", "gradients.learnable:weight", "gradients.reaches_all_learnables"),
    bug(ThroughNumpy, "BC:4,3", "gradients.autodiff", "gradients.input:x"),
    bug(NumpyOfInput, "BC:4,3", "shapes.forward", "shapes.predict"),
    bug(CentresInPlace, "BC:4,3", "purity.inputs_unchanged"),
    bug(SavedThenWritten, "BC:4,3", "gradients.autodiff"),
    bug(DropsInEvaluation, "BC:4,3", "state.predict_is_deterministic"),
    bug(UnscaledDropout, "BC:40,30", "state.training_mean"),
    bug(NormOverBatch, "BC:4,3", "batch.observations_independent", "batch.other_batch_sizes"),
    bug(
        StatisticsInEvaluation,
        "BC:4,3",
        "batch.observations_independent",
        "batch.other_batch_sizes",
        "state.predict_leaves_statistics",
    ),
    bug(PlainStatistics, "BC:4,3", "purity.deterministic"),
    bug(HiddenParameters, "BC:4,3", "torch.registered", "torch.save_and_load"),
    bug(UnsavedProjection, "BC:4,3", "torch.save_and_load"),
    bug(CastsToFloat, "BC:4,3", "dtypes.outputs"),
    bug(ZerosOfDefault, "BC:4,3", "dtypes.outputs"),
    bug(LastStepOnly, "BTC:4,5,3", "gradients.input:x"),
    bug(KeepsGraph, "BC:4,3", "torch.save_and_load", "torch.second_step"),
    bug(
        StaleCache,
        "BC:4,3",
        "batch.observations_independent",
        "batch.other_batch_sizes",
        "gradients.input:x",
        "numerics.zeros",
    ),
    bug(Reseeds, "BC:4,3", "purity.global_random_not_reseeded"),
    bug(FixedBatch, "BC:4,3", "batch.other_batch_sizes", "batch.single_observation"),
    bug(NoGuard, "BC:4,3", "numerics.zeros"),
)
