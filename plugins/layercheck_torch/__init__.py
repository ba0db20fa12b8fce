"""PyTorch modules, ``autograd.Function`` classes and functions, as layers of layercheck."""

from __future__ import annotations

from layercheck_torch.framework import framework

__all__ = ["framework"]
