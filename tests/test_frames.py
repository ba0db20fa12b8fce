from __future__ import annotations

import importlib.util
import json
import textwrap
from pathlib import Path

import pytest

from layercheck.frames import display_path, locate, source_line


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Write files, then run the first one and return what it raises."""

    def run_files(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        path = tmp_path / f"{next(iter(files))}.py"
        monkeypatch.syspath_prepend(tmp_path)
        spec = importlib.util.spec_from_file_location("frames_under_test", path)
        module = importlib.util.module_from_spec(spec)
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - any kind is located
            spec.loader.exec_module(module)
        return caught.value

    return run_files


def test_locate_finds_the_line_of_the_user(run, tmp_path):
    error = run(layer="x = 1\ny = 1 / 0\n")

    assert locate(error) == (str(tmp_path / "layer.py"), 2)


@pytest.mark.parametrize(
    "call",
    [
        "np.reshape(np.ones(3), (2, 2))",
        "np.linalg.inv(np.zeros((2, 2)))",
        "json.loads('{')",
        "Layout.parse('X')",
        "next(map(np.linalg.inv, [np.ones(1)]))",
    ],
)
def test_locate_skips_numpy_the_standard_library_and_layercheck(run, tmp_path, call):
    error = run(
        layer=f"import json\nimport numpy as np\nfrom layercheck.layout import Layout\n{call}\n"
    )

    assert locate(error) == (str(tmp_path / "layer.py"), 4)


def test_locate_prefers_the_users_code_to_installed_packages(run, tmp_path):
    site = tmp_path / "site-packages"
    site.mkdir()
    (site / "installed.py").write_text("def divide():\n    return 1 / 0\n")
    error = run(
        layer=f"import sys\nsys.path.insert(0, {str(site)!r})\nimport installed\ninstalled.divide()"
    )

    assert locate(error) == (str(tmp_path / "layer.py"), 4)


def test_locate_takes_an_installed_package_where_no_other_file_is_on_the_way(tmp_path):
    path = tmp_path / "site-packages" / "installed.py"
    error = None
    try:
        exec(compile("1 / 0", str(path), "exec"), {})
    except ZeroDivisionError as caught:
        error = caught.with_traceback(caught.__traceback__.tb_next)

    assert locate(error) == (str(path), 1)


def test_locate_finds_a_syntax_error_in_the_file_that_has_it(run, tmp_path):
    error = run(layer="import broken_sibling\n", broken_sibling="x = 1\n\ny = (\n")

    assert locate(error) == (str(tmp_path / "broken_sibling.py"), 3)


def test_locate_returns_nothing_without_a_frame_of_the_user():
    assert locate(ValueError("never raised")) == (None, None)
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{1")
    inner = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert locate(inner) == (None, None)


def test_locate_ignores_generated_code(run, tmp_path):
    error = run(layer="exec('1 / 0')\n")

    assert locate(error) == (str(tmp_path / "layer.py"), 1)


def test_display_path_is_relative_inside_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert display_path(tmp_path / "a" / "layer.py") == str(Path("a", "layer.py"))
    assert display_path("layer.py") == "layer.py"
    assert display_path(tmp_path.parent / "layer.py") == str(tmp_path.parent / "layer.py")


def test_source_line_follows_edits_and_tolerates_absence(tmp_path):
    path = tmp_path / "layer.py"
    path.write_text("def f():\n    return 1\n")
    before = source_line(str(path), 2)
    path.write_text("def f():\n    return 1234\n")

    assert (before, source_line(str(path), 2)) == ("return 1", "return 1234")
    assert source_line(str(path), 99) == ""
    assert source_line("nowhere.py", 1) == ""
