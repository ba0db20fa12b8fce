"""A fully connected layer, as d2l's MyDense, for every backend of Keras."""

import keras


class MyDense(keras.layers.Layer):
    """relu(x W + b)."""

    def __init__(self, units=3, **options):
        super().__init__(**options)
        self.units = units

    def build(self, input_shape):
        """Make the weights once the number of features is known."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        """Return the activations."""
        return keras.ops.relu(keras.ops.matmul(x, self.kernel) + self.bias)

    def compute_output_shape(self, input_shape):
        """The last axis has `units` elements."""
        return (*input_shape[:-1], self.units)

    def get_config(self):
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "units": self.units}
