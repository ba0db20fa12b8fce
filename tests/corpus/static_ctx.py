"""Static `forward(ctx, ...)` and `backward(ctx, gradient)`."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import right, wrong


class Mul:
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x


class MulSwapped(Mul):
    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * x, grad_output * y


class MulWithoutSecondGradient(Mul):
    @staticmethod
    def backward(ctx, grad_output):
        _, y = ctx.saved_tensors
        return grad_output * y, None


class MulCountsThree(Mul):
    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return grad_output * y, grad_output * x, grad_output


class MatMul:
    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output @ weight.T, x.T @ grad_output


class MatMulOfTheOtherSide(MatMul):
    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output @ weight.T, (grad_output.T @ x).reshape(weight.shape)


class ReLU:
    @staticmethod
    def forward(ctx, input):
        ctx.mask = input > 0
        return input * ctx.mask

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.mask


class ISRLU:
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return np.where(input < 0, input / np.sqrt(1 + input**2), input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * np.where(input < 0, (1 + input**2) ** -1.5, 1)


class ISRLUIgnoresUpstream(ISRLU):
    @staticmethod
    def backward(ctx, grad_output):
        return ISRLU.backward(ctx, np.ones_like(grad_output))


_TWO = ("BC:4,6", "BC:4,6")
_WEIGHT = {"learnable": {"weight": (6, 3)}}

CORRECT = (
    right(Mul, *_TWO),
    right(MatMul, "BC:4,6", **_WEIGHT),
    right(ReLU, "BC:4,6"),
    right(ISRLU, "BC:4,6"),
)

BROKEN = (
    wrong(MulSwapped, *_TWO, fails="gradients.input:x gradients.input:y"),
    wrong(MulWithoutSecondGradient, *_TWO, fails="shapes.gradients"),
    wrong(MulCountsThree, *_TWO, fails="contract.signatures"),
    wrong(MatMulOfTheOtherSide, "BC:4,6", **_WEIGHT, fails="gradients.learnable:weight"),
    wrong(
        ISRLUIgnoresUpstream, "BC:4,6", fails="gradients.input:input gradients.linear_in_upstream"
    ),
)
