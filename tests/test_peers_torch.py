"""Where PyTorch's own gradcheck is known to be wrong about PyTorch layers, layercheck is right."""

from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("torch")

import torch  # noqa: E402
from torch import nn  # noqa: E402

import layercheck  # noqa: E402


def check(layer, *layouts, **options):
    return layercheck.check_layer(layer, *layouts, dtypes=("float64",), **options)


def failed(report):
    unsettled = ("failed", "incomplete")
    return {r.id for r in report.results if r.outcome.value in unsettled}


class Zero(torch.autograd.Function):
    """A sine whose gradient is zero."""

    @staticmethod
    def forward(ctx, x):
        return torch.sin(x)

    @staticmethod
    def backward(ctx, dz):
        return torch.zeros_like(dz)


class Tenth(torch.autograd.Function):
    """A sine whose gradient is a tenth too large."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx, dz):
        (x,) = ctx.saved_tensors
        return 1.1 * torch.cos(x) * dz


def accepted_by_gradcheck(function, size):
    torch.manual_seed(0)
    x = torch.randn(size, dtype=torch.float64, requires_grad=True)
    return torch.autograd.gradcheck(function.apply, x, fast_mode=True, raise_exception=False)


def test_a_tenth_more_at_10000_elements_is_accepted_by_gradcheck_and_found():
    assert accepted_by_gradcheck(Tenth, 10_000)
    assert "gradients.input:x" in failed(check(Tenth, "BC:100,100", only=("gradients.input",)))


@pytest.mark.corpus
def test_a_zero_gradient_at_a_real_size_is_accepted_by_gradcheck_and_found():
    assert accepted_by_gradcheck(Zero, 1_474_560)
    report = check(Zero, "SSCB:24,24,20,128", only=("gradients.input",))
    assert "gradients.input:x" in failed(report)


class Weighted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, dz):
        x, w = ctx.saved_tensors
        return dz * w, -7 * (dz * x).sum(0)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.5, -1.5, 2.0]))

    def forward(self, x):
        return Weighted.apply(x, self.w)


def test_a_parameter_that_gradcheck_is_not_given_is_checked():
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(Layer().double(), x)
    assert "gradients.learnable:w" in failed(check(Layer(), "BC:4,3"))


def test_statistics_are_not_moved_by_a_check():
    layer = nn.BatchNorm1d(3)
    check(layer, "BC:5,3")

    assert torch.equal(layer.running_mean, torch.zeros(3))
    assert layer.num_batches_tracked == 0


class Kinked(nn.Module):
    def forward(self, x):
        return torch.relu(x), torch.amax(x, dim=-1)


def test_kinks_and_ties_are_no_failures():
    x = torch.tensor([[0.0, 0.0, 3e-7], [1.0, 1.0, -3e-7]], dtype=torch.float64)

    assert failed(check(Kinked(), "BC:2,3", data=x.numpy(), only=("gradients",))) == set()


def test_dropout_and_its_randomness_are_no_failures():
    assert failed(check(nn.Dropout(0.5), "BC:20,10")) == set()


class Ordered(torch.autograd.Function):
    """A floating output without a gradient, beside one that has one."""

    @staticmethod
    def forward(ctx, x):
        rank = x.argsort(-1).to(x.dtype)
        ctx.mark_non_differentiable(rank)
        return 2 * x, rank

    @staticmethod
    def backward(ctx, dz, _):
        return 2 * dz


def test_a_floating_output_without_a_gradient_is_no_failure():
    assert failed(check(Ordered, "BC:4,3", only=("gradients",))) == set()


def cumulative(x):
    return torch.cumprod(x, dim=-1)


def test_a_cumulative_product_is_right_twice():
    assert failed(check(cumulative, "BC:3,4", only=("gradients",))) == set()


def test_values_whose_step_is_lost_are_no_failures():
    assert failed(check(nn.Identity(), "BC:3,4", range=(1e9, 1.1e10), only=("gradients",))) == set()
