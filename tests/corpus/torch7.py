"""`updateOutput`, `updateGradInput`, `accGradParameters`, `zeroGradParameters`."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class Module:
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        raise NotImplementedError

    def updateGradInput(self, input, gradOutput):
        raise NotImplementedError

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Linear(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = normal(n_out, n_in)
        self.b = normal(n_out)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

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


class LinearBiasMean(Linear):
    def accGradParameters(self, input, gradOutput):
        self.gradW += gradOutput.T.dot(input)
        self.gradb += gradOutput.mean(axis=0)


class LinearUsesOutputForInput(Linear):
    """Takes what forward returned for what forward got."""

    def accGradParameters(self, input, gradOutput):
        super().accGradParameters(self.output, gradOutput)


class SoftMax(Module):
    def updateOutput(self, input):
        powers = np.exp(input - input.max(axis=1, keepdims=True))
        self.output = powers / powers.sum(axis=1, keepdims=True)
        return self.output

    def updateGradInput(self, input, gradOutput):
        inner = np.sum(gradOutput * self.output, axis=1, keepdims=True)
        self.gradInput = self.output * (gradOutput - inner)
        return self.gradInput


class SoftMaxOverflowsInBackward(SoftMax):
    """Computes the probabilities again, without the shift."""

    def updateGradInput(self, input, gradOutput):
        powers = np.exp(input)
        p = powers / powers.sum(axis=1, keepdims=True)
        self.gradInput = p * (gradOutput - np.sum(gradOutput * p, axis=1, keepdims=True))
        return self.gradInput


class LogSoftMax(Module):
    def updateOutput(self, input):
        shifted = input - input.max(axis=1, keepdims=True)
        self.output = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return self.output

    def updateGradInput(self, input, gradOutput):
        total = gradOutput.sum(axis=1, keepdims=True)
        self.gradInput = gradOutput - np.exp(self.output) * total
        return self.gradInput


class LogSoftMaxWithoutTotal(LogSoftMax):
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput - np.exp(self.output)
        return self.gradInput


class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
        self.mask = None

    def updateOutput(self, input):
        if not self.training:
            self.output = input
            return self.output
        keep = np.random.uniform(size=input.shape) > self.p
        self.mask = keep.astype(input.dtype) / (1 - self.p)
        self.output = input * self.mask
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask if self.training else gradOutput
        return self.gradInput


class DropoutNeverEvaluates(Dropout):
    """Ignores `evaluate()`."""

    def evaluate(self):
        pass


_SIZES = {"n_in": 6, "n_out": 3}
_X = "gradients.input:input"

CORRECT = (
    right(Linear, "BC:4,6", init=_SIZES),
    right(SoftMax, "BC:4,6"),
    right(LogSoftMax, "BC:4,6"),
    right(Dropout, "BC:4,6"),
)

BROKEN = (
    wrong(
        LinearBiasMean,
        "BC:4,6",
        init=_SIZES,
        fails="gradients.learnable:b batch.learnable_gradients_additive",
    ),
    wrong(
        LinearUsesOutputForInput,
        "BC:4,6",
        init={"n_in": 6, "n_out": 6},
        fails="gradients.learnable:W",
    ),
    wrong(SoftMaxOverflowsInBackward, "BC:4,6", fails="numerics.large_values"),
    wrong(LogSoftMaxWithoutTotal, "BC:4,6", fails=f"{_X} gradients.linear_in_upstream"),
    wrong(DropoutNeverEvaluates, "BC:4,6", fails="state.predict_is_deterministic"),
)
