"""How the passes of an object are called, read from their signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from layercheck.calling import call_layer
from layercheck.conventions.request import Request
from layercheck.conventions.signatures import Signature, signature_of, takes_list
from layercheck.conventions.training import Training, is_flag_name, read_training
from layercheck.conventions.vocabulary import ALWAYS_RATE, INPUT, MEMORY, OUTPUT, RATE, normal
from layercheck.errors import DeclarationError, QuestionError, TargetError, nearest
from layercheck.subject import Arrays, Pass

Role = Literal["upstream", "input", "output", "memory", "rate", "argument"]
# The difference that an update makes loses what is small beside the weights; a large step keeps it.
STEP = 2.0**10


@dataclass(frozen=True)
class ForwardCall:
    """How the forward pass is called.

    Parameters
    ----------
    by_name : bool
        The inputs are keyword arguments.
    packed : bool
        Several inputs are one argument, a list.
    """

    method: str
    inputs: tuple[str, ...]
    training: Training
    extra: tuple[tuple[str, Any], ...] = ()
    by_name: bool = False
    packed: bool = False

    def __call__(self, layer: Any, inputs: Arrays, mode: str) -> Any:
        """Run a pass and return what it returned."""
        self.training.switch(layer, mode)
        name = self.name(mode)
        keywords = {**dict(self.extra), **self.training.keywords(mode)}
        if self.by_name:
            keywords.update(zip(self.inputs, inputs, strict=True))
            inputs = ()
        if self.packed:
            return call_layer(f"{name}()", getattr(layer, name), list(inputs), **keywords)
        return call_layer(f"{name}()", getattr(layer, name), *inputs, **keywords)

    def name(self, mode: str) -> str:
        """Return the name of the method that serves a mode."""
        own = self.training.predict if mode == "predict" else None
        return own or self.method


@dataclass(frozen=True)
class BackwardCall:
    """How the backward pass is called.

    Parameters
    ----------
    roles : tuple of (role, keyword or None)
        What each argument is, in order; those with a keyword are passed by it.
    packed : bool
        Several upstream gradients are one argument, a tuple.
    packed_inputs : bool
        Several inputs are one argument, a list.
    step : float
        The learning rate.
    then : str or None
        A method that completes backward, called with the same arguments.
    """

    method: str
    roles: tuple[tuple[Role, str | None], ...]
    packed: bool = False
    packed_inputs: bool = False
    step: float = STEP
    then: str | None = None

    @property
    def takes_rate(self) -> bool:
        """Whether an argument is the learning rate."""
        return any(role == "rate" for role, _ in self.roles)

    @property
    def takes_memory(self) -> bool:
        """Whether forward hands backward its memory."""
        return any(role == "memory" for role, _ in self.roles)

    def upstreams(self) -> int:
        """Return the number of arguments that are upstream gradients."""
        return sum(role == "upstream" for role, _ in self.roles)

    def __call__(self, layer: Any, done: Pass, upstream: Arrays) -> Any:
        """Run backward and return what it returned."""
        supplies: dict[Role, Iterator[Any]] = {
            "upstream": iter((tuple(upstream),) if self.packed else upstream),
            "input": iter((list(done.inputs),) if self.packed_inputs else done.inputs),
            "output": iter(done.outputs),
            "memory": iter((done.memory,)),
            "rate": iter((self.step,)),
        }
        values = [(next(supplies[role]), keyword) for role, keyword in self.roles]
        positional = [value for value, keyword in values if keyword is None]
        keywords = {keyword: value for value, keyword in values if keyword is not None}
        method = getattr(layer, self.method)
        result = call_layer(f"{self.method}()", method, *positional, **keywords)
        if self.then is not None and hasattr(layer, self.then):
            call_layer(f"{self.then}()", getattr(layer, self.then), *positional, **keywords)
        return result


def read_forward(layer: Any, method: str, request: Request) -> ForwardCall:
    """Read how the forward pass is called."""
    training = read_training(layer, method, request.declarations.train)
    signature = signature_of(getattr(layer, method))
    _require_known(request, method, getattr(layer, method), signature)
    flag = training.argument.where if training.argument else None
    given = {flag, *request.call}
    required = [name for name in signature.required if name not in given]
    wanted = len(request.layouts)
    named = [name for name, _ in request.layouts if name is not None]
    for name in signature.optional:
        is_named = name in named
        if name in given or not (is_named or len(required) < wanted) or _is_setting(name):
            continue
        required.append(name)
    if signature.variable and len(required) < wanted:
        required += [f"x{i + 1}" for i in range(len(required), wanted)]
    if not required and not signature.positional:
        required = [n for n in signature.keywords if n not in given and not _is_setting(n)]
    if not required and not signature.positional:
        raise TargetError(
            f"{method}() of {request.name} takes no input, so it is no layer. Write "
            f"{method}(self, x)."
        )
    inputs = tuple(required) or signature.positional[:1]
    if len(inputs) == 1 < wanted and takes_list(getattr(layer, method), inputs[0]):
        members = tuple(f"{inputs[0]}{i + 1}" for i in range(wanted))
        return ForwardCall(method, members, training, tuple(request.call.items()), packed=True)
    leading = signature.positional[: len(inputs)]
    by_name = not signature.variable and leading != inputs
    return ForwardCall(method, inputs, training, tuple(request.call.items()), by_name)


def _is_setting(name: str) -> bool:
    """Whether an optional argument of forward is a switch and not an input."""
    text = normal(name)
    return is_flag_name(name) or any(
        word in text for word in ("retain", "return", "verbose", "debug", "inplace", "axis")
    )


def _require_known(request: Request, method: str, function: Any, signature: Signature) -> None:
    known = [*signature.positional, *signature.keywords]
    if not known or signature.takes_any_keyword:
        return
    for name in request.call:
        if name not in known:
            raise DeclarationError(
                f"{method}() of {request.name} has no argument {name!r}.{nearest(name, known)} "
                f"It takes {', '.join(known)}."
            )


def read_backward(
    layer: Any, method: str, inputs: tuple[str, ...], request: Request, known: tuple[Role, ...]
) -> BackwardCall:
    """Read how the backward pass is called.

    Parameters
    ----------
    known : tuple of str
        The roles of its required arguments in a declared convention.
    """
    signature = signature_of(getattr(layer, method))
    roles = read_roles(signature, inputs)
    required = signature.required
    if request.declarations.convention is not None and len(known) == len(required):
        roles = (*((role, None) for role in known), *roles[len(known) :])
    if not any(role == "upstream" for role, _ in roles):
        raise QuestionError(_no_upstream(method, request, required))
    return BackwardCall(method, roles)


def read_roles(
    signature: Signature, inputs: tuple[str, ...]
) -> tuple[tuple[Role, str | None], ...]:
    """Return what each argument of backward is, by its name, and its keyword where it has one.

    A lone argument is the upstream gradient, whatever it is called.
    """
    required = signature.required or signature.positional[:1]
    roles: list[tuple[Role, str | None]] = [("upstream", None)]
    if len(required) > 1:
        roles = [(_role(name, inputs), None) for name in required]
    for name in (*signature.optional, *signature.keywords):
        if name not in required and normal(name) in RATE:
            roles.append(("rate", name))
    return tuple(roles)


def _role(name: str, inputs: tuple[str, ...]) -> Role:
    text = normal(name)
    if text in ALWAYS_RATE or text in RATE:
        return "rate"
    if text in MEMORY:
        return "memory"
    if name in inputs or text in INPUT:
        return "input"
    return "output" if text in OUTPUT else "upstream"


def _no_upstream(method: str, request: Request, names: tuple[str, ...]) -> str:
    return (
        f"{method}() of {request.name} takes ({', '.join(names)}), and none of them is known as "
        "the upstream gradient. Name it dout or grad_output, or declare how it is called: "
        "--declare convention=torch7 for (input, upstream gradient), "
        "--declare convention=updating for (upstream gradient, learning rate)."
    )
