"""Complex inputs, outputs and learnables; gradients are dL/dRe + i dL/dIm."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus.entry import normal, right, wrong


class HalfSpectrum:
    """rfft along C of features BC."""

    def predict(self, x):
        z = np.fft.rfft(x, axis=1)
        return z.astype(np.result_type(x.dtype, np.complex64), copy=False)

    def output_layout(self, layout):
        return layout.with_size("C", layout.size[1] // 2 + 1)

    def inverse(self, dz, n):
        return np.fft.ifft(dz, n, axis=1).real * n

    def backward(self, x, z, dz, memory):
        return self.inverse(dz, x.shape[1]).astype(x.dtype, copy=False)


class HalfSpectrumNaiveInverse(HalfSpectrum):
    def inverse(self, dz, n):
        return np.fft.irfft(dz, n, axis=1) * n


class HalfSpectrumWithoutSize(HalfSpectrum):
    def inverse(self, dz, n):
        return super().inverse(dz, n) / n


class HalfSpectrumConjugate(HalfSpectrum):
    def inverse(self, dz, n):
        return super().inverse(dz.conj(), n)


class HalfSpectrumTwiceAtZero(HalfSpectrum):
    def inverse(self, dz, n):
        return super().inverse(dz * np.where(np.arange(dz.shape[1]) == 0, 2, 1), n)


class HalfSpectrumRealPart(HalfSpectrum):
    def inverse(self, dz, n):
        return super().inverse(dz.real, n)


class ComplexDense:
    """z = x W for complex x of BC and complex W."""

    learnables = ("W",)

    def __init__(self):
        self.W = None

    def initialize(self, layout):
        if self.W is None:
            self.W = normal(layout.size[1], 3) + 1j * normal(layout.size[1], 3)[::-1]

    def output_layout(self, layout):
        return layout.with_size("C", 3)

    def predict(self, x):
        return x @ self.W

    def backward(self, x, z, dz, memory):
        return dz @ self.W.conj().T, x.conj().T @ dz


class ComplexDenseTransposeOnly(ComplexDense):
    def backward(self, x, z, dz, memory):
        _, dW = super().backward(x, z, dz, memory)
        return dz @ self.W.T, dW


class ComplexDenseInputNotConjugated(ComplexDense):
    def backward(self, x, z, dz, memory):
        dx, _ = super().backward(x, z, dz, memory)
        return dx, x.T @ dz


class ComplexDenseConjugatesResult(ComplexDense):
    def backward(self, x, z, dz, memory):
        dx, dW = super().backward(x, z, dz, memory)
        return dx.conj(), dW


class ComplexDenseRealWeights(ComplexDense):
    def backward(self, x, z, dz, memory):
        dx, dW = super().backward(x, z, dz, memory)
        return dx, dW.real + 0j


class Modulus:
    """|x| of complex x."""

    def predict(self, x):
        return np.abs(x)

    def backward(self, x, z, dz, memory):
        return dz * x / z


class ModulusConjugate(Modulus):
    def backward(self, x, z, dz, memory):
        return dz * x.conj() / z


class ModulusHalf(Modulus):
    def backward(self, x, z, dz, memory):
        return dz * x / (2 * z)


class ModulusNotNormalised(Modulus):
    def backward(self, x, z, dz, memory):
        return dz * x


class Rotation:
    """x exp(i a) for complex x of CB, a real angle a for each channel."""

    learnables = ("a",)

    def __init__(self):
        self.a = None

    def initialize(self, layout):
        if self.a is None:
            self.a = layout.along("C", np.linspace(0.3, 1.9, layout.size[0]))

    def predict(self, x):
        return x * np.exp(1j * self.a)

    def backward(self, x, z, dz, memory):
        da = (dz * (1j * z).conj()).real.sum(axis=1, keepdims=True)
        return dz * np.exp(-1j * self.a), da


class RotationOnwards(Rotation):
    def backward(self, x, z, dz, memory):
        _, da = super().backward(x, z, dz, memory)
        return dz * np.exp(1j * self.a), da


class RotationWithoutI(Rotation):
    def backward(self, x, z, dz, memory):
        dx, _ = super().backward(x, z, dz, memory)
        return dx, (dz * z.conj()).real.sum(axis=1, keepdims=True)


class RotationDownhill(Rotation):
    def backward(self, x, z, dz, memory):
        dx, da = super().backward(x, z, dz, memory)
        return dx, -da


def complex_data(*shape):
    """Complex inputs have to be given: data of the very size of the layout."""
    rng = np.random.default_rng(shape)
    draw = rng.uniform(0.3, 2, (2, *shape)) * rng.choice([-1, 1], (2, *shape))
    real, imaginary = np.round(draw * 256) / 256
    return {"x": real + 1j * imaginary}


X, W, A = "input:x", "learnable:W", "learnable:a"
CONJUGATE = "conjugate"

SPECTRUM = right(HalfSpectrum, "BC:4,7", full="BC:128,240")
DENSE = right(ComplexDense, "BC:4,6", data=complex_data(4, 6))
MODULUS = right(Modulus, "BC:4,6", data=complex_data(4, 6))
ROTATION = right(Rotation, "CB:5,7", data=complex_data(5, 7))
CORRECT = (SPECTRUM, DENSE, MODULUS, ROTATION)

BUGS = (
    wrong(
        SPECTRUM,
        HalfSpectrumNaiveInverse,
        "irfft counts the inner frequencies twice.",
        {X: "wrong-region"},
        full=True,
    ),
    wrong(
        SPECTRUM,
        HalfSpectrumWithoutSize,
        "ifft has divided by n.",
        {X: "constant-factor mean-instead-of-sum"},
    ),
    wrong(
        SPECTRUM, HalfSpectrumConjugate, "dz is conjugated.", {X: f"{CONJUGATE} flipped"}, full=True
    ),
    wrong(SPECTRUM, HalfSpectrumTwiceAtZero, "The mean is counted twice.", {X: "wrong-region"}),
    wrong(
        SPECTRUM,
        HalfSpectrumRealPart,
        "The imaginary part of dz is dropped.",
        {X: "missing-term wrong-region"},
    ),
    wrong(DENSE, ComplexDenseTransposeOnly, "W' is not conjugated.", {X: CONJUGATE}),
    wrong(DENSE, ComplexDenseInputNotConjugated, "x' is not conjugated.", {W: CONJUGATE}),
    wrong(DENSE, ComplexDenseConjugatesResult, "The other convention.", {X: CONJUGATE}),
    wrong(
        DENSE,
        ComplexDenseRealWeights,
        "The imaginary part is cut off.",
        {W: "missing-term wrong-region"},
    ),
    wrong(MODULUS, ModulusConjugate, "The other convention.", {X: CONJUGATE}),
    wrong(MODULUS, ModulusHalf, "dL/d conj x, half of what is meant.", {X: "constant-factor"}),
    wrong(MODULUS, ModulusNotNormalised, "1/|x| is missing.", {X: "missing-factor"}),
    wrong(
        ROTATION,
        RotationOnwards,
        "Turns on instead of back.",
        {X: f"{CONJUGATE} missing-factor"},
    ),
    wrong(ROTATION, RotationWithoutI, "d exp(ia)/da lacks i.", {A: "missing-factor"}),
    wrong(ROTATION, RotationDownhill, "The sign of i' is lost.", {A: "sign-flipped"}),
)
