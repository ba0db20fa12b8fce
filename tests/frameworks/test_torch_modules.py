from __future__ import annotations

import numpy as np
import pytest
from frameworks.needs import needs

needs("torch")

import torch  # noqa: E402
from torch import nn  # noqa: E402

import layercheck  # noqa: E402

QUICK = ("contract", "shapes", "dtypes", "batch", "state", "purity")


def check(layer, *layouts, **options):
    return layercheck.check_layer(layer, *layouts, **options)


def failed(report):
    unsettled = [r for r in report.results if r.outcome.value == "incomplete"]
    assert not unsettled, str(report)
    return {result.id for result in report.failures}


class Named(nn.Module):
    """Nested, with a tied weight, a frozen scale, and a dict of outputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.scale = nn.Parameter(torch.full((3,), 2.0), requires_grad=False)

    def forward(self, x):
        h = torch.tanh(self.first(x))
        return {"hidden": h, "rest": (self.second(h) * self.scale, None)}


def test_learnables_have_dotted_names_and_a_shared_one_comes_once():
    report = check(Named(), "BC:4,3")
    (layer,) = report.run.layers

    assert failed(report) == set()
    learnables = [r.case for r in report.results if r.check == "learnable"]
    assert learnables == ["first.weight", "first.bias", "second.bias"]
    assert "second.weight is the same parameter as first.weight" in layer.notes
    assert "scale is frozen (requires_grad=False): no gradient asked" in layer.notes


def test_a_lazy_module_takes_its_sizes_from_the_layout():
    layer = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.Dropout(0.25))
    report = check(layer, "BC:5,3")

    assert failed(report) == set()
    assert any(r.id == "gradients.learnable:0.weight" for r in report.results)
    assert torch.nn.parameter.is_lazy(layer[0].weight)


def test_a_module_that_never_looks_at_training_has_one_pass():
    report = check(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), "BC:4,3", only=("shapes",))
    reasons = {r.id: r.reason for r in report.results}

    assert reasons["shapes.forward"] == "predict and forward are one pass"


def test_training_and_evaluation_are_two_passes_where_dropout_is():
    report = check(nn.Dropout(0.5), "BC:4,3")

    assert failed(report) == set()
    assert any(
        r.id == "state.training_mean" and r.outcome.value == "passed" for r in report.results
    )


def test_the_layer_and_the_process_are_left_as_they_were():
    layer = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)).eval()
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    stand = torch.get_rng_state()
    torch.set_grad_enabled(False)
    try:
        report = check(layer, "BC:4,3", only=QUICK)
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)

    assert failed(report) == set()
    assert not layer.training
    assert torch.equal(torch.get_rng_state(), stand)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_an_embedding_takes_integers():
    report = check(nn.Embedding(10, 4), "BT:3,5", integers=(0, 10))

    assert failed(report) == set()


def test_an_embedding_without_integers_shows_the_option():
    report = check(nn.Embedding(10, 4), "BT:3,5", only=("shapes.predict",))

    assert "--integers 0:10" in str(report)


class Masked(nn.Module):
    def forward(self, x, mask=None, *, scale):
        return x * scale if mask is None else x * mask * scale


@pytest.mark.parametrize(
    ("layouts", "names"),
    [
        (("BC:4,3", "scale=C:3"), {"x", "scale"}),
        (("BC:4,3", "C:3", "C:3"), {"x", "mask", "scale"}),
    ],
)
def test_inputs_may_be_optional_or_keywords(layouts, names):
    report = check(Masked(), *layouts)

    assert failed(report) == set()
    assert {r.case for r in report.results if r.id.startswith("gradients.input:")} == names


def test_extra_arguments_come_from_call():
    report = check(Masked(), "BC:4,3", call={"scale": np.array([1.0, 2.0, 3.0])})

    assert failed(report) == set()


class Inplace(nn.Module):
    def forward(self, x):
        x *= 2
        return x


def test_a_write_into_the_input_is_seen():
    report = check(Inplace(), "BC:4,3")

    assert failed(report) == {"purity.inputs_unchanged"}
    assert "x = x.clone()" in str(report)


class Kept(nn.Module):
    """Keeps its hidden state in an attribute that is no buffer."""

    def __init__(self):
        super().__init__()
        self.h = None
        self.w = nn.Linear(3, 3)

    def forward(self, x):
        h = torch.zeros_like(x) if self.h is None else self.h
        self.h = torch.tanh(self.w(x) + h).detach()
        return torch.tanh(self.w(x) + h)


def test_a_hidden_state_is_named():
    report = check(Kept(), "BC:4,3", only=("purity.deterministic",))
    (finding,) = [r.finding for r in report.failures]

    assert finding.cause.evidence["attribute"] == "h"


def test_a_hidden_state_can_be_declared():
    report = check(Kept(), "BC:4,3", declare={"state": "h"})

    assert failed(report) == set()


class WrittenAfter(nn.Module):
    def forward(self, x):
        y = torch.exp(x)
        y += 1
        return y


def test_a_saved_tensor_that_is_written_is_explained():
    report = check(WrittenAfter(), "BC:4,3", only=("gradients",), dtypes=("float64",))
    (result,) = report.failures

    assert result.id == "gradients.autodiff"
    assert result.finding.fix.startswith("Exp kept its result for backward")


class DoubleOnly(nn.Module):
    def forward(self, x):
        return x @ torch.ones(3, 2)


def test_a_layer_that_runs_in_float32_only_says_why():
    report = check(DoubleOnly(), "BC:4,3")
    (layer,) = report.run.layers

    assert failed(report) == set()
    assert layer.dtypes == ("float32",)
    assert any(note.startswith("it runs in float32 and not in float64") for note in layer.notes)


class Holds(nn.Module):
    """Draws from a generator of its own."""

    def __init__(self):
        super().__init__()
        self.generator = torch.Generator()

    def forward(self, x):
        if not self.training:
            return x / 2
        return x * torch.bernoulli(torch.full_like(x, 0.5), generator=self.generator)


def test_a_generator_that_the_layer_holds_is_seeded():
    assert failed(check(Holds(), "BC:4,3")) == set()


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        # PyTorch 2.13 differentiates its fused weight norm wrongly the second time, as
        # torch.autograd.gradgradcheck finds, too.
        (nn.utils.weight_norm, {"gradients.second_order"}),
        (nn.utils.parametrizations.weight_norm, {"gradients.second_order"}),
        # The gradient holds the singular vectors fixed, which forward moves with the weight.
        (nn.utils.spectral_norm, {"gradients.learnable:weight_orig"}),
        (nn.utils.parametrizations.orthogonal, set()),
    ],
)
@pytest.mark.filterwarnings("ignore:.*_norm.* is deprecated:FutureWarning")
def test_hooks_and_parametrizations_are_followed(change, fails):
    assert failed(check(change(nn.Linear(3, 3)), "BC:5,3")) == fails


def test_parameters_without_values_are_refused():
    with pytest.raises(layercheck.UsageError, match=r"^weight of Linear is on the device 'meta'"):
        check(nn.Linear(3, 2, device="meta"), "BC:4,3")


def test_a_missing_layout_is_named():
    with pytest.raises(layercheck.UsageError, match=r"has 2 inputs \(x, scale\), and 1 layout"):
        check(Masked(), "BC:4,3")


def test_an_unknown_argument_of_call_is_named():
    with pytest.raises(layercheck.UsageError, match=r"gives an argument 'mask'"):
        check(nn.Linear(3, 2), "BC:4,3", call={"mask": 1})


def test_the_order_of_axes_that_fits_is_shown():
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    report = check(layer, "SSCB:6,5,3,7", only=("shapes.predict",), dtypes=("float64",))
    (finding,) = [r.finding for r in report.failures]

    assert finding.fix == (
        "The layer runs with its axes in the order BCSS: pass --layout BCSS:7,3,6,5."
    )


class Scratch:
    """No module: a class with a tensor that requires a gradient."""

    def __init__(self):
        self.params = {"w": torch.randn(3, 2, requires_grad=True)}

    def forward(self, x):
        return torch.tanh(x @ self.params["w"])


def test_an_object_that_is_no_module_learns_with_tensors_that_require_a_gradient():
    report = check(Scratch(), "BC:4,3")

    assert failed(report) == set()
    assert "gradients.learnable:params.w" in {r.id for r in report.results}


class NoForward(nn.Module):
    pass


def test_a_module_without_forward_is_refused():
    with pytest.raises(layercheck.UsageError, match=r"^NoForward has no forward method"):
        check(NoForward(), "BC:4,3")


class OnAnotherDevice(nn.Module):
    def forward(self, x):
        return x.to("cuda") * 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_an_absent_device_is_explained():
    report = check(OnAnotherDevice(), "BC:4,3", only=("shapes.predict",), dtypes=("float64",))

    assert report.failures[0].finding.fix.startswith("This machine has no CUDA device.")


class Number(nn.Module):
    def forward(self, x):
        return x.sum().item()


def test_an_output_that_is_no_tensor_is_explained():
    report = check(Number(), "BC:4,3", only=("contract.signatures",))
    (finding,) = [r.finding for r in report.failures]

    assert finding.what == "forward() returned a value of type float; expected a tensor"
    assert finding.fix.startswith("Return a tensor, or a dict")
