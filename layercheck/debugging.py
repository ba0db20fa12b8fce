"""``--pdb``: a debugger at the place of a failure."""

from __future__ import annotations

import sys

from layercheck.errors import LayerError, describe


def post_mortem(error: BaseException) -> None:
    """Open the debugger where the layer raised, else in the check that failed."""
    import pdb

    raised = error.original if isinstance(error, LayerError) else error
    sys.stderr.write(f"\n{describe(raised)}\n")
    if raised.__traceback__ is not None:
        pdb.post_mortem(raised.__traceback__)
