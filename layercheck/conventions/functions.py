"""Passes that are functions: their parameters are inputs, learnables or configuration by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from layercheck.calling import call_layer
from layercheck.conventions.calls import BackwardCall, ForwardCall, Role
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of
from layercheck.conventions.training import Training, argument_flag, is_flag_name
from layercheck.conventions.vocabulary import MEMORY, normal
from layercheck.data import distinct_values
from layercheck.errors import DeclarationError, QuestionError, TargetError, nearest
from layercheck.subject import Arrays, Pass


class Functions:
    """Functions in place of an object, with their learnables and the rest of their arguments.

    Parameters
    ----------
    functions : sequence of callable
        Each is an attribute under its own name.
    learnables : mapping, name -> array
    config : mapping, name -> object
        Arguments of every forward call.
    """

    def __init__(
        self,
        functions: tuple[Callable[..., Any], ...],
        learnables: Mapping[str, np.ndarray],
        config: Mapping[str, Any],
    ) -> None:
        for function in functions:
            setattr(self, function.__name__, function)
        self.learnables = dict(learnables)
        self.config = dict(config)
        self.module_names = tuple(function.__module__ for function in functions)


class Context:
    """The ``ctx`` of a static forward and backward: it keeps what the layer saves."""

    def __init__(self, count: int) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad = (True,) * count

    def save_for_backward(self, *values: Any) -> None:
        """Keep values for backward."""
        self.saved_tensors = values

    @property
    def saved_values(self) -> tuple[Any, ...]:
        """The kept values, under minitorch's name."""
        return self.saved_tensors

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The kept values, under their older name."""
        return self.saved_tensors

    def mark_dirty(self, *values: Any) -> None:
        """Do nothing."""

    def mark_non_differentiable(self, *values: Any) -> None:
        """Do nothing."""

    def set_materialize_grads(self, value: bool) -> None:
        """Do nothing: every output has an upstream gradient."""


@dataclass(frozen=True)
class FunctionForward(ForwardCall):
    """How a forward function is called.

    Parameters
    ----------
    parameters : tuple of str
        Every parameter that gets a value, in order; `inputs` are some of them.
    context : bool
        The first argument is a context.
    """

    parameters: tuple[str, ...] = ()
    context: bool = False

    def __call__(self, layer: Any, inputs: Arrays, mode: str) -> Any:
        """Run the function; with a context, return the context last."""
        self.training.switch(layer, mode)
        keywords = {**self.values(layer, inputs), **self.training.keywords(mode)}
        function = getattr(layer, self.method)
        if not self.context:
            return call_layer(f"{self.method}()", function, **keywords)
        context = Context(len(keywords))
        returned = call_layer(f"{self.method}()", function, context, **keywords)
        outputs = returned if isinstance(returned, tuple) else (returned,)
        return (*outputs, context)

    def values(self, layer: Any, inputs: Arrays) -> dict[str, Any]:
        """Return the value of every parameter."""
        given = dict(zip(self.inputs, inputs, strict=True))
        held = {**layer.config, **layer.learnables, **given}
        return {name: held[name] for name in self.parameters}

    def name(self, mode: str) -> str:
        """Return the name of the function; one serves every mode."""
        return self.method


@dataclass(frozen=True)
class FunctionBackward(BackwardCall):
    """How a backward function is called: its roles name the parameters."""

    forward: FunctionForward | None = None

    def __call__(self, layer: Any, done: Pass, upstream: Arrays) -> Any:
        """Run the function."""
        values = {} if self.forward is None else self.forward.values(layer, done.inputs)
        given = iter((tuple(upstream),) if self.packed else upstream)
        arguments = [
            next(given)
            if role == "upstream"
            else done.memory
            if role == "memory"
            else values.get(str(name), layer.config.get(name))
            for role, name in self.roles
        ]
        return call_layer(f"{self.method}()", getattr(layer, self.method), *arguments)


def read_function(
    request: Request, function: Callable[..., Any], context: bool = False
) -> FunctionForward:
    """Read which parameters of a forward function are inputs.

    Those with ``--learnable`` are learnables, those with ``--call`` configuration; of the others
    as many as there are layouts are inputs, and what is left has no value.
    """
    signature = signature_of(function)
    positional = signature.positional[1:] if context else signature.positional
    required = signature.required[1:] if context else signature.required
    known = (*positional, *signature.keywords)
    _require_known(request, function.__name__, known, signature.takes_any_keyword)
    flag = argument_flag(function, request.declarations.train)
    flag_name = None if flag is None else flag.where
    given = {*request.learnables, *request.call, flag_name}
    free = [name for name in required if name not in given]
    named = [name for name, _ in request.layouts if name is not None and name in positional]
    optional = [n for n in positional if n not in (*required, *given) and not is_flag_name(n)]
    free += [n for n in optional if n in named]
    count = len(request.layouts)
    free += [n for n in optional if n not in free][: max(0, count - len(free))]
    inputs = [name for name in free if name in named]
    inputs += [name for name in free if name not in named][: max(0, count - len(inputs))]
    _require_values(request, function, [name for name in free if name not in inputs])
    ordered = tuple(name for name in positional if name in inputs)
    parameters = tuple(
        name
        for name in known
        if name != flag_name and name in {*inputs, *request.learnables, *request.call}
    )
    extra = tuple(name for name in request.call if name not in known)
    return FunctionForward(
        function.__name__,
        ordered,
        Training(argument=flag),
        parameters=(*parameters, *extra),
        context=context,
    )


def _require_known(request: Request, function: str, known: tuple[str, ...], any_: bool) -> None:
    if any_:
        return
    for name in (*request.learnables, *request.call):
        if name not in known:
            raise DeclarationError(
                f"{function}() has no argument {name!r}.{nearest(name, known)} "
                f"It takes {', '.join(known) or 'nothing'}."
            )


def _require_values(request: Request, function: Callable[..., Any], missing: list[str]) -> None:
    if not missing:
        return
    name = missing[0]
    wanted = " ".join(f"--learnable {each}=SIZES" for each in missing)
    raise TargetError(
        f"{function.__name__}() also takes {', '.join(missing)}, for which no value is known. For "
        f"another input write --layout {name}=FORMAT:SIZES, for configuration --call "
        f"{name}=EXPRESSION, for learnables {wanted}."
    )


def read_backward_function(
    request: Request, function: Callable[..., Any], forward: FunctionForward
) -> FunctionBackward:
    """Read what the arguments of a backward function are.

    An argument called like one of forward's gets the same value, one called cache or the like
    the memory; the others are upstream gradients, but the last of several is the memory where no
    argument is called so.
    """
    names = signature_of(function).required
    if forward.context:
        given: list[tuple[Role, str | None]] = [("upstream", name) for name in names[1:]]
        return FunctionBackward(function.__name__, (("memory", names[0]), *given), forward=forward)
    roles: list[tuple[Role, str | None]] = [(_role(n, request, forward), n) for n in names]
    unknown = [i for i, (role, _) in enumerate(roles) if role == "upstream"]
    has_source = any(role != "upstream" for role, _ in roles)
    if len(unknown) > 1 and not has_source:
        roles[unknown[-1]] = ("memory", names[unknown[-1]])
    if not unknown:
        raise QuestionError(
            f"{function.__name__}() takes ({', '.join(names)}), and none of them is known as the "
            "upstream gradient. Name it dout, or write the pair as one layer and declare it: "
            "--declare convention=stateful."
        )
    return FunctionBackward(function.__name__, tuple(roles), forward=forward)


def _role(name: str, request: Request, forward: FunctionForward) -> Role:
    if normal(name) in MEMORY:
        return "memory"
    if name in forward.parameters or name in request.call:
        return "argument"
    return "upstream"


def make_functions(request: Request, *functions: Callable[..., Any]) -> Functions:
    """Return the functions with generated learnables."""
    learnables = {}
    for number, (name, shape) in enumerate(request.learnables.items()):
        rng = np.random.default_rng([request.seed, number])
        learnables[name] = distinct_values(shape, -1.0, 1.0, rng)
    return Functions(functions, learnables, request.call)
