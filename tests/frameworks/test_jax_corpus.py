from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("jax", "flax", "equinox")

from frameworks.jax_corpus import CORPUS, EQUINOX, LINEN, NNX  # noqa: E402

import layercheck  # noqa: E402

QUICK = (("linen", "Dense"), ("nnx", "LoRA"), ("equinox", "GroupNorm"))


def outcomes(entry):
    report = layercheck.check_layer(entry.make(), *entry.layouts, **entry.options)
    incomplete = [r.id for r in report.results if r.outcome is layercheck.Outcome.INCOMPLETE]
    return {result.id for result in report.failures}, incomplete


@pytest.mark.parametrize("key", QUICK, ids=" ".join)
def test_a_layer_that_ships_fails_nothing_but_what_is_known(key):
    assert outcomes(CORPUS[key]) == (set(CORPUS[key].fails), [])


@pytest.mark.corpus
@pytest.mark.parametrize("key", [key for key in CORPUS if key not in QUICK], ids=" ".join)
def test_every_layer_that_ships_fails_nothing_but_what_is_known(key):
    assert outcomes(CORPUS[key]) == (set(CORPUS[key].fails), [])


def test_the_corpus_has_the_layers_that_it_promises():
    assert len(LINEN) + len(NNX) >= 30
    assert len(EQUINOX) >= 20
    assert all(reason for entry in CORPUS.values() for reason in entry.fails.values())
