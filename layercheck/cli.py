"""The command ``layercheck``: options, the run, the exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from layercheck.errors import UsageError, nearest

if TYPE_CHECKING:
    from layercheck.events import Event
    from layercheck.outcome import RunResult
    from layercheck.suite import Suite

OK, FAILED, UNUSABLE, BUG, INTERRUPTED = 0, 1, 2, 70, 130
_WIDTH = 92
_BUG_OF_OURS = "This is a bug of layercheck, not of your layer. Report it with the lines above."


class _Program(click.Command):
    """A click command whose problems are told in our words, with our exit statuses."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Run the command on `args` (default: those of the process) and exit."""
        words = list(sys.argv[1:] if args is None else args)
        sys.exit(self._status(words))

    def _status(self, words: list[str]) -> int:
        try:
            with self.make_context("layercheck", list(words), obj=words) as context:
                status: int = self.invoke(context)
                return status
        except click.exceptions.Exit as done:
            return done.exit_code
        except click.ClickException as error:
            return _refuse(f"{_told(error)} layercheck --help lists the options.")
        except UsageError as error:
            return _refuse(str(error))
        except KeyboardInterrupt:
            _say("Interrupted before anything was done.")
            return INTERRUPTED
        except Exception:
            return _own_bug()


@click.command(
    cls=_Program,
    context_settings={"max_content_width": _WIDTH},
    options_metavar="[OPTIONS]",
    help="""Check whether a hand-written neural-network layer is right, and if not, say what is
    wrong, where, how far and why.

    TARGET is path/to/layer.py (its only layer), path/to/layer.py::NAME, package.module:NAME, or
    a folder or glob (every layer in it). NAME is a class, an object, a factory, or the stem of
    a pair NAME_forward and NAME_backward. Without TARGET the layers that pyproject.toml lists
    are checked ([[tool.layercheck.layers]]).

    \b
    layercheck examples/prelu.py --layout SSCB:24,24,20,128
    layercheck layers.py::Dense --layout BC:8,5 --init units=7 --only gradients
    """,
    epilog="""Exit status: 0 something passed and nothing failed; 1 something failed or is
    incomplete; 2 the command could not be run, or nothing ran; 130 after Ctrl-C.""",
)
@click.argument("target", nargs=-1, metavar="TARGET...")
@click.option(
    "--layout",
    multiple=True,
    metavar="FORMAT:SIZES",
    help="Labels and sizes of an input: S spatial, C channel, B batch, T time, U unspecified; "
    "? is an unknown size. Once for each input, in order, or NAME=FORMAT:SIZES.",
)
@click.option(
    "--init",
    multiple=True,
    metavar="NAME=EXPR",
    help="A constructor argument: a Python expression with np and a seeded rng in scope.",
)
@click.option(
    "--call", multiple=True, metavar="NAME=EXPR", help="An extra argument of every forward call."
)
@click.option(
    "--learnable",
    multiple=True,
    metavar="NAME=SIZES",
    help="A parameter to generate for a pair of functions: w=400,10; beta= is a scalar.",
)
@click.option(
    "--declare",
    multiple=True,
    metavar="KEY=VALUE",
    help="What cannot be known from the code, as mixes=B or gradient.W=dW.",
)
@click.option(
    "--dtype", multiple=True, metavar="DTYPES", help="Real floating dtypes [float64,float32]."
)
@click.option("--device", multiple=True, metavar="DEVICES", help="Where to run [cpu].")
@click.option("--gpu", is_flag=True, help="Findings of the GPU checks are failures.")
@click.option(
    "--range",
    multiple=True,
    metavar="LOW:HIGH",
    help="The values of the inputs; NAME=LOW:HIGH for one input [-2:2, and a draw of -10:10].",
)
@click.option(
    "--integers",
    multiple=True,
    metavar="LOW:HIGH",
    help="Integer inputs from LOW up to, not including, HIGH; NAME=LOW:HIGH for one input.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="FILE.npz",
    help="Arrays to use as inputs, called as the inputs are; NAME=FILE.npz for one input.",
)
@click.option("--only", multiple=True, metavar="IDS", help="Suites, checks or globs to run.")
@click.option("--skip", multiple=True, metavar="IDS", help="Suites, checks or globs to leave out.")
@click.option(
    "--expect-fail",
    multiple=True,
    metavar="ID=REASON",
    help="A known failure; it fails when the check passes.",
)
@click.option(
    "--budget",
    metavar="N",
    help="Forwards that may be spent on one tensor to verify elements one by one [64].",
)
@click.option(
    "--thorough",
    is_flag=True,
    help="Verify gradients among zeros, ties and extremes at the full layout, too.",
)
@click.option("--seed", metavar="N", help="Seed of everything random [0].")
@click.option(
    "--timeout", metavar="SECONDS", help="Seconds that one call of the layer may take [60]."
)
@click.option("--time-limit", metavar="SECONDS", help="Seconds that the run may take.")
@click.option(
    "--memory",
    metavar="SIZE",
    help="Memory that the process of a layer may hold, as in 4G [nine tenths of what is free].",
)
@click.option(
    "--jobs",
    metavar="N",
    help="Layers that are checked at the same time, auto for one on each core, or "
    "dask:tcp://HOST:PORT for a Dask cluster [1].",
)
@click.option(
    "--in-process",
    is_flag=True,
    help="Check in this process, for a debugger: then a crash or hang of the layer ends the run.",
)
@click.option("--pdb", is_flag=True, help="Open the debugger where a check fails; in this process.")
@click.option(
    "--report",
    multiple=True,
    metavar="FORMAT[:PATH]",
    help="terminal, json, junit, github, markdown, html or baseline, to stdout or a file; may "
    "repeat [terminal].",
)
@click.option(
    "--baseline",
    metavar="FILE",
    help="Accept the failures that --report baseline:FILE wrote; new ones fail, mended ones too.",
)
@click.option("-v", "--verbose", is_flag=True, help="List each check and what was recognised.")
@click.option("-q", "--quiet", is_flag=True, help="Print the summary line only.")
@click.option("-x", "--exitfirst", is_flag=True, help="Stop a layer at its first failure.")
@click.option("--list-checks", is_flag=True, help="List suites and checks, and exit.")
@click.option("--list-layers", is_flag=True, help="List the configured layers, and exit.")
@click.option("--explain", metavar="ID", help="Print the page of a check, and exit.")
@click.option("--version", is_flag=True, help="Print the version, and exit.")
@click.pass_obj
def main(words: list[str], /, **given: Any) -> int:
    """Choose what to do; return the exit status."""
    if given.pop("version"):
        return _print_version()
    listing, page = given.pop("list_checks"), given.pop("explain")
    if listing or page is not None:
        return _print_pages(page)
    if given.pop("list_layers"):
        return _print_layers()
    verbosity = _verbosity(given.pop("verbose"), given.pop("quiet"))
    return _check(words, given, verbosity)


def _print_version() -> int:
    from layercheck.version import __version__

    click.echo(f"layercheck {__version__}")
    return OK


def _print_pages(id: str | None) -> int:
    import layercheck.explain as pages
    from layercheck.reports.output import style_of, write_stream

    suites, width = _suites(), style_of(sys.stdout).width
    page = pages.list_checks(suites, width) if id is None else pages.explain(id, suites, width)
    write_stream(sys.stdout, page)
    return OK


def _print_layers() -> int:
    from layercheck.reports.escaping import shown_lines
    from layercheck.reports.output import style_of, write_stream
    from layercheck.runs import listed_layers

    write_stream(sys.stdout, shown_lines(listed_layers(), style_of(sys.stdout).encoding))
    return OK


def _verbosity(verbose: bool, quiet: bool) -> int:
    if verbose and quiet:
        raise UsageError("-v and -q contradict each other. Keep one of them.")
    return int(verbose) - int(quiet)


def _suites() -> tuple[Suite, ...]:
    from layercheck.plugins import load_suites

    suites, problems = load_suites()
    for problem in problems:
        _say(problem)
    return suites


def _check(words: list[str], given: dict[str, Any], verbosity: int) -> int:
    from layercheck.commands import command_line
    from layercheck.runs import asked_events

    reports = given.pop("report")
    with asked_events(given, command_line(words), _say) as events:
        return _report(events, reports, verbosity)


def _report(events: Iterable[Event], reports: Sequence[str], verbosity: int) -> int:
    from layercheck.reports.output import make_outputs, write_file
    from layercheck.reports.session import Session

    outputs = make_outputs(reports)
    (on_stdout,) = (output.reporter for output in outputs if output.path is None)
    session = Session(on_stdout, sys.stdout, sys.stderr, verbosity)
    result = session.follow(events)
    if session.anything_ran:
        for output in outputs:
            write_file(output, result, verbosity)
    session.finish(result)
    if session.found_bug:
        _say(_BUG_OF_OURS)
        return BUG
    return _exit_status(result, session.anything_ran)


def _exit_status(result: RunResult, anything_ran: bool) -> int:
    if result.interrupted:
        return INTERRUPTED
    if not anything_ran:
        return UNUSABLE
    return OK if result.ok else FAILED


def _told(error: click.ClickException) -> str:
    """Return what click found, in our words where it has others."""
    if not isinstance(error, click.NoSuchOption):
        return error.format_message()
    known = [name for option in main.params for name in option.opts if name.startswith("--")]
    return f"There is no option {error.option_name!r}.{nearest(error.option_name, known)}"


def _refuse(message: str) -> int:
    _say(message)
    return UNUSABLE


def _own_bug() -> int:
    import traceback

    traceback.print_exc()
    _say(_BUG_OF_OURS)
    return BUG


def _say(message: str) -> None:
    """Write to stderr what is no part of a report."""
    from layercheck.reports.escaping import shown_lines

    click.echo(shown_lines(message, sys.stderr.encoding or "ascii"), err=True)
