"""Which parameters of a framework's layer are its inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from layercheck.conventions.request import Request
from layercheck.conventions.signatures import signature_of


def input_names(
    request: Request, function: Callable[..., Any], known: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the names of the inputs: one for each layout, where the function takes as many.

    These are the parameters without a default, then those that a layout names, then others in
    order while there are layouts left. Keyword-only ones come last. Parameters that ``--call``
    gives are none.

    Parameters
    ----------
    request : Request
    function : callable
        The pass, bound.
    known : iterable of str
        Parameters that are never inputs, such as ``training``.
    """
    signature = signature_of(function)
    taken = {*known, *request.call}
    required = [name for name in signature.required if name not in taken]
    optional = [name for name in signature.optional if name not in taken]
    wanted = {name for name, _ in request.layouts}
    asked = {*signature.required_keywords, *wanted} - taken
    keywords = [name for name in signature.keywords if name in asked]
    chosen = {*required, *(name for name in optional if name in wanted)}
    for name in optional:
        if len(chosen) + len(keywords) < len(request.layouts):
            chosen.add(name)
    names = [name for name in (*required, *optional) if name in chosen] + keywords
    missing = len(request.layouts) - len(names)
    if signature.variable and missing > 0:
        names += ["x"] if not names and missing == 1 else [f"x{i + 1}" for i in range(missing)]
    return tuple(names)
