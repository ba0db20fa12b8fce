"""TensorFlow modules and functions, as layers of layercheck; Keras is not imported here."""

from __future__ import annotations

from layercheck_tensorflow.framework import framework

__all__ = ["framework"]
