"""Hypotheses about a wrong gradient: each an exact match of the Jacobian that backward claims."""
