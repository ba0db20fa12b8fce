from __future__ import annotations

import warnings

import numpy as np
import pytest

from layercheck.calling import call_layer, raising
from layercheck.errors import LayerError


def divide(x):
    return 1 / x


def test_floating_point_errors_and_warnings_stay_silent():
    def warns(x):
        warnings.warn("odd", stacklevel=1)
        return divide(x)

    assert np.isinf(call_layer("forward()", warns, np.zeros(1)))


def test_the_kinds_asked_for_are_raised_with_their_line():
    with raising("divide"), pytest.raises(LayerError) as caught:
        call_layer("forward()", divide, np.zeros(1))

    assert isinstance(caught.value.original, FloatingPointError)
    assert caught.value.file == __file__
    assert caught.value.line == divide.__code__.co_firstlineno + 1


def test_other_kinds_stay_silent_and_so_do_later_calls():
    with raising("over", "invalid"):
        assert np.isinf(call_layer("forward()", divide, np.zeros(1)))
    with pytest.raises(LayerError), raising("divide"):
        call_layer("forward()", divide, np.zeros(1))

    assert np.isinf(call_layer("forward()", divide, np.zeros(1)))


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_the_layer_raises_becomes_a_layer_error(error):
    def raises():
        raise error

    with pytest.raises(LayerError) as caught:
        call_layer("forward()", raises)

    assert caught.value.original is error
