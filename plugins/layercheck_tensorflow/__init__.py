"""TensorFlow modules and functions, as layers of layercheck; Keras is not imported here."""
