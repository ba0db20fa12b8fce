"""What verification costs: counts that do not depend on the machine, at smaller layouts."""

from __future__ import annotations

import pytest

from tests.benchmarks.engine import IN_BLOCKS, ONE_BY_ONE, SIZES, cost
from tests.benchmarks.layers import IMAGES, LAYERS

SMALLER = {
    IMAGES: "SSCB:16,16,20,24",
    "CTB:64,180,128": "CTB:32,20,24",
    **{f"{name}=CB:240,6144": f"{name}=CB:40,300" for name in "xhc"},
}


def smaller(name):
    make, *layouts = LAYERS[name]
    return make, *(SMALLER[text] for text in layouts)


@pytest.mark.parametrize("name", LAYERS)
def test_blocks_take_no_more_forwards_than_allowed(name):
    found = cost(*smaller(name), budget=0)

    assert found.forwards <= IN_BLOCKS[name]
    assert found.error < 1e-4


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_elements_are_seen_one_by_one_in_few_forwards(name):
    found = cost(*smaller(name))

    assert found.forwards <= ONE_BY_ONE[name]
    assert found.in_blocks == 0


@pytest.mark.parametrize("name", ["softmax", "layer norm", "half spectrum", "convolution"])
def test_a_larger_budget_sees_every_element(name):
    make, *_ = LAYERS[name]
    found = cost(make, "SSCB:12,11,6,5", budget=400)

    assert found.in_blocks == 0


@pytest.mark.parametrize("name", ["PReLU", "dense", "batch norm", "max pooling"])
def test_forwards_do_not_grow_with_the_layout(name):
    make, *_ = LAYERS[name]
    small, large = (cost(make, f"SSCB:{size}", budget=0).forwards for _, size in SIZES[1:3])

    assert abs(large - small) <= 6
