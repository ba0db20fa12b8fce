"""A layer with a common mistake: a copy from its configuration forgets the scale."""

import keras


class Scaled(keras.layers.Layer):
    """Multiplies by a constant."""

    def __init__(self, scale=2.0, offset=1.0, **options):
        super().__init__(**options)
        self.scale, self.offset = scale, offset

    def call(self, x):
        """Return the scaled input."""
        return self.scale * x + self.offset

    def get_config(self):
        """Return the arguments, but for the scale."""
        return {**super().get_config(), "offset": self.offset}
