"""Modes and settings of PyTorch that belong to the process, kept over a call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

Setting = tuple[str, Callable[[], Any], Callable[[Any], Any]]

SETTINGS: tuple[Setting, ...] = (
    ("the grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    ("the default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ("the number of threads", torch.get_num_threads, torch.set_num_threads),
    (
        "autocast on the CPU",
        lambda: torch.is_autocast_enabled("cpu"),
        lambda value: torch.set_autocast_enabled("cpu", value),
    ),
    (
        "anomaly detection",
        torch.is_anomaly_enabled,
        lambda value: torch.autograd.set_detect_anomaly(value),
    ),
    (
        "deterministic algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
)


_SET_BY_TORCH = "TORCHINDUCTOR_CACHE_DIR"  # where it imports its compiler, as forward mode does


@contextmanager
def environment_kept() -> Iterator[None]:
    """Take back what PyTorch itself adds to the environment in the block."""
    was_set = _SET_BY_TORCH in os.environ
    try:
        yield
    finally:
        if not was_set:
            os.environ.pop(_SET_BY_TORCH, None)


def read_settings() -> list[Any]:
    """Return every setting's value."""
    return [read() for _, read, _ in SETTINGS]


@contextmanager
def kept(*, grad: bool = True) -> Iterator[None]:
    """Put every setting back on leaving the block, in which gradients are recorded."""
    before = read_settings()
    try:
        torch.set_grad_enabled(grad)
        yield
    finally:
        for (_, read, put), value in zip(SETTINGS, before, strict=True):
            if read() != value:
                put(value)
