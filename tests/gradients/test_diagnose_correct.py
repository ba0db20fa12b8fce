from __future__ import annotations

import pytest

from layercheck.gradients.diagnose import diagnose
from layercheck.gradients.specimen import Specimen
from tests.cases import make_case
from tests.gradient_corpus import CORRECT

PLAIN = [entry for entry in CORRECT if entry.convention == "native" and not entry.options]


@pytest.mark.parametrize("entry", PLAIN[::4], ids=str)
def test_no_gradient_of_a_correct_layer_has_a_cause(entry):
    case = make_case(entry.make(), *entry.layouts)
    specimen = Specimen(case, case.point())

    assert specimen.tensors
    for tensor in specimen.tensors:
        found = diagnose(case, tensor.kind, tensor.name)
        assert (found.cause, found.facts) == (None, ()), tensor.title
