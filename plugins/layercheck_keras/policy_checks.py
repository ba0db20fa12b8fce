"""The checks of dtype policies, of the training argument, and of compiled calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from layercheck import Case, LayerError, fail, skip
from layercheck_keras.program import LayerProgram
from layercheck_keras.trying import attempt, fail_raised, program_of, require_same, source

_MIXED = ("mixed_bfloat16", "mixed_float16")
_PRECISION = "Make constants with dtype=x.dtype or self.compute_dtype, and cast to no other dtype."
_TRAINING = "Write def call(self, x, training=False), or None."
_GRAPH = "Use keras.ops.where or cond in place of if, and keras.ops in place of NumPy and .numpy()."


def require_mixed_precision(case: Case) -> None:
    """Call the layer under both mixed policies."""
    program = program_of(case)
    if not any(np.asarray(x).dtype.kind == "f" for x in _floats(case)):
        skip("nothing floating goes into the layer, so that no dtype is asked for")
    for name in _MIXED:
        policy = keras.DTypePolicy(name)
        dtypes = attempt("forward()", _under, case, program, policy)
        if isinstance(dtypes, LayerError):
            if isinstance(dtypes.original, NotImplementedError) or _is_missing(dtypes):
                continue  # the backend has no such operation, or NumPy no such dtype
            fail_raised(case, f"The layer does not run under the policy {name}", dtypes, _PRECISION)
        wrong = [dtype for dtype in dtypes if "float" in dtype and dtype != policy.compute_dtype]
        if wrong:
            fail(
                f"Under the policy {name} the layer returns {wrong[0]}, and not "
                f"{policy.compute_dtype}.",
                source=source(case),
                fix=_PRECISION,
            )
    _require_float32_weights(case, program.layer)


def _floats(case: Case) -> tuple[Any, ...]:
    point = case.point()
    return (*point.inputs, *point.learnables)


def _is_missing(error: LayerError) -> bool:
    if type(error.original).__name__ in ("NotFoundError", "UnimplementedError"):
        return True
    text = str(error.original)
    return any(
        each in text
        for each in ("not implemented for", "No registered", "OpKernel", "__array__ method")
    )


def _under(case: Case, program: LayerProgram, policy: Any) -> list[str]:
    """Return the dtypes of the outputs under a policy."""
    layers = list(program.layer._flatten_layers())
    before = [each._dtype_policy for each in layers]
    inputs = tuple(
        program.engine.tensor(x.astype(np.float32) if x.dtype.kind == "f" else x)
        for x in case.point().inputs
    )
    keywords = dict(program.passing.keywords)
    if program.passing.training:
        keywords["training"] = False
    for each in layers:
        vars(each)["_dtype_policy"] = policy
    try:
        with keras.StatelessScope():
            found = program.layer(*program.passing.gather(inputs), **keywords)
    finally:
        for each, own in zip(layers, before, strict=True):
            vars(each)["_dtype_policy"] = own
    leaves = [z for z in keras.tree.flatten(found) if program.engine.is_tensor(z)]
    return [keras.backend.standardize_dtype(z.dtype) for z in leaves]


def _require_float32_weights(case: Case, layer: Any) -> None:
    low = [v.path for v in layer.weights if v.dtype in ("float16", "bfloat16")]
    policy = layer.dtype_policy
    if low and policy.variable_dtype == "float32":
        fail(
            f"The weights {', '.join(low)} are of low precision, and the policy {policy.name} "
            "keeps float32 ones: small updates are lost.",
            source=case.subject.source,
            fix="Leave out dtype in add_weight: the policy decides.",
        )


def require_prediction(case: Case) -> None:
    """Call the layer without saying whether it is training."""
    program = program_of(case)
    if not program.passing.training:
        skip("neither the layer nor one in it takes training")
    point = case.point()
    given = program.passing
    program.passing = replace(given, training=False)
    for seed in program.generators():
        seed.seed(case.seed)
    arguments = point.learnables, point.states, point.inputs, "predict"
    found = attempt("forward()", lambda: program.run(*arguments, record=False))
    if isinstance(found, LayerError):
        fail_raised(case, "The layer does not run without training", found, _TRAINING)
    what = "The layer trains where it is not told whether to: it gives something else than predict."
    require_same(case, found.outputs, case.base("predict").outputs, what, _TRAINING)


def require_graph_agrees(case: Case) -> None:
    """Compare the compiled call with the plain one, twice."""
    program = program_of(case)
    backend = keras.config.backend()
    if backend not in _COMPILERS:
        skip(f"Keras on {backend} runs layers as they are")
    point = case.point()
    expected = case.base("predict").outputs
    for _ in range(2):
        arguments = point.learnables, point.states, point.inputs
        found = attempt("forward()", _compiled, program, *arguments, _COMPILERS[backend])
        if isinstance(found, LayerError):
            what = f"The layer runs, and not compiled ({_COMPILERS[backend]})"
            fail_raised(case, what, found, _GRAPH)
        if case.is_random and case.subject.facts.one_pass:
            return
        what = f"Compiled ({_COMPILERS[backend]}) the layer gives something else."
        require_same(case, found, expected, what, _GRAPH)


_COMPILERS = {"tensorflow": "tf.function", "jax": "jax.jit"}


def _compiled(
    program: LayerProgram, learnables: Any, states: Any, inputs: Any, compiler: str
) -> tuple[Any, ...]:
    with program.computing() as engine:
        call, leaves = program.prepared(learnables, states, inputs, "predict")
        if compiler == "jax.jit":
            import jax

            outputs, _ = jax.jit(call)(leaves)
        else:
            import tensorflow as tf

            outputs, _ = tf.function(call, autograph=True)(leaves)
        return tuple(map(engine.array, outputs))
