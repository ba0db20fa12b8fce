"""What the README says of pytest and CI, done."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import readme

TEXT = readme.README.read_text(encoding="utf-8")
ROOT = readme.ROOT


def section(title):
    return re.search(rf"^## {title}\n(.*?)^## ", TEXT, re.S | re.M)[1]


def block(language, text=TEXT):
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.fixture
def repository(tmp_path):
    """A folder with the README's layer, tests and configuration."""
    layer = next(each for each in block("python") if "class Scale" in each)
    (tmp_path / "scale.py").write_text(layer, encoding="utf-8")
    (example,) = block("python", section("In pytest"))
    (tmp_path / "test_scale.py").write_text(
        f"import layercheck\nfrom scale import Scale\n\n{example}", encoding="utf-8"
    )
    (configuration,) = block("toml", section("In CI"))
    (tmp_path / "pyproject.toml").write_text(configuration, encoding="utf-8")
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "dense.py", tmp_path / "examples")
    return tmp_path


def run(folder, *words, **variables):
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=600,
        env=os.environ | {"PYTHONPATH": str(folder)} | variables,
    )


def test_the_pytest_of_the_readme_passes(repository):
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    words = [sys.executable, "-m", "pytest", "-p", "layercheck_pytest", "-v", "--layercheck"]
    done = run(repository, *words, **alone)

    assert done.returncode == 0, done.stdout
    assert "test_scale[gradients.learnable:w-float64] PASSED" in done.stdout
    assert "pyproject.toml::Scale-2[gradients.learnable:w-float64] PASSED" in done.stdout
    assert "pyproject.toml::dense[gradients.input:x-float64] PASSED" in done.stdout


def test_the_command_of_the_readme_passes_and_writes_its_reports(repository):
    (command,) = block("console", section("In CI"))
    program, *words = shlex.split(command.strip().removeprefix("$ "))
    summary = repository / "summary.md"
    done = run(repository, sys.executable, "-m", program, *words, GITHUB_STEP_SUMMARY=str(summary))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "layer  Scale" in done.stdout
    assert summary.read_text().startswith("# layercheck: passed")
    assert len(ET.parse(repository / "layers.xml").findall("testsuite")) == 3
    assert (repository / "layers.html").read_text().startswith("<!doctype html>")


def test_the_action_runs_the_command(repository):
    """The steps of the composite action, as bash runs them."""
    script = re.search(r"run: \|\n(.*)", (ROOT / "action.yml").read_text(), re.S)[1]
    lines = "\n".join(line.strip() for line in script.splitlines())
    given = {"PYTHON": sys.executable, "ARGUMENTS": "--only 'contract,shapes' --jobs 2"}
    done = run(repository, shutil.which("bash") or "bash", "-euo", "pipefail", "-c", lines, **given)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "layer  Dense" in done.stdout
    assert "gradients" not in done.stdout


def test_the_hook_runs_a_command_that_exists():
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text()
    entry = re.search(r"entry: (\w+)", hook)[1]
    words = json.loads(re.sub(r"([\w-]+)", r'"\1"', re.search(r"args: (\[.*\])", hook)[1]))
    done = run(ROOT, sys.executable, "-m", entry, *words, "--list-checks")

    assert done.returncode == 0, done.stderr
