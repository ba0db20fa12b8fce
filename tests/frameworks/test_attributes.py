from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from layercheck import Attributes


class Inner:
    def __init__(self):
        self.count = 0


class Layer:
    def __init__(self):
        self.scale = 1.0
        self.seen = [1, 2]
        self.names = {"a": 1}
        self.kinds = {1, 2}
        self.last = deque([1], maxlen=3)
        self.mean = np.zeros(3)
        self.inner = Inner()


def opens(item):
    return isinstance(item, (Layer, Inner))


CHANGES = {
    "attribute": lambda layer: setattr(layer, "scale", 2.0),
    "new attribute": lambda layer: setattr(layer, "cache", np.ones(2)),
    "deleted attribute": lambda layer: delattr(layer, "scale"),
    "list": lambda layer: layer.seen.append(3),
    "dict": lambda layer: layer.names.update(a=2),
    "set": lambda layer: layer.kinds.add(3),
    "deque": lambda layer: layer.last.append(2),
    "array in place": lambda layer: np.add(layer.mean, 1.0, out=layer.mean),
    "inner object": lambda layer: setattr(layer.inner, "count", 5),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_attributes_are_seen_to_change_and_put_back(change):
    layer = Layer()
    first = Attributes(layer, opens)
    arrays, objects = layer.mean, (layer.seen, layer.inner)

    change(layer)

    assert first.now() is not first
    first.put_back()
    assert first.now() is first
    assert layer.mean is arrays
    assert (layer.seen, layer.inner) == objects
    assert vars(layer.inner) == {"count": 0}
    assert layer.mean.tolist() == [0.0, 0.0, 0.0]


def test_attributes_that_stay_are_the_same():
    layer = Layer()
    first = Attributes(layer, opens)

    assert first.now() is first


def test_what_a_pass_left_can_be_put_there_again():
    layer = Layer()
    first = Attributes(layer, opens)
    layer.inner.count = 1
    left = first.now()
    first.put_back()

    left.put_back()

    assert layer.inner.count == 1
