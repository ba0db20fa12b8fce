"""What other checkers are known to get wrong, and which tests show that layercheck does not.

A row names the checker and what happens there. `shown` are entries of the corpora and tests:
``peers:NAME`` of this folder, ``layers:NAME`` of tests/corpus, ``gradients:NAME`` of
tests/gradient_corpus, and ``FILE::FUNCTION``. `later` says why something is not shown yet.
"""

from __future__ import annotations

from dataclasses import dataclass

_JAX = "tests/frameworks/test_jax_peers.py::"
_HERE = "tests/test_peers.py::"
_TORCH = "tests/test_peers_torch.py::"
_GPU = "needs a GPU"


@dataclass(frozen=True)
class Row:
    tool: str
    what: str
    shown: tuple[str, ...] = ()
    later: str = ""

    def __str__(self) -> str:
        return f"{self.tool}: {self.what}"


def row(tool: str, what: str, *shown: str, later: str = "") -> Row:
    return Row(tool, what, shown, later)


FALSE_PASSES = (
    row(
        "torch gradcheck, fast",
        "elementwise gradient 1.1 times at 10,000 elements; 0 or negated from 262,144",
        "peers:tenth more at 10,000",
        "peers:zero at 262,144",
        "peers:zero at 1,474,560",
        "peers:negated at 1,474,560",
        _TORCH + "test_a_tenth_more_at_10000_elements_is_accepted_by_gradcheck_and_found",
        _TORCH + "test_a_zero_gradient_at_a_real_size_is_accepted_by_gradcheck_and_found",
    ),
    row(
        "torch gradcheck, fast",
        "one element 100 times at 10,000, 1,000 times at 100,000, 2 times at 1,000, 1.1 at 100",
        "peers:one element 100 times at 10,000",
        "peers:one element 1,000 times at 100,000",
        "peers:one element doubled at 1,000",
        "peers:one element 1.1 times at 100",
    ),
    row(
        "torch gradcheck, fast",
        "derivative taken from, or delivered to, the wrong element from 5,000",
        "peers:taken flipped at 5,000",
        "peers:delivered flipped at 5,000",
        "peers:taken flipped at 1,474,560",
        "peers:delivered flipped at 1,474,560",
    ),
    row(
        "torch gradcheck, fast",
        "linear 512 by 512, batch 128: dW 0 or doubled; convolution 16x16x32x32: dx 0 or negated",
        "peers:dW of 512 by 512 is 0",
        "peers:dW of 512 by 512 doubled",
        "peers:dx of a convolution is 0",
        "peers:dx of a convolution negated",
    ),
    row(
        "torch gradcheck, fast",
        "the same positive directions at each call: repeats add nothing, opposite errors cancel",
        "peers:opposite errors",
        _HERE + "test_upstream_gradients_have_both_signs_and_follow_the_seed",
    ),
    row(
        "torch gradcheck",
        "gradients below atol: -3 times at scale 1e-6; means over large batches",
        "peers:-3 times at scale 1e-6",
        "peers:-3 times a mean over the batch",
    ),
    row(
        "torch gradcheck",
        "parameters that are not passed: dW -7 times",
        "peers:-7 times a weight gradient",
        _TORCH + "test_a_parameter_that_gradcheck_is_not_given_is_checked",
    ),
    row(
        "torch gradcheck",
        "batch statistics moved by the check; batch mixing; a wrong forward",
        _HERE + "test_a_check_leaves_the_statistics_of_a_layer_alone",
        _TORCH + "test_statistics_are_not_moved_by_a_check",
        "layers:statistics.CentredAlways undeclared",
        "peers:other forward at 100,000",
        later="a forward that is wrong in both passes needs a reference of the outputs",
    ),
    row(
        "torch gradcheck",
        "a gradient of the wrong size",
        "layers:stateful.AffineScalarBiasGradient",
        "layers:stateful.AffineBiasGradientKeepsBatchAxis",
    ),
    row("torch opcheck", "any wrong gradient", "peers:-9 times"),
    row(
        "torch opcheck",
        "rtol=0, atol=0 replaced by defaults",
        _HERE + "test_no_option_sets_a_tolerance",
    ),
    row(
        "Keras run_layer_test",
        "-100 times, batch mixing, anything but shape, dtype, count, serialisation",
        "peers:-100 times and mixed over the batch",
    ),
    row(
        "JAX check_grads, forward mode",
        "0 from 500 float32 or 100,000 float64 outputs; -5 times from 5,000; primal off by 0.9",
        "peers:zero at 500 in float32",
        _JAX + "test_a_wrong_vjp_that_others_pass_is_found",
        "peers:zero at 100,000",
        "peers:-5 times at 5,000",
        "peers:other forward at 100,000",
    ),
    row(
        "JAX check_grads, reverse mode",
        "one element 1.1 times at any size, 2 and 10 times at 1,000; fixed directions",
        "peers:one element 1.1 times at 100",
        "peers:one element doubled at 1,000",
        "peers:one element 10 times at 1,000",
        _JAX + "test_a_wrong_vjp_that_others_pass_is_found",
        "peers:one element 1.1 times at 100,000",
        _HERE + "test_upstream_gradients_have_both_signs_and_follow_the_seed",
    ),
    row(
        "JAX check_grads",
        "-3 times at scale 1e-4 in float32",
        "peers:-3 times at scale 1e-4 in float32",
        _JAX + "test_a_wrong_vjp_of_small_values_is_found_in_float32",
    ),
    row(
        "chex",
        "1.3 times from 1,000; a stopped gradient replaced by ones",
        "peers:1.3 times at 1,000",
        "peers:upstream of ones",
        "layers:functional.relu detached",
        _JAX + "test_a_stopped_gradient_is_found",
    ),
    row("autograd", "-3 times at scale 1e-8", "peers:-3 times at scale 1e-8"),
    row(
        "Chainer",
        "one element 1.1 times at 100,000; first order not seen by double backward",
        "peers:one element 1.1 times at 100,000",
        _JAX + "test_a_vjp_right_once_and_wrong_twice_is_found",
    ),
    row(
        "Caffe",
        "gradients below 1 compared absolutely; the zone of a kink is left out",
        "gradients:scales.MicroscopeTenthMore",
        "gradients:kinked.ReLUFiveAtZero",
        "tests/gradients/test_kinks.py::test_a_slope_wrong_near_a_kink_is_found_however_near",
    ),
    row(
        "Julia isapprox",
        "a norm hides a single wrong element",
        "peers:one element per mille at 10,000",
        "peers:one element per mille at 1,474,560",
    ),
    row(
        "Lightning Bolts",
        "terms of other observations that cancel; normalisations left out",
        "peers:a leak that cancels",
        "gradients:norms.GroupNorm",
        "gradients:norms.GroupNormOneGroup",
    ),
    row(
        "Theano, autograd, cs231n",
        "absolute or relative: small elements may be wrong by any factor",
        "peers:small entry doubled",
        "gradients:scales.MicroscopeOneElement",
    ),
    row(
        "scikit-learn",
        "a layer that turns its tests off is green",
        "tests/test_cli.py::test_where_nothing_ran_the_reasons_are_on_stderr",
    ),
    row(
        "any upstream gradient of ones",
        "sum of batch norm, sum of softmax: 0 is taken for right",
        "peers:softmax of gradient 0",
        "peers:batch norm of gradient 0",
    ),
    row(
        "one input, one state",
        "a branch not taken, weights that start tiny, saturated units",
        "peers:branch beyond 3",
        "peers:weights that start tiny",
        "gradients:soft.SiLUSaturates",
    ),
)
FALSE_ALARMS = (
    row(
        "torch gradcheck",
        "kinks within 1e-6; a tied maximum",
        "peers:relu at 0 and at 3e-7",
        "peers:abs at 0 and at 3e-7",
        "peers:maximum of tied values",
        _TORCH + "test_kinks_and_ties_are_no_failures",
    ),
    row(
        "torch gradcheck",
        "float32 inputs; 2x at 1e10; a root at 1e-7",
        "peers:convolution",
        "layers:seeded.Twice of huge inputs",
        "peers:root at 1e-7",
        _TORCH + "test_values_whose_step_is_lost_are_no_failures",
    ),
    row(
        "torch gradcheck",
        "dropout; inputs that nobody initialised",
        "layers:random_layers.Dropout",
        "gradients:sampling.GaussianNoise",
        _HERE + "test_generated_inputs_are_finite",
        _TORCH + "test_dropout_and_its_randomness_are_no_failures",
    ),
    row("torch gradcheck", "GPU sums in another order at nondet_tol 0", later=_GPU),
    row(
        "torch gradcheck, fast",
        "inputs without elements; floating outputs without gradient; second order of cumprod",
        "peers:an output without elements",
        "peers:an output without gradient",
        "peers:cumulative product",
        "tests/gradients/test_verify.py::test_an_empty_tensor_passes",
        _JAX + "test_a_cumulative_product_is_right_twice",
        _TORCH + "test_a_cumulative_product_is_right_twice",
        _TORCH + "test_a_floating_output_without_a_gradient_is_no_failure",
    ),
    row(
        "torch gradcheck, slow",
        "memory and time grow with the square of the size",
        _HERE + "test_evaluations_do_not_grow_with_the_number_of_elements",
        "peers:sine at 1,474,560",
    ),
    row(
        "JAX check_grads",
        "every float16 and bfloat16 function",
        "peers:sine in float16",
        later="NumPy has no bfloat16",
    ),
    row(
        "Chainer",
        "x^3 at 0, a constant and rounding, steep functions; then endless redraws",
        "peers:cube at 0",
        "peers:constant and rounding",
        "peers:steep",
    ),
    row(
        "ChainRulesTestUtils",
        "float32 at 1e-9; logarithms near 0",
        "peers:sine at 1e-9",
        "layers:fragile.Logarithm in its range",
        "tests/suites/test_gradients.py::test_no_step_leaves_the_range",
    ),
    row(
        "SciPy check_grad",
        "a right cosine at 1e9",
        _HERE + "test_a_cosine_far_out_is_not_accused",
    ),
    row(
        "cs231n relative error",
        "a gradient that is truly 0",
        "peers:sum of softmax",
        "tests/gradients/test_verify.py::test_a_gradient_that_vanishes_rightly_passes_and_says_so",
    ),
    row(
        "complex step",
        "abs, max, comparisons, conj",
        "peers:abs at 0 and at 3e-7",
        "gradients:ordering.Sort",
        "gradients:complex_valued.Modulus",
    ),
    row(
        "tesseract",
        "an absolute step for inputs of any size",
        "peers:inputs of 1e-9 and of 1e9",
    ),
    row(
        "Warp",
        "a tolerance that is not the one described",
        _HERE + "test_a_finding_states_both_values_and_the_tolerance",
    ),
    row(
        "Lightning Bolts",
        "batch norm, which mixes by design; outputs whose sum is constant",
        "layers:statistics.BatchNorm declared",
        "peers:softmax",
    ),
    row(
        "TensorFlow",
        "a float32 reference; TF32",
        "tests/suites/test_gradients.py::test_float32_alone_is_verified_in_float64",
        later=_GPU,
    ),
    row(
        "scikit-learn",
        "arguments of the checker's own that do not fit the layer",
        "peers:group norm",
        "tests/suites/test_gradient_regimes.py::"
        "test_regimes_are_run_at_the_smallest_layout_that_the_layer_accepts",
    ),
    row("parity tests", "TF32, order of sums, order of tests", later=_GPU),
    row(
        "error estimates",
        "an estimate that is tiny by accident",
        "tests/gradients/test_differences.py::test_bound_covers_the_truth",
        "tests/gradients/test_differences.py::test_kinks_at_any_distance_never_leave_the_bound",
    ),
    row(
        "steps chosen by agreement",
        "the noise of a solver agrees with itself",
        _HERE + "test_a_solver_that_stops_early_is_not_accused",
    ),
)
SEEDED = (
    row("seeded", "gradient zero", "peers:zero at 10,000", "peers:zero at 1,474,560"),
    row("seeded", "negated", "peers:negated at 10,000", "peers:negated at 1,474,560"),
    row("seeded", "1.1 times", "peers:tenth more at 10,000", "peers:tenth more at 1,474,560"),
    row("seeded", "doubled", "peers:doubled at 10,000", "peers:doubled at 1,474,560"),
    row(
        "seeded",
        "one element by 1e-3",
        "gradients:smooth.GELUOneElement",
        "peers:one element per mille at 10,000",
        "peers:one element per mille in float32",
        "peers:one element per mille at 1,474,560",
        "peers:one element per mille at 1,474,560 in float32",
    ),
    row("seeded", "one parameter only", "peers:-7 times a weight gradient"),
    row(
        "seeded",
        "flipped along each axis",
        *(f"peers:flipped along axis {axis}" for axis in range(4)),
        "peers:delivered flipped at 1,474,560",
    ),
    row("seeded", "weight gradient transposed", "gradients:dense.SquareDenseTransposedGradient"),
    row(
        "seeded",
        "delivered to the wrong observation",
        "peers:next observation",
        "peers:next observation at 1,474,560",
    ),
    row(
        "seeded",
        "derivative of the neighbour",
        "peers:derivative of the neighbour",
        "peers:derivative of the neighbour at 1,474,560",
    ),
    row("seeded", "without upstream gradient", "peers:without upstream"),
    row("seeded", "upstream gradient of ones", "peers:upstream of ones"),
    row(
        "seeded",
        "1/B missing or too much",
        "gradients:prelu.PReLUBatchMean",
        "gradients:dense.DenseScaledUpstream",
        "layers:places.FeatureFirst declared as mean",
    ),
    row(
        "seeded",
        "mean for sum over an axis that is broadcast, and the reverse",
        "gradients:prelu.PReLUSpatialMean",
        "layers:images.GlobalAveragePoolForgetsTheCount",
    ),
    row("seeded", "bias gradient not reduced", "layers:stateful.AffineBiasGradientKeepsBatchAxis"),
    row(
        "seeded",
        "statistics of a batch norm as constants",
        "layers:statistics.BatchNormDetachedStatistics",
    ),
    row(
        "seeded",
        "dropout without its mask",
        "layers:random_layers.DropoutForgetsScaleInBackward",
        "layers:random_layers.NativeDropoutDrawsAgain",
    ),
    row("seeded", "border of the padding", "gradients:convolution.PaddedConv2DWithoutBorder"),
    row("seeded", "last step only", "layers:seeded.LastStepOnly"),
    row("seeded", "float32 inside float64", "gradients:dense.DenseInSinglePrecision"),
    row("seeded", "input written", "layers:activations.ReluEditsInput"),
    row("seeded", "upstream gradient written", "layers:activations.ReluEditsUpstream"),
    row("seeded", "gradient in a buffer that is shared", "layers:impure.ReusesItsOutputBuffer"),
    row(
        "seeded",
        "stale cache at a second backward",
        "layers:impure.KeepsItsFirstInput",
        "layers:impure.EditsItsCache",
    ),
    row(
        "seeded",
        "state changed in evaluation",
        "layers:statistics.BatchNormUpdatesInEvaluation",
    ),
    row("seeded", "one observation as a special case", "layers:seeded.OneObservationIsSpecial"),
    row("seeded", "output of a smaller dtype", "layers:attributes.LayerDenseInFloat32"),
    row("seeded", "NaN in one element", "layers:seeded.NanInOneEntry"),
    row(
        "seeded",
        "at scales 1e-6 and 1e+6",
        "peers:-3 times at scale 1e-6",
        "peers:-3 times at scale 1e+6",
        "peers:-3 times at scale 1e-6 at 1,474,560",
        "peers:-3 times at scale 1e+6 at 1,474,560",
    ),
    row(
        "correct",
        "relu, abs, max at ties",
        "peers:relu at 0 and at 3e-7",
        "peers:abs at 0 and at 3e-7",
        "peers:maximum of tied values",
        "gradients:kinked.ReLU",
    ),
    row("correct", "x^3 at 0", "peers:cube at 0", "gradients:scales.Cube"),
    row("correct", "sum of softmax", "peers:sum of softmax", "gradients:scales.SumOfSoftmax"),
    row(
        "correct",
        "values of 1e-7 and of 1e9",
        "peers:sine at 1e-7",
        "peers:root at 1e-7",
        "layers:seeded.Twice of huge inputs",
    ),
    row("correct", "sine in float16", "peers:sine in float16"),
    row(
        "correct",
        "straight-through with the surrogate declared",
        later="no declaration names a surrogate yet",
    ),
    row("correct", "batch norm with its mixing declared", "layers:statistics.BatchNorm declared"),
)
ROWS = (*FALSE_PASSES, *FALSE_ALARMS, *SEEDED)
