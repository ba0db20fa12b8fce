from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from layercheck.errors import DeclarationError, LayoutError, QuestionError, ReturnError, TargetError
from layercheck.recognition import FunctionPair
from tests.conventions.driven import gradient_places, require_affine, run, subject_of

SIZES = {"w": (6, 3), "b": (3,)}


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def pair(forward, backward):
    return FunctionPair(forward.__name__.removesuffix("_forward"), forward, backward)


def test_functional_pair_gets_generated_learnables():
    subject = subject_of(pair(affine_forward, affine_backward), "BC:4,6", learnables=SIZES)

    require_affine(run(subject), "w", "b")

    assert subject.convention == "functional"
    assert subject.input_names == ("x",)
    assert subject.facts.memory == "handed over"
    assert gradient_places(subject) == {
        "w": "returned by backward(), item 1",
        "b": "returned by backward(), item 2",
    }
    assert [np.ptp(slot.value) > 0 for slot in subject.learnables] == [True, True]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_functional_learnables_have_the_dtype_of_the_case(dtype):
    subject = subject_of(pair(affine_forward, affine_backward), "BC:4,6", learnables=SIZES)

    assert run(subject, dtype=dtype).gradients["w"].dtype == dtype


def test_functional_parameter_without_value_is_asked_for():
    with pytest.raises(TargetError) as caught:
        subject_of(pair(affine_forward, affine_backward), "BC:4,6", learnables={"w": (6, 3)})

    assert "also takes b" in str(caught.value)
    assert str(caught.value).endswith("for learnables --learnable b=SIZES.")


def test_functional_unknown_learnable_names_the_nearest():
    sizes = {"w": (6, 3), "bb": (3,)}

    with pytest.raises(DeclarationError, match="Did you mean 'b'"):
        subject_of(pair(affine_forward, affine_backward), "BC:4,6", learnables=sizes)


def test_functional_pair_with_too_many_layouts_says_so():
    layouts = ("BC:4,6", "BC:4,6")

    with pytest.raises(LayoutError, match="2 layouts were given"):
        subject_of(pair(affine_forward, affine_backward), *layouts, learnables=SIZES)


def affine_backward_of_two(dout, cache):
    return affine_backward(dout, cache)[:2]


def test_functional_wrong_count_of_gradients_is_the_layers_error():
    subject = subject_of(pair(affine_forward, affine_backward_of_two), "BC:4,6", learnables=SIZES)

    with pytest.raises(ReturnError, match=r"2 values; expected 3 gradients \(x, w, b\)"):
        run(subject)


def affine_backward_as_dict(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return {"db": db, "dw": dw, "dx": dx}


def test_functional_gradients_of_a_dict_are_matched_by_key():
    subject = subject_of(pair(affine_forward, affine_backward_as_dict), "BC:4,6", learnables=SIZES)

    require_affine(run(subject), "w", "b")

    assert gradient_places(subject)["b"] == "returned by backward(), item db"


def weights_first_forward(w, x):
    return x @ w, (x, w)


def weights_first_backward(dout, cache):
    x, w = cache
    return x.T @ dout, dout @ w.T


def test_functional_gradients_are_in_the_order_of_forwards_arguments():
    layer = pair(weights_first_forward, weights_first_backward)
    subject = subject_of(layer, "x=BC:4,6", learnables={"w": (6, 3)})
    found = run(subject)

    np.testing.assert_allclose(found.gradients["w"], found.inputs[0].T @ found.upstream[0])


def scaled_forward(x, param):
    return x * param["factor"], param


def scaled_backward(dout, cache):
    return dout * cache["factor"]


def test_functional_configuration_comes_from_the_call():
    call = {"param": {"factor": 3.0}}
    found = run(subject_of(pair(scaled_forward, scaled_backward), "BC:4,6", call=call))

    np.testing.assert_allclose(found.input_gradients[0], 3 * found.upstream[0])


def batchnorm_forward(x, gamma, beta, bn_param):
    mean = bn_param.get("running_mean", np.zeros(x.shape[1], x.dtype))
    var = bn_param.get("running_var", np.zeros(x.shape[1], x.dtype))
    if bn_param["mode"] == "train":
        mu, sigma2 = x.mean(axis=0), x.var(axis=0)
        bn_param["running_mean"] = 0.9 * mean + 0.1 * mu
        bn_param["running_var"] = 0.9 * var + 0.1 * sigma2
    else:
        mu, sigma2 = mean, var
    xn = (x - mu) / np.sqrt(sigma2 + 1e-5)
    return gamma * xn + beta, (xn, gamma, sigma2)


def batchnorm_backward(dout, cache):
    xn, gamma, sigma2 = cache
    dxn = dout * gamma
    dx = dxn - dxn.mean(axis=0) - xn * (dxn * xn).mean(axis=0)
    return dx / np.sqrt(sigma2 + 1e-5), (dout * xn).sum(axis=0), dout.sum(axis=0)


def test_functional_states_live_in_the_configuration():
    config = {"mode": "train"}
    subject = subject_of(
        pair(batchnorm_forward, batchnorm_backward),
        "BC:8,6",
        learnables={"gamma": (6,), "beta": (6,)},
        call={"bn_param": config},
    )
    found = run(subject)
    predicted = run(subject, mode="predict")

    assert [slot.name for slot in subject.states] == [
        "bn_param.running_mean",
        "bn_param.running_var",
    ]
    assert [slot.recurrent for slot in subject.states] == [False, False]
    assert not subject.facts.one_pass
    assert config == {"mode": "train"}
    np.testing.assert_allclose(found.states[0], 0.1 * found.inputs[0].mean(axis=0))
    np.testing.assert_allclose(predicted.states[0], np.zeros(6))
    gamma, beta = found.values["gamma"], found.values["beta"]
    np.testing.assert_allclose(predicted.outputs[0], gamma * found.inputs[0] / 1e-5**0.5 + beta)


def cell_forward(x, prev_h, prev_c, Wx):
    h = np.tanh(x @ Wx + prev_h)
    return h, h * prev_c, (x, prev_c, Wx, h)


def cell_backward(dh, dc, cache):
    x, prev_c, Wx, h = cache
    da = (dh + dc * prev_c) * (1 - h**2)
    return da @ Wx.T, da, dc * h, x.T @ da


def test_functional_cell_has_several_inputs_and_outputs():
    layouts = ("BC:4,3", "BC:4,5", "BC:4,5")
    subject = subject_of(pair(cell_forward, cell_backward), *layouts, learnables={"Wx": (3, 5)})
    found = run(subject)

    assert subject.input_names == ("x", "prev_h", "prev_c")
    assert len(found.outputs) == 2
    np.testing.assert_allclose(found.input_gradients[2], found.upstream[1] * found.outputs[0])


def relu_forward(x):
    return np.maximum(x, 0)


def relu_backward(dout, x):
    return dout * (x > 0)


def test_functional_backward_may_take_the_input_by_name():
    found = run(subject_of(pair(relu_forward, relu_backward), "BC:4,6"))

    np.testing.assert_array_equal(
        found.input_gradients[0], found.upstream[0] * (found.inputs[0] > 0)
    )


def embedding_forward(tokens, W):
    return W[tokens], (tokens, W.shape)


def embedding_backward(dout, cache):
    tokens, shape = cache
    dW = np.zeros(shape, dout.dtype)
    np.add.at(dW, tokens, dout)
    return dW


def test_functional_integer_input_needs_no_gradient():
    layer = pair(embedding_forward, embedding_backward)
    subject = subject_of(layer, "BT:3,4", learnables={"W": (5, 2)})
    tokens = np.array([[0, 1, 2, 2], [4, 4, 4, 0], [3, 3, 1, 0]])
    found = run(subject, inputs=(tokens,))

    counts = np.bincount(tokens.ravel(), minlength=5)
    expected = np.zeros((5, 2))
    for token, gradient in zip(tokens.ravel(), found.upstream[0].reshape(-1, 2), strict=True):
        expected[token] += gradient
    assert found.input_gradients == (None,)
    assert counts.tolist() == [3, 2, 2, 2, 3]
    np.testing.assert_allclose(found.gradients["W"], expected)


def odd_backward(x, w):
    return x


def test_functional_backward_without_upstream_is_a_question():
    with pytest.raises(QuestionError, match="none of them is known as the upstream"):
        subject_of(pair(lambda x, w: x, odd_backward), "BC:4,6", learnables={"w": ()})


def doubled(x):
    return 2 * x


def test_functional_lone_function_has_no_backward():
    subject = subject_of(doubled, "BC:4,6")

    assert subject.convention == "functional"
    assert subject.facts.backward == "none"


def test_functional_pair_is_recognised_by_its_attributes():
    layer = SimpleNamespace(
        name="affine", forward=affine_forward, backward=affine_backward, derivative=False
    )

    require_affine(run(subject_of(layer, "BC:4,6", learnables=SIZES)), "w", "b")


def reversed_backward(dout, cache):
    return affine_backward(dout, cache)[::-1]


def test_functional_order_of_gradients_may_be_declared():
    declared = {
        "gradient.x": "returned.2",
        "gradient.w": "returned.1",
        "gradient.b": "returned.0",
    }
    layer = pair(affine_forward, reversed_backward)

    require_affine(run(subject_of(layer, "BC:4,6", learnables=SIZES, declared=declared)), "w", "b")


@pytest.mark.parametrize(
    "declared", [{"state": "w"}, {"reset": "w"}, {"gradient.w": "dw"}, {"gradient.q": "returned.0"}]
)
def test_functional_declarations_of_objects_do_not_fit(declared):
    with pytest.raises(DeclarationError, match="made of functions"):
        subject_of(
            pair(affine_forward, affine_backward), "BC:4,6", learnables=SIZES, declared=declared
        )
