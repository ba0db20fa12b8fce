"""The gradient engine: differences with error bounds, and what they say about a backward."""
