"""Which devices are there: nothing raises, and none is touched that is not used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from layercheck.devices.drivers import has_driver
from layercheck.errors import describe

EXTRAS = "pip install 'layercheck[cuda12]' or 'layercheck[cuda13]'"


@dataclass(frozen=True)
class Probe:
    """The devices of one framework.

    Parameters
    ----------
    devices : tuple of str
        ``("cuda:0", "cuda:1")``; empty where there is none.
    reason : str
        Why there is none, and what to install.
    """

    devices: tuple[str, ...] = ()
    reason: str = ""


def probe(framework: str) -> Probe:
    """Return the devices that layers of a framework can use beside the CPU; never raises.

    Those of NumPy are CuPy's. A framework that is not imported is not asked: none of its layers
    can be there.
    """
    look = _PROBES.get(framework)
    if look is None:
        return Probe(reason=f"layers of {framework} are checked on the CPU")
    try:
        return look()
    except Exception as error:  # a broken installation may raise anything
        return Probe(reason=f"the devices of {framework} cannot be listed: {_short(error)}")


def _short(error: BaseException) -> str:
    return describe(error).strip().partition("\n")[0]


def _cupy() -> Probe:
    cupy = sys.modules.get("cupy")
    if hasattr(cupy, "__rehearsed__"):
        return _without_cupy()
    if cupy is None:
        reason = _without_cupy().reason
        if not has_driver() or not _is_installed("cupy"):
            return Probe(reason=reason)
        try:
            cupy = importlib.import_module("cupy")
        except Exception as error:
            return Probe(reason=f"CuPy is installed and cannot be imported: {_short(error)}")
    if not cupy.is_available():
        return Probe(reason="CuPy finds no CUDA device")
    count = int(cupy.cuda.runtime.getDeviceCount())
    return Probe(tuple(f"cuda:{number}" for number in range(count)))


def _without_cupy() -> Probe:
    """Why CuPy is not asked, from what is installed."""
    if not has_driver():
        more = "" if _is_installed("cupy") else f", and CuPy is not installed ({EXTRAS})"
        return Probe(reason=f"no CUDA device: no driver of a GPU is installed{more}")
    if not _is_installed("cupy"):
        return Probe(reason=f"no CUDA device is used: CuPy is not installed ({EXTRAS})")
    return Probe(reason="CuPy finds no CUDA device")


def _is_installed(name: str) -> bool:
    """Whether the real package can be found; the stand-in is no package."""
    from layercheck.devices.stand_in import without_stand_in

    with without_stand_in():
        try:
            return find_spec(name) is not None
        except (ImportError, ValueError):
            return False


def _torch() -> Probe:
    torch = sys.modules.get("torch")
    if torch is None:
        return Probe(reason="PyTorch is not imported")
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return Probe(reason="no CUDA device is used: this PyTorch is built without CUDA")
    if not torch.cuda.is_available():
        return Probe(reason="PyTorch finds no CUDA device")
    return Probe(tuple(f"cuda:{number}" for number in range(torch.cuda.device_count())))


def _jax() -> Probe:
    jax = sys.modules.get("jax")
    if jax is None:
        return Probe(reason="JAX is not imported")
    if not has_driver():
        return Probe(reason="no CUDA device: no driver of a GPU is installed")
    try:
        return Probe(tuple(f"cuda:{device.id}" for device in jax.devices("gpu")))
    except RuntimeError:
        return Probe(reason="no CUDA device is used: this JAX is installed without CUDA")


_PROBES: dict[str, Callable[[], Probe]] = {
    "numpy": _cupy,
    "torch": _torch,
    "jax": _jax,
}


def current() -> Any:
    """Return the real CuPy where it is imported and has a device; None where not."""
    cupy = sys.modules.get("cupy")
    if cupy is None or hasattr(cupy, "__rehearsed__"):
        return None
    return cupy if probe("numpy").devices else None
