from __future__ import annotations

from types import SimpleNamespace

import pytest

from layercheck import plugins
from layercheck.plugins import PluginError, installed, load_frameworks, load_reporter, load_suites
from layercheck.suite import Suite


class FakeEntryPoint:
    """An entry point whose load returns an object, or raises an exception."""

    def __init__(self, name, result, distribution=("layercheck", "0.1.0"), value=None):
        self.name = name
        self.value = value or f"package.{name}:plugin"
        self.dist = distribution and SimpleNamespace(name=distribution[0], version=distribution[1])
        self.result = result
        self.loaded = 0

    def load(self):
        self.loaded += 1
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.fixture
def install(monkeypatch):
    def install(*entries, group="layercheck.suites"):
        found = {group: entries}
        monkeypatch.setattr(plugins, "entry_points", lambda group: found.get(group, ()))

    return install


def suite(name):
    return Suite(name, "One line.", ())


def test_installed_lists_without_loading(install):
    entry = FakeEntryPoint("numerics", suite("numerics"))
    install(entry)

    assert [(p.name, p.distribution) for p in installed("suite")] == [
        ("numerics", "layercheck 0.1.0")
    ]
    assert entry.loaded == 0


def test_suites_come_in_design_order_then_others_by_name(install):
    other = ("other", "1.0")
    install(
        FakeEntryPoint("zebra", suite("zebra"), other),
        FakeEntryPoint("numerics", suite("numerics")),
        FakeEntryPoint("aardvark", suite("aardvark"), other),
        FakeEntryPoint("gpu", suite("gpu")),
        FakeEntryPoint("contract", suite("contract")),
        FakeEntryPoint("batch", suite("batch")),
    )

    suites, problems = load_suites()

    names = [suite.name for suite in suites]
    assert names == ["contract", "batch", "numerics", "gpu", "aardvark", "zebra"]
    assert problems == ()


@pytest.mark.parametrize(
    "error", [ImportError("libcudart.so.12"), SystemExit("libcudart.so.12"), KeyError("x")]
)
def test_a_suite_that_cannot_be_loaded_stops_no_other(install, error):
    install(
        FakeEntryPoint("broken", error, ("strange-suite", "2.1")),
        FakeEntryPoint("gpu", suite("gpu")),
    )

    suites, problems = load_suites()

    assert [suite.name for suite in suites] == ["gpu"]
    assert len(problems) == 1
    assert problems[0].startswith(
        "The suite plugin 'broken' (strange-suite 2.1) could not be loaded: "
        f"{type(error).__name__}: {error}. "
    )
    assert problems[0].endswith(
        "The checks of broken are unavailable; the other suites are unaffected."
    )


def test_an_object_that_is_no_suite_is_named(install):
    install(FakeEntryPoint("odd", 3, ("odd-suite", "1.0"), "odd.suite:check"))

    suites, problems = load_suites()

    assert suites == ()
    assert problems[0].startswith(
        "The suite plugin 'odd' (odd-suite 1.0) is no Suite: odd.suite:check is of type int. "
    )


def test_a_second_suite_of_a_name_does_not_replace_the_built_in_one(install):
    ours, theirs = suite("gradients"), suite("gradients")
    install(
        FakeEntryPoint("aaa", theirs, ("other", "1.0")),
        FakeEntryPoint("gradients", ours),
    )

    suites, problems = load_suites()

    assert suites[0] is ours
    assert len(suites) == 1
    assert "'aaa' (other 1.0) calls its suite 'gradients'" in problems[0]


def test_a_distribution_found_twice_is_loaded_once(install):
    install(FakeEntryPoint("gpu", suite("gpu")), FakeEntryPoint("gpu", suite("gpu")))

    assert len(load_suites()[0]) == 1
    assert load_suites()[1] == ()


def test_an_entry_point_without_distribution_is_named_so(install):
    install(FakeEntryPoint("x", ImportError("no"), None))

    assert "'x' (an unknown distribution)" in load_suites()[1][0]


def test_reporter_of_a_name_alone_is_loaded(install):
    json, broken = FakeEntryPoint("json", "reporter"), FakeEntryPoint("html", ImportError("no"))
    install(json, broken, group="layercheck.reports")

    assert load_reporter("json") == "reporter"
    assert broken.loaded == 0


def test_an_unknown_report_suggests_the_nearest(install):
    install(FakeEntryPoint("terminal", 1), FakeEntryPoint("json", 2), group="layercheck.reports")

    with pytest.raises(PluginError) as raised:
        load_reporter("jsn")
    assert str(raised.value) == (
        "There is no report 'jsn'. Did you mean 'json'? Installed: json, terminal."
    )


def test_a_report_that_cannot_be_loaded_is_named(install):
    install(FakeEntryPoint("html", ImportError("jinja")), group="layercheck.reports")

    with pytest.raises(PluginError) as raised:
        load_reporter("html")
    assert str(raised.value) == (
        "The report plugin 'html' (layercheck 0.1.0) could not be loaded: ImportError: jinja. "
        "The report html is unavailable; the other reports are unaffected."
    )


def test_a_framework_that_cannot_be_loaded_leaves_the_others(install):
    install(
        FakeEntryPoint("torch", ImportError("libcudart.so.12")),
        FakeEntryPoint("jax", "framework"),
        group="layercheck.frameworks",
    )

    frameworks, problems = load_frameworks()

    assert frameworks == {"jax": "framework"}
    assert problems == (
        "The framework plugin 'torch' (layercheck 0.1.0) could not be loaded: "
        "ImportError: libcudart.so.12. Checks of torch layers are unavailable; "
        "NumPy layers are unaffected.",
    )
