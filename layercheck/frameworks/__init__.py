"""Frameworks: what a plugin writes to have its layers checked, and what finds the plugin."""
