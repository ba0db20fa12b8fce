"""What PyTorch's own modules do that layercheck reports, each with its reason."""

from __future__ import annotations

_SAMPLES = "the table builds it with the random samples of one batch, so that no other size runs"
_POWER = "the table asks for the norm 1.5, which has no value for negative inputs"
FAILS: dict[str, dict[str, str]] = {
    "CTCLoss": {
        "gradients.input:log_probs": "PyTorch gives the gradient with respect to the logits: the "
        "derivative is right where log_probs come from log_softmax",
        "numerics.large_values": "log_probs of 1e3 are no log probabilities, and their "
        "exponentials overflow float32",
    },
    "FractionalMaxPool2d": {"batch.other_batch_sizes": _SAMPLES},
    "FractionalMaxPool3d": {"batch.other_batch_sizes": _SAMPLES},
    "LPPool1d": {"numerics.finite": _POWER},
    "PoissonNLLLoss": {
        "numerics.large_values": "exp(log_input) overflows float32 before the mean divides it"
    },
    "SoftMarginLoss": {
        "numerics.large_values": "its gradient is a quotient of exponentials that both overflow, "
        "so that it is NaN"
    },
}
