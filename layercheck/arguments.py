"""From the texts of the command line to a plan: every option is checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from layercheck.arrays import read_data
from layercheck.case import Options
from layercheck.commands import as_argument, command_line
from layercheck.conventions.declarations import parse_declarations
from layercheck.errors import LayoutError, UsageError, nearest
from layercheck.expressions import evaluate_init, split_assignments
from layercheck.frameworks.backend import choose_backend
from layercheck.isolation.protocol import Arguments, Texts
from layercheck.layout import Layout, parse_layout_option
from layercheck.loading import LoadedTarget, Loading, load_all
from layercheck.plan import Plan, TargetPlan, require_known
from layercheck.settings import require_dtypes, require_integers, require_options, require_range
from layercheck.suite import Suite
from layercheck.targets import require_target

DEVICES = ("cpu",)
Pair = TypeVar("Pair")


def make_plan(
    arguments: Arguments,
    suites: tuple[Suite, ...],
    command: str,
    load: Callable[[Texts], Loading] = load_all,
) -> Plan:
    """Check every option, then load the targets.

    Parameters
    ----------
    load : callable, target texts -> Loading

    Raises
    ------
    UsageError
        An option cannot be carried out, or no target can be loaded.
    """
    require_target(arguments.target)
    seed = _whole_number(arguments.seed, "--seed")
    _require_devices(arguments.device)
    common = _common(arguments, seed)
    dtypes = require_dtypes(split_lists(arguments.dtype))
    only, skip = split_lists(arguments.only), split_lists(arguments.skip)
    expected = _expected(arguments.expect_fail)
    for given, option in ((only, "--only"), (skip, "--skip"), (expected, "--expect-fail")):
        require_known(given, suites, option)
    options = _options(arguments)
    choose_backend(common["declared"].get("backend"))
    loading = load(arguments.target)
    if not loading.targets:
        raise UsageError("\n".join(map(str, loading.errors)))
    return Plan(
        targets=tuple(_target(loaded, common, arguments, dtypes) for loaded in loading.targets),
        suites=suites,
        dtypes=dtypes,
        only=only,
        skip=skip,
        expected=expected,
        options=options,
        seed=seed,
        command=command,
        stop_on_first=arguments.stop_on_first,
        unloadable=loading.errors,
    )


def split_lists(texts: Iterable[str]) -> Texts:
    """Return the items of texts that are lists with commas, each once."""
    items = [item.strip() for text in texts for item in text.split(",")]
    return tuple(dict.fromkeys(item for item in items if item))


def _common(arguments: Arguments, seed: int) -> dict[str, Any]:
    """Return what is the same for all targets."""
    init = split_assignments(arguments.init)
    call = split_assignments(arguments.call, "--call")
    declared = _declared(arguments.declare)
    parse_declarations(declared)
    return {
        "layouts": _layouts(arguments.layout),
        "init": evaluate_init(init, seed),
        "call": evaluate_init(call, seed, "--call"),
        "learnables": _learnables(arguments.learnable),
        "declared": declared,
    }


def _target(
    loaded: LoadedTarget, common: Mapping[str, Any], arguments: Arguments, dtypes: Texts
) -> TargetPlan:
    return TargetPlan(
        loaded=loaded, rerun=partial(_rerun, loaded.target, arguments, dtypes), **common
    )


def _rerun(target: str, arguments: Arguments, dtypes: Texts, id: str, dtype: str | None) -> str:
    """Return the command that runs one check again, with every default that matters."""
    words = _described(target, arguments)
    words += ["--dtype", dtype or dtypes[0]]
    words += ["--gpu"] * arguments.gpu
    words += ["--thorough"] * arguments.thorough
    words += _changed(arguments, ("budget", "timeout", "memory"))
    return command_line([*words, "--seed", arguments.seed, "--only", id])


def whole_command(arguments: Arguments) -> str:
    """Return the command that checks one target with options as they are."""
    words = _described(arguments.target[0], arguments)
    for name, option in (("only", "only"), ("skip", "skip"), ("expect_fail", "expect-fail")):
        for text in getattr(arguments, name):
            words += [f"--{option}", text]
    words += ["--gpu"] * arguments.gpu
    words += ["--thorough"] * arguments.thorough
    words += ["--dtype", ",".join(arguments.dtype)] * (arguments.dtype != Arguments.dtype)
    return command_line([*words, *_changed(arguments, ("budget", "timeout", "memory", "seed"))])


def _described(target: str, arguments: Arguments) -> list[str]:
    """Return the target and the options that say what its layer and its inputs are."""
    words = [as_argument(target)]
    for name in ("layout", "init", "call", "learnable", "declare", "range", "integers", "data"):
        for text in getattr(arguments, name):
            words += [f"--{name}", text]
    return words


def _changed(arguments: Arguments, names: Texts) -> list[str]:
    """Return the options that differ from their defaults."""
    given = ((name, getattr(arguments, name)) for name in names)
    return [
        word
        for name, text in given
        if text != getattr(Arguments, name)
        for word in (f"--{name}", text)
    ]


def _layouts(texts: Texts) -> tuple[tuple[str | None, Layout], ...]:
    layouts = tuple(parse_layout_option(text) for text in texts)
    names = [name for name, _ in layouts if name is not None]
    for name in names:
        if names.count(name) > 1:
            raise LayoutError(f"--layout gives the input {name!r} twice. Keep one of them.")
    return layouts


def _learnables(texts: Texts) -> dict[str, tuple[int, ...]]:
    sizes = split_assignments(texts, "--learnable")
    return {name: _sizes(name, text) for name, text in sizes.items()}


def _sizes(name: str, text: str) -> tuple[int, ...]:
    fields = [field.strip() for field in text.split(",")] if text.strip() else []
    if not all(field.isascii() and field.isdigit() and int(field) > 0 for field in fields):
        raise UsageError(
            f"--learnable {name} has the sizes {text!r}. Write whole numbers above 0, as in "
            f"--learnable {name}=400,10, or --learnable {name}= for a scalar."
        )
    return tuple(map(int, fields))


def _declared(texts: Texts) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not (equals and key):
            raise UsageError(
                f"--declare {text!r} is not KEY=VALUE. Write it as in --declare mixes=B."
            )
        if key in ("learnable", "state") and key in found:
            found[key] += f",{value}"
        elif found.setdefault(key, value) != value:
            raise UsageError(
                f"--declare gives {key!r} twice: {found[key]!r} and {value!r}. Keep one of them."
            )
    return found


def _expected(texts: Texts) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        id, _, reason = text.partition("=")
        if not reason.strip():
            raise UsageError(
                f"--expect-fail {text!r} gives no reason. Write ID=REASON, as in "
                "--expect-fail 'gradients.learnable:alpha=averaged over B on purpose'."
            )
        found[id.strip()] = reason.strip()
    return found


def _options(arguments: Arguments) -> Options:
    ranges = _values(arguments.range, "--range", float, require_range)
    integers = _values(arguments.integers, "--integers", int, require_integers)
    data = read_data(arguments.data)
    given = {"--range": set(ranges), "--integers": set(integers), "--data": set(data)}
    for name in sorted(set().union(*given.values())):
        options = [option for option, names in given.items() if name in names]
        if len(options) > 1:
            raise UsageError(
                f"{' and '.join(options)} both give the values of "
                f"{f'the input {name!r}' if name else 'every input'}. Keep one of them."
            )
    budget = _whole_number(arguments.budget, "--budget")
    return require_options(
        Options(
            ranges,
            integers,
            data,
            budget=budget,
            thorough=arguments.thorough,
            gpu=arguments.gpu,
        )
    )


def _values(
    texts: Texts,
    option: str,
    number: type[int] | type[float],
    require: Callable[[Any], Pair],
) -> dict[str, Pair]:
    """Read ``LOW:HIGH`` or ``NAME=LOW:HIGH``; the name "" stands for every input."""
    found: dict[str, Pair] = {}
    for text in split_lists(texts):
        name, _, interval = text.rpartition("=")
        if name in found:
            what = f"the input {name!r}" if name else "every input"
            raise UsageError(f"{option} gives {what} twice. Keep one of them.")
        try:
            ends = [number(end) for end in interval.split(":")]
        except ValueError:
            ends = []
        if len(ends) != 2:
            kind = "whole numbers" if number is int else "numbers"
            raise UsageError(
                f"{option} {text!r} is not LOW:HIGH with two {kind}. "
                f"Write it as in {option} 0:10 or {option} x=0:10."
            )
        found[name] = require(ends)
    return found


def _whole_number(text: str, option: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise UsageError(f"{option} {text!r} is not a whole number from 0 on.")
    return number


def _require_devices(texts: Texts) -> None:
    for device in split_lists(texts):
        if device not in DEVICES:
            raise UsageError(
                f"There is no device {device!r} to run on.{nearest(device, DEVICES)} "
                f"NumPy layers run on {', '.join(DEVICES)}."
            )
