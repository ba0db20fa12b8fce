from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pytest

from layercheck.errors import DeclarationError
from layercheck.frameworks import backend
from layercheck.frameworks.backend import choose_backend, quiet_frameworks


@pytest.fixture
def without_keras(monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "before")


@pytest.fixture
def installed(monkeypatch):
    """Pretend that jax and torch are installed, and tensorflow is not."""
    monkeypatch.setattr(
        backend, "find_spec", lambda name: object() if name in ("jax", "torch") else None
    )


@pytest.mark.usefixtures("without_keras", "installed")
def test_a_backend_is_set_before_keras_is_imported():
    choose_backend("jax")

    assert os.environ["KERAS_BACKEND"] == "jax"


@pytest.mark.usefixtures("without_keras", "installed")
def test_without_a_declaration_the_environment_decides():
    choose_backend(None)

    assert os.environ["KERAS_BACKEND"] == "before"


@pytest.mark.usefixtures("without_keras", "installed")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tensorlfow", "no backend 'tensorlfow'. Did you mean 'tensorflow'? Installed: jax, torch"),
        ("tensorflow", "needs tensorflow, which is not installed"),
        ("numpy", "has no gradients"),
    ],
)
def test_a_backend_that_cannot_be_used_is_refused(name, said):
    with pytest.raises(DeclarationError, match="jax, torch") as refused:
        choose_backend(name)

    assert said in str(refused.value)
    assert os.environ["KERAS_BACKEND"] == "before"


@pytest.mark.usefixtures("installed")
def test_a_backend_after_the_import_of_keras_comes_too_late(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    config = SimpleNamespace(backend=lambda: "torch")
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(config=config))

    choose_backend("torch")
    with pytest.raises(DeclarationError, match="comes too late"):
        choose_backend("jax")


def test_the_users_own_log_level_stays(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")

    quiet_frameworks()

    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
