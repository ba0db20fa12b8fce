"""What layercheck is told about Keras."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import Any

import keras

from layercheck import Framework, packages_used
from layercheck_keras.layers import adapt


def recognise(obj: Any) -> bool:
    """Whether `obj` is a layer or a model, a class of them, or a function of ``keras.ops``."""
    if isinstance(obj, type):
        return issubclass(obj, keras.Layer)
    return isinstance(obj, keras.Layer) or is_function(obj)


def is_function(obj: Any) -> bool:
    """Whether `obj` is a function of tensors written with Keras."""
    return (
        isinstance(obj, FunctionType)
        and "keras" in packages_used(obj)
        and bool(inspect.signature(obj).parameters)
    )


framework = Framework(
    "keras", recognise, adapt, is_function=is_function, above=("torch", "jax", "tensorflow")
)
