"""The state suite: what a layer remembers on purpose stays valid, and can be reset."""

from __future__ import annotations

from layercheck.case import Case
from layercheck.observations import is_random
from layercheck.outcome import Cause
from layercheck.recurrence import recurrent_states
from layercheck.suite import Check, Suite
from layercheck.suites.agreement import (
    Pair,
    called,
    disagreement,
    output_pairs,
)
from layercheck.suites.evidence import source_of_pass
from layercheck.suites.state_reset import reset
from layercheck.suites.state_sequences import sequence_in_chunks
from layercheck.suites.state_training_mean import training_mean
from layercheck.suites.state_valid import require_states, valid
from layercheck.verdict import Passed, fail, skip


def predict_leaves_statistics(case: Case) -> Passed | None:
    """Predict updates no statistic: no state that only predict reads.

    A running mean that goes on moving at inference makes every answer depend on the questions
    before it, and on the test data. States that the training forward reads (the hidden state of
    an LSTM) may move in predict. The usual causes are an update above the `if training`, and a
    predict that calls forward.

    Fix: update in forward alone, under the train flag.
    """
    require_states(case)
    if case.subject.facts.one_pass:
        skip("predict and forward are one pass, so nothing tells training (--declare train=FLAG)")
    statistics = [not recurrent for recurrent in recurrent_states(case)]
    if not any(statistics):
        skip("every state is recurrent: the output of forward depends on it")
    before, after = case.point().states, case.base("predict").states
    for slot, old, new, is_statistic in zip(
        case.subject.states, before, after, statistics, strict=True
    ):
        differs = disagreement([Pair(f"state {slot.name}", slot.name, new, old)])
        if is_statistic and differs is not None:
            fail(
                f"{called(case, 'predict')} updates {slot.name}, a statistic that training "
                "collects.",
                source=source_of_pass(case, "predict"),
                fix=f"Update {slot.name} in forward alone, under the train flag.",
                **differs.evidence,
            )
    return None


def predict_is_deterministic(case: Case) -> Passed | None:
    """Predict gives the same output with every seed.

    At inference one question has one answer; noise belongs to training. The usual causes are a
    dropout without a train flag, a flag whose default is training, and a flag that is not passed
    on to an inner layer.

    Fix: draw random numbers in forward alone; return x itself, or its expected value, in predict.
    """
    base = case.base("predict")
    if not is_random(case, "predict"):
        return None
    if case.subject.facts.keyed and case.subject.facts.one_pass:
        skip("the random key is an argument, and nothing tells training (--declare train=FLAG)")
    other = case.evaluate(case.point(), "predict", seed=case.seed + 1)
    exact = [
        Pair(pair.name, pair.symbol, pair.actual, pair.expected, 0.0, pair.layout)
        for pair in output_pairs(case, other.outputs, base.outputs, "predict")
    ]
    differs = disagreement(exact)
    if differs is None:
        return None
    one = case.subject.facts.one_pass
    fail(
        f"{called(case, 'predict')} gives another output with another seed.",
        source=source_of_pass(case, "predict"),
        cause=Cause(
            "nondeterministic",
            f"with the seeds {case.seed} and {case.seed + 1} and the same arguments the output "
            f"differs at {differs.evidence['where']}.",
        ),
        fix="Give the layer a predict pass or a train flag (--declare train=FLAG names it)."
        if one
        else "Draw no random numbers in predict.",
        **differs.evidence,
    )


suite = Suite(
    "state",
    "States stay valid, statistics belong to training, and reset means new.",
    (
        Check("valid", valid, dtypes="all"),
        Check("predict_leaves_statistics", predict_leaves_statistics),
        Check("predict_is_deterministic", predict_is_deterministic),
        Check("reset", reset),
        Check("sequence_in_chunks", sequence_in_chunks),
        Check("training_mean", training_mean),
    ),
)
