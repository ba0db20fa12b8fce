"""Gluon's own layers, each with natural layouts; `PROPERTIES` says what some of them are not."""

from __future__ import annotations

from mxnet import gluon
from mxnet.gluon import contrib, nn, rnn

IMAGE, SIGNAL, VECTOR, SEQUENCE = "BCSS:2,3,6,6", "BCS:2,3,8", "BC:3,4", "TBC:3,2,4"
VOLUME = "BCSSS:2,2,4,4,4"
MIXES = {"declare": {"mixes": "B"}}


def _sequential():
    net = nn.HybridSequential()
    net.add(nn.Dense(4, activation="tanh"), nn.Dense(2))
    return net


# name: (maker, layouts, options)
LAYERS = {
    "Dense": (lambda: nn.Dense(3), [VECTOR], {}),
    "DenseTanh": (lambda: nn.Dense(3, activation="tanh", use_bias=False), [VECTOR], {}),
    "DenseSequence": (lambda: nn.Dense(3, flatten=False), [SEQUENCE], {}),
    "Dropout": (lambda: nn.Dropout(0.5), ["BC:8,16"], {}),
    "Flatten": (nn.Flatten, [IMAGE], {}),
    "BatchNorm": (nn.BatchNorm, [IMAGE], MIXES),
    "LayerNorm": (nn.LayerNorm, [VECTOR], {}),
    "InstanceNorm": (nn.InstanceNorm, [IMAGE], {}),
    "GroupNorm": (lambda: nn.GroupNorm(2), ["BCSS:2,4,4,4"], {}),
    "Embedding": (lambda: nn.Embedding(10, 3), ["BT:2,4"], {"integers": (0, 10)}),
    "ReLU": (lambda: nn.Activation("relu"), [VECTOR], {}),
    "Sigmoid": (lambda: nn.Activation("sigmoid"), [VECTOR], {}),
    "Softrelu": (lambda: nn.Activation("softrelu"), [VECTOR], {}),
    "Softsign": (lambda: nn.Activation("softsign"), [VECTOR], {}),
    "LeakyReLU": (lambda: nn.LeakyReLU(0.1), [VECTOR], {}),
    "PReLU": (nn.PReLU, [VECTOR], {}),
    "ELU": (nn.ELU, [VECTOR], {}),
    "SELU": (nn.SELU, [VECTOR], {}),
    "GELU": (nn.GELU, [VECTOR], {}),
    "Swish": (nn.Swish, [VECTOR], {}),
    "Conv1D": (lambda: nn.Conv1D(2, 3), [SIGNAL], {}),
    "Conv2D": (lambda: nn.Conv2D(2, 3, padding=1), [IMAGE], {}),
    "Conv2DGrouped": (lambda: nn.Conv2D(3, 3, groups=3, strides=2), [IMAGE], {}),
    "Conv3D": (lambda: nn.Conv3D(2, 2), [VOLUME], {}),
    "Conv1DTranspose": (lambda: nn.Conv1DTranspose(2, 3), [SIGNAL], {}),
    "Conv2DTranspose": (lambda: nn.Conv2DTranspose(2, 3), [IMAGE], {}),
    "MaxPool1D": (nn.MaxPool1D, [SIGNAL], {}),
    "MaxPool2D": (nn.MaxPool2D, [IMAGE], {}),
    "AvgPool1D": (nn.AvgPool1D, [SIGNAL], {}),
    "AvgPool2D": (nn.AvgPool2D, [IMAGE], {}),
    "GlobalAvgPool2D": (nn.GlobalAvgPool2D, [IMAGE], {}),
    "GlobalMaxPool2D": (nn.GlobalMaxPool2D, [IMAGE], {}),
    "ReflectionPad2D": (lambda: nn.ReflectionPad2D(1), [IMAGE], {}),
    "Lambda": (lambda: nn.HybridLambda("tanh"), [VECTOR], {}),
    "Sequential": (_sequential, [VECTOR], {}),
    "LSTM": (lambda: rnn.LSTM(3), [SEQUENCE], {}),
    "GRU": (lambda: rnn.GRU(3), [SEQUENCE], {}),
    "RNN": (lambda: rnn.RNN(3, activation="tanh"), [SEQUENCE], {}),
    "LSTMCell": (lambda: rnn.LSTMCell(3), [VECTOR, "BC:3,3", "BC:3,3"], {}),
    "GRUCell": (lambda: rnn.GRUCell(3), [VECTOR, "BC:3,3"], {}),
    "RNNCell": (lambda: rnn.RNNCell(3), [VECTOR, "BC:3,3"], {}),
    "Identity": (contrib.nn.Identity, [VECTOR], {}),
    "PixelShuffle2D": (lambda: contrib.nn.PixelShuffle2D(2), ["BCSS:2,4,3,3"], {}),
    "L2Loss": (gluon.loss.L2Loss, [VECTOR, VECTOR], {}),
    "HuberLoss": (gluon.loss.HuberLoss, [VECTOR, VECTOR], {}),
    "SoftmaxCrossEntropyLoss": (
        gluon.loss.SoftmaxCrossEntropyLoss,
        [VECTOR, "B:3"],
        {"integers": {"label": (0, 4)}},
    ),
}

# What fails because the layer is so: name -> (ids, reason). Each was looked at.
PROPERTIES: dict[str, tuple[set[str], str]] = {
    "SELU": (
        {"gradients.input:x"},
        "MXNet 1.9.1 takes lambda (alpha + z) for the slope below zero; it is lambda alpha + z",
    ),
}
