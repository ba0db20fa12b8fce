"""How a layer is called: which arguments are inputs, flags of training, random keys, constants."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax

from layercheck import LayoutError, Request, UsageError, input_names

FLAGS = {
    **dict.fromkeys(("train", "training", "is_training", "is_train"), True),
    **dict.fromkeys(("deterministic", "use_running_average", "inference"), False),
    **dict.fromkeys(("eval", "is_eval", "is_test"), False),
}
KEYS = ("key", "rng", "rng_key", "prng", "prng_key", "random_key", "rngs")
_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class CallArguments:
    """The arguments of a call.

    Parameters
    ----------
    inputs : tuple of str
        Their names; ``carry.0`` is an item of an input that is a tuple, ``batch.x`` of a dict.
    flags : mapping
        Flags of training, and their value in training.
    keys : tuple of str
        Arguments that take a random key.
    constants : mapping
        What ``--call`` gives.
    positions : tuple of str
        Parameters that can be given by position, in order.
    star : tuple of str
        Inputs that ``*args`` takes.
    """

    inputs: tuple[str, ...]
    flags: Mapping[str, bool] = field(default_factory=dict)
    keys: tuple[str, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    positions: tuple[str, ...] = ()
    star: tuple[str, ...] = ()

    def split(self, key: Any) -> dict[str, Any]:
        """Return a key for each argument that takes one."""
        if len(self.keys) <= 1:
            return dict.fromkeys(self.keys, key)
        return dict(zip(self.keys, jax.random.split(key, len(self.keys)), strict=True))

    def bind(
        self, inputs: Sequence[Any], mode: str, keys: Mapping[str, Any], **others: Any
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the positional and keyword arguments of a call."""
        training = mode == "forward"
        values = {
            **grouped(self.inputs, inputs),
            **{name: training is value for name, value in self.flags.items()},
            **{name: keys[name] for name in self.keys},
            **self.constants,
            **others,
        }
        positional = []
        for name in self.positions:
            if name not in values:
                break
            positional.append(values.pop(name))
        positional += [values.pop(name) for name in self.star]
        return positional, values


def call_arguments(
    request: Request, function: Callable[..., Any], others: Iterable[str] = ()
) -> CallArguments:
    """Tell the arguments of a call apart by their names.

    Parameters
    ----------
    request : Request
    function : callable
        The pass, bound.
    others : iterable of str
        Parameters that are known to be something else.
    """
    parameters = _parameters(function)
    _require_known(request, parameters)
    named = {(name or "").partition(".")[0] for name, _ in request.layouts}
    free = {name for name in parameters if name not in request.call and name not in named}
    flags = {name: FLAGS[name] for name in FLAGS if name in free}
    declared = request.declarations.train
    if declared is not None:
        flags = {declared: FLAGS.get(declared, True)} if declared in free else {}
    keys = tuple(name for name in KEYS if name in free and name not in others)
    names = input_names(_grouped_request(request), function, (*flags, *keys, *others))
    inputs = _expanded(names, request)
    require_numbered(inputs)
    return CallArguments(
        inputs,
        flags,
        keys,
        dict(request.call),
        tuple(name for name, each in parameters.items() if each.kind in _BY_POSITION),
        tuple(name for name in names if name not in parameters),
    )


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _require_known(request: Request, parameters: Mapping[str, inspect.Parameter]) -> None:
    """Refuse ``--call`` of an argument that the pass does not take."""
    if not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in request.call:
        if name not in parameters:
            raise UsageError(
                f"{request.name} has no argument {name!r} (--call). "
                f"Its arguments are {', '.join(parameters)}."
            )


def _grouped_request(request: Request) -> Request:
    """The request with one layout for each input that is a tuple or a dict."""
    layouts = {
        (name or str(number)).partition(".")[0]: (name.partition(".")[0] if name else None, layout)
        for number, (name, layout) in enumerate(request.layouts)
    }
    return replace(request, layouts=tuple(layouts.values()))


def _expanded(names: Sequence[str], request: Request) -> tuple[str, ...]:
    """The names of the inputs, with the items of those that are tuples or dicts."""
    found: list[str] = []
    for name in names:
        items = [n for n, _ in request.layouts if n is not None and n.startswith(f"{name}.")]
        found += items or [name]
    return tuple(found)


def grouped(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Put arrays with dotted names into tuples and dicts: ``carry.0`` and ``carry.1`` are one."""
    found: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        *path, last = name.split(".")
        holder = found
        for step in path:
            holder = holder.setdefault(step, {})
        holder[last] = value
    return {name: _as_container(value) for name, value in found.items()}


def _as_container(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {name: _as_container(item) for name, item in value.items()}
    if all(name.isdigit() for name in items):
        return tuple(items[name] for name in sorted(items, key=int))
    return items


def require_numbered(names: Sequence[str]) -> None:
    """Refuse items of a tuple whose numbers do not run from 0 on."""
    for name in names:
        stem, _, last = name.rpartition(".")
        if stem and last.isdigit() and last != "0" and f"{stem}.{int(last) - 1}" not in names:
            raise LayoutError(
                f"--layout gives {name} and not {stem}.{int(last) - 1}. Number the items of "
                f"{stem} from 0 on."
            )
