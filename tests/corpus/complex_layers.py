"""Layers with complex values; a complex gradient is dL/dRe + i dL/dIm."""

from __future__ import annotations

import numpy as np

from tests.corpus.entry import normal, right, wrong


class ComplexDense:
    """Real inputs, complex weights, complex outputs."""

    learnables = ("W",)

    def __init__(self):
        self.W = normal(6, 3) + 1j * normal(6, 3, seed=1)

    def predict(self, x):
        return x @ self.W

    def backward(self, x, z, dz, memory):
        return (dz @ self.W.conj().T).real, x.T @ dz


class ComplexDenseForgetsConjugate(ComplexDense):
    def backward(self, x, z, dz, memory):
        return (dz @ self.W.T).real, x.T @ dz


class ComplexDenseConjugatesWeightGradient(ComplexDense):
    """The convention of jax.grad."""

    def backward(self, x, z, dz, memory):
        dx, dW = super().backward(x, z, dz, memory)
        return dx, dW.conj()


class Modulus:
    """Real inputs, a complex factor for each feature, real outputs |w x + 1|^2."""

    learnables = ("w",)

    def __init__(self):
        self.w = normal(6) + 1j * normal(6, seed=1)

    def predict(self, x):
        return np.abs(self.w * x + 1) ** 2

    def backward(self, x, z, dz, memory):
        da = 2 * (self.w * x + 1) * dz
        return (self.w.conj() * da).real, (x * da).sum(axis=0)


class ModulusDropsImaginaryPart(Modulus):
    """The weight's gradient lies on the real axis."""

    def backward(self, x, z, dz, memory):
        dx, dw = super().backward(x, z, dz, memory)
        return dx, dw.real.astype(dw.dtype)


class HalfSpectrum:
    """rfft along the last axis."""

    def predict(self, x):
        z = np.fft.rfft(x)
        return z.astype(np.result_type(x.dtype, np.complex64), copy=False)

    def backward(self, x, z, dz, memory):
        n = x.shape[-1]
        return (np.fft.ifft(dz, n).real * n).astype(x.dtype, copy=False)


class HalfSpectrumNaiveInverse(HalfSpectrum):
    """irfft counts the inner frequencies twice."""

    def backward(self, x, z, dz, memory):
        n = x.shape[-1]
        return (np.fft.irfft(dz, n) * n).astype(x.dtype, copy=False)


class HalfSpectrumInDoublePrecision(HalfSpectrum):
    def predict(self, x):
        return np.fft.rfft(x).astype(np.complex128)


CORRECT = (
    right(ComplexDense, "BC:4,6"),
    right(Modulus, "BC:4,6"),
    right(HalfSpectrum, "BC:4,7"),
)

BROKEN = (
    wrong(ComplexDenseForgetsConjugate, "BC:4,6", fails="gradients.input:x"),
    wrong(ComplexDenseConjugatesWeightGradient, "BC:4,6", fails="gradients.learnable:W"),
    wrong(ModulusDropsImaginaryPart, "BC:4,6", fails="gradients.learnable:w"),
    wrong(HalfSpectrumNaiveInverse, "BC:4,7", fails="gradients.input:x"),
    wrong(HalfSpectrumInDoublePrecision, "BC:4,7", fails="dtypes.outputs"),
)
