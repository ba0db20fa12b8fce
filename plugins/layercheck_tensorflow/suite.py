"""The suite ``tensorflow``: traced, saved and restored, a layer is still the same."""

from __future__ import annotations

from layercheck import Case, Check, Suite


def graph_agrees(case: Case) -> None:
    """Traced by ``tf.function``, the layer gives the outputs that it gives without.

    `tf.function` runs the Python code once, and afterwards only the operations that it recorded.
    The usual causes of a failure are `.numpy()`, NumPy functions and Python's random numbers,
    attributes that a call changes, variables that are made in each call, and `tf.py_function`
    where the graph is exported.

    Fix: use TensorFlow's operations, `tf.cond` or `tf.where`, and variables for what changes.
    """
    from layercheck_tensorflow.graph_checks import require_graph_agrees

    require_graph_agrees(case)


def unknown_batch_size(case: Case) -> None:
    """Traced for any batch size, the layer runs and gives the same.

    The last batch of an epoch is smaller, and exported models serve any number of requests: one
    trace has to do. The usual cause of a failure is `x.shape[0]`, which is None there.

    Fix: use `tf.shape(x)[0]`, or -1 in `tf.reshape`.
    """
    from layercheck_tensorflow.graph_checks import require_unknown_batch_size

    require_unknown_batch_size(case)


def variables_tracked(case: Case) -> None:
    """Every variable that the module holds is among its ``variables``.

    Optimisers get `module.trainable_variables`, and checkpoints save what the module tracks. The
    usual cause of a failure is a variable in an object that is no `tf.Module`.

    Fix: keep variables in attributes, lists or dicts of a `tf.Module`; make the object one.
    """
    from layercheck_tensorflow.saving_checks import require_tracked

    require_tracked(case)


def checkpoint(case: Case) -> None:
    """A checkpoint restores every variable into another object of the module.

    The usual causes of a failure are variables that TensorFlow does not track, and dicts whose
    keys are no text.

    Fix: keep variables in attributes, lists or dicts with text as keys.
    """
    from layercheck_tensorflow.saving_checks import require_checkpoint

    require_checkpoint(case)


def saved_model(case: Case) -> None:
    """Exported as a SavedModel and loaded again, the module gives the same.

    The usual causes of a failure are `tf.py_function`, whose Python code is not exported,
    variables and tables that the module does not track, and Python in the pass.

    Fix: compute with TensorFlow's operations, and keep what the pass reads in the module.
    """
    from layercheck_tensorflow.saving_checks import require_saved_model

    require_saved_model(case)


suite = Suite(
    "tensorflow",
    "Traced by tf.function, saved and restored, the layer is the same.",
    (
        Check("graph_agrees", graph_agrees),
        Check("unknown_batch_size", unknown_batch_size),
        Check("variables_tracked", variables_tracked, dtypes="none"),
        Check("checkpoint", checkpoint, dtypes="none"),
        Check("saved_model", saved_model, dtypes="none"),
    ),
    framework="tensorflow",
)
