"""The cupy of the rehearsal: what layers usually ask of it."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from layercheck.devices import drivers, stand_in
from layercheck.devices.array import DeviceArray
from layercheck.devices.refusals import NotRehearsed
from layercheck.devices.trips import round_trips


@pytest.fixture
def cp(monkeypatch):
    """The stand-in, imported as a layer imports it, and forgotten afterwards."""
    before = {name: module for name, module in sys.modules.items() if is_cupys(name)}
    for name in before:
        del sys.modules[name]
    monkeypatch.setattr(stand_in, "has_driver", lambda: False)
    finder = stand_in.StandIn()
    sys.meta_path.insert(0, finder)
    yield importlib.import_module("cupy")
    sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if is_cupys(name)]:
        del sys.modules[name]
    sys.modules.update(before)


def is_cupys(name):
    return name.partition(".")[0] in ("cupy", "cupyx")


def test_its_arrays_are_device_arrays(cp):
    x = cp.array([[1.0, 2.0], [3.0, 4.0]])

    assert isinstance(x, cp.ndarray)
    assert not isinstance(x, np.ndarray)
    assert type(x).__module__ == "cupy"
    assert cp.get_array_module(x) is cp
    assert cp.get_array_module(np.ones(2)) is np


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("cp.sum(x)", 10.0),
        ("x.sum(axis=0)", [4.0, 6.0]),
        ("cp.linalg.norm(cp.asarray([3.0, 4.0]))", 5.0),
        ("cp.fft.fft(cp.asarray([1.0, 1.0])).real", [2.0, 0.0]),
        ("cp.lib.stride_tricks.as_strided(x, (3, 2), (8, 8))", [[1, 2], [2, 3], [3, 4]]),
        ("cp.where(x > 2, x, cp.float64(0))", [[0.0, 0.0], [3.0, 4.0]]),
        ("cp.zeros((2,), dtype=cp.float32) + cp.pi", [np.float32(np.pi)] * 2),
        ("cp.concatenate([x, cp.ones((1, 2))])", [[1, 2], [3, 4], [1, 1]]),
        ("x[cp.newaxis].reshape(-1)", [1, 2, 3, 4]),
        ("cp.add.reduce(x, axis=1)", [3.0, 7.0]),
        ("cp.array([x[0], x[1]]) @ x", [[7, 10], [15, 22]]),
        ("cp.asnumpy(x)", [[1, 2], [3, 4]]),
        ("x.get()", [[1, 2], [3, 4]]),
        ("cp.full_like(x, 2)", [[2, 2], [2, 2]]),
        ("cp.random.RandomState(0).randn(2)", np.random.RandomState(0).randn(2)),
        ("cp.random.default_rng(1).normal(size=2)", np.random.default_rng(1).normal(size=2)),
        ("cp.random.uniform(2, 2, size=2, dtype=cp.float32)", [2, 2]),
        ("cupyx.rsqrt(cp.asarray([4.0]))", [0.5]),
        ("cp.fuse()(lambda a: a + 1)(x)", [[2, 3], [4, 5]]),
    ],
)
def test_it_computes_what_numpy_computes(cp, code, expected):
    cupyx = importlib.import_module("cupyx")
    value = eval(code, {"cp": cp, "cupyx": cupyx, "x": cp.array([[1.0, 2.0], [3.0, 4.0]])})

    held = value._held if isinstance(value, DeviceArray) else value
    np.testing.assert_allclose(held, expected)


def test_repeated_indices_add_up(cp):
    cupyx = importlib.import_module("cupyx")
    first, second, third = cp.zeros(3), cp.zeros(3), cp.zeros(3)

    cupyx.scatter_add(first, cp.array([0, 0, 2]), 1.0)
    cp.add.at(second, [0, 0, 2], 1.0)
    third.scatter_add(cp.array([0, 0, 2]), 1.0)
    for array in (first, second, third):
        assert array.tolist() == [2.0, 0.0, 1.0]


def test_devices_and_streams_are_there(cp):
    cp.cuda.Stream.null.synchronize()
    cp.get_default_memory_pool().free_all_blocks()
    with cp.cuda.Device(0), cp.cuda.Stream():
        x = cp.ones(2)

    assert cp.cuda.runtime.getDeviceCount() == 1
    assert x.device == cp.cuda.Device(0)


def test_a_name_that_cupy_has_not_is_an_attribute_error(cp):
    with pytest.raises(AttributeError, match="has no attribute 'block'"):
        cp.block  # noqa: B018


def test_a_kernel_cannot_be_run(cp):
    kernel = cp.RawKernel("extern ...", "f")

    with pytest.raises(NotRehearsed, match="only a GPU can run it"):
        kernel((1,), (1,), (cp.ones(1),))


def test_copies_to_the_host_are_seen(cp):
    x = cp.ones(2)
    with round_trips() as trips:
        x.sum().item()
        float(x[0])
        cp.asnumpy(x)

    assert [trip.partition(" at ")[0] for trip in trips] == [".item()", "float()", "cupy.asnumpy()"]
    assert all("test_cupy_module.py" in trip for trip in trips)


def test_a_driver_is_looked_for_once():
    assert drivers.has_driver() is drivers.has_driver()
