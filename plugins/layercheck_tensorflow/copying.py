"""Copies of a module whose variables have another dtype."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import tensorflow as tf

from layercheck_tensorflow.program import held


def in_dtype(layer: Any, dtype: np.dtype[Any]) -> Any:
    """Return a copy of a module with floating variables of a dtype; a function is itself."""
    if not isinstance(layer, tf.Module):
        return layer
    variables = held(layer, tf.Variable).values()
    memo: dict[int, Any] = {id(v): _as(v, dtype) for v in variables}
    memo[id(memo)] = list(variables)
    return copy.deepcopy(layer, memo)


def _as(variable: Any, dtype: np.dtype[Any]) -> Any:
    value = np.array(variable)
    if value.dtype.kind == "f":
        value = value.astype(dtype)
    elif value.dtype.kind == "c":
        value = value.astype(np.result_type(dtype, np.complex64))
    name = variable.name.partition(":")[0]
    return tf.Variable(value, trainable=variable.trainable, name=name)
