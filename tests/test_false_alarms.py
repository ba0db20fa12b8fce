"""The benchmark of false alarms counts what it says, and a sample of it has none."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.benchmarks import false_alarms
from tests.benchmarks.false_alarms import Call, Layer, campaign, one_round, run, summary, table

EVERY = 17  # of the calls, so that the sample holds layers at every size in both dtypes


class Wrong:
    def predict(self, x):
        return np.sin(x)

    def backward(self, x, z, dz, memory):
        return 1.1 * dz * np.cos(x)


class Right(Wrong):
    def backward(self, x, z, dz, memory):
        return dz * np.cos(x)


def call_of(layer, dtype="float64", batch=None, **options):
    return Call(7, Layer("demo/layer", layer, ("CB:5,4",), options), batch, dtype)


@pytest.mark.parametrize("dtype", false_alarms.DTYPES)
def test_a_call_is_a_run_in_each_regime(dtype):
    done, unsettled = run(call_of(Right, dtype, 1))

    assert sorted(done) == sorted(false_alarms.REGIMES)
    assert unsettled == []


def test_a_regime_that_is_not_tried_is_no_run():
    done, _ = run(call_of(Right, data=np.ones((5, 4)) / 3))

    assert done == ["+-2"]


def test_an_alarm_is_counted_and_told_with_its_command(monkeypatch):
    monkeypatch.setattr(false_alarms, "one_round", lambda: [call_parts(Wrong)])
    counts, told = Counter(), []
    campaign([7], counts, told.append)

    assert counts["failed"] == 1
    assert told[0].startswith("failed: gradients.input:x of demo/layer CB:5,4 float64 seed 7\n")
    assert told[0].endswith("python -m tests.benchmarks.false_alarms 7 8\n")
    assert "1 false alarms, 0 incomplete\n" in summary(counts)


def call_parts(layer):
    call = call_of(layer)
    return call.layer, call.batch, call.dtype


def test_the_table_counts_by_layer_dtype_and_regime():
    counts = Counter({"runs a/x y float64 grid": 2, "runs b/z float32 +-2": 3, "failed": 1})
    lines = table(counts).splitlines()

    assert lines[1].split() == ["a/x", "y", "0", "0", "2", "0", "0", "0", "0", "0"]
    assert lines[-1].split() == ["all", "0", "0", "2", "0", "3", "0", "0", "0"]
    assert summary(counts).startswith("5 runs of 2 correct layers: 1 false alarms")


def test_a_round_is_large_enough():
    layers = {layer.name for layer, _, _ in one_round()}

    assert len(layers) == len(list(false_alarms.layers())) >= 200
    assert {batch for _, batch, _ in one_round()} == {None, 1, 2, 16}


@pytest.mark.corpus
def test_no_correct_layer_of_a_sample_is_accused():
    counts, told = Counter(), []
    campaign(range(0, len(one_round()), EVERY), counts, told.append)

    assert told == []
    assert sum(counts.values()) > 400
