"""Calls of the user's code: the one place where its exceptions become ours."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from layercheck.errors import LayerError
from layercheck.frames import locate


def call_layer(call: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return ``function(*args, **kwargs)``; what it raises becomes a `LayerError`.

    Floating-point and other warnings stay silent: checks look at the values.

    Parameters
    ----------
    call : str
        What is called, for messages: ``forward()``.
    """
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)
    except LayerError:
        raise
    except (Exception, SystemExit) as error:
        raise LayerError(call, error, *locate(error)) from error
