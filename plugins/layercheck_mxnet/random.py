"""MXNet's generator, as layercheck seeds it and puts it back."""

from __future__ import annotations

from typing import Any

import mxnet as mx

from layercheck import RandomSource


class MxnetGenerator(RandomSource):
    """The global generator, which tells nobody where it stands.

    Asked for its state it draws a number, goes on from that number as its seed, and names it: so
    the state depends on all that was drawn before, and can be had again.
    """

    def seed(self, seed: int) -> None:
        """Set it."""
        mx.random.seed(seed % 2**31)

    def state(self) -> Any:
        """Return a seed with which it goes on as it will."""
        drawn = mx.nd.random.randint(0, 2**31 - 1, shape=1, dtype="int32")
        token = int(drawn.asnumpy()[0])
        mx.random.seed(token)
        return token

    def restore(self, state: Any) -> None:
        """Seed it with what `state` returned."""
        mx.random.seed(state)
