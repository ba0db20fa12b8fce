"""Modules of PyTorch's own table; all of them: ``python -m tests.benchmarks.torch_modules``."""

from __future__ import annotations

import pytest
from frameworks.needs import needs

needs("torch", "expecttest")

from tests.frameworks.torch_modules import entries  # noqa: E402
from tests.frameworks.torch_properties import FAILS  # noqa: E402

QUICK = (
    *("nn.AvgPool1d", "nn.BCELoss", "nn.BatchNorm1d", "nn.Bilinear", "nn.CTCLoss", "nn.Conv1d"),
    *("nn.Embedding", "nn.GRUCell", "nn.Linear", "nn.L1Loss", "nn.LPPool1d", "nn.PReLU"),
    *("nn.SoftMarginLoss", "nn.Softmax", "nn.TransformerEncoderLayer"),
)
CHECKS = ("contract", "shapes", "dtypes", "batch", "state", "purity", "numerics")
ALL = {entry.name.rpartition(" ")[0]: entry for entry in entries()}


def require_verdict(name, **options):
    report = ALL[name].check(**options)
    asked = {r.id for r in report.results}
    unsettled = {r.id for r in report.results if r.outcome.value in ("failed", "incomplete")}

    assert unsettled == set(FAILS.get(name, {})) & asked, str(report)


@pytest.mark.parametrize("name", [name.removeprefix("nn.") for name in QUICK])
def test_a_module_of_the_table_runs_and_fails_what_is_known(name):
    require_verdict(name, only=CHECKS)


@pytest.mark.corpus
@pytest.mark.parametrize("name", ALL)
def test_a_module_of_the_table_fails_only_what_is_known(name):
    require_verdict(name)


def test_every_module_with_known_failures_is_in_the_table():
    assert set(FAILS) <= set(ALL)
    assert all(reason for reasons in FAILS.values() for reason in reasons.values())
