"""What looks like a layer, and what of a module does."""

from __future__ import annotations

import ast
import enum
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from layercheck.layer import Layer

FORWARD_METHODS = (
    *("forward", "predict", "forward_pass", "forward_propagation", "forward_prop"),
    *("feed_forward", "feedforward", "propagate", "fprop", "updateOutput", "call"),
)
# names so common that they mean a forward pass only beside a backward one
WEAK_FORWARD_METHODS = ("__call__", "fn", "f")
BACKWARD_METHODS = (
    *("backward", "backward_pass", "backward_propagation", "back_propagation", "back_prop"),
    *("backprop", "backpropagate", "bprop", "compute_gradients", "updateGradInput"),
)
DERIVATIVE_METHODS = ("grad", "gradient", "derivative", "deriv", "prime", "df")
FRAMEWORKS = ("torch", "jax", "flax", "equinox", "haiku", "keras", "tensorflow", "mxnet")
_PASSES = {"forward": "backward", "fwd": "bwd", "fprop": "bprop"}
_DERIVATIVES = (
    *("{}_grad", "{}_gradient", "{}_derivative", "{}_deriv", "{}_prime", "d{}", "d_{}"),
    *("grad_{}", "gradient_{}", "derivative_{}"),
)


@dataclass(frozen=True)
class FunctionPair:
    """A layer written as two functions.

    Parameters
    ----------
    name : str
        What the two names have in common: ``affine`` for ``affine_forward``.
    forward, backward : callable
    derivative : bool
        Whether `backward` is f'(x), by its name, and not the pull-back of a gradient.
    """

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    derivative: bool = False


def looks_like_layer(obj: object) -> bool:
    """Return whether an object is a layer by the names of its methods.

    True for a class or an object with a forward pass that has a body, and for a
    `FunctionPair`; False for plain functions, which only the user can tell from factories.
    """
    if isinstance(obj, FunctionPair):
        return True
    if isinstance(obj, (FunctionType, ModuleType, enum.Enum, BaseException)):
        return False
    cls = obj if isinstance(obj, type) else type(obj)
    if cls is Layer or issubclass(cls, (enum.Enum, BaseException)) or inspect.isabstract(cls):
        return False
    return forward_method(cls) is not None


def forward_method(cls: type) -> str | None:
    """Return the name of the first forward pass that is written out, or None.

    One that only hands over to a pass without a body, as a base class does, is not.
    """
    passes = {name: method for name in FORWARD_METHODS if (method := _method(cls, name))}
    backward = any(_method(cls, name) for name in (*BACKWARD_METHODS, *DERIVATIVE_METHODS))
    if not passes and (backward or _is_of_framework(cls)):
        passes = {name: method for name in WEAK_FORWARD_METHODS if (method := _method(cls, name))}
    stubs = {name for name, method in passes.items() if is_stub(method)}
    written = (
        name
        for name, method in passes.items()
        if name not in stubs and stubs.isdisjoint(_names_used(method))
    )
    return next(written, None)


def is_static_function(cls: type) -> bool:
    """Return whether both passes are static, as in ``torch.autograd.Function``."""
    return all(
        isinstance(inspect.getattr_static(cls, name, None), staticmethod)
        for name in ("forward", "backward")
    )


def is_stub(function: Callable[..., Any]) -> bool:
    """Return whether a function is only ``pass``, ``...`` or ``raise NotImplementedError``."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return False
    body = [each for each in definition.body if not _is_constant(each)]
    if not body or isinstance(body[0], ast.Pass):
        return True
    return isinstance(body[0], ast.Raise) and "NotImplemented" in ast.unparse(body[0])


def layers_in(
    module: ModuleType, recognise: Callable[[object], bool] = lambda obj: False
) -> dict[str, object]:
    """Return the public layers that a module defines, in order, by the name to ask for.

    Classes and forward/backward pairs; where there are none, objects that are layers. A
    class with a ``fit`` method is a model and left out, unless it is a framework's.

    Parameters
    ----------
    module : module
    recognise : callable, object -> bool
        Whether something is a layer of a framework.
    """
    public = {name: obj for name, obj in _objects(module) if not name.startswith("_")}
    found: dict[str, object] = {}
    for name, obj in public.items():
        is_own = getattr(obj, "__module__", None) == module.__name__
        is_alias = any(obj is other for other in found.values())
        if not is_own or is_alias or is_function(obj):
            continue
        if recognise(obj) or (
            isinstance(obj, type) and not hasattr(obj, "fit") and looks_like_layer(obj)
        ):
            found[name] = obj
    found.update(function_pairs(module))
    if found:
        return found
    return {
        name: obj
        for name, obj in public.items()
        if not (isinstance(obj, type) or is_function(obj))
        and (looks_like_layer(obj) or recognise(obj))
    }


def functions_in(module: ModuleType, recognise: Callable[[object], bool]) -> dict[str, object]:
    """Return the public functions of a framework that a module defines, in order."""
    return {
        name: obj
        for name, obj in _objects(module)
        if not name.startswith("_")
        and is_function(obj)
        and getattr(obj, "__module__", None) == module.__name__
        and recognise(obj)
    }


def function_pairs(module: ModuleType) -> dict[str, FunctionPair]:
    """Return the forward/backward pairs that a module defines, by the name to ask for.

    That name is the stem, or the forward function's where the stem is something else.
    """
    rules = _derivative_rules(module)
    own = {
        name: obj
        for name, obj in _objects(module)
        if callable(obj)
        and getattr(obj, "__module__", None) == module.__name__
        and id(obj) not in rules
    }
    pairs = {}
    for forward, backward, stem in _pass_names(own):
        name = stem if stem and (stem == forward or not hasattr(module, stem)) else forward
        pairs[name] = FunctionPair(name, own[forward], own[backward])
    return pairs


def _derivative_rules(module: ModuleType) -> set[int]:
    """The functions that are registered as the derivative of another, as ``f.defvjp`` does."""
    owners = [obj for _, obj in _objects(module) if _has_rule(obj)]
    return {id(getattr(obj, name, None)) for obj in owners for name in ("fwd", "bwd", "jvp")}


def _has_rule(obj: object) -> bool:
    """Whether an object is a function with a derivative of its own.

    Those of ``jax.custom_vjp``, ``jax.custom_jvp`` and ``tf.custom_gradient`` are.
    """
    if isinstance(obj, type):
        return False
    decorator = getattr(obj, "_tf_decorator", None)
    if getattr(decorator, "decorator_name", None) == "custom_gradient":
        return True
    return any(hasattr(obj, name) for name in ("defvjp", "defjvp"))


def is_function(obj: object) -> bool:
    """Whether an object is a plain function, compiled or otherwise wrapped or not."""
    wrapped = getattr(obj, "__wrapped__", None)
    while wrapped is not None and not isinstance(obj, type) and not _has_rule(obj):
        obj, wrapped = wrapped, getattr(wrapped, "__wrapped__", None)
    return isinstance(obj, FunctionType)


def _objects(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the names of a module and what they hold, but for what cannot be looked at."""
    for name, obj in vars(module).items():
        try:
            isinstance(obj, type)
            getattr(obj, "__module__", None)
        except Exception:  # a __class__ or __getattr__ of its own
            continue
        yield name, obj


def pair_named(module: ModuleType, name: str) -> FunctionPair | None:
    """Return the pair with this stem, or one of whose functions has this name, or None."""
    pairs = function_pairs(module)
    if name in pairs:
        return pairs[name]
    for pair in pairs.values():
        if name in (pair.forward.__name__, pair.backward.__name__):
            return pair
    forward = getattr(module, name, None)
    if not isinstance(forward, FunctionType):
        return None
    for pattern in _DERIVATIVES:
        derivative = getattr(module, pattern.format(name), None)
        if isinstance(derivative, FunctionType):
            return FunctionPair(name, forward, derivative, derivative=True)
    return None


def _pass_names(functions: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield (forward, backward, stem) for conv_forward_naive and its like and X, X_backward."""
    for name in functions:
        if name.startswith("_") or isinstance(functions[name], type):
            continue
        words = name.split("_")
        for forward, backward in _PASSES.items():
            partner = "_".join(backward if word == forward else word for word in words)
            if forward in words and partner in functions:
                yield name, partner, "_".join(word for word in words if word != forward)
            elif f"{name}_{backward}" in functions and f"{name}_{forward}" not in functions:
                yield name, f"{name}_{backward}", name


def _method(cls: type, name: str) -> Callable[..., Any] | None:
    # not getattr_static: it falls back to the metaclass, and every class can be called
    found = next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    return found if callable(found) and not isinstance(found, type) else None


def _names_used(function: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    return code.co_names if code else ()


def _is_of_framework(cls: type) -> bool:
    return any(base.__module__.partition(".")[0] in FRAMEWORKS for base in cls.__mro__)


def _is_constant(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
