"""The check of variables that Keras does not know of."""

from __future__ import annotations

import sys
from typing import Any

import keras

from layercheck import Case, fail
from layercheck_keras.trying import program_of
from layercheck_keras.variables import Variables, held


def require_tracked(case: Case) -> None:
    """Fail where the layer holds a variable that is none of its weights."""
    layer = program_of(case).layer
    variables = Variables.of(layer).all
    known = {id(v) for v in variables} | {id(v._value) for v in variables}
    lost = [path for path, item in held(layer) if _is_variable(item) and id(item) not in known]
    if lost:
        kinds = sorted({type(item).__name__ for path, item in held(layer) if path in lost})
        many = len(lost) != 1
        fail(
            f"The variable{'s' * many} {', '.join(lost)} {'are' if many else 'is'} no weight of "
            f"the layer: {'they are' if many else 'it is'} never trained, and not saved.",
            where=", ".join(lost),
            details=(f"of type {', '.join(kinds)}",),
            source=case.subject.source,
            fix="Make it with self.add_weight(...) or keras.Variable, and keep it in an attribute, "
            "list or dict of the layer.",
        )


def _is_variable(item: Any) -> bool:
    if isinstance(item, keras.Variable):
        return True
    tensorflow, torch = sys.modules.get("tensorflow"), sys.modules.get("torch")
    if tensorflow is not None and isinstance(item, getattr(tensorflow, "Variable", ())):
        return True
    return torch is not None and isinstance(item, torch.nn.Parameter)
