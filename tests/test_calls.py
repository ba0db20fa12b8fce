from __future__ import annotations

import numpy as np
import pytest

from layercheck import check_layer
from layercheck.errors import UsageError


class Double:
    def predict(self, x):
        return 2 * x

    def backward(self, x, z, dz, memory):
        return 2 * dz


@pytest.mark.parametrize(
    ("layouts", "arguments", "said"),
    [
        ((None,), {}, "The layout None is no text"),
        ((3,), {}, "The layout 3 is no text"),
        (("CB:5,4",), {"only": 3}, "only is 3"),
        (("CB:5,4",), {"skip": (None,)}, "skip is (None,)"),
        (("CB:5,4",), {"only": "gradient"}, "There is no suite 'gradient'"),
        (("CB:5,4",), {"declare": "mixes=B"}, "declare is 'mixes=B'"),
        (("CB:5,4",), {"init": 3}, "init is 3"),
        (("CB:5,4",), {"seed": None}, "seed is None"),
        (("CB:5,4",), {"budget": "many"}, "budget is 'many'"),
        (("CB:5,4",), {"range": 1}, "range is 1"),
        (("CB:5,4",), {"range": (0, 1, 2)}, "range is (0, 1, 2)"),
        (("CB:5,4",), {"integers": "a:b"}, "integers is 'a:b'"),
        (("CB:5,4",), {"dtypes": (3,)}, "There is no dtype '3'"),
    ],
)
def test_an_argument_of_the_wrong_kind_is_an_error_that_says_what_to_pass(layouts, arguments, said):
    with pytest.raises(UsageError) as caught:
        check_layer(Double(), *layouts, **arguments)

    assert said in str(caught.value)


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("only", ["shapes, purity", ("shapes", "purity"), ["shapes", "purity"]])
def test_ids_are_a_sequence_or_one_text(only, isolate):
    found = check_layer(Double, "CB:5,4", only=only, isolate=isolate)

    assert {result.suite for result in found.results} == {"shapes", "purity"}


@pytest.mark.parametrize("dtypes", ["float32", np.float32, np.dtype("float32"), (np.float32,)])
def test_a_dtype_is_a_name_or_a_type(dtypes):
    found = check_layer(Double(), "CB:5,4", only="shapes", dtypes=dtypes)

    assert {result.dtype for result in found.results} == {"float32"}
