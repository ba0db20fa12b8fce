"""The suite ``jax``: compiled, mapped, saved and restored, a layer is still the same."""

from __future__ import annotations

from layercheck import Case, Check, Suite


def jit_agrees(case: Case) -> None:
    """Under ``jax.jit`` the layer gives the outputs and gradients that it gives without.

    JAX runs the Python code of a layer once, on traced arrays, and then only what was recorded. A
    layer that needs the values (`float(x)`, `if x.sum() > 0`, `np.asarray(x)`) cannot be traced;
    one that reads a global, a counter, the clock or NumPy's random numbers keeps for ever what it
    read first; one that asks whether it is traced computes two different things.

    Fix: compute with `jax.numpy` from arguments alone, branch with `jnp.where` or `jax.lax.cond`,
    draw with `jax.random` and a key that is an argument. Arguments that are no arrays are given
    with `--call NAME=VALUE`: they are constants of the compiled layer.
    """
    from layercheck_jax.compiled_checks import require_jit_agrees

    require_jit_agrees(case)


def precision_kept(case: Case) -> None:
    """No value that goes in as float32 is cut to float16 or bfloat16 on the way.

    Three digits are left of seven, whatever the dtype of the output says; and differences of such
    a layer are too rough to judge its gradients. The usual causes are an `astype` with a fixed
    dtype, and a module that was built for mixed precision (`dtype=jnp.bfloat16`).

    Fix: compute with `x.dtype`. Check a layer for mixed precision with `dtype=float32`.
    """
    from layercheck_jax.compiled_checks import require_precision_kept

    require_precision_kept(case)


def vmap_agrees(case: Case) -> None:
    """Under ``jax.vmap`` the layer gives what one call after the other gives.

    Ensembles, per-example gradients and Jacobians map layers. The usual causes of a failure are
    `jax.pure_callback` without a `vmap_method`, and branches on the number of axes.

    Fix: use operations that have a batching rule.
    """
    from layercheck_jax.compiled_checks import require_vmap_agrees

    require_vmap_agrees(case)


def compiles_once(case: Case) -> None:
    """Calls that are alike compile the module once.

    A module that counts its calls in a Python number, or keeps other Python values that a call
    changes, is another module to `nnx.jit` each time and is compiled again in each step of the
    training. An Equinox module with an array in a static field cannot be compared with the module
    of the call before at all.

    Fix: keep what changes in an `nnx.Variable`; leave arrays out of `eqx.field(static=True)`.
    """
    from layercheck_jax.compiled_checks import require_compiles_once

    require_compiles_once(case)


def no_leaked_tracers(case: Case) -> None:
    """No traced array outlives the call that it belongs to.

    An array that is kept in a global list, an attribute or a cache while JAX traces the layer is
    a placeholder without a value: the next use raises `UnexpectedTracerError`, often far away.

    Fix: return what is to be kept, and take it as an argument of the next call.
    """
    from layercheck_jax.pure_checks import require_no_leaks

    require_no_leaks(case)


def keys_used_once(case: Case) -> None:
    """Each random key is used for one draw.

    The same key gives the same numbers: two masks that are drawn with it are equal, weights and
    noise are correlated, and nothing says so.

    Fix: `key, own = jax.random.split(key)` before each draw.
    """
    from layercheck_jax.pure_checks import require_keys_used_once

    require_keys_used_once(case)


def saved_and_restored(case: Case) -> None:
    """The values of a module can be saved and read again.

    Through `flax.serialization` (linen and nnx) or `eqx.tree_serialise_leaves`. The usual cause
    of a failure is a parameter or variable that holds something else than an array.

    Fix: keep arrays in parameters and variables, and configuration in fields.
    """
    from layercheck_jax.pure_checks import require_restored

    require_restored(case)


suite = Suite(
    "jax",
    "Compiled, mapped, saved and restored, the layer is still the same.",
    (
        Check("jit_agrees", jit_agrees),
        Check("no_leaked_tracers", no_leaked_tracers),
        Check("keys_used_once", keys_used_once),
        Check("precision_kept", precision_kept, dtypes="all"),
        Check("vmap_agrees", vmap_agrees),
        Check("compiles_once", compiles_once),
        Check("saved_and_restored", saved_and_restored),
    ),
    framework="jax",
)
