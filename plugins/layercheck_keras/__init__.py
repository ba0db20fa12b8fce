"""Keras layers and models on TensorFlow, JAX and PyTorch, as layers of layercheck."""
