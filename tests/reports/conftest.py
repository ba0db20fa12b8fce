from __future__ import annotations

import pytest

from layercheck.outcome import (
    Cause,
    Evaluations,
    Finding,
    InputLayout,
    LayerResult,
    Outcome,
    Recognised,
    Result,
    RunResult,
    Source,
    Verified,
    Worst,
)

P, F, N, S = Outcome.PASSED, Outcome.FAILED, Outcome.INCOMPLETE, Outcome.SKIPPED
NO_STATE = "the layer declares no state"
NO_DEVICE = "no CUDA device found"
BY_HAND = "backward is written by hand"
NO_UNKNOWN = "no unknown size in the layout (--layout SSCB:24,24,20,?)"


def results(suite, outcomes, reason=None, names="abcdefghijklm"):
    return tuple(
        Result(
            suite,
            name,
            outcome,
            dtype="float64",
            device="cpu",
            reason=reason if outcome is S else None,
        )
        for name, outcome in zip(names, outcomes, strict=False)
    )


def verified(name, size, at_kinks=0, calls=(13, 2)):
    return Result(
        "gradients",
        name.partition(":")[0],
        P,
        case=name.partition(":")[2],
        dtype="float64",
        device="cpu",
        verified=Verified(size, size, size, at_kinks=at_kinks, detectable_error=4.1e-9),
        evaluations=Evaluations(*calls),
        elapsed_s=0.25,
    )


def a_run(*layers, elapsed_s=0.61, **fields):
    return RunResult(
        version="0.1.0",
        command="layercheck examples/prelu.py --layout SSCB:24,24,20,128",
        seed=0,
        environment={"python": "3.11.7", "numpy": "2.4.6"},
        layers=layers,
        elapsed_s=elapsed_s,
        **fields,
    )


def a_layer(*suites, size=(24, 24, 20, 128), **fields):
    return LayerResult(
        target="examples/prelu.py::PReLU",
        name="PReLU",
        framework="numpy",
        convention="native",
        source=Source("examples/prelu.py", 12),
        layouts=(InputLayout("x", "SSCB", size),),
        dtypes=("float64", "float32"),
        recognised=(
            Recognised("alpha", "learnable", (20,), "declared in learnables", "returned"),
            Recognised("h", "state", (), "declared in states"),
        ),
        results=tuple(result for suite in suites for result in suite),
        evaluations=Evaluations(26, 4),
        **fields,
    )


@pytest.fixture
def passing():
    return a_run(
        a_layer(
            results("contract", [P] * 6),
            results("shapes", [P] * 5 + [S], NO_UNKNOWN),
            results("dtypes", [P] * 4),
            (
                verified("input:x", 1_474_560, at_kinks=3),
                verified("learnable:alpha", 20),
                *results("gradients", [P] * 4 + [S], BY_HAND),
            ),
            results("batch", [P] * 6),
            results("state", [S] * 4, NO_STATE),
            results("gpu", [P] * 2 + [S] * 5, NO_DEVICE),
        )
    )


RERUN = (
    "layercheck examples/prelu.py::PReLU --layout SSCB:5,5,20,8 --dtype float64 --seed 0 "
    "--only gradients.learnable:alpha"
)


@pytest.fixture
def wrong_alpha():
    cause = Cause(
        "mean-instead-of-sum",
        "analytic / numeric = 1/8 at every element, and B is 8: backward() averages over the "
        "batch where it should sum.",
        {"ratio": 0.125, "labels": ["B"]},
    )
    return Result(
        "gradients",
        "learnable",
        F,
        case="alpha",
        dtype="float64",
        device="cpu",
        finding=Finding(
            "backward() returns a wrong gradient for learnable alpha.",
            where="20 of 20 elements; worst at C=3.",
            source=Source("examples/prelu.py", 41, "PReLU.backward"),
            worst=Worst((0, 0, 3, 0), -2.133885, -17.07108, 14.94, 2e-9),
            wrong=20,
            cause=cause,
            other_causes=(Cause("constant-factor", "analytic / numeric = 0.125 everywhere."),),
            fix="Sum over the batch instead of taking its mean.",
            rerun=RERUN,
        ),
        verified=Verified(20, 20, 20),
    )


@pytest.fixture
def failing(wrong_alpha):
    stuck = Result(
        "batch",
        "other_batch_sizes",
        N,
        reason="forward() needs more memory.",
        rerun="layercheck prelu.py --layout 'SSCB:5,5,20,?' --only batch.other_batch_sizes",
    )
    return a_run(
        a_layer(
            results("contract", [P] * 6),
            (
                *results("gradients", [P]),
                wrong_alpha,
                *results("gradients", [P] * 4 + [S], BY_HAND, "defgh"),
            ),
            (*results("batch", [P]), stuck),
            size=(5, 5, 20, 8),
        ),
        elapsed_s=0.31,
    )
