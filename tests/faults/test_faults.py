"""Nothing a layer does takes the run down; run with ``-m corpus`` for the table of all kinds."""

from __future__ import annotations

import os

import pytest

from faults import FAULTS
from faults.trial import judge, run_folder, table

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the layers use POSIX calls")
OPTIONS = ("--timeout", "2", "--memory", "400M")
FEW = (
    "segmentation fault",
    "os._exit",
    "endless loop in C holding the GIL",
    "crash at import",
    "all file descriptors closed",
    "KeyboardInterrupt",
    "fork in forward",
    "numpy patched",
    "hang in the constructor",
)
NEIGHBOURS = ("a", "fault_m", "z")


def require_neighbours_right(run):
    """The healthy layers and the wrong ones between the hostile ones have their verdicts."""
    usual = run.outcomes("a_healthy")
    assert set(usual.values()) == {"passed", "skipped"}
    for name in NEIGHBOURS:
        assert run.outcomes(f"{name}_healthy") == usual
        wrong = run.outcomes(f"{name}_wrong")
        assert {key for key in wrong if wrong[key] == "failed"} == {
            ("gradients.input:x", "float64")
        }


def require_nothing_lost(run, faults):
    """Every layer that could be built has a result for every check, and no bug of ours showed."""
    assert run.status == 1, run.stderr
    assert "Traceback" not in run.stderr
    asked = set(run.outcomes("a_healthy"))
    for fault in faults:
        layer = run.layer(fault.stem)
        assert layer is not None, fault.kind
        if layer["problem"] is None and layer["results"][0]["outcome"] == "passed":
            got = {(r["check"], r["dtype"]) for r in layer["results"]}
            assert got == {(id.partition(".")[2].partition(":")[0], dtype) for id, dtype in asked}


def test_hostile_layers_cost_their_healthy_neighbours_nothing(tmp_path):
    faults = [fault for fault in FAULTS if fault.kind in FEW]
    run = run_folder(tmp_path, faults, *OPTIONS)

    assert len(faults) == len(FEW)
    require_neighbours_right(run)
    require_nothing_lost(run, faults)
    trials = [judge(fault, run) for fault in faults]
    assert all(trial.survived and trial.named for trial in trials), table(trials)


@pytest.fixture(scope="module")
def all_faults(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("faults"), FAULTS, *OPTIONS)


@pytest.mark.corpus
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.kind)
def test_a_fault_is_survived_and_named(fault, all_faults):
    trial = judge(fault, all_faults)

    assert trial.named, trial
    assert not trial.lost, trial


@pytest.mark.corpus
def test_every_neighbour_of_every_fault_is_judged_right(all_faults, capsys):
    with capsys.disabled():
        trials = [judge(fault, all_faults) for fault in FAULTS]
        print(f"\n{table(trials)}\n(one command, {all_faults.seconds:.0f} s)")  # noqa: T201

    require_neighbours_right(all_faults)
    require_nothing_lost(all_faults, FAULTS)


def test_at_least_forty_kinds_are_tried():
    kinds = [fault.kind for fault in FAULTS]

    assert len(set(kinds)) == len(kinds) >= 40
