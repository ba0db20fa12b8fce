from __future__ import annotations

import pytest

from layercheck.conventions import CONVENTIONS
from layercheck.errors import DeclarationError, TargetError
from tests.conventions.driven import subject_of


class Stateful:
    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 2 * dout


class Nothing:
    pass


def test_conventions_have_names_of_their_own():
    names = [convention.CONVENTION for convention in CONVENTIONS]

    assert len(set(names)) == len(names) == 12


def test_convention_that_is_declared_is_used():
    subject = subject_of(Stateful(), "BC:4,6", declared={"convention": "nested"})

    assert subject.convention == "nested"


def test_convention_of_the_class_is_read_from_its_declarations():
    class Declared(Stateful):
        __layercheck__ = {"convention": "several"}  # noqa: RUF012 - what users write

    assert subject_of(Declared(), "BC:4,6").convention == "several"


def test_unknown_convention_names_the_nearest():
    with pytest.raises(DeclarationError, match="Did you mean 'stateful'"):
        subject_of(Stateful(), "BC:4,6", declared={"convention": "statefull"})


@pytest.mark.parametrize("name", ["functional", "static", "derivative", "forward_pass"])
def test_convention_that_does_not_fit_says_what_it_is(name):
    with pytest.raises(DeclarationError, match=f"convention={name} does not fit Layer"):
        subject_of(Stateful(), "BC:4,6", declared={"convention": name})


@pytest.mark.parametrize("convention", [c.CONVENTION for c in CONVENTIONS])
def test_no_convention_fits_what_is_no_layer(convention):
    with pytest.raises(DeclarationError, match="does not fit"):
        subject_of(Nothing(), "BC:4,6", declared={"convention": convention})


def test_what_no_convention_recognises_is_no_layer():
    with pytest.raises(TargetError, match="not recognised as a layer"):
        subject_of(Nothing(), "BC:4,6")
