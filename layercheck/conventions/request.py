"""What the user asked for: the layer, its layouts and what was declared about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from layercheck.case import Options
from layercheck.conventions.declarations import Declarations, parse_declarations
from layercheck.errors import DeclarationError, LayoutError
from layercheck.layout import Layout
from layercheck.outcome import Source


@dataclass(frozen=True)
class Request:
    """A layer to be turned into a subject.

    Parameters
    ----------
    layer : object
        An instance, a function, or a pair of functions; never a class.
    name : str
    source : Source
    layouts : tuple of (name or None, Layout)
        As given, in order; None where the input was not named.
    declared : mapping
        Declarations, design section 11: ``--declare``, then ``__layercheck__``.
    call : mapping
        Extra arguments of every forward call.
    learnables : mapping, name -> shape
        For functional pairs: the parameters to generate.
    seed : int
    ranges, integers, data : mapping, input name -> (low, high), (low, high), array
        The values of inputs, where the user gave some; the name "" stands for every input.
    names_cupy : bool
        The text of the layer's module names cupy: the layer claims the GPU.
    options : Options
        The values that the user gives the inputs.
    fresh : callable, seed -> layer, optional
        Builds the layer again, with other random numbers; None where it was handed in built.
    """

    layer: Any
    name: str
    source: Source = field(default_factory=Source)
    layouts: tuple[tuple[str | None, Layout], ...] = ()
    declared: Mapping[str, Any] = field(default_factory=dict)
    call: Mapping[str, Any] = field(default_factory=dict)
    learnables: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    seed: int = 0
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    integers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    names_cupy: bool = False
    options: Options = field(default_factory=Options)
    fresh: Callable[[int], Any] | None = None

    @cached_property
    def declarations(self) -> Declarations:
        """What is declared, checked: ``__layercheck__`` of the class, then the user's own."""
        own = getattr(self.layer, "__layercheck__", None)
        own = own if isinstance(own, Mapping) else {}  # a __getattr__ may answer anything
        return parse_declarations({**own, **self.declared})

    def output_layouts(self, count: int) -> tuple[Layout | None, ...]:
        """Return the declared formats of the outputs as layouts of unknown sizes."""
        formats = self.declarations.outputs
        if not formats:
            return ()
        if len(formats) != count:
            raise DeclarationError(
                f"output={','.join(formats)} declares {len(formats)} outputs, and {self.name} "
                f"has {count}."
            )
        return tuple(Layout(format, (None,) * len(format)) for format in formats)

    def ordered_layouts(self, names: tuple[str, ...]) -> tuple[Layout, ...]:
        """Return one layout for each input in `names`; raises `LayoutError` where they differ."""
        left = dict(enumerate(self.layouts))
        found: dict[str, Layout] = {}
        for number, (name, layout) in enumerate(self.layouts):
            if name is not None and name not in names:
                raise LayoutError(
                    f"There is no input {name!r}; the inputs of {self.name} are {', '.join(names)}."
                )
            if name is not None:
                found[name] = layout
                del left[number]
        for name in names:
            if name not in found and left:
                found[name] = left.pop(min(left))[1]
        if left or len(found) < len(names):
            raise LayoutError(self._count_message(names))
        return tuple(found[name] for name in names)

    def _count_message(self, names: tuple[str, ...]) -> str:
        inputs = f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})"
        example = " ".join(
            f"--layout {self.layouts[i][1] if i < len(self.layouts) else 'FORMAT:SIZES'}"
            for i in range(len(names))
        )
        few = len(self.layouts) < len(names)
        constant = f", or --call {names[-1]}=VALUE for what is no array" if few else ""
        return (
            f"{self.name} has {inputs}, and {len(self.layouts)} "
            f"layout{'s were' if len(self.layouts) != 1 else ' was'} given. "
            f"Pass {example}{constant}."
        )
