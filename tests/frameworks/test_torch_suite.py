from __future__ import annotations

import sys

import pytest
from frameworks.needs import needs

needs("torch")

import torch  # noqa: E402
from torch import nn  # noqa: E402

import layercheck  # noqa: E402


def check(layer, *layouts, **options):
    return layercheck.check_layer(layer, *layouts, only=("torch",), dtypes=("float64",), **options)


def outcomes(report):
    return {r.check: r.outcome.value for r in report.results}


def failed(report):
    return {result.check for result in report.failures}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


def test_a_correct_layer_passes_every_check():
    found = outcomes(check(Block, "BCSS:3,2,4,5"))

    assert set(found.values()) == {"passed"}, found


class Drawn(nn.Module):
    """Keeps a random projection in a plain attribute, or in a buffer."""

    def __init__(self, registers=False):
        super().__init__()
        projection = torch.randn(3, 4)
        if registers:
            self.register_buffer("projection", projection)
        else:
            self.projection = projection

    def forward(self, x):
        return x @ self.projection.to(x.dtype)


def test_a_drawn_tensor_in_no_checkpoint_is_found_and_named():
    report = check(Drawn, "BC:4,3")

    assert failed(report) == {"save_and_load"}
    assert report.failures[0].finding.cause.evidence["tensors"] == ("projection",)


def test_a_drawn_tensor_in_a_buffer_is_fine():
    assert failed(check(Drawn, "BC:4,3", init={"registers": True})) == set()


class Listed(nn.Module):
    """Keeps its weights in a plain list, or in one that registers them."""

    def __init__(self, kind=list):
        super().__init__()
        self.weights = kind([nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))])

    def forward(self, x):
        return x * self.weights[0] + self.weights[1]


def test_a_parameter_in_a_plain_list_is_found_and_named():
    report = check(Listed(), "BC:4,3")

    assert failed(report) == {"registered"}
    assert report.failures[0].finding.where == "weights.0, weights.1"


def test_a_parameter_in_a_parameter_list_is_fine():
    assert failed(check(Listed(nn.ParameterList), "BC:4,3")) == set()


class Carrying(nn.Module):
    """Carries its hidden state over to the next call, detached or not."""

    def __init__(self, detaches=False):
        super().__init__()
        self.detaches = detaches
        self.h = None
        self.w = nn.Linear(3, 3)

    def forward(self, x):
        h = torch.tanh(self.w(x if self.h is None else x + self.h))
        self.h = h.detach() if self.detaches else h
        return h


def test_a_state_that_keeps_its_graph_fails_in_the_second_step():
    report = check(Carrying(), "BC:4,3")

    assert failed(report) == {"second_step"}
    assert report.failures[0].finding.cause.id == "stale-memory"


def test_a_detached_state_runs_a_second_step():
    assert failed(check(Carrying(detaches=True), "BC:4,3")) == set()


class OffByOne(torch.autograd.Function):
    """Counts ctx among the arguments of forward."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, dz):
        x, w = ctx.saved_tensors
        dx = dz * w if ctx.needs_input_grad[1] else None
        return dx, dz * x


def test_a_wrong_index_into_needs_input_grad_is_found():
    report = check(OffByOne, "BC:4,3", "BC:4,3")

    assert failed(report) == {"one_gradient_at_a_time"}


class Viewed(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0], -1) * 2


def test_a_view_fails_in_channels_last():
    report = check(Viewed(), "BCSS:2,3,4,5")

    assert failed(report) == {"channels_last"}
    assert "view size is not compatible" in report.failures[0].finding.what


class FrontAxis(torch.autograd.Function):
    """Sums its gradient over an axis that it counts from the front of what it is given."""

    generate_vmap_rule = False

    @staticmethod
    def forward(ctx, x, b):
        return x + b

    @staticmethod
    def backward(ctx, dz):
        return dz, dz.reshape(-1, dz.shape[-1]).sum(0)


def test_a_backward_that_maps_is_fine():
    assert failed(check(FrontAxis, "BC:4,3", "C:3")) == set()


class Silent(nn.Module):
    def forward(self, x):
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
        z = 2 * x
        torch.set_grad_enabled(False)
        return z


def test_a_setting_that_stays_changed_is_found():
    report = check(Silent(), "BC:4,3")

    assert failed(report) == {"settings_unchanged"}
    assert "the grad mode from True to False" in report.failures[0].finding.what
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("module", ["layercheck_torch.suite"])
def test_the_list_of_checks_needs_no_pytorch(module):
    import subprocess

    code = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
