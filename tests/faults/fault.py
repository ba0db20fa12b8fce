"""A fault: what a layer does, and how the report has to name it."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

HEAD = """
import atexit, builtins, ctypes, faulthandler, gc, os, random, re, signal, subprocess, sys
import tempfile, threading, time, warnings

import numpy as np


class _Scale:
    learnables = ("w",)

    def __init__(self):
        self.w = np.array([1.0, 2.0, -3.0])

    def predict(self, x):
        return self.w * x

    def backward(self, x, z, dz, memory):
        return self.w * dz, (x * dz).sum(axis=0)

"""
BUILT = ("contract.construct",)
RUNS = (*BUILT, "shapes.predict")
WHOLE = (*RUNS, "shapes.gradients", "gradients.input:x", "gradients.learnable:w")


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Parameters
    ----------
    kind : str
        In words.
    code : str
        The file; after HEAD, unless `head` is false.
    named : str
        A pattern that the report of the layer, or what is said of its file, has to match.
    passes : tuple of str
        Checks that have nothing to do with it, and pass.
    head : bool
    """

    kind: str
    code: str
    named: str
    passes: tuple[str, ...] = RUNS
    head: bool = True

    @property
    def stem(self):
        return "fault_" + re.sub(r"\W+", "_", self.kind)

    @property
    def text(self):
        return (HEAD if self.head else "") + textwrap.dedent(self.code)


def backward(code):
    """A layer whose backward does `code` before it returns what is right."""
    return _method("backward(self, x, z, dz, memory)", code)


def predict(code):
    """A layer whose forward pass does `code` before it returns what is right."""
    return _method("predict(self, x)", code)


def _method(signature, code):
    name, _, arguments = signature.partition("(")
    passed = arguments.removesuffix(")").removeprefix("self, ")
    body = textwrap.indent(textwrap.dedent(code).strip("\n"), "        ")
    return (
        f"class Faulty(_Scale):\n    def {signature}:\n{body}\n"
        f"        return super().{name}({passed})\n"
    )
