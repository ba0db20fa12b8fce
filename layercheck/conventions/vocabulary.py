"""The names that people give to passes, arguments, parameters and gradients."""

from __future__ import annotations

import re

FORWARD = (
    *("forward", "forward_pass", "forward_propagation", "forward_prop", "feed_forward"),
    *("feedforward", "propagate", "fprop", "updateOutput", "predict", "call", "__call__"),
)
BACKWARD = (
    *("backward", "backward_pass", "backward_propagation", "back_propagation", "back_prop"),
    *("backprop", "backpropagate", "bprop", "compute_gradients", "updateGradInput"),
)
FUNCTION = ("fn", "f", "forward", "__call__", "call", "function", "activate", "activation", "fprop")
DERIVATIVE = ("grad", "gradient", "derivative", "deriv", "df", "prime", "d_fn", "dfn", "diff")

_PRIVATE = re.compile(r"^_[^_]\w*?__(?=\w)")

# What follows is compared without case and underscores; see `normal`.
RATE = {"lr", "learningrate", "learnrate", "rate", "lrate", "stepsize", "eta", "alpha", "epsilon"}
ALWAYS_RATE = RATE - {"eta", "alpha", "epsilon", "rate"}
MEMORY = {"cache", "memory", "mem", "ctx", "context", "residuals", "saved", "caches", "fcache"}
CONTEXT = {"ctx", "context", "c", "self", "cls"}
INPUT = {
    *("x", "xs", "input", "inputs", "inp", "inputtensor", "inputdata", "layerinput", "aprev"),
    *("data", "features", "bottom"),
}
SEVERAL = {"xs", "inputs", "args", "tensors", "arrays", "values", "branches", "ins"}
JOINING = {"concatenate", "stack", "hstack", "vstack", "dstack"} | {
    *("zip", "map", "reduce", "enumerate"),
}
UPSTREAM = ("dout", "dvalue", "grad", "upstream", "delta", "error", "dldz", "dldy", "dlda", "gy")
OUTPUT = {"y", "z", "out", "output", "outputs", "top"}
LABELS = {
    *("ytrue", "labels", "label", "targets", "target", "groundtruth", "truth", "onehot"),
    *("labeltensor", "ylabels", "actual"),
}
WEAK_LABELS = {"t", "y"}
LOSS_WORDS = ("loss", "crossentropy", "criterion")

TRAIN = {
    *("training", "train", "istraining", "istrain", "trainflg", "trainflag", "trainmode"),
    *("trainingmode", "trainingphase", "trainphase"),
}
EVALUATION = {
    *("testing", "test", "istest", "istesting", "testingphase", "testmode", "testphase"),
    *("inference", "isinference", "inferencemode", "evaluation", "evaluate", "eval", "evalmode"),
    *("iseval", "predicting"),
}
MODE = {"mode", "phase", "regime", "stage"}
EVALUATE_METHODS = ("eval", "evaluate", "test", "set_eval", "eval_mode", "inference_mode")
TRAIN_METHODS = ("train", "training", "set_train", "train_mode", "training_mode")

INITIALIZERS = (
    *("set_input_shape", "set_input_size", "build", "initialize", "initialise", "init_params"),
    *("initialize_parameters", "init_weights", "initialize_weights", "_init_params", "setup"),
)
SHAPES = {"shape", "inputshape", "inshape", "inputsize", "inputdims", "shapein", "xshape"}
SIZES = {
    *("inputdim", "indim", "nin", "infeatures", "inputunits", "ninputs", "insize", "inputfeatures"),
    *("inchannels", "numinputs", "fanin", "dimin"),
}
RESET = (
    *("reset_state", "reset_states", "reset_hidden", "reset_hidden_state", "reset", "clear_state"),
    *("clear_states", "init_hidden", "init_state", "reset_memory", "resetState"),
)
CLEAR = (
    *("zero_grad", "zero_grads", "zeroGradParameters", "flush_gradients", "clear_grads"),
    *("clear_grad", "cleargrads", "zero_gradients", "reset_gradients", "reset_grads"),
    *("clear_gradients", "reset_grad", "zerograd", "zerograds", "zero_gradient"),
)
RESULTS = (
    *("output", "outputs", "out", "A", "a", "y", "Y", "z", "Z", "activation", "activations"),
    *("result", "output_data", "layer_output", "output_tensor", "h"),
)
INPUT_GRADIENTS = {
    *("dinputs", "dinput", "dx", "gradinput", "inputgradient", "inputgrad", "gradx", "xgrad"),
    *("gradinputs", "inputgrads", "dx", "daprev", "dldx", "dlda", "gradientinput", "prevgrad"),
    *("deltax", "deltainput", "gradientx", "xgradient", "inputdelta", "dprev", "gradprev"),
}
GRADIENTS = {"grads", "gradients", "grad", "gradient", "dparams", "gparams", "paramgrads"} | {
    *("paramsgrad", "paramsgrads", "dparameters", "parametergrads", "derivatives", "gradparams"),
    *("gradparameters", "parametersgrad", "parametersgrads", "deltas", "diffs"),
}
ALL_PARAMETERS = {"params", "param", "parameters", "parameter", "theta", "flatparams", "learnables"}
VALUES = {"data", "value", "values", "param", "params", "tensor", "array", "val", "w", "weight"}

LEARNABLE = {
    *("w", "b", "weight", "weights", "bias", "biases", "kernel", "kernels", "filter", "filters"),
    *("gamma", "beta", "alpha", "scale", "shift", "slope", "u", "v", "embedding", "embeddings"),
    *("wx", "wh", "bh", "by", "wxh", "whh", "why", "w0", "theta", "wq", "wk", "wv", "wo", "table"),
    *("params", "parameters", "param", "parameter", "g"),
}
OPTIMIZERS = ("optimizer", "optimiser", "optim", "opt")
UPDATES = ("update", "calculate_update", "step", "apply", "apply_gradients", "update_weights")
SYNONYMS = (
    frozenset({"w", "weight", "weights", "kernel", "kernels", "filter", "filters"}),
    frozenset({"b", "bias", "biases"}),
)
PREFIXES = (
    *("d", "grad", "gradient", "gradients", "dld", "ded", "djd", "dl", "dlossd", "dcostd"),
    *("delta", "nabla", "g", "diff", "derivative"),
)
SUFFIXES = ("grad", "grads", "gradient", "gradients", "g", "delta", "diff", "derivative")


def normal(name: object) -> str:
    """Return a name without case, underscores and the class's name of a private attribute."""
    return _PRIVATE.sub("", str(name)).replace("_", "").lower()


def is_gradient_of(name: object, learnable: object) -> bool:
    """Whether `name` says that it is the gradient of `learnable`: dW, W_grad, dL_dW."""
    text, wanted = normal(name), normal(learnable)
    return any(text == prefix + wanted for prefix in PREFIXES) or any(
        text == wanted + suffix for suffix in SUFFIXES
    )


def synonyms(name: object) -> tuple[str, ...]:
    """Return the other usual names of a learnable: dweights is also the gradient of W."""
    text = normal(name)
    root = text.rstrip("0123456789")
    number = text[len(root) :]
    return tuple(
        other + number for group in SYNONYMS if root in group for other in sorted(group - {root})
    )


def is_upstream_name(name: object) -> bool:
    """Whether an argument is called like an upstream gradient."""
    text = normal(name)
    return any(word in text for word in UPSTREAM) or text in ("dz", "dy", "da", "dh")


def is_learnable_name(name: object) -> bool:
    """Whether a name is usual for a learnable."""
    text = normal(name)
    return text in LEARNABLE or text.rstrip("0123456789") in LEARNABLE
