"""The checks on a device, with a device that is played: its arrays are copies, as on a real one."""

from __future__ import annotations

import numpy as np
import pytest

from layercheck.devices.array import DeviceArray
from layercheck.residence import resident
from layercheck.suites.parity import (
    compare_after_return,
    compare_gradients,
    compare_outputs,
    require_dtypes,
    require_residency,
)
from layercheck.verdict import Failed
from tests.cases import make_case
from tests.devices import gpu_broken, gpu_clean
from tests.devices.test_rehearsal import layers_of

LAYOUT = "BC:6,4"
EVERY = (
    compare_outputs,
    compare_gradients,
    require_residency,
    require_dtypes,
    compare_after_return,
)


class Copying:
    """A device whose arrays share no memory with the host's."""

    def put(self, array):
        return DeviceArray(np.array(array))

    def back(self, array, original):
        host = array._held.copy()
        if original is None or original.shape != host.shape or original.dtype != host.dtype:
            return resident(host)
        original[...] = host
        return original

    def owns(self, value):
        return isinstance(value, DeviceArray)


class Inaccurate(Copying):
    """A device that keeps seven digits of what comes back."""

    def back(self, array, original):
        rounded = array._held.astype("f4").astype(array._held.dtype)
        return super().back(DeviceArray(rounded), original)


class Wide(Copying):
    """A device that computes in float64 whatever it gets."""

    def put(self, array):
        return DeviceArray(np.array(array, "f8" if array.dtype.kind == "f" else None))


@pytest.mark.parametrize("layer", layers_of(gpu_clean), ids=lambda layer: layer.__name__)
def test_a_layer_that_runs_on_a_gpu_passes_every_check_there(layer):
    case = make_case(layer, LAYOUT, gpu=True)

    for compare in EVERY:
        compare(case, Copying())


@pytest.mark.parametrize("compare", [compare_outputs, compare_gradients])
def test_an_inaccurate_device_is_found(compare):
    case = make_case(gpu_clean.Dense, LAYOUT, gpu=True)

    with pytest.raises(Failed, match="gives other values"):
        compare(case, Inaccurate())


def test_an_output_left_on_the_host_is_found():
    case = make_case(gpu_broken.ElementByElement, LAYOUT, gpu=True)

    with pytest.raises(Failed, match="the output on the host"):
        require_residency(case, Copying())


def test_a_gradient_left_on_the_host_is_found():
    case = make_case(gpu_broken.GradientOnHost, LAYOUT, gpu=True)

    with pytest.raises(Failed, match="the gradient of b on the host"):
        require_residency(case, Copying())


def test_a_state_left_on_the_host_is_found():
    class Counts:
        states = ("mean",)

        def __init__(self):
            self.mean = np.zeros(4)

        def predict(self, x):
            return x - 1

        def forward(self, x):
            self.mean = np.array([float(x[:, j].mean()) for j in range(4)])
            return x - 1, None

        def backward(self, x, z, dz, memory):
            return 1 * dz

    case = make_case(Counts, LAYOUT, gpu=True)

    with pytest.raises(Failed, match="state mean on the host"):
        require_residency(case, Copying())


def test_a_device_of_another_dtype_is_found():
    case = make_case(gpu_clean.Scaled, LAYOUT, gpu=True, dtype="float32")

    with pytest.raises(Failed, match="is float64 on the device and float32 on the CPU"):
        require_dtypes(case, Wide())
