"""The backend of Keras, chosen before Keras is imported."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from layercheck.errors import DeclarationError, nearest

BACKENDS = ("tensorflow", "jax", "torch")
_WITHOUT_GRADIENTS = ("numpy", "openvino")
_VARIABLE = "KERAS_BACKEND"


def backends_installed() -> tuple[str, ...]:
    """Return the backends of Keras that are installed and have gradients."""
    return tuple(name for name in BACKENDS if find_spec(name) is not None)


def choose_backend(name: str | None) -> None:
    """Make Keras compute with a backend, once it is imported; None: as it is set up.

    Raises
    ------
    DeclarationError
        There is no such backend, it is not installed, or Keras is imported with another one.
    """
    if name is None:
        return
    _require_usable(name)
    keras = sys.modules.get("keras")
    config = getattr(keras, "config", None)
    if config is not None and config.backend() != name:
        raise DeclarationError(
            f"Keras is imported already, with the backend {config.backend()}: backend={name} "
            f"comes too late. Set {_VARIABLE}={name} before the import, or check the layer in a "
            "process of its own."
        )
    os.environ[_VARIABLE] = name


def _require_usable(name: str) -> None:
    installed = ", ".join(backends_installed()) or "none"
    if name in _WITHOUT_GRADIENTS:
        raise DeclarationError(
            f"The backend {name} of Keras has no gradients to be checked. Declare another one; "
            f"installed: {installed}."
        )
    if name not in BACKENDS:
        raise DeclarationError(
            f"Keras has no backend {name!r}.{nearest(name, BACKENDS)} Installed: {installed}."
        )
    if find_spec(name) is None:
        raise DeclarationError(
            f"The backend {name} of Keras needs {name}, which is not installed. Install it, or "
            f"declare another one; installed: {installed}."
        )


def quiet_frameworks() -> None:
    """Spare users what TensorFlow says of itself when it is imported, unless they ask for it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
