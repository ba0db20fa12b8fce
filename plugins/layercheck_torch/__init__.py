"""PyTorch modules, ``autograd.Function`` classes and functions, as layers of layercheck.

PyTorch is imported by `layercheck_torch.framework` alone, and not by the suite's list of checks.
"""
