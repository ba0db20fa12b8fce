"""``--pdb``: a debugger at the place of a failure."""

from __future__ import annotations

import sys

from layercheck.errors import LayerError, describe


def post_mortem(error: BaseException) -> None:
    """Open the debugger where the layer raised, else in the check that failed."""
    import pdb

    raised = _raised_by_layer(error) or error
    sys.stderr.write(f"\n{describe(raised)}\n")
    if raised.__traceback__ is not None:
        pdb.post_mortem(raised.__traceback__)


def _raised_by_layer(error: BaseException | None) -> BaseException | None:
    """What the layer raised, from which the failure of a check follows."""
    while error is not None:
        if isinstance(error, LayerError):
            return error.original
        error = error.__cause__ or error.__context__
    return None
