"""What layercheck is told about TensorFlow."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.util import tf_decorator

from layercheck import (
    Facts,
    Framework,
    Layout,
    Request,
    Slot,
    Source,
    Subject,
    example_inputs,
    find_precision,
    input_names,
    packages_used,
    program_builder,
)
from layercheck_tensorflow.copying import in_dtype
from layercheck_tensorflow.program import (
    TensorflowProgram,
    draws_in_graphs,
    learnables_of,
    states_of,
)

_SINGLE = np.dtype(np.float32)
_TRAINING = ("training", "is_training")


def recognise(obj: Any) -> bool:
    """Whether `obj` is a module, a class of modules, or a function that uses TensorFlow."""
    if isinstance(obj, type):
        return issubclass(obj, tf.Module) and any("__call__" in vars(c) for c in obj.__mro__)
    return isinstance(obj, tf.Module) or is_function(obj)


def is_function(obj: Any) -> bool:
    """Whether `obj` is a function of tensors, traced, decorated or plain."""
    if isinstance(obj, (type, tf.Module)) or not callable(obj):
        return False
    if isinstance(obj, tf.types.experimental.PolymorphicFunction) or _is_custom_gradient(obj):
        return True
    if not isinstance(obj, FunctionType) or "keras" in packages_used(obj):
        return False
    return "tensorflow" in packages_used(obj) and bool(inspect.signature(obj).parameters)


def _is_custom_gradient(obj: Any) -> bool:
    try:
        decorators, _ = tf_decorator.unwrap(obj)
    except Exception:  # an object whose attributes are not what they seem
        return False
    return any(each.decorator_name == "custom_gradient" for each in decorators)


def uses_custom_gradient(function: Any) -> bool:
    """Whether a function is, or names, one whose gradient is written by hand."""
    if _is_custom_gradient(function):
        return True
    function = inspect.unwrap(getattr(function, "__func__", function))
    function = getattr(function, "python_function", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    names = {name for each in _codes(code) for name in each.co_names}
    if "custom_gradient" in names:
        return True
    return any(_is_custom_gradient(function.__globals__.get(name)) for name in names)


def _codes(code: Any) -> list[Any]:
    inner = [each for each in code.co_consts if inspect.iscode(each)]
    return [code, *(deeper for each in inner for deeper in _codes(each))]


def adapt(request: Request) -> Subject:
    """Turn a module or function into a subject."""
    layer = request.layer
    function = layer.__call__ if isinstance(layer, tf.Module) else layer
    known = _parameters(function)
    training = next((name for name in _TRAINING if name in known), None)
    training = request.declarations.train or training
    names = input_names(request, function, [*_TRAINING, *filter(None, [training])])
    layouts = request.ordered_layouts(names)
    call = dict(request.call)

    def make(dtype: Any, at: tuple[Layout, ...]) -> TensorflowProgram:
        return TensorflowProgram(in_dtype(layer, dtype), names, call, training, in_graphs=in_graphs)

    in_graphs = True
    found = find_precision(
        lambda dtype: make(dtype, layouts),
        lambda dtype: example_inputs(request, names, layouts, dtype),
        hidden="it rounds to float32 on the way",
    )
    in_graphs = draws_in_graphs(
        make(_SINGLE, layouts), example_inputs(request, names, layouts, _SINGLE)
    )
    written = uses_custom_gradient(function)
    return Subject(
        name=request.name,
        framework="tensorflow",
        convention=_convention(layer),
        layer=layer,
        source=request.source,
        sources=_sources(request, function),
        input_names=names,
        layouts=layouts,
        learnables=tuple(
            Slot(path, v.numpy(), "trainable variable", "tf.GradientTape")
            for path, v in learnables_of(layer).items()
        ),
        states=tuple(
            Slot(path, v.numpy(), "variable that is not trainable")
            for path, v in states_of(layer).items()
        ),
        facts=Facts(
            one_pass=training is None,
            backward="written" if written else "autodiff",
            memory="handed over",
            outputs=request.output_layouts(len(found.outputs)) if found.outputs else (),
            mixes=request.declarations.mixes,
            learnable_gradients=request.declarations.learnable_gradients,
            claims_gpu=True,
            dtypes=found.dtypes,
            second_order=True,
            forward_mode=not written,
        ),
        build=program_builder(make),
        notes=found.notes,
        packages=("tensorflow",),
        fresh=request.fresh,
    )


def _parameters(function: Any) -> Mapping[str, Any]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _convention(layer: Any) -> str:
    if isinstance(layer, tf.Module):
        return "module"
    if _is_custom_gradient(layer):
        return "custom_gradient"
    traced = isinstance(layer, tf.types.experimental.PolymorphicFunction)
    return "tf.function" if traced else "function"


def _sources(request: Request, function: Any) -> dict[str, Source]:
    inner = inspect.unwrap(getattr(function, "__func__", function))
    inner = getattr(inner, "python_function", inner)
    code = getattr(inner, "__code__", None)
    source = request.source
    if code is not None:
        source = Source(code.co_filename, code.co_firstlineno, inner.__qualname__)
    return dict.fromkeys(("predict", "forward", "backward"), source)


framework = Framework("tensorflow", recognise, adapt, is_function=is_function)
