"""The suite ``keras``: what Keras asks of a layer, so that models can use, save and load it."""

from __future__ import annotations

from layercheck import Case, Check, Suite


def config_round_trip(case: Case) -> None:
    """``from_config(get_config())`` makes a layer that, with the same weights, gives the same.

    Keras saves models, clones them and copies layers through the configuration. The usual causes
    of a failure are an argument of the constructor that `get_config` leaves out (the copy gets
    the default), and one that the constructor does not take back.

    Fix: return every argument of `__init__` from `get_config`, beside `super().get_config()`, and
    hand `**kwargs` to `super().__init__`.
    """
    from layercheck_keras.saving_checks import require_config

    require_config(case)


def save_and_load(case: Case) -> None:
    """Weights that are saved and loaded into another object of the layer are the same there.

    The usual causes of a failure are weights that Keras does not find (made with the backend's own
    variables, or kept in an object that is no layer), and weights that are made in `call`, which
    do not exist when a file is loaded.

    Fix: make weights with `self.add_weight` in `__init__` or `build`, and keep inner layers in
    attributes, lists or dicts of the layer.
    """
    from layercheck_keras.saving_checks import require_saved

    require_saved(case)


def weights_tracked(case: Case) -> None:
    """Every variable that the layer holds is one of its weights.

    The optimiser updates `trainable_weights`, and `save` writes `weights`: a variable that is in
    neither is never trained and is lost. The usual causes are variables of the backend itself
    (`tf.Variable`, `torch.nn.Parameter`) and layers or variables in an object that Keras does not
    look into.

    Fix: make it with `self.add_weight(...)` or `keras.Variable`, and keep it in an attribute, list
    or dict of the layer.
    """
    from layercheck_keras.tracking_checks import require_tracked

    require_tracked(case)


def compute_output_shape(case: Case) -> None:
    """``compute_output_shape`` gives the sizes that the call really returns.

    Functional models are wired with what it says. The usual causes of a failure are an axis that
    was forgotten, and a size computed for another stride or padding. It is asked with the batch
    size and with None for it.

    Fix: return the shape that `call` returns, or remove the method: Keras finds it by itself.
    """
    from layercheck_keras.spec_checks import require_shape

    require_shape(case)


def compute_output_spec(case: Case) -> None:
    """The symbolic call that wires functional models gives the sizes of the real one.

    Keras calls a layer without data, with an unknown batch size, to build a model. The usual
    causes of a failure are sizes taken from `x.shape` where they are None (`reshape(x,
    (x.shape[0], -1))`), branches on values, and NumPy functions.

    Fix: use `keras.ops`, `keras.ops.shape(x)[0]` or -1 for the batch size.
    """
    from layercheck_keras.spec_checks import require_spec

    require_spec(case)


def masks(case: Case) -> None:
    """Steps that a mask hides change nothing at the others, and the mask that goes on fits.

    Sequences of different lengths are padded, and the mask says where. The usual causes of a
    failure are a `mask` that `call` takes and does not use, a mean that divides by the padded
    length, and a `compute_mask` that returns the old mask for an output without that axis.

    Fix: multiply by the mask, or use `keras.ops.where`; divide by its sum; return None from
    `compute_mask` where the output has no steps.
    """
    from layercheck_keras.mask_checks import require_masks

    require_masks(case)


def mixed_precision(case: Case) -> None:
    """Under a mixed policy the layer computes in the low precision and keeps float32 weights.

    `keras.mixed_precision.set_global_policy("mixed_bfloat16")` makes training fast. The usual
    causes of a failure are `cast(x, "float32")`, constants made with a fixed dtype, and arrays of
    another dtype that meet in an operation.

    Fix: make constants with `dtype=self.compute_dtype`, or `dtype=x.dtype`.
    """
    from layercheck_keras.policy_checks import require_mixed_precision

    require_mixed_precision(case)


def training_argument(case: Case) -> None:
    """A layer that is not told whether it is training predicts.

    `model(x)` and `model.predict(x)` rely on it. The usual cause of a failure is `training=True`
    as the default of `call`.

    Fix: write `def call(self, x, training=False)`, or None.
    """
    from layercheck_keras.policy_checks import require_prediction

    require_prediction(case)


def graph_agrees(case: Case) -> None:
    """Compiled, as ``fit`` and ``predict`` run it, the layer gives what it gives without.

    TensorFlow traces a layer, and JAX compiles it: Python runs once, and what it computed then
    stays. The usual causes of a failure are branches and loops on values (`if x.sum() > 0`),
    `.numpy()` and NumPy functions, and attributes that a call changes.

    Fix: use `keras.ops` (`where`, `cond`, `while_loop`), and `self.add_weight(trainable=False)` for
    what a call changes.
    """
    from layercheck_keras.policy_checks import require_graph_agrees

    require_graph_agrees(case)


suite = Suite(
    "keras",
    "Keras can build, wire, mask, compile, save and load the layer.",
    (
        Check("config_round_trip", config_round_trip, dtypes="none"),
        Check("save_and_load", save_and_load, dtypes="none"),
        Check("weights_tracked", weights_tracked, dtypes="none"),
        Check("compute_output_shape", compute_output_shape, dtypes="none"),
        Check("compute_output_spec", compute_output_spec, dtypes="none"),
        Check("masks", masks),
        Check("mixed_precision", mixed_precision, dtypes="none"),
        Check("training_argument", training_argument),
        Check("graph_agrees", graph_agrees),
    ),
    framework="keras",
)
