from __future__ import annotations

import threading

import numpy as np
import pytest

from layercheck.copying import copy_object, reachable


class Shared:
    """A layer whose arrays are views of one buffer, and which holds what cannot be copied."""

    def __init__(self):
        self.flat = np.arange(12.0)
        self.W = self.flat[:6].reshape(2, 3)
        self.b = self.flat[6:][::-1]
        self.Wt = self.W.T
        self.xp = np
        self.lock = threading.Lock()
        self.activate = lambda z: np.maximum(z, 0)
        self.method = self.weights
        self.me = self

    def weights(self):
        return self.W


def to_float32(array):
    return np.dtype(np.float32)


@pytest.mark.parametrize("cast", [None, to_float32])
def test_views_of_one_buffer_stay_views_of_one_buffer(cast):
    copied = copy_object(Shared(), cast)
    copied.flat[:] = 100

    assert (copied.W == 100).all()
    assert (copied.b == 100).all()
    assert (copied.Wt == 100).all()


@pytest.mark.parametrize("cast", [None, to_float32])
def test_a_copy_has_the_values_and_strides_of_the_original(cast):
    layer = Shared()
    copied = copy_object(layer, cast)

    for name in ("flat", "W", "b", "Wt"):
        mine, theirs = getattr(copied, name), getattr(layer, name)
        assert np.array_equal(mine, theirs)
        assert [s // mine.itemsize for s in mine.strides] == [s // 8 for s in theirs.strides]


def test_the_real_part_of_a_complex_array_is_copied_with_its_values():
    z = np.array([[1 + 2j, 3 - 4j]])

    part, whole = copy_object([z.real, z])

    np.testing.assert_array_equal(part, [[1.0, 3.0]])
    np.testing.assert_array_equal(whole, z)
    assert part.dtype == np.float64


def test_a_copy_shares_no_memory_with_the_original():
    layer = Shared()
    copied = copy_object(layer)

    assert not any(
        np.shares_memory(getattr(copied, name), getattr(layer, name))
        for name in ("flat", "W", "b", "Wt")
    )


def test_a_view_outlives_the_buffer_it_shows():
    copied = copy_object(Shared())
    del copied.flat
    copied.me = copied.method = None
    filler = [np.full(12, 7.0) for _ in range(100)]

    assert np.array_equal(copied.W, np.arange(6.0).reshape(2, 3))
    assert len(filler) == 100


def test_bound_methods_and_cycles_point_into_the_copy():
    copied = copy_object(Shared())

    assert copied.me is copied
    assert copied.method() is copied.W


def test_what_cannot_be_copied_is_shared():
    layer = Shared()
    copied = copy_object(layer)

    assert copied.xp is np
    assert copied.lock is layer.lock
    assert copied.activate is layer.activate


def test_reachable_finds_what_is_behind_slots_and_containers():
    class Slotted:
        __slots__ = ("hidden", "unset")

        def __init__(self, hidden):
            self.hidden = hidden

    array = np.zeros(3)

    assert any(item is array for item in reachable({"a": [Slotted((array,))]}))


class Forgetful:
    """Has every method for copying, and each loses the weights or raises."""

    __slots__ = ("__dict__", "scale")

    def __init__(self):
        self.W = np.ones(3)
        self.scale = np.ones(2)
        self.me = self

    def __getstate__(self):
        return {}

    def __deepcopy__(self, memo):
        raise RuntimeError("no copies")

    def __reduce_ex__(self, protocol):
        raise TypeError("no copies")


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: [layer, {"a": layer}]])
def test_a_copy_loses_nothing_whatever_the_class_says(wrap):
    layer = Forgetful()

    copied = copy_object(wrap(layer), to_float32)
    if isinstance(copied, list):
        assert copied[0] is copied[1]["a"]
        copied = copied[0]

    assert type(copied) is Forgetful
    assert copied is not layer
    assert copied.me is copied
    assert copied.W.dtype == copied.scale.dtype == np.float32
    assert np.array_equal(copied.W, layer.W)
    assert not np.shares_memory(copied.scale, layer.scale)
