"""GPU: the layer gives the same on a device, and leaves nothing behind on the host."""

from __future__ import annotations

from layercheck.case import Case
from layercheck.suite import Check, Suite
from layercheck.suites.parity import (
    compare_after_return,
    compare_gradients,
    compare_outputs,
    device_of,
    require_dtypes,
    require_residency,
)
from layercheck.suites.rehearsal import rehearse_backward, rehearse_forward
from layercheck.verdict import Passed


def parity_outputs(case: Case) -> None:
    """Outputs on the device are those of the CPU.

    They may differ by the order in which sums are taken, and by no more. Usual causes of a
    difference: an operation that the device does in a lower precision, and data that have not
    arrived.
    """
    compare_outputs(case, device_of(case))


def parity_gradients(case: Case) -> None:
    """Gradients on the device are those of the CPU.

    Usual causes of a difference are those of ``gpu.parity_outputs``, and scattered additions
    (``np.add.at``) that a device carries out in any order.
    """
    compare_gradients(case, device_of(case))


def residency(case: Case) -> None:
    """What device arrays go into comes out on the device.

    A result on the host costs a transfer in every step. Usual causes: buffers from np.zeros
    instead of the array's own module, and np.asarray.
    """
    require_residency(case, device_of(case))


def dtypes(case: Case) -> None:
    """The layer runs on the device in every dtype of the run, and keeps it.

    Usual causes of a failure are those of ``dtypes.outputs``.
    """
    require_dtypes(case, device_of(case))


def round_trip(case: Case) -> None:
    """A layer moved to the device and back behaves as before.

    Usual cause of a failure: an array that is kept where the move does not find it.
    """
    compare_after_return(case, device_of(case))


def rehearsal_forward(case: Case) -> Passed:
    """Predict and forward run on arrays that behave like those of a GPU, and give the same.

    No GPU is needed: the arrays compute with NumPy and refuse what CuPy refuses. Functions that
    CuPy lacks, host arrays beside device arrays, and silent copies to the host are errors on a
    GPU. Learnables and states are moved to the device first; what the layer makes with
    ``np.zeros(...)`` is a host array, and so is what its constructor keeps beside them.

    A layer that nowhere names cupy need not run on a GPU: for it the finding is advice, and the
    check is skipped with it. ``--gpu`` makes it a failure.

    The usual remedy is to take the module from the input, ``xp = cupy.get_array_module(x)``, or
    to let NumPy do so: ``np.zeros_like(x)`` is where x is.
    """
    return rehearse_forward(case)


def rehearsal_backward(case: Case) -> Passed:
    """Backward runs on arrays that behave like those of a GPU, and gives the same gradients.

    See ``gpu.rehearsal_forward``. Buffers that backward allocates, and scattered additions with
    ``np.add.at``, are the usual causes.
    """
    return rehearse_backward(case)


suite = Suite(
    "gpu",
    "The layer gives the same on a GPU and leaves nothing on the host.",
    (
        Check("parity_outputs", parity_outputs, dtypes="none"),
        Check("parity_gradients", parity_gradients, dtypes="none"),
        Check("residency", residency, dtypes="none"),
        Check("dtypes", dtypes, dtypes="all"),
        Check("round_trip", round_trip, dtypes="none"),
        Check("rehearsal_forward", rehearsal_forward, dtypes="none"),
        Check("rehearsal_backward", rehearsal_backward, dtypes="none"),
    ),
)
