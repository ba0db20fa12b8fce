"""How a layer is told whether it is training: an argument, an attribute, methods, two passes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from layercheck.calling import call_layer
from layercheck.conventions.places import Place
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.tree import attributes, is_users, walk
from layercheck.conventions.vocabulary import (
    EVALUATE_METHODS,
    EVALUATION,
    MODE,
    TRAIN,
    TRAIN_METHODS,
    normal,
)
from layercheck.errors import DeclarationError, nearest

_PREDICT = ("predict", "inference", "infer")
_OTHER_MODE = {"train": "test", "training": "testing", "fit": "predict"}
_MODES = {
    *_OTHER_MODE,
    *_OTHER_MODE.values(),
    *("eval", "evaluate", "evaluation", "inference", "valid", "validation", "infer"),
}


@dataclass(frozen=True)
class Flag:
    """A value that says whether the layer trains: an argument's name or an attribute's place."""

    where: Any
    training: Any
    predicting: Any

    def value(self, mode: str) -> Any:
        """Return the value for a mode."""
        return self.training if mode == "forward" else self.predicting


@dataclass(frozen=True)
class Training:
    """Every way in which one layer is told the mode.

    Parameters
    ----------
    argument : Flag or None
        An argument of the forward pass.
    attributes : tuple of Flag
        Attributes of the layer and of its nested layers.
    methods : (str, str) or None
        The methods that switch to training and to prediction.
    predict : str or None
        A pass of its own for prediction.
    """

    argument: Flag | None = None
    attributes: tuple[Flag, ...] = ()
    methods: tuple[str, str] | None = None
    predict: str | None = None

    @property
    def one_pass(self) -> bool:
        """Whether nothing tells the layer the mode."""
        return not (self.argument or self.attributes or self.methods or self.predict)

    def switch(self, layer: Any, mode: str) -> None:
        """Tell the layer the mode, as far as that needs no argument."""
        if self.methods is not None:
            name = self.methods[mode != "forward"]
            call_layer(f"{name}()", getattr(layer, name))
        for flag in self.attributes:
            flag.where.put(layer, flag.value(mode))

    def told(self, mode: str) -> str:
        """Return how a call of the pass says the mode: ``(training=False)``."""
        if self.argument is not None:
            return f"({self.argument.where}={self.argument.value(mode)!r})"
        if self.methods is not None:
            return f"() after {self.methods[mode != 'forward']}()"
        if self.attributes:
            flag = self.attributes[0]
            return f"() with {flag.where.name}={flag.value(mode)!r}"
        return ""

    def keywords(self, mode: str) -> dict[str, Any]:
        """Return the keyword argument of the forward pass that says the mode."""
        return {} if self.argument is None else {self.argument.where: self.argument.value(mode)}


def read_training(layer: Any, forward: str, declared: str | None) -> Training:
    """Find how `layer` is told the mode.

    Parameters
    ----------
    forward : str
        The name of its forward pass.
    declared : str or None
        The argument or attribute that ``--declare train=`` names.
    """
    method = getattr(layer, forward)
    argument = argument_flag(method, declared)
    flags = tuple(_attribute_flags(layer, method, declared))
    if declared is not None and argument is None and not flags:
        known = [*signature_of(method).positional, *attributes(layer)]
        raise DeclarationError(
            f"train={declared} names neither an argument of {forward}() nor an attribute."
            f"{nearest(declared, known)} {forward}() takes "
            f"{', '.join(signature_of(method).positional) or 'nothing'}."
        )
    methods = None if argument else _methods(layer)
    predict = None if argument or flags or methods else _predict(layer, forward)
    return Training(argument, () if methods else flags, methods, predict)


def argument_flag(method: Any, declared: str | None = None) -> Flag | None:
    """Return the argument of a pass that says whether it trains."""
    try:
        parameters = inspect.signature(method).parameters.values()
    except (TypeError, ValueError):
        return None
    for parameter in parameters:
        name = parameter.name
        default = None if parameter.default is parameter.empty else parameter.default
        words = words_of(getattr(method, "__func__", method))
        if name == declared:
            return _flag(name, name, default, words)
        if declared is None and _says_mode(name, default, words):
            return _flag(name, name, default, words)
    return None


def _says_mode(name: str, value: Any, words: set[str]) -> bool:
    """Whether a value of this name says whether the layer trains; a padding mode does not."""
    if normal(name) in TRAIN | EVALUATION:
        return value is None or isinstance(value, (bool, int, str))
    if normal(name) not in MODE:
        return False
    if isinstance(value, str):
        return value.lower() in _MODES
    return isinstance(value, bool) or bool(words & _OTHER_MODE.keys())


def is_flag_name(name: str) -> bool:
    """Whether an argument of this name says whether the layer trains."""
    return normal(name) in TRAIN | EVALUATION | MODE


def mode_flag(where: Any, name: str, value: Any, words: set[str]) -> Flag | None:
    """Return the flag that `value` is by its name, as ``bn_param["mode"]``; None: it is none."""
    if isinstance(value, (bool, str)) and _says_mode(name, value, words):
        return _flag(where, name, value, words)
    return None


def _flag(where: Any, name: str, value: Any, words: set[str]) -> Flag:
    """Return the flag; the default `value` tells its type, the code's `words` its values."""
    if isinstance(value, str) or (value is None and normal(name) in MODE):
        known = [value.lower()] if isinstance(value, str) else []
        known += [word for word in (*_OTHER_MODE, *sorted(_MODES)) if word in words]
        training = next((word for word in known if word in _OTHER_MODE), "train")
        others = [word for word in known if word not in _OTHER_MODE]
        return Flag(where, training, others[0] if others else _OTHER_MODE[training])
    means_evaluation = normal(name) in EVALUATION
    return Flag(where, not means_evaluation, means_evaluation)


def _attribute_flags(layer: Any, method: Any, declared: str | None) -> Iterator[Flag]:
    if declared is not None:
        place = Place.attribute(*declared.split("."))
        value = place.find(layer)
        if isinstance(value, (bool, str)):
            yield _flag(place, place.steps[-1][1], value, words_of(*_methods_of(layer)))
        return
    methods = _methods_of(layer)
    used = {name for each in methods for name in each.__code__.co_names}
    if "trainable" in getattr(getattr(method, "__code__", None), "co_names", ()):
        yield from _frozen(layer)
    words = words_of(*methods)
    for place, value in [*_own(layer), *walk(layer)]:
        kind, name = place.steps[-1]
        if kind != "attribute" or name not in used:
            continue
        flag = mode_flag(place, name, value, words)
        if flag is not None:
            yield flag


def _frozen(layer: Any) -> Iterator[Flag]:
    """Yield ``trainable``, where the forward pass itself asks for it: frozen, it predicts."""
    if isinstance(getattr(layer, "trainable", None), bool):
        yield Flag(Place.attribute("trainable"), True, False)


def _own(layer: Any) -> Iterator[tuple[Place, Any]]:
    """Yield flags that are attributes of the class."""
    for cls in type(layer).__mro__[:-1]:
        for name, value in vars(cls).items() if is_users(cls) else ():
            if isinstance(value, (bool, str)) and name not in getattr(layer, "__dict__", {}):
                yield Place.attribute(name), value


def _methods_of(layer: Any) -> list[Any]:
    """Return the methods of the layer and its parts, constructors left out."""
    classes = {type(layer)} | {type(value) for _, value in walk(layer) if is_users(type(value))}
    bases = {base for each in classes for base in each.__mro__ if is_users(base)}
    return [
        method
        for cls in bases
        for name, method in vars(cls).items()
        if hasattr(method, "__code__") and name != "__init__"
    ]


def words_of(*functions: Any) -> set[str]:
    """Return the words in the code of functions that may be values of a mode."""
    constants = [
        constant
        for function in functions
        for constant in getattr(getattr(function, "__code__", None), "co_consts", ())
    ]
    flat = [item for c in constants for item in (c if isinstance(c, (tuple, frozenset)) else (c,))]
    return {item.lower() for item in flat if isinstance(item, str)} & (_MODES | _OTHER_MODE.keys())


def _methods(layer: Any) -> tuple[str, str] | None:
    train = next((name for name in TRAIN_METHODS if _is_switch(layer, name)), None)
    evaluate = next((name for name in EVALUATE_METHODS if _is_switch(layer, name)), None)
    return (train, evaluate) if train and evaluate else None


def _is_switch(layer: Any, name: str) -> bool:
    method = getattr(layer, name, None)
    return callable(method) and signature_of(method).accepts(0)


def _predict(layer: Any, forward: str) -> str | None:
    if forward in _PREDICT:
        return None
    return next((name for name in _PREDICT if callable(getattr(layer, name, None))), None)
