"""The border: NumPy arrays that PyTorch computes with, and tensors as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from layercheck import LayerError

_NARROW = (torch.bfloat16,)  # floating, and unknown to NumPy


def to_tensor(array: Any) -> Any:
    """Return a tensor that shares the array's memory, but for what PyTorch cannot use.

    Arrays with negative strides and read-only ones are copied.
    """
    array = np.asarray(array)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy(order="K") if array.flags.forc else np.ascontiguousarray(array)
        array = array.reshape(np.shape(array))
    if any(stride % array.itemsize for stride in array.strides):  # the part of a record
        array = array.copy()
    return torch.from_numpy(array)


def torch_dtype(dtype: np.dtype[Any]) -> Any:
    """Return PyTorch's name of a dtype; raises `LayerError` where it has none."""
    found = getattr(torch, dtype.name, None)
    if isinstance(found, torch.dtype):
        return found
    raise LayerError("forward()", TypeError(f"PyTorch has no dtype {dtype}"))


def to_array(tensor: Any) -> Any:
    """Return a NumPy array of a tensor's values, of its memory where NumPy can use it."""
    tensor = tensor.detach()
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    if tensor.device.type != "cpu":
        tensor = tensor.cpu()
    if tensor._is_zerotensor():  # autograd's symbol for zeros, which has no memory
        tensor = torch.zeros(tensor.shape, dtype=tensor.dtype)
    if tensor.dtype in _NARROW:
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().numpy()


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor that holds numbers."""
    return isinstance(value, torch.Tensor)


def has_gradient(tensor: Any) -> bool:
    """Whether a tensor's dtype can have a gradient."""
    return bool(tensor.is_floating_point() or tensor.is_complex())


def dtype_in(tensor: Any, dtype: np.dtype[Any]) -> Any:
    """Return the dtype that a tensor has in a run in `dtype`: integers keep theirs."""
    if tensor.is_complex():
        return torch_dtype(np.result_type(dtype, np.complex64))
    return torch_dtype(dtype) if tensor.is_floating_point() else tensor.dtype


class _Enter(torch.autograd.Function):  # type: ignore[misc]  # untyped without PyTorch
    """The leaf of an input, as a tensor that may be written in place.

    A leaf that requires a gradient refuses that, and in a network an input is none. The tensor
    is one of the array's own memory, so that what is written is seen there.
    """

    @staticmethod
    def forward(ctx: Any, leaf: Any, array: Any) -> Any:
        return to_tensor(array)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        return upstream[0], None


def enter(array: Any) -> tuple[Any, Any]:
    """Return the leaf of an input, and the tensor that the layer is given."""
    leaf = to_tensor(array)
    if not has_gradient(leaf):
        return leaf, leaf
    leaf.requires_grad_()
    return leaf, _Enter.apply(leaf, array)
