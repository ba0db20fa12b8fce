from __future__ import annotations

import random

import numpy as np
import pytest

from layercheck.randomness import Generators, seeded_defaults


class Holder:
    def __init__(self):
        self.generator = np.random.default_rng()
        self.state = np.random.RandomState(3)
        self.plain = random.Random()

    def draw(self):
        return (
            self.generator.random(),
            self.state.rand(),
            self.plain.random(),
            np.random.rand(),
            random.random(),
        )


def test_a_seed_sets_every_generator():
    first, second = Holder(), Holder()
    for holder in (first, second):
        Generators(holder).seed(5)
        holder.drawn = holder.draw()

    assert first.drawn == second.drawn
    assert len(set(first.drawn)) == 5


def test_another_seed_gives_other_numbers_everywhere():
    holder = Holder()
    Generators(holder).seed(1)
    first = holder.draw()
    Generators(holder).seed(2)

    assert all(a != b for a, b in zip(first, holder.draw(), strict=True))


def test_preserved_puts_every_generator_back():
    holder = Holder()
    generators = Generators(holder)
    generators.seed(1)
    state = generators.state()
    expected = holder.draw()
    generators.restore(state)
    with generators.preserved():
        holder.draw()

    assert holder.draw() == expected


@pytest.mark.parametrize("bits", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_every_kind_of_bit_generator_can_be_seeded(bits):
    holder = np.random.Generator(bits())
    Generators(holder).seed(9)
    first = holder.random()
    Generators(holder).seed(9)

    assert holder.random() == first


def test_an_unseeded_default_rng_follows_the_seed_inside_the_block():
    original = np.random.default_rng
    with seeded_defaults(4):
        first = np.random.default_rng().random(), np.random.default_rng().random()
    with seeded_defaults(4):
        second = np.random.default_rng().random(), np.random.default_rng().random()

    assert first == second
    assert first[0] != first[1]
    assert np.random.default_rng is original


def test_a_seeded_default_rng_is_left_alone():
    with seeded_defaults(4):
        inside = np.random.default_rng(7).random()

    assert inside == np.random.default_rng(7).random()
