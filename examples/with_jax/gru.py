"""A recurrent layer in Equinox: one sequence in, its hidden states out."""

import equinox as eqx
import jax
import jax.numpy as jnp


class Gru(eqx.Module):
    """Runs a cell along the steps of one sequence."""

    cell: eqx.nn.GRUCell

    def __init__(self, width: int = 2, hidden: int = 3, *, key: jax.Array):
        self.cell = eqx.nn.GRUCell(width, hidden, key=key)

    def __call__(self, x):
        """Return the hidden state of each step."""

        def step(hidden, x):
            hidden = self.cell(x, hidden)
            return hidden, hidden

        return jax.lax.scan(step, jnp.zeros(self.cell.hidden_size), x)[1]
