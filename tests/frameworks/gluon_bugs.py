"""Gluon layers that are wrong on purpose, and right ones beside them."""

from __future__ import annotations

import mxnet as mx
import numpy as np
from mxnet import autograd, nd
from mxnet.gluon import nn


class _Weighted(nn.Block):
    def __init__(self):
        super().__init__()
        self.weight = self.params.get("weight", shape=(4, 3), init=mx.init.Uniform(1.0))


class Detached(_Weighted):
    """Trains nothing: the weight leaves the graph."""

    def forward(self, x):
        return nd.dot(x, self.weight.data().detach())


class ThroughNumpy(_Weighted):
    """Trains nothing: the product is NumPy's."""

    def forward(self, x):
        product = x.asnumpy() @ self.weight.data().asnumpy()
        return nd.array(product, dtype=x.dtype) + 0 * x.sum(axis=1, keepdims=True)


class Paused(_Weighted):
    """Half of the layer is computed while recording is paused."""

    def forward(self, x):
        with autograd.pause():
            gate = nd.sigmoid(nd.dot(x, self.weight.data()))
        return gate * nd.dot(x, self.weight.data())


class WritesInput(nn.Block):
    def forward(self, x):
        with autograd.pause():
            x[:] = nd.maximum(x, 0)
        return x * 2


class MixesBatch(nn.Block):
    def forward(self, x):
        return x - x.mean(axis=0, keepdims=True)


class ActiveDropout(nn.Block):
    """Drops in prediction as well."""

    def forward(self, x):
        return nd.Dropout(x, p=0.5, mode="always")


class UnscaledDropout(nn.Block):
    """The mask keeps half, and nothing makes up for it."""

    def forward(self, x):
        if not autograd.is_training():
            return x
        return x * (nd.random.uniform(shape=x.shape, dtype=x.dtype) < 0.5)


class Reseeds(nn.Block):
    def forward(self, x):
        mx.random.seed(3)
        if not autograd.is_training():
            return x
        return x + nd.random.normal(shape=x.shape, dtype=x.dtype)


class FixedBatch(nn.Block):
    def forward(self, x):
        return x.reshape((6, 2, 2)).reshape((6, 4))


class Narrow(nn.Block):
    """Computes in float32 whatever goes in."""

    def forward(self, x):
        return nd.tanh(x.astype("float32")).astype(x.dtype)


class StaysOneCall(nn.Block):
    """Keeps the number of calls, and scales with it."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * self.calls


class WrongSquare(autograd.Function):
    def forward(self, x):
        self.save_for_backward(x)
        return x * x

    def backward(self, dz):
        (x,) = self.saved_tensors
        return x * dz


class AveragedSum(autograd.Function):
    """Its backward averages over the batch."""

    def forward(self, x, w):
        self.save_for_backward(x, w)
        return x * w

    def backward(self, dz):
        x, w = self.saved_tensors
        return dz * w, (dz * x).mean(axis=0)


class BranchesOnUpstream(autograd.Function):
    def forward(self, x):
        return nd.maximum(x, 0)

    def backward(self, dz):
        return nd.maximum(dz, 0)


class RaisesInBackward(autograd.Function):
    def forward(self, x):
        return x * 2

    def backward(self, dz):
        raise ValueError("not written yet")


class NotHybrid(nn.HybridBlock):
    """Works as it is, and not hybridized."""

    def hybrid_forward(self, F, x):
        return nd.tanh(x)


class PlainArray(nn.Block):
    """What it computes with is no parameter: it is not saved."""

    def __init__(self):
        super().__init__()
        self.weight = self.params.get("weight", shape=(4,), init=mx.init.One())
        self.shift = np.random.normal(size=4)

    def forward(self, x):
        return x * self.weight.data() + nd.array(self.shift, dtype=x.dtype)


# layer: (layouts, ids that fail, options)
BUGS = {
    Detached: (["BC:6,4"], {"gradients.learnable:weight", "gradients.reaches_all_learnables"}, {}),
    ThroughNumpy: (
        ["BC:6,4"],
        {
            "gradients.autodiff",
            "gradients.input:x",
            "gradients.learnable:weight",
            "gradients.reaches_all_learnables",
        },
        {},
    ),
    Paused: (["BC:6,4"], {"gradients.input:x", "gradients.learnable:weight"}, {}),
    WritesInput: (["BC:6,4"], {"gradients.input:x", "purity.inputs_unchanged"}, {}),
    MixesBatch: (
        ["BC:6,4"],
        {"batch.observations_independent", "batch.other_batch_sizes"},
        {},
    ),
    ActiveDropout: (["BC:6,4"], {"state.predict_is_deterministic"}, {}),
    UnscaledDropout: (["BC:16,16"], {"state.training_mean"}, {}),
    Reseeds: (
        ["BC:6,4"],
        {
            "batch.observations_independent",
            "batch.permutation",
            "shapes.forward_matches_predict",
        },
        {},
    ),
    FixedBatch: (["BC:6,4"], {"batch.other_batch_sizes", "batch.single_observation"}, {}),
    StaysOneCall: (["BC:6,4"], {"purity.deterministic"}, {}),
    WrongSquare: (["BC:6,4"], {"gradients.input:x"}, {}),
    AveragedSum: (
        ["BC:6,4"],
        {"batch.learnable_gradients_additive", "gradients.learnable:w"},
        {"learnable": {"w": (4,)}},
    ),
    BranchesOnUpstream: (["BC:6,4"], {"gradients.input:x", "gradients.linear_in_upstream"}, {}),
    RaisesInBackward: (["BC:6,4"], {"shapes.gradients"}, {}),
    NotHybrid: (["BC:6,4"], {"mxnet.hybridize_agrees"}, {}),
    PlainArray: (["BC:6,4"], {"mxnet.save_and_load_parameters"}, {}),
}


# right ones


class Centered(nn.Block):
    def forward(self, x):
        return x - x.mean(axis=1, keepdims=True)


class Dense(_Weighted):
    def forward(self, x):
        return nd.relu(nd.dot(x, self.weight.data()))


class Tied(_Weighted):
    """One weight, used twice."""

    def forward(self, x):
        w = self.weight.data()
        return nd.tanh(nd.dot(nd.dot(x, w), w.T))


class TwoOutputs(nn.HybridBlock):
    def hybrid_forward(self, F, x, y):
        return F.tanh(x) * y, x + y


class Residual(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.body = nn.HybridSequential()
        self.body.add(nn.Dense(4, activation="tanh"), nn.Dense(4))

    def hybrid_forward(self, F, x):
        return x + self.body(x)


class Noisy(nn.Block):
    def forward(self, x):
        if not autograd.is_training():
            return x
        return x + 0.1 * nd.random.normal(shape=x.shape, dtype=x.dtype)


class Scaled(nn.HybridBlock):
    def __init__(self):
        super().__init__()
        self.scale = self.params.get_constant("scale", nd.array([1.0, 2.0, 3.0, 4.0]))

    def hybrid_forward(self, F, x, scale):
        return F.broadcast_mul(x, scale)


class Square(autograd.Function):
    def forward(self, x):
        self.save_for_backward(x)
        return x * x

    def backward(self, dz):
        (x,) = self.saved_tensors
        return 2 * x * dz


class Affine(autograd.Function):
    def forward(self, x, w):
        self.save_for_backward(x, w)
        return nd.dot(x, w)

    def backward(self, dz):
        x, w = self.saved_tensors
        return nd.dot(dz, w.T), nd.dot(x.T, dz)


def swish(x):
    return x * nd.sigmoid(x)


def gated(x):
    return mx.np.tanh(x) * mx.np.sin(x)


RIGHT = {
    Centered: (["BC:6,4"], {}),
    Dense: (["BC:6,4"], {}),
    Tied: (["BC:6,4"], {}),
    TwoOutputs: (["BC:6,4", "BC:6,4"], {}),
    Residual: (["BC:6,4"], {}),
    Noisy: (["BC:6,4"], {}),
    Scaled: (["BC:6,4"], {}),
    Square: (["BC:6,4"], {}),
    Affine: (["BC:6,4"], {"learnable": {"w": (4, 3)}}),
    swish: (["BC:6,4"], {}),
    gated: (["BC:6,4"], {}),
}
