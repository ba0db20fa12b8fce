"""Idioms of NumPy on a device array, and whether CuPy's documentation says that they work.

``x`` is a device array of 3 by 4 numbers, ``s`` one without axes, ``n`` one integer on the device,
``h`` a host array like x, ``k`` host indices, ``m`` a host mask. Statements end with a semicolon.
"""

from __future__ import annotations

WORKS, RAISES = "works", "raises"

IDIOMS = {
    # numbers and operators
    "x + 1": WORKS,
    "2.5 * x": WORKS,
    "x ** 2": WORKS,
    "-abs(x)": WORKS,
    "x @ x.T": WORKS,
    "np.float64(2) * x": WORKS,
    "x + np.float32(1)": WORKS,
    "x > 0": WORKS,
    "x + x": WORKS,
    "x += 1;": WORKS,
    "x *= x;": WORKS,
    "x + h": RAISES,
    "h + x": RAISES,
    "h * x": RAISES,
    "x == h": RAISES,
    "x + [1, 2, 3, 4]": RAISES,
    "x += h;": RAISES,
    "h += x;": RAISES,
    "x @ h.T": RAISES,
    "h @ x.T": RAISES,
    "x.dot(h.T)": RAISES,
    # ufuncs
    "np.exp(x)": WORKS,
    "np.maximum(x, 0)": WORKS,
    "np.exp(x, out=x)": WORKS,
    "np.add.reduce(x)": WORKS,
    "np.add.accumulate(x)": WORKS,
    "np.multiply.outer(x, x)": WORKS,
    "np.maximum(x, h)": RAISES,
    "np.add(x, [1, 2, 3, 4])": RAISES,
    "np.exp(x, out=h)": RAISES,
    "np.add.at(x, [0], 1.0)": RAISES,
    "np.add.reduceat(x, [0])": RAISES,
    "np.frompyfunc(abs, 1, 1)(x)": RAISES,
    # reductions
    "np.sum(x)": WORKS,
    "np.sum(x, axis=1, keepdims=True)": WORKS,
    "x.mean(axis=0)": WORKS,
    "np.var(x, axis=1)": WORKS,
    "np.argmax(x, axis=1)": WORKS,
    "np.linalg.norm(x, axis=1)": WORKS,
    "np.sum(x, where=x > 0)": RAISES,
    "np.max(x, initial=0)": RAISES,
    "np.mean(x, where=x > 0)": RAISES,
    "x.sum(where=True)": RAISES,
    # making arrays
    "np.zeros_like(x)": WORKS,
    "np.ones_like(x)": WORKS,
    "np.full_like(x, 2.0)": WORKS,
    "np.empty_like(x)": WORKS,
    "np.zeros((3,), like=x)": WORKS,
    "np.asarray([1.0], like=x)": WORKS,
    "np.ones((3,), like=x)": RAISES,
    "np.full((3,), 1.0, like=x)": RAISES,
    # to the host
    "np.asarray(x)": RAISES,
    "np.array(x)": RAISES,
    "np.array([x, x])": RAISES,
    "np.ascontiguousarray(x)": RAISES,
    "np.vectorize(abs)(x)": RAISES,
    "list(np.ndenumerate(x))": RAISES,
    "h[:] = x;": RAISES,
    "h[0, 0] = x[0, 0];": WORKS,
    "np.r_[x, x]": RAISES,
    "np.random.normal(x)": RAISES,
    "np.float32(s)": RAISES,
    "range(n)": RAISES,
    "h[n]": RAISES,
    "float(s)": WORKS,
    "int(n)": WORKS,
    "bool(s)": WORKS,
    "s.item()": WORKS,
    "x.tolist()": WORKS,
    "x.get()": WORKS,
    "cp.asnumpy(x)": WORKS,
    # elements
    "x[0]": WORKS,
    "x[:, ::2]": WORKS,
    "x[[0, 1]]": WORKS,
    "x[k]": WORKS,
    "x[m]": WORKS,
    "x[x > 0]": WORKS,
    "x[0] = 1.0;": WORKS,
    "x[x > 0] = 0;": WORKS,
    "x[:, 0] = x[:, 1];": WORKS,
    "x[:] = h;": RAISES,
    "x[0] = h[0];": RAISES,
    "x[0] = [1, 2, 3, 4];": RAISES,
    "x.fill(h)": RAISES,
    "np.take(x, k, axis=0)": WORKS,
    "[row for row in x]": WORKS,
    "len(x)": WORKS,
    # shapes
    "x.reshape(-1)": WORKS,
    "x.reshape(4, 3).T": WORKS,
    "x.reshape(n, -1)": RAISES,
    "np.transpose(x, (1, 0))": WORKS,
    "np.moveaxis(x, 0, 1)": WORKS,
    "np.expand_dims(x, 0)": WORKS,
    "np.broadcast_to(x, (2, 3, 4))": WORKS,
    "np.squeeze(x[None])": WORKS,
    "np.shape(x)": WORKS,
    "np.pad(x, 1)": WORKS,
    "np.tile(x, 2)": WORKS,
    "np.repeat(x, 2, axis=0)": WORKS,
    "np.roll(x, 1, axis=0)": WORKS,
    "np.flip(x, axis=0)": WORKS,
    # joining and choosing
    "np.concatenate([x, x])": WORKS,
    "np.stack([x, x])": WORKS,
    "np.split(x, 2, axis=1)": WORKS,
    "np.where(x > 0, x, 0)": WORKS,
    "np.clip(x, 0, 1)": WORKS,
    "np.hstack([x, h])": WORKS,
    "np.vstack([h, x])": WORKS,
    "np.append(x, h)": WORKS,
    "np.concatenate([x, h])": RAISES,
    "np.stack([x, h])": RAISES,
    "np.meshgrid(x[0], h[0])": RAISES,
    "np.select([x > 0], [h])": RAISES,
    "np.searchsorted(x[0], h[0])": RAISES,
    "np.trapezoid(x, h)": RAISES,
    "np.putmask(x, m, 0.0)": RAISES,
    "np.repeat(x, k[:1], axis=1)": RAISES,
    "np.average(x, weights=abs(h))": WORKS,
    "np.take_along_axis(x, h.astype(int) * 0, axis=1)": WORKS,
    "np.put_along_axis(x, h.astype(int) * 0, x, axis=1)": WORKS,
    "np.put_along_axis(h, (x * 0).astype(int), x, axis=1)": RAISES,
    "np.inner(x, h)": RAISES,
    "np.vdot(x, h)": RAISES,
    "np.sum(x, axis=0, out=h[0])": RAISES,
    "np.isclose(x, h)": RAISES,
    "np.allclose(x, x)": WORKS,
    "np.array_equal(x, x)": WORKS,
    "np.column_stack([x, h])": RAISES,
    "np.where(x > 0, x, h)": RAISES,
    "np.insert(x, 0, 0.0)": RAISES,
    "np.block([x, x])": RAISES,
    "np.copyto(x, h)": RAISES,
    # linear algebra
    "np.dot(x, x.T)": WORKS,
    "np.matmul(x, x.T)": WORKS,
    "np.einsum('ij,kj->ik', x, x)": WORKS,
    "np.einsum('ij,kj->ik', x, h)": WORKS,
    "np.tensordot(x, x, axes=([1], [1]))": WORKS,
    "np.outer(x, x)": WORKS,
    "np.dot(x, h.T)": RAISES,
    "np.matmul(x, h.T)": RAISES,
    "np.tensordot(x, h, axes=([1], [1]))": RAISES,
    "np.kron(x, h)": RAISES,
    # sorting
    "np.sort(x, axis=1)": WORKS,
    "np.argsort(x, axis=1)": WORKS,
    "np.cumsum(x, axis=0)": WORKS,
    "np.take_along_axis(x, np.argsort(x, axis=1), axis=1)": WORKS,
    # what the array is
    "x.dtype, x.ndim, x.size, x.nbytes, x.strides": WORKS,
    "x.astype('f4')": WORKS,
    "x.astype('O')": RAISES,
    "x.astype(np.longdouble)": RAISES,
    "x.ctypes": RAISES,
    "x.flags.c_contiguous": WORKS,
    "x.flags.writeable": RAISES,
    "x.setflags(write=False)": RAISES,
    "hash(x)": RAISES,
    "x.view(np.ndarray)": WORKS,
    "x.device.id": WORKS,
    "cp.get_array_module(x).exp(x)": WORKS,
    "cp.get_array_module(h).exp(h)": WORKS,
    # cupy itself
    "cp.asarray(h) + x": WORKS,
    "cp.zeros(3) + x.sum()": WORKS,
    "cp.add.at(x, [0], 1.0)": WORKS,
    "cp.exp(h)": RAISES,
    "cp.insert": RAISES,
    "cp.sum(h)": WORKS,
}

# NumPy 2 hands device=None on, which CuPy does not take; NumPy 1 does not.
OF_NUMPY_2 = ("np.ones((3,), like=x)", "np.full((3,), 1.0, like=x)")


def answer(code, module, numpy):
    """Run one idiom on arrays of a cupy; return the answer and what was raised."""
    names = {"cp": module, "np": numpy, "h": numpy.arange(12.0).reshape(3, 4) - 5.5}
    names |= {"k": numpy.array([0, 2]), "m": names["h"] > 0}
    names |= {"x": module.asarray(names["h"]), "s": module.asarray(1.5), "n": module.asarray(3)}
    return run(code, names)


def run(code, names):
    """Run one idiom with these names."""
    mode = "exec" if code.endswith(";") else "eval"
    try:
        eval(compile(code, code, mode), names)
    except Exception as error:
        return RAISES, error
    return WORKS, None
