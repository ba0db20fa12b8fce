"""The parts of the README that are made from the program itself.

    python tests/readme.py

writes them; tests/test_readme.py fails where they are out of date.
"""

from __future__ import annotations

import io
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "examples" / "output.svg"
PICTURED = ("examples/prelu_averaged.py", "SSCB:24,24,20,128")
SHOWN = "contract,gradients,batch,numerics"
WIDTH = 92


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def suites():
    from layercheck.plugins import load_suites

    found, problems = load_suites()
    assert not problems, problems
    rows = [[f"`{each.name}`", each.summary] for each in found if each.framework is None]
    return table(["suite", "asks"], rows)


def conventions():
    from layercheck.conventions import CONVENTIONS

    rows = [[f"`{each.CONVENTION}`", each.LOOKS_LIKE] for each in CONVENTIONS]
    return table(["convention", "looks like"], rows)


def framework_suites():
    from layercheck.plugins import load_suites

    rows = []
    for suite in load_suites()[0]:
        if suite.framework is not None:
            checks = ", ".join(f"`{check.name}`" for check in suite.checks)
            rows.append([f"`{suite.name}`", suite.summary, checks])
    return table(["suite", "asks", "checks"], rows)


def _examples(paths):
    rows = []
    for path in paths:
        folder = path.parent.relative_to(ROOT).as_posix()
        for example in tomllib.loads(path.read_text(encoding="utf-8"))["example"]:
            fails = ", ".join(f"`{id}`" for id in example["fails"])
            verdict = example["verdict"] + (f": {fails}" if fails else "")
            name = f"{folder}/{example['file']}".removeprefix("examples/")
            file = f"[{name}](examples/{name})"
            rows.append([file, f"`{' '.join(example['arguments'])}`", verdict, example["shows"]])
    return table(["file", "arguments", "verdict", "shows"], rows)


def examples():
    return _examples([ROOT / "examples" / "verdicts.toml"])


def framework_examples():
    return _examples(sorted((ROOT / "examples").glob("with_*/verdicts.toml")))


PARTS = {
    "suites": suites,
    "conventions": conventions,
    "examples": examples,
    "framework suites": framework_suites,
    "framework examples": framework_examples,
}


def filled(text):
    """The README with its made parts as they are now."""
    for name, make in PARTS.items():
        pattern = rf"<!-- {name} -->\n.*?<!-- end -->"
        made = f"<!-- {name} -->\n{make()}\n<!-- end -->"
        text, count = re.subn(pattern, lambda _, made=made: made, text, flags=re.S)
        assert count == 1, name
    return text


def picture():
    """The terminal's view of a layer that is wrong, as an SVG."""
    import subprocess

    from rich.console import Console
    from rich.text import Text

    file, layout = PICTURED
    words = [file, "--layout", layout, "--only", SHOWN]
    done = subprocess.run(
        [sys.executable, "-m", "layercheck", *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"},
    )
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ layercheck {' '.join(words)}\n", style="bold"))
    console.print(Text.from_ansi(done.stdout))
    return console.export_svg(title="layercheck", unique_id="layercheck")


def main():
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
