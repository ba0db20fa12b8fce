"""GPU: the layer gives the same on a device, and leaves nothing behind on the host."""

from __future__ import annotations

from layercheck.case import Case
from layercheck.suite import Check, Suite
from layercheck.verdict import skip

_NO_DEVICE = "no CUDA device is used by this version: every array is on the CPU"
_NO_REHEARSAL = "this version has no emulated device arrays to run the layer on"


def parity_outputs(case: Case) -> None:
    """Outputs on the device are those of the CPU.

    They may differ by the order in which sums are taken, and by no more. Usual causes of a
    difference: an operation that the device does in a lower precision, and data that have not
    arrived.
    """
    skip(_NO_DEVICE)


def parity_gradients(case: Case) -> None:
    """Gradients on the device are those of the CPU.

    Usual causes of a difference are those of ``gpu.parity_outputs``, and scattered additions
    (``np.add.at``) that a device carries out in any order.
    """
    skip(_NO_DEVICE)


def residency(case: Case) -> None:
    """What device arrays go into comes out on the device.

    A result on the host costs a transfer in every step. Usual causes: buffers from np.zeros
    instead of the array's own module, and np.asarray.
    """
    skip(_NO_DEVICE)


def dtypes(case: Case) -> None:
    """The layer runs on the device in every dtype of the run, and keeps it.

    Usual causes of a failure are those of ``dtypes.outputs``.
    """
    skip(_NO_DEVICE)


def round_trip(case: Case) -> None:
    """A layer moved to the device and back behaves as before.

    Usual cause of a failure: an array that is kept where the move does not find it.
    """
    skip(_NO_DEVICE)


def rehearsal_forward(case: Case) -> None:
    """The forward pass runs on arrays that behave like device arrays.

    Such arrays refuse what a device refuses: NumPy functions without a counterpart, mixing with
    host arrays, silent copies to the host.
    """
    skip(_NO_REHEARSAL)


def rehearsal_backward(case: Case) -> None:
    """Backward runs on arrays that behave like device arrays.

    See ``gpu.rehearsal_forward``. Buffers that backward allocates are the usual cause.
    """
    skip(_NO_REHEARSAL)


suite = Suite(
    "gpu",
    "The layer gives the same on a GPU and leaves nothing on the host.",
    (
        Check("parity_outputs", parity_outputs, dtypes="none"),
        Check("parity_gradients", parity_gradients, dtypes="none"),
        Check("residency", residency, dtypes="none"),
        Check("dtypes", dtypes, dtypes="none"),
        Check("round_trip", round_trip, dtypes="none"),
        Check("rehearsal_forward", rehearsal_forward, dtypes="none"),
        Check("rehearsal_backward", rehearsal_backward, dtypes="none"),
    ),
)
