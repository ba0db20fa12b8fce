"""Other ways to write a layer: attributes, updates inside backward, torch7, pairs, contexts."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class LayerDense:
    """Results are attributes."""

    def __init__(self):
        self.weights = normal(6, 4)
        self.biases = normal(1, 4)

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class LayerDenseOneObservation(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dweights = np.outer(self.inputs[0], dvalues[0])


class LayerDenseMeanBias(LayerDense):
    def backward(self, dvalues):
        super().backward(dvalues)
        self.dbiases = np.mean(dvalues, axis=0, keepdims=True)


class UpdatingDense:
    """Columns are observations; backward takes the learning rate and steps."""

    def __init__(self):
        self.weights = normal(4, 5)
        self.bias = normal(4, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights = self.weights - learning_rate * np.dot(output_gradient, self.input.T)
        self.bias = self.bias - learning_rate * output_gradient.sum(axis=1, keepdims=True)
        return input_gradient


class UpdatingDenseClimbs(UpdatingDense):
    def backward(self, output_gradient, learning_rate):
        return super().backward(output_gradient, -learning_rate)


class UpdatingDenseHalf(UpdatingDense):
    def backward(self, output_gradient, learning_rate):
        return super().backward(output_gradient, 0.5 * learning_rate)


class Linear:
    """torch7's protocol."""

    def __init__(self):
        self.W = normal(4, 6)
        self.b = normal(4)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        self.output = input.dot(self.W.T) + self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput.dot(self.W)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += gradOutput.T.dot(input)
        self.gradb += gradOutput.sum(axis=0)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)


class LinearAccumulatesTwice(Linear):
    def updateGradInput(self, input, gradOutput):
        self.accGradParameters(input, gradOutput)
        return super().updateGradInput(input, gradOutput)


class LinearWithoutBias(Linear):
    def accGradParameters(self, input, gradOutput):
        self.gradW += gradOutput.T.dot(input)


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def affine_backward_mean(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return dx, dw / len(dout), db


def affine_backward_shifted(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return dx, dw, np.roll(db, 1)


def affine_backward_sign(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return -dx, dw, db


def step_forward(x, h, w, u):
    out = np.tanh(x @ w + h @ u)
    return out, (x, h, w, u, out)


def step_backward(dout, cache):
    x, h, w, u, out = cache
    da = dout * (1 - out**2)
    return da @ w.T, da @ u.T, x.T @ da, h.T @ da


def step_backward_detached(dout, cache):
    dx, dh, dw, du = step_backward(dout, cache)
    return dx, np.zeros_like(dh), dw, du


def step_backward_swapped(dout, cache):
    dx, dh, dw, du = step_backward(dout, cache)
    return dx, dh, du, dw


class MatMul:
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output @ weight.T, x.T @ grad_output


class MatMulMean(MatMul):
    @staticmethod
    def backward(ctx, grad_output):
        dx, dweight = MatMul.backward(ctx, grad_output)
        return dx, dweight / len(grad_output)


class InverseRootUnit:
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return np.where(input < 0, input / np.sqrt(1 + input**2), input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * np.where(input < 0, (1 + input**2) ** -1.5, 1)


class InverseRootUnitIgnoresUpstream(InverseRootUnit):
    @staticmethod
    def backward(ctx, grad_output):
        return InverseRootUnit.backward(ctx, np.ones_like(grad_output))


class InverseRootUnitWrongPower(InverseRootUnit):
    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * np.where(input < 0, (1 + input**2) ** -0.5, 1)


FEATURES = ("BC:5,6",)
SUM = "missing-sum wrong-region"
MEAN = "mean-instead-of-sum"

NNFS = right(LayerDense, *FEATURES, convention="object")
UPDATING = right(UpdatingDense, "CB:5,7", convention="object")
TORCH7 = right(Linear, *FEATURES, convention="object")
AFFINE = right(
    (affine_forward, affine_backward),
    *FEATURES,
    convention="pair",
    learnable={"w": (6, 3), "b": (3,)},
)
STEP = right(
    (step_forward, step_backward),
    "BC:5,6",
    "BC:5,6",
    convention="pair",
    learnable={"w": (6, 4), "u": (6, 4)},
)
CONTEXT = right(MatMul, *FEATURES, convention="static", learnable={"weight": (6, 3)})
UNIT = right(InverseRootUnit, *FEATURES, convention="static")
CORRECT = (NNFS, UPDATING, TORCH7, AFFINE, STEP, CONTEXT, UNIT)

BUGS = (
    wrong(NNFS, LayerDenseOneObservation, "Written for one.", {"learnable:weights": SUM}),
    wrong(NNFS, LayerDenseMeanBias, "mean for sum.", {"learnable:biases": MEAN}),
    wrong(
        UPDATING,
        UpdatingDenseClimbs,
        "+ for -.",
        {"learnable:weights": "sign-flipped", "learnable:bias": "sign-flipped"},
    ),
    wrong(
        UPDATING,
        UpdatingDenseHalf,
        "The 1/2 of the loss is applied to the step.",
        {"learnable:weights": "constant-factor", "learnable:bias": "constant-factor"},
    ),
    wrong(
        TORCH7,
        LinearAccumulatesTwice,
        "Called by both passes.",
        {
            "learnable:W": "constant-factor accumulates",
            "learnable:b": "constant-factor accumulates",
        },
    ),
    wrong(
        TORCH7,
        LinearWithoutBias,
        "gradb stays 0.",
        {"learnable:b": "zero-gradient"},
        also="reaches_all_learnables",
    ),
    wrong(AFFINE, (affine_forward, affine_backward_mean), "mean for sum.", {"learnable:w": MEAN}),
    wrong(
        AFFINE, (affine_forward, affine_backward_shifted), "Off by one.", {"learnable:b": "shifted"}
    ),
    wrong(AFFINE, (affine_forward, affine_backward_sign), "Downhill.", {"input:x": "sign-flipped"}),
    wrong(
        STEP, (step_forward, step_backward_detached), "h is fixed.", {"input:h": "zero-gradient"}
    ),
    wrong(
        STEP,
        (step_forward, step_backward_swapped),
        "du comes first.",
        {"learnable:w": "swapped-with", "learnable:u": "swapped-with"},
    ),
    wrong(CONTEXT, MatMulMean, "mean for sum.", {"learnable:weight": MEAN}),
    wrong(
        UNIT,
        InverseRootUnitIgnoresUpstream,
        "grad_output is not used.",
        {"input:input": "missing-upstream-gradient"},
        also="linear_in_upstream",
    ),
    wrong(
        UNIT,
        InverseRootUnitWrongPower,
        "-1/2 for -3/2.",
        {"input:input": "wrong-region elementwise-derivative missing-factor"},
    ),
)
