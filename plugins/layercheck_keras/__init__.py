"""Keras layers and models on TensorFlow, JAX and PyTorch, as layers of layercheck."""

from __future__ import annotations

from layercheck_keras.framework import framework

__all__ = ["framework"]
