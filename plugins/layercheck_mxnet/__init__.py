"""Gluon blocks, ``mxnet.autograd.Function`` and functions of NDArrays, as layers of layercheck.

Nothing is imported here: the suite is listed where MXNet is not installed.
"""
