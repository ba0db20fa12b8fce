from __future__ import annotations

import copy

import numpy as np
import pytest

from layercheck.errors import (
    DeclarationError,
    LayerError,
    LayoutError,
    QuestionError,
    ReturnError,
    TargetError,
)
from tests.conventions.driven import gradient_places, require_affine, run, subject_of


class Affine:
    def __init__(self):
        rng = np.random.default_rng(3)
        self.W = rng.normal(size=(6, 3))
        self.b = np.zeros(3)
        self.x = None

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Named(Affine):
    """Spells its gradients in the way it is told."""

    def __init__(self, weight, bias, weight_gradient, bias_gradient):
        super().__init__()
        self.names = weight, bias, weight_gradient, bias_gradient
        values = self.__dict__.pop("W"), self.__dict__.pop("b")
        setattr(self, weight, values[0])
        setattr(self, bias, values[1])

    def forward(self, x):
        self.x = x
        weight, bias, _, _ = self.names
        return x @ getattr(self, weight) + getattr(self, bias)

    def backward(self, dout):
        weight, _, weight_gradient, bias_gradient = self.names
        setattr(self, weight_gradient, self.x.T @ dout)
        setattr(self, bias_gradient, dout.sum(axis=0))
        return dout @ getattr(self, weight).T


def test_stateful_layer_is_driven_as_a_pure_function():
    subject = subject_of(Affine(), "BC:4,6")

    require_affine(run(subject), "W", "b")

    assert subject.convention == "stateful"
    assert subject.input_names == ("x",)
    assert gradient_places(subject) == {"W": "attribute dW", "b": "attribute db"}
    assert subject.states == ()
    assert subject.facts.one_pass


def test_stateful_layer_of_the_user_is_never_touched():
    layer = Affine()
    before = copy.deepcopy(vars(layer))

    run(subject_of(layer, "BC:4,6"))

    assert vars(layer).keys() == before.keys()
    assert layer.x is None
    np.testing.assert_array_equal(layer.W, before["W"])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_stateful_gradients_have_the_dtype_of_the_case(dtype):
    found = run(subject_of(Affine(), "BC:4,6"), dtype=dtype)

    assert found.outputs[0].dtype == dtype
    assert found.gradients["W"].dtype == dtype
    assert found.input_gradients[0].dtype == dtype


@pytest.mark.parametrize(
    "names",
    [
        ("W", "b", "dW", "db"),
        ("W", "b", "d_W", "d_b"),
        ("W", "b", "grad_W", "grad_b"),
        ("W", "b", "W_grad", "b_grad"),
        ("W", "b", "gradW", "gradb"),
        ("W", "b", "dLdW", "dLdb"),
        ("W", "b", "dL_dW", "dL_db"),
        ("W", "b", "dE_dW", "dE_db"),
        ("W", "b", "delta_W", "delta_b"),
        ("W", "b", "nabla_W", "nabla_b"),
        ("W", "b", "gW", "gb"),
        ("weights", "biases", "dweights", "dbiases"),
        ("weights", "bias", "weights_gradient", "bias_gradient"),
        ("weights", "bias", "_gradient_weights", "_gradient_bias"),
        ("weight", "bias", "wGrad", "bGrad"),
        ("weight", "bias", "gradWeight", "gradBias"),
        ("kernel", "bias", "dkernels", "dbiases"),
        ("weights", "biases", "dW", "db"),
        ("W1", "b1", "dW1", "db1"),
        ("gamma", "beta", "dgamma", "dbeta"),
    ],
)
def test_stateful_gradients_are_found_by_their_spelling(names):
    weight, bias, weight_gradient, bias_gradient = names
    subject = subject_of(Named(*names), "BC:4,6")

    require_affine(run(subject), weight, bias)

    assert gradient_places(subject) == {
        weight: f"attribute {weight_gradient}",
        bias: f"attribute {bias_gradient}",
    }


class ScalarBiasGradient(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = dout.sum()
        return dx


class TransposedWeightGradient(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW.T
        return dx


@pytest.mark.parametrize(
    ("layer", "name", "shape"),
    [(ScalarBiasGradient(), "b", ()), (TransposedWeightGradient(), "W", (3, 6))],
)
def test_stateful_gradient_of_another_shape_is_kept_for_the_checks(layer, name, shape):
    found = run(subject_of(layer, "BC:4,6"))

    assert found.gradients[name].shape == shape


class ForgottenBias(Affine):
    def __init__(self):
        super().__init__()
        self.db = None

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


def test_stateful_gradient_that_backward_forgets_is_none():
    found = run(subject_of(ForgottenBias(), "BC:4,6"))

    assert found.gradients["b"] is None


class NoBiasGradient(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T


def test_stateful_array_without_gradient_is_a_question():
    with pytest.raises(QuestionError) as caught:
        subject_of(NoBiasGradient(), "BC:4,6")

    text = str(caught.value)
    assert "depends on b (3,)" in text
    assert "--declare gradient.b=ATTRIBUTE" in text
    assert text.endswith("--declare state=b.")


def test_stateful_question_is_answered_by_each_declaration():
    learnable = subject_of(NoBiasGradient(), "BC:4,6", declared={"learnable": "b"})
    state = subject_of(NoBiasGradient(), "BC:4,6", declared={"state": "b"})

    assert gradient_places(learnable) == {"W": "attribute dW", "b": None}
    assert gradient_places(state) == {"W": "attribute dW"}
    assert [slot.name for slot in state.states] == ["b"]


class OddSpelling(NoBiasGradient):
    def backward(self, dout):
        self.summed = dout.sum(axis=0)
        return super().backward(dout)


def test_stateful_gradient_is_where_it_is_declared():
    subject = subject_of(OddSpelling(), "BC:4,6", declared={"gradient.b": "summed"})

    require_affine(run(subject), "W", "b")

    assert gradient_places(subject)["b"] == "attribute summed"


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"gradient.b": "sumed"}, "Did you mean 'summed'?"),
        ({"gradient.bb": "summed"}, "Did you mean 'b'?"),
        ({"learnable": "bb"}, "Did you mean 'b'?"),
        ({"state": "WW"}, "Did you mean 'W'?"),
        ({"reset": "rset"}, "no method 'rset'"),
        ({"train": "trainin"}, "train=trainin names neither"),
        ({"result": "outt"}, "result=outt names no array"),
    ],
)
def test_stateful_unknown_declaration_names_the_nearest(declared, message):
    with pytest.raises(DeclarationError) as caught:
        subject_of(OddSpelling(), "BC:4,6", declared=declared)

    assert message in str(caught.value)


class OptimizerBuffers(Affine):
    """Holds arrays that no output depends on."""

    def __init__(self):
        super().__init__()
        self.dW = np.zeros_like(self.W)
        self.velocity = np.zeros_like(self.W)


def test_stateful_arrays_that_nothing_depends_on_are_no_learnables():
    subject = subject_of(OptimizerBuffers(), "BC:4,6")

    assert [slot.name for slot in subject.learnables] == ["W", "b"]
    assert subject.states == ()


class Slope:
    """A learnable that is a number."""

    def __init__(self):
        self.slope = 0.25
        self.dslope = 0.0
        self.eps = 1e-5

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.slope * x)

    def backward(self, dout):
        self.dslope = float((dout * np.minimum(self.x, 0)).sum())
        return dout * np.where(self.x > 0, 1, self.slope)


def test_stateful_number_with_a_gradient_is_a_learnable():
    subject = subject_of(Slope(), "BC:4,6")
    found = run(subject)

    (x,), (dz,) = found.inputs, found.upstream
    assert [slot.name for slot in subject.learnables] == ["slope"]
    np.testing.assert_allclose(found.gradients["slope"], (dz * np.minimum(x, 0)).sum())


class Lists(Affine):
    def __init__(self):
        super().__init__()
        self.params = [self.W, self.b]
        self.grads = [np.zeros_like(self.W), np.zeros_like(self.b)]
        del self.W, self.b

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ self.params[0].T


class Dicts(Affine):
    key = "{}"

    def __init__(self):
        super().__init__()
        self.params = {"W": self.W, "b": self.b}
        self.grads = {}
        del self.W, self.b

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads[self.key.format("W")] = self.x.T @ dout
        self.grads[self.key.format("b")] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class DictsOfDerivatives(Dicts):
    key = "dL_d{}"


@pytest.mark.parametrize(
    ("layer", "names", "place"),
    [
        (Lists(), ("params.0", "params.1"), "item 0 of grads"),
        (Dicts(), ("params.W", "params.b"), "key W of grads"),
        (DictsOfDerivatives(), ("params.W", "params.b"), "key dL_dW of grads"),
    ],
)
def test_stateful_learnables_in_containers_are_paired(layer, names, place):
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), *names)

    assert gradient_places(subject)[names[0]] == place


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = None


class ParameterObjects(Affine):
    def __init__(self):
        super().__init__()
        self.weight, self.bias = Parameter(self.W), Parameter(self.b)
        del self.W, self.b

    def forward(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, dout):
        self.weight.grad = self.x.T @ dout
        self.bias.grad = dout.sum(axis=0)
        return dout @ self.weight.data.T


def test_stateful_parameter_objects_have_the_name_of_the_object():
    subject = subject_of(ParameterObjects(), "BC:4,6")

    require_affine(run(subject), "weight", "bias")

    assert gradient_places(subject)["weight"] == "attribute grad of weight"


class ReturnsTuple(Affine):
    def backward(self, dout):
        dW, db = self.x.T @ dout, dout.sum(axis=0)
        dx = dout @ self.W.T
        return dx, dW, db


class ReturnsNested(ReturnsTuple):
    def backward(self, dout):
        dx, dW, db = super().backward(dout)
        return dx, [dW, db]


class ReturnsAnotherOrder(ReturnsTuple):
    def backward(self, dout):
        dx, dW, db = super().backward(dout)
        return dW, db, dx


class ReturnsDict(ReturnsTuple):
    def backward(self, dout):
        dx, dW, db = super().backward(dout)
        return {"dW": dW, "db": db, "dx": dx}


class ReturnsUnnamed(ReturnsTuple):
    def backward(self, dout):
        return dout.sum(axis=0), self.x.T @ dout, dout @ self.W.T


@pytest.mark.parametrize(
    ("layer", "place"),
    [
        (ReturnsTuple(), "returned by backward(), item 1"),
        (ReturnsNested(), "returned by backward(), item 1.0"),
        (ReturnsAnotherOrder(), "returned by backward(), item 0"),
        (ReturnsDict(), "returned by backward(), item dW"),
        (ReturnsUnnamed(), "returned by backward(), item 1"),
    ],
)
def test_stateful_returned_gradients_are_matched_in_any_order(layer, place):
    subject = subject_of(layer, "BC:4,6")

    require_affine(run(subject), "W", "b")

    assert gradient_places(subject)["W"] == place


class ReturnsTwins:
    """Two learnables of one shape, and no name says which gradient is whose."""

    def __init__(self):
        self.first, self.second = np.arange(1.0, 7), np.ones(6)

    def forward(self, x):
        self.x = x
        return x * self.first + self.second

    def backward(self, dout):
        return [dout * self.first, *self._sums(dout)]

    def _sums(self, dout):
        return (dout * self.x).sum(axis=0), dout.sum(axis=0)


def test_stateful_returned_gradients_of_one_shape_are_a_question_and_its_answer():
    with pytest.raises(QuestionError) as caught:
        subject_of(ReturnsTwins(), "BC:4,6")
    declared = {"gradient.first": "returned.1", "gradient.second": "returned.2"}
    found = run(subject_of(ReturnsTwins(), "BC:4,6", declared=declared))

    assert str(caught.value).endswith("--declare gradient.first=returned.1.")
    np.testing.assert_allclose(found.gradients["second"], found.upstream[0].sum(axis=0))
    np.testing.assert_allclose(found.input_gradients[0], found.upstream[0] * np.arange(1.0, 7))


class RaisesInForward(Affine):
    def forward(self, x):
        raise ValueError("no")


class RaisesInBackward(Affine):
    def backward(self, dout):
        self.dW = self.x.T @ dout
        raise ValueError("no")


@pytest.mark.parametrize("layer", [RaisesInForward(), RaisesInBackward()])
def test_stateful_layer_that_raises_is_adapted_for_the_checks_to_tell(layer):
    subject = subject_of(layer, "BC:4,6")

    assert [slot.name for slot in subject.learnables] == ["W", "b"]
    with pytest.raises(LayerError, match="no"):
        run(subject)


class BatchOfFour(Affine):
    def forward(self, x):
        return super().forward(x.reshape(4, 6))


def test_stateful_layer_for_one_batch_size_is_tried_at_its_own():
    require_affine(run(subject_of(BatchOfFour(), "BC:4,6")), "W", "b")


class TakesContext(Affine):
    def forward(self, x, context):
        return super().forward(x * context)


def test_stateful_missing_input_asks_for_a_second_layout():
    with pytest.raises(LayoutError, match=r"2 inputs \(x, context\)"):
        subject_of(TakesContext(), "BC:4,6")


class TakesScale(Affine):
    def forward(self, x, scale=1.0):
        return super().forward(x * scale)


def test_stateful_extra_argument_comes_from_the_call():
    found = run(subject_of(TakesScale(), "BC:4,6", call={"scale": 2.0}))

    np.testing.assert_allclose(
        found.outputs[0], 2 * found.inputs[0] @ found.values["W"] + found.values["b"]
    )


def test_stateful_unknown_extra_argument_names_the_nearest():
    with pytest.raises(DeclarationError, match="Did you mean 'scale'"):
        subject_of(TakesScale(), "BC:4,6", call={"scal": 2.0})


class ForwardOnly:
    def forward(self, x):
        return 2 * x


def test_stateful_layer_without_backward_has_none():
    assert subject_of(ForwardOnly(), "BC:4,6").facts.backward == "none"


class ReturnsAList(Affine):
    def forward(self, x):
        return super().forward(x).tolist()


def test_stateful_output_that_is_no_array_is_the_layers_error():
    with pytest.raises(ReturnError, match="array is expected"):
        run(subject_of(ReturnsAList(), "BC:4,6"))


class CrossEntropyLoss:
    def forward(self, x, t):
        self.x, self.t = x, t
        return -np.log(x[np.arange(len(x)), t]).mean()

    def backward(self):
        return self.x


class Mse:
    def forward(self, y_pred, y_true):
        return ((y_pred - y_true) ** 2).mean()

    def backward(self, dvalues, y_true):
        return dvalues - y_true


@pytest.mark.parametrize("layer", [CrossEntropyLoss(), Mse()])
def test_stateful_loss_is_refused_in_one_sentence(layer):
    with pytest.raises(TargetError, match="is a loss"):
        subject_of(layer, "BC:4,6", "BC:4,6")


class FlatVector:
    """All parameters are one array, all gradients another, and names are properties."""

    def __init__(self):
        self.params = np.random.default_rng(3).normal(size=21)
        self.grads = np.zeros(21)

    @property
    def W(self):
        return self.params[:18].reshape(6, 3)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.params[18:]

    def backward(self, dout):
        self.grads[:] = np.concatenate([(self.x.T @ dout).ravel(), dout.sum(axis=0)])
        return dout @ self.W.T


def test_stateful_one_array_of_gradients_is_that_of_one_array_of_parameters():
    found = run(subject_of(FlatVector(), "BC:4,6"))

    np.testing.assert_allclose(found.gradients["params"][18:], found.upstream[0].sum(axis=0))
