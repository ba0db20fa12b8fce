"""Where parameters and their gradients live: lists, objects, spellings, results of backward."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class ParameterObjects:
    def __init__(self):
        self.weight = Parameter(normal(6, 3))
        self.bias = Parameter(normal(3))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, dout):
        self.weight.grad = self.x.T @ dout
        self.bias.grad = dout.sum(axis=0)
        return dout @ self.weight.data.T


class ParameterObjectsSkipTheBias(ParameterObjects):
    def backward(self, dout):
        dx = super().backward(dout)
        self.bias.grad = np.zeros_like(self.bias.data)
        return dx


class ListsOfArrays:
    """The buffers stay the same objects, as the optimizer holds them."""

    def __init__(self, W, b):
        self.params = [W, b]
        self.grads = [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return x @ W + b

    def backward(self, dout):
        W, _ = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T


class ListsOfArraysBroadcast(ListsOfArrays):
    """`grads[i][...] =` hides that the sum ran over everything."""

    def backward(self, dout):
        dx = super().backward(dout)
        self.grads[1][...] = dout.sum()
        return dx


class DictOfDerivatives:
    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.gradients = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.gradients = {"dW": self.x.T @ dout, "db": dout.sum(axis=0)}
        return dout @ self.params["W"].T


class DictOfDerivativesOfTwiceTheLoss(DictOfDerivatives):
    def backward(self, dout):
        dx = super().backward(dout)
        self.gradients["dW"] = 2 * self.gradients["dW"]
        return dx


class WeightsGradient:
    def __init__(self, W, b):
        self.weights = W
        self.bias = b

    def forward(self, x):
        self.x = x
        return x @ self.weights + self.bias

    def backward(self, grad_output):
        self.weights_gradient = self.x.T @ grad_output
        self.bias_gradient = grad_output.sum(axis=0)
        return grad_output @ self.weights.T


class GradW(WeightsGradient):
    def backward(self, grad_output):
        self.grad_weights = self.x.T @ grad_output
        self.grad_bias = grad_output.sum(axis=0)
        return grad_output @ self.weights.T


class GradWDroppedLastColumn(GradW):
    def backward(self, grad_output):
        dx = super().backward(grad_output)
        self.grad_weights[:, -1] = 0
        return dx


class DLdW:
    """The spelling of a course on sequence models."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, A):
        self.A = A
        return A @ self.W + self.b

    def backward(self, dLdZ):
        self.dLdW = self.A.T @ dLdZ
        self.dLdb = dLdZ.sum(axis=0)
        return dLdZ @ self.W.T


class DLdWDividedByN(DLdW):
    def backward(self, dLdZ):
        dLdA = super().backward(dLdZ)
        self.dLdW = self.dLdW / len(dLdZ)
        self.dLdb = self.dLdb / len(dLdZ)
        return dLdA


class ReturnedTuple:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        return dout @ self.W.T, self.x.T @ dout, dout.sum(axis=0)


class ReturnedTupleWithoutSum(ReturnedTuple):
    def backward(self, dout):
        dx, dW, _ = super().backward(dout)
        return dx, dW, dout


class ReturnedTupleRolled(ReturnedTuple):
    def backward(self, dout):
        dx, dW, db = super().backward(dout)
        return dx, dW, np.roll(db, 1)


class FeatureFirst:
    """Columns are observations, and the bias is a column."""

    def __init__(self, n_in, n_out):
        self.W = normal(n_out, n_in)
        self.b = normal(n_out, 1)

    def forward(self, A_prev):
        self.A_prev = A_prev
        return self.W @ A_prev + self.b

    def backward(self, dZ):
        self.dW = dZ @ self.A_prev.T
        self.db = dZ.sum(axis=1, keepdims=True)
        return self.W.T @ dZ


class FeatureFirstOverM(FeatureFirst):
    """1/m, which belongs into the loss."""

    def backward(self, dZ):
        dA_prev = super().backward(dZ)
        m = dZ.shape[1]
        self.dW, self.db = self.dW / m, self.db / m
        return dA_prev


_AFFINE = {"W": normal(6, 3), "b": normal(3)}
_SIZES = {"n_in": 6, "n_out": 3}
_DECLARED = {"learnable_gradients": "mean"}
_MEAN = "gradients.learnable:W gradients.learnable:b batch.learnable_gradients_additive"

CORRECT = (
    right(ParameterObjects, "BC:4,6"),
    right(ListsOfArrays, "BC:4,6", init=_AFFINE),
    right(DictOfDerivatives, "BC:4,6", init=_AFFINE),
    right(WeightsGradient, "BC:4,6", init=_AFFINE),
    right(GradW, "BC:4,6", init=_AFFINE),
    right(DLdW, "BC:4,6", init=_AFFINE),
    right(ReturnedTuple, "BC:4,6", init=_AFFINE),
    right(FeatureFirst, "CB:6,4", init=_SIZES),
    right(
        FeatureFirstOverM,
        "CB:6,4",
        init=_SIZES,
        declare=_DECLARED,
        name="places.FeatureFirstOverM declared",
    ),
)

BROKEN = (
    wrong(
        ParameterObjectsSkipTheBias,
        "BC:4,6",
        fails="gradients.learnable:bias gradients.reaches_all_learnables",
    ),
    wrong(ListsOfArraysBroadcast, "BC:4,6", init=_AFFINE, fails="gradients.learnable:params.1"),
    wrong(
        DictOfDerivativesOfTwiceTheLoss,
        "BC:4,6",
        init=_AFFINE,
        fails="gradients.learnable:params.W",
    ),
    wrong(GradWDroppedLastColumn, "BC:4,6", init=_AFFINE, fails="gradients.learnable:weights"),
    wrong(DLdWDividedByN, "BC:4,6", init=_AFFINE, fails=_MEAN),
    wrong(ReturnedTupleWithoutSum, "BC:4,6", init=_AFFINE, fails="shapes.gradients"),
    wrong(ReturnedTupleRolled, "BC:4,6", init=_AFFINE, fails="gradients.learnable:b"),
    wrong(FeatureFirstOverM, "CB:6,4", init=_SIZES, fails=_MEAN),
    wrong(
        FeatureFirst,
        "CB:6,4",
        init=_SIZES,
        declare=_DECLARED,
        name="places.FeatureFirst declared as mean",
        fails=_MEAN,
        note="The declaration is wrong.",
    ),
)
