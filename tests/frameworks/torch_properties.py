"""What PyTorch's own modules do that layercheck reports, each with its reason."""

from __future__ import annotations

FAILS: dict[str, dict[str, str]] = {}
