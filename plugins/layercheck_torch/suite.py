"""The suite of PyTorch: what its users rely on beyond the gradient.

Nothing here imports PyTorch: suites are listed where it is missing.
"""

from __future__ import annotations

from layercheck import Case, Check, Passed, Suite


def save_and_load(case: Case) -> None:
    """A new layer that loads the `state_dict` computes what the saved one computes.

    A checkpoint is a `state_dict`: what is not in it is lost. The layer is built a second time
    with other random numbers, loads what the first one saved, and has to predict the same. The
    usual causes are a tensor drawn in `__init__` and kept in a plain attribute, a buffer with
    `persistent=False` that is not the same in every object, and parameters in a plain list.

    Fix: `self.register_buffer("name", tensor)`, `nn.Parameter`, `nn.ParameterList`.
    """
    from layercheck_torch.checks.saving import save_and_load

    save_and_load(case)


def registered(case: Case) -> Passed:
    """Tensors that are meant to be trained are parameters of the module.

    `parameters()` does not give a tensor that lies in a plain list, tuple or dict, or that
    requires a gradient without being an `nn.Parameter`: no optimizer gets it, `.to(device)` leaves
    it behind, and no checkpoint has it. Modules in plain lists are lost in the same way.

    Fix: `nn.ParameterList`, `nn.ModuleList`, `nn.ModuleDict`, or `nn.Parameter` in an attribute.
    """
    from layercheck_torch.checks.registering import registered

    return registered(case)


def second_step(case: Case) -> None:
    """A training loop can run a second step: forward, backward, forward, backward.

    Backward frees the graph of its step. A layer that carries a tensor of that graph over to the
    next step, such as a hidden state, asks backward to go through it again, which raises. Trained
    with `retain_graph=True` instead, it would become slower with each step.

    Fix: keep `h.detach()`.
    """
    from layercheck_torch.checks.stepping import second_step

    second_step(case)


def one_gradient_at_a_time(case: Case) -> None:
    """Each gradient is the same whether or not the others are asked for.

    Frozen layers and inputs that need no gradient are common: autograd then asks for some
    gradients only, and says so in `ctx.needs_input_grad`. The usual causes of a difference are an
    index into it that is off by one (the arguments of `forward` are counted without ctx), and a
    tensor that is saved only if another gradient is needed.
    """
    from layercheck_torch.checks.freezing import one_gradient_at_a_time

    one_gradient_at_a_time(case)


def channels_last(case: Case) -> None:
    """Images and volumes in the memory format `channels_last` give the same.

    Networks for images are often converted for speed; a tensor then has the same sizes and other
    strides. The usual causes of a difference or an error are `view` where `reshape` is meant, and
    code of one's own that reads memory in one order.
    """
    from layercheck_torch.checks.formats import channels_last

    channels_last(case)


def vmapped_backward(case: Case) -> None:
    """Backward mapped over several upstream gradients gives what it gives one by one.

    `torch.vmap` over backward is how whole Jacobians are computed (`is_grads_batched=True`,
    `torch.autograd.functional.jacobian(vectorize=True)`). The usual cause of a difference is a
    backward of one's own whose sums and reshapes count axes from the front.

    Fix: count axes from the back, or give the function a `vmap` of its own.
    """
    from layercheck_torch.checks.mapping import vmapped_backward

    vmapped_backward(case)


def settings_unchanged(case: Case) -> None:
    """A call leaves the settings of PyTorch as they were.

    The grad mode, the default dtype, the number of threads, autocast, anomaly detection and
    deterministic algorithms belong to the whole process: whoever changes them for good changes
    the network around the layer. The usual cause is `torch.set_grad_enabled(False)` where
    `with torch.no_grad():` is meant.
    """
    from layercheck_torch.checks.settling import settings_unchanged

    settings_unchanged(case)


suite = Suite(
    "torch",
    "What users of PyTorch rely on: checkpoints, training loops, memory formats, vmap.",
    (
        Check("save_and_load", save_and_load),
        Check("registered", registered, dtypes="none"),
        Check("second_step", second_step),
        Check("one_gradient_at_a_time", one_gradient_at_a_time),
        Check("channels_last", channels_last),
        Check("vmapped_backward", vmapped_backward),
        Check("settings_unchanged", settings_unchanged, dtypes="none"),
    ),
    framework="torch",
)
