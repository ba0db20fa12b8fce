"""Which attention layers are right, and what is wrong with the others."""

from __future__ import annotations

from tests.gradient_corpus import attention as a
from tests.gradient_corpus.entry import right, wrong

SMALL = ("BTC:4,5,6",)
REAL = "BTC:16,90,64"
X, Q, K, V = "input:x", "input:q", "input:k", "input:v"
CHAIN = "missing-term missing-factor"
OF_ALL = "missing-sum wrong-region"

MASKED = right(a.Attention, *(3 * SMALL), full=(REAL, REAL, REAL))
HEADS = right(a.MultiHead, *SMALL, full="BTC:16,90,32")
ADDITIVE = right(a.AdditiveAttention, *SMALL, full=REAL)
POSITIONS = right(a.Positions, *SMALL, full=REAL)
CORRECT = (MASKED, HEADS, ADDITIVE, POSITIONS)

BUGS = (
    wrong(
        MASKED,
        a.AttentionWithoutScale,
        "1/sqrt(C) is not applied again.",
        {Q: "constant-factor", K: "constant-factor"},
        full=True,
    ),
    wrong(
        MASKED,
        a.AttentionScaleNotRooted,
        "1/C for 1/sqrt(C).",
        {Q: "constant-factor", K: "constant-factor"},
    ),
    wrong(
        MASKED,
        a.AttentionSwapped,
        "dk comes first.",
        {Q: "swapped-with", K: "swapped-with"},
    ),
    wrong(MASKED, a.AttentionValuesNotTransposed, "p dz for p' dz.", {V: "transposed"}),
    wrong(MASKED, a.AttentionValuesDetached, "The values get nothing.", {V: "zero-gradient"}),
    wrong(
        MASKED,
        a.AttentionSoftmaxDiagonal,
        "p (1 - p) inside.",
        {Q: "missing-term", K: "missing-term"},
    ),
    wrong(
        MASKED,
        a.AttentionWithoutSoftmax,
        "The softmax inside is not derived.",
        {Q: CHAIN, K: CHAIN},
    ),
    wrong(MASKED, a.AttentionKeysNotTransposed, "ds q for ds' q.", {K: "transposed"}),
    wrong(HEADS, a.MultiHeadQueriesOnly, "x reaches three projections.", {X: "missing-term"}),
    wrong(
        HEADS,
        a.MultiHeadValuesMissing,
        "The path through the values is missing.",
        {X: "missing-term"},
        full=True,
    ),
    wrong(
        HEADS,
        a.MultiHeadSwapsWeights,
        "dWk comes first.",
        {"learnable:Wq": "swapped-with", "learnable:Wk": "swapped-with"},
    ),
    wrong(
        HEADS,
        a.MultiHeadOutputOfInput,
        "x for the heads' output.",
        {"learnable:Wo": "missing-factor"},
    ),
    wrong(
        HEADS,
        a.MultiHeadFirstObservation,
        "Written for one sequence.",
        dict.fromkeys([f"learnable:{name}" for name in a.MultiHead.learnables], OF_ALL),
    ),
    wrong(
        ADDITIVE,
        a.AdditiveAttentionFixedWeights,
        "The weights depend on x too.",
        {X: "missing-term"},
    ),
    wrong(
        ADDITIVE,
        a.AdditiveAttentionFixedValues,
        "The values are x too.",
        {X: "missing-term"},
    ),
    wrong(
        ADDITIVE,
        a.AdditiveAttentionWithoutTanh,
        "tanh inside is not derived.",
        {X: f"{CHAIN} elementwise-derivative", "learnable:W": f"{CHAIN} elementwise-derivative"},
    ),
    wrong(
        POSITIONS,
        a.PositionsMean,
        "mean for sum.",
        {"learnable:P": "mean-instead-of-sum"},
        full=True,
    ),
    wrong(
        POSITIONS,
        a.PositionsOneStepLate,
        "Off by one step.",
        {"learnable:P": "shifted"},
    ),
    wrong(
        POSITIONS,
        a.PositionsSumSteps,
        "Sums over the steps as well.",
        {"learnable:P": "wrong-axis missing-broadcast-reduction"},
        full=True,
    ),
)
