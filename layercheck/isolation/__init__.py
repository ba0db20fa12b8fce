"""Layers run in processes of their own: what the parent knows of them, and what they say."""
