"""A peephole LSTM; which recurrent layers are right, and what is wrong with the others."""

from __future__ import annotations

import numpy as np

from tests.gradient_corpus import recurrent as r
from tests.gradient_corpus.entry import normal, right, wrong


class Peephole(r.LSTM):
    """An LSTM whose gates i and f see the cell before the step, and o the cell after it."""

    learnables = ("W", "R", "b", "p")

    def initialize(self, layout):
        super().initialize(layout)
        if self.p is None:
            self.p = normal(3, self.units, 1)

    def step(self, x, h, c):
        i, f, g, o = np.split(self.W @ x + self.R @ h + self.b, 4)
        i, f = r.sigmoid(i + self.p[0] * c), r.sigmoid(f + self.p[1] * c)
        g = np.tanh(g)
        new = f * c + i * g
        o = r.sigmoid(o + self.p[2] * new)
        return (o * np.tanh(new), new), (x, h, c, new, i, f, g, o)

    def peeps(self, di, df, do, c, new):
        return np.stack([di * c, df * c, do * new]).sum(axis=2, keepdims=True)

    def from_gates(self, di, df):
        return di * self.p[0] + df * self.p[1]

    def from_output_gate(self, do):
        return do * self.p[2]

    def step_back(self, dstates, kept):
        dh, dc = dstates
        x, h, c, new, i, f, g, o = kept
        do = dh * np.tanh(new) * o * (1 - o)
        dc = self.into_cell(dh, dc, new, o) + self.from_output_gate(do)
        di, df, dg = dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2)
        da = np.concatenate([di, df, dg, do])
        before = dc * f + self.from_gates(di, df)
        weights = *self.of_weights(x, h, da), self.peeps(di, df, do, c, new)
        return self.W.T @ da, [self.R.T @ da, before], weights


class PeepholeOldCellForOutput(Peephole):
    def peeps(self, di, df, do, c, new):
        return super().peeps(di, df, do, c, c)


class PeepholeWithoutOutputPath(Peephole):
    def from_output_gate(self, do):
        return 0


class PeepholeWithoutGatePaths(Peephole):
    def from_gates(self, di, df):
        return 0


class PeepholeBatchMean(Peephole):
    def peeps(self, di, df, do, c, new):
        return super().peeps(di, df, do, c, new) / c.shape[1]


SMALL = ("CTB:3,5,7",)
REAL = "CTB:48,30,128"
X, W, R, B = "input:x", "learnable:W", "learnable:R", "learnable:b"
H, C = "state:h", "state:c"
EVERYWHERE = (X, W, R, B)
# Nobody outside sees a path between two steps: that terms are missing is all there is to say.
IN_TIME = "missing-term wrong-region"
INSIDE = "missing-term missing-factor elementwise-derivative"


def all_of(*tensors, causes=IN_TIME):
    return dict.fromkeys(tensors, causes)


PLAIN = right(r.RNN, *SMALL, full=REAL)
LONG = right(r.LSTM, *SMALL, full=REAL)
GATED = right(r.GRU, *SMALL, full=REAL)
PEEPHOLE = right(Peephole, *SMALL, full=REAL)
CORRECT = (PLAIN, LONG, GATED, PEEPHOLE)

BUGS = (
    wrong(
        PLAIN,
        r.RNNNotTransposed,
        "R da for R' da.",
        {**all_of(*EVERYWHERE, causes=f"transposed {IN_TIME}"), H: "transposed missing-term"},
    ),
    wrong(
        PLAIN,
        r.RNNTruncated,
        "Nothing goes back in time.",
        {**all_of(*EVERYWHERE), H: "zero-gradient"},
        full=True,
    ),
    wrong(PLAIN, r.RNNWithoutTanh, "tanh is not derived.", all_of(*EVERYWHERE, H, causes=INSIDE)),
    wrong(
        PLAIN,
        r.RNNFirstStepOnly,
        "= for += over the steps.",
        all_of(W, R, B, causes="missing-sum wrong-region"),
        full=True,
    ),
    wrong(
        PLAIN,
        r.RNNSlicesUnits,
        "A slice to the channels where all units belong.",
        {X: "missing-term missing-sum"},
    ),
    wrong(PLAIN, r.RNNStateDetached, "dh is not returned.", {H: "zero-gradient"}),
    wrong(
        PLAIN,
        r.RNNIgnoresStateUpstream,
        "dh of the caller is dropped.",
        all_of(*EVERYWHERE, H),
    ),
    wrong(
        PLAIN,
        r.RNNLastUpstreamOnly,
        "As if the last step alone were the output.",
        all_of(*EVERYWHERE, H),
    ),
    wrong(PLAIN, r.RNNRecurrentOfNew, "h' for h.", {R: "missing-factor shifted"}),
    wrong(
        LONG,
        r.LSTMWithoutTanh,
        "tanh(c) is not derived.",
        all_of(*EVERYWHERE, H, C, causes=INSIDE),
    ),
    wrong(LONG, r.LSTMForgetsCell, "dc does not add up.", all_of(*EVERYWHERE, H, C)),
    wrong(
        LONG,
        r.LSTMForgetGateDetached,
        "The forget gate is a constant.",
        all_of(*EVERYWHERE, H, C, causes=IN_TIME),
        full=True,
    ),
    wrong(
        LONG,
        r.LSTMForgetGateWithoutSlope,
        "f (1 - f) is missing.",
        all_of(*EVERYWHERE, H, C, causes=f"{INSIDE} wrong-region"),
    ),
    wrong(
        LONG,
        r.LSTMCellNotForgotten,
        "dc goes back without f.",
        {**all_of(*EVERYWHERE, H), C: "missing-factor missing-term"},
    ),
    wrong(
        LONG,
        r.LSTMGatesInOtherOrder,
        "i, f, o, g in backward.",
        all_of(W, R, B, causes="permuted"),
    ),
    wrong(LONG, r.LSTMCellStateDetached, "dc is not returned.", {C: "zero-gradient"}, full=True),
    wrong(LONG, r.LSTMStatesSwapped, "dc comes first.", all_of(H, C, causes="swapped-with")),
    wrong(
        GATED,
        r.GRUWithoutKept,
        "The direct path u h is missing.",
        all_of(*EVERYWHERE, H),
        full=True,
    ),
    wrong(
        GATED,
        r.GRUUpdateSign,
        "n - h for h - n.",
        all_of(*EVERYWHERE, H, causes="sign-flipped missing-term wrong-region"),
    ),
    wrong(GATED, r.GRUResetDetached, "The reset gate is a constant.", all_of(*EVERYWHERE, H)),
    wrong(
        GATED,
        r.GRUResetOpen,
        "r is missing on the way to h.",
        all_of(*EVERYWHERE, H, causes=f"{IN_TIME} missing-factor"),
    ),
    wrong(
        PEEPHOLE,
        PeepholeOldCellForOutput,
        "The output gate sees the new cell.",
        {"learnable:p": "wrong-region missing-factor"},
    ),
    wrong(
        PEEPHOLE,
        PeepholeWithoutOutputPath,
        "The output gate's path to c is missing.",
        all_of(*EVERYWHERE, "learnable:p", H, C),
    ),
    wrong(
        PEEPHOLE,
        PeepholeWithoutGatePaths,
        "The paths of i and f to c are missing.",
        all_of(*EVERYWHERE, "learnable:p", H, C),
    ),
    wrong(
        PEEPHOLE,
        PeepholeBatchMean,
        "Averages over the batch.",
        {"learnable:p": "mean-instead-of-sum"},
    ),
)
