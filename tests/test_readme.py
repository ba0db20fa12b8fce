"""What the README shows is what the program does."""

from __future__ import annotations

import html
import re
import subprocess
import sys

import pytest
import readme
from frameworks.needs import missing

TEXT = readme.README.read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.S)


def test_the_made_parts_are_up_to_date():
    assert readme.filled(TEXT) == TEXT, "run python tests/readme.py"


def test_the_picture_is_up_to_date():
    def words(svg):
        shown = html.unescape("".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)))
        return re.sub(r"[\W\d]|passes", "", shown)

    stored = readme.PICTURE.read_text(encoding="utf-8")

    assert words(readme.picture()) == words(stored), "run python tests/readme.py"


def test_the_first_two_commands_are_one_line_each():
    first, second = blocks("console")[:2]

    assert first.count("\n") == second.count("\n") == 1
    assert "layercheck examples/prelu.py --layout SSCB:24,24,20,128" in first
    assert "pytest" in second


def test_the_python_of_the_readme_runs_and_its_layer_passes(tmp_path):
    code = "\n".join(block for block in blocks("python") if "import torch" not in block)
    (tmp_path / "tour.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "tour.py")], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert ", 0 Failed, 0 Incomplete, " in done.stdout


@pytest.mark.skipif(bool(missing("torch")), reason=missing("torch") or "")
def test_the_torch_layer_of_the_readme_passes(tmp_path):
    (layer,) = [block for block in blocks("python") if "torch.autograd.Function" in block]
    (tmp_path / "swish.py").write_text(layer, encoding="utf-8")
    command = [sys.executable, "-m", "layercheck", "swish.py", "--layout", "BC:4,5"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    assert done.returncode == 0, done.stdout
    assert ", 0 Failed, 0 Incomplete, " in done.stdout


@pytest.mark.parametrize("command", re.findall(r"`layercheck (--[^`]+)`", TEXT))
def test_a_command_of_the_text_works(command):
    done = subprocess.run(
        [sys.executable, "-m", "layercheck", *command.split()], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout
