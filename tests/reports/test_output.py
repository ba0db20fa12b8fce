from __future__ import annotations

import io
import os
import stat

import pytest

from layercheck.errors import UsageError
from layercheck.reports import output as output_module
from layercheck.reports.output import Output, make_outputs, style_of, write_file
from layercheck.reports.reporter import Reporter


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return tmp_path


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def names(*texts):
    return [(each.reporter.name, each.path and each.path.name) for each in make_outputs(texts)]


def test_the_terminal_report_is_on_unless_another_takes_stdout():
    assert names() == [("terminal", None)]
    assert names("json") == [("json", None)]
    assert names("json:a.json") == [("json", "a.json"), ("terminal", None)]
    assert names("json:a.json", "terminal:a.txt", "json") == [
        ("json", "a.json"),
        ("terminal", "a.txt"),
        ("json", None),
    ]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["jsn"], "There is no report 'jsn'. Did you mean 'json'?"),
        (["json", "terminal"], "Two reports go to stdout."),
        (["json:a", "terminal:./a"], "Two reports go to 'a'."),
        (["json:"], "--report 'json:' has no path."),
        (["json:no/a.json"], "cannot be written to 'no/a.json': there is no folder"),
        (["json:."], "cannot be written to '.': it is a folder."),
    ],
)
def test_reports_that_cannot_be_written_are_refused_before_the_run(texts, message):
    with pytest.raises(UsageError) as caught:
        make_outputs(texts)

    assert message in str(caught.value)


def test_a_file_is_written_whole(passing, folder):
    (output, _) = make_outputs(["json:a.json"])
    write_file(output, passing)

    assert (folder / "a.json").read_text() == output.reporter.render(passing)
    assert [path.name for path in folder.iterdir()] == ["a.json"]


def test_a_file_has_the_rights_of_the_users_files(passing, folder):
    (folder / "other").touch()
    write_file(make_outputs(["json:a.json"])[0], passing)
    modes = {stat.S_IMODE((folder / name).stat().st_mode) for name in ("a.json", "other")}

    assert len(modes) == 1


def test_a_file_in_the_terminal_format_has_no_colour(passing, folder, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    write_file(make_outputs(["terminal:a.txt"])[0], passing)
    text = (folder / "a.txt").read_text(encoding="utf-8")

    assert "\x1b" not in text
    assert text.endswith("Time elapsed: 0.61 seconds.\n")


def test_a_report_that_cannot_be_finished_leaves_the_old_file(passing, folder, monkeypatch):
    (folder / "a.json").write_text("old")
    (output, _) = make_outputs(["json:a.json"])

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output_module.Path, "replace", fail)
    with pytest.raises(UsageError, match=r"'a.json': No space left on device\."):
        write_file(output, passing)

    assert (folder / "a.json").read_text() == "old"
    assert [path.name for path in folder.iterdir()] == ["a.json"]


def test_a_link_stays_a_link(passing, folder):
    (folder / "real.json").write_text("old")
    (folder / "link.json").symlink_to("real.json")
    write_file(make_outputs(["json:link.json"])[0], passing)

    assert (folder / "link.json").is_symlink()
    assert (folder / "real.json").read_text().startswith("{")


def test_a_device_is_written_to_and_not_replaced(passing):
    sink = Output(Reporter("any", lambda result, style: "text\n"), output_module.Path(os.devnull))
    write_file(sink, passing)

    assert not output_module.Path(os.devnull).is_file()


def test_a_terminal_has_colour_and_a_pipe_has_not():
    assert style_of(Terminal()).colour
    assert not style_of(io.StringIO()).colour


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colour_can_be_turned_off(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    assert not style_of(Terminal()).colour


def test_colour_can_be_forced(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert style_of(io.StringIO()).colour

    monkeypatch.setenv("NO_COLOR", "1")
    assert not style_of(io.StringIO()).colour


@pytest.mark.parametrize(("columns", "width"), [("200", 92), ("80", 80), ("10", 40)])
def test_the_width_is_that_of_the_terminal_up_to_92(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)

    assert style_of(Terminal()).width == width


def test_the_encoding_is_that_of_the_stream():
    assert style_of(io.TextIOWrapper(io.BytesIO(), encoding="latin-1")).encoding == "iso8859-1"
    assert style_of(Terminal()).encoding == "utf-8"
    assert style_of(io.StringIO()).encoding == "ascii"
