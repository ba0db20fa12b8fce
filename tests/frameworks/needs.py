"""Tests that need a framework: skipped where it is missing, but for where it must not be."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest

# What the environment promises to have, as "torch,jax": a missing one is then an error.
PROMISED = frozenset(filter(None, os.environ.get("LAYERCHECK_TEST_FRAMEWORKS", "").split(",")))
INSTALL = {"torch": "torch==2.13.0", "tensorflow": "tensorflow-cpu", "mxnet": "mxnet==1.9.1"}


def missing(name):
    """Why tests that need a framework are skipped; None where it is installed."""
    if find_spec(name) is not None or name in PROMISED:
        return None
    return f"{name} is not installed; pip install {INSTALL.get(name, name)}"


def needs(*names):
    """Skip the module that calls it where a framework is missing."""
    for name in names:
        reason = missing(name)
        if reason:
            pytest.skip(reason, allow_module_level=True)
