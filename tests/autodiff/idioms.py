"""NumPy code as people write it: functions of one array, to be differentiated as they stand."""

from __future__ import annotations

import numpy as np

IDIOMS = {}
C = np.linspace(-1.0, 2.0, 12).reshape(3, 4)


def idiom(function):
    IDIOMS[function.__name__] = function
    return function


def each(**functions):
    IDIOMS.update(functions)


# functions of each element
each(
    arithmetic=lambda x: 2 * x - x / 3 + (1 - x) * x,
    reflected=lambda x: 1 / (x + 3) + 2**x + (5 - x),
    integer_power=lambda x: x**3 + x**-1 + x**0,
    fractional_power=lambda x: np.abs(x) ** 1.5,
    power_of_arrays=lambda x: np.power(np.abs(x) + 1, x),
    exp=np.exp,
    exp2=np.exp2,
    expm1=np.expm1,
    log=lambda x: np.log(x + 4) + np.log2(x + 4) + np.log10(x + 4) + np.log1p(x + 4),
    sqrt=lambda x: np.sqrt(x + 4) + np.cbrt(x + 4),
    square_and_reciprocal=lambda x: np.square(x) + np.reciprocal(x),
    trigonometry=lambda x: np.sin(x) * np.cos(x) + np.tan(x / 4),
    inverse_trigonometry=lambda x: np.arcsin(x / 4) + np.arccos(x / 4) + np.arctan(x),
    hyperbolic=lambda x: np.sinh(x) + np.cosh(x) + np.tanh(x),
    inverse_hyperbolic=lambda x: np.arcsinh(x) + np.arccosh(x + 5) + np.arctanh(x / 4),
    arctan2=lambda x: np.arctan2(x, x + 7) + np.hypot(x, 2.0),
    absolute=lambda x: np.abs(x) + np.fabs(x) + abs(x),
    sign_and_rounding=lambda x: x * np.sign(x) + np.floor(x) * x + np.round(x) + np.trunc(x),
    remainder=lambda x: x % 1.5 + np.fmod(x, 0.7) + x // 2,
    maximum=lambda x: np.maximum(x, 0) + np.minimum(x, 0.25) + np.fmax(x, C),
    clip=lambda x: np.clip(x, -0.5, 0.5) + x.clip(min=0) + x.clip(max=0.5),
    where=lambda x: np.where(x > 0, x, 0.1 * x),
    elu=lambda x: np.where(x > 0, x, np.exp(x) - 1),
    where_with_log=lambda x: np.where(x > 0, np.log(x), x),
    masked_product=lambda x: x * (x > 0) + (x < 0) * x**2,
    mask_as_float=lambda x: x * (x > 0).astype(float),
    logaddexp=lambda x: np.logaddexp(x, 0) + np.logaddexp2(x, 1),
    sigmoid=lambda x: 1 / (1 + np.exp(-x)),
    copysign=lambda x: np.copysign(x, -1.0) + np.heaviside(x, 0.5),
    degrees=lambda x: np.deg2rad(x) + np.degrees(x) + np.radians(x) + np.rad2deg(x),
    sinc=lambda x: np.sinc(x) + np.i0(x),
    nan_to_num=np.nan_to_num,
    select=lambda x: np.select([x < 0, x < 1], [x**2, 3 * x], default=x**3),
    divide_where=lambda x: np.divide(1.0, x, out=np.zeros_like(x), where=x > 0),
    negative_positive=lambda x: -x + +x - np.negative(x),
    interp=lambda x: np.interp(x, [-2.0, 0.0, 2.0], [1.0, 3.0, -1.0]),
    float32_inside=lambda x: x.astype(np.float64) * 2,
    real_imag=lambda x: np.real(x * (1 + 2j)) + (x * 1j).imag + np.abs(x + 1j),
)

# reductions
each(
    sum_axes=lambda x: x.sum() + x.sum(0) + np.sum(x, axis=1, keepdims=True),
    mean=lambda x: x - x.mean(axis=0, keepdims=True) + np.mean(x),
    variance=lambda x: x.var(axis=1).sum() + np.var(x, axis=0, ddof=1),
    standard_deviation=lambda x: (x - x.mean(0)) / (x.std(0) + 1e-3),
    product=lambda x: x.prod(axis=0) + np.prod(x),
    extremes=lambda x: x.max(axis=1).sum() + np.min(x, axis=0) + np.ptp(x),
    median=lambda x: np.median(x, axis=0) + np.percentile(x, 30) + np.quantile(x, 0.7),
    average=lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0, 4.0]),
    nansum=lambda x: np.nansum(x, axis=0) + np.nanmean(x) + np.nanmax(x),
    cumulative=lambda x: np.cumsum(x, axis=1) + x.cumprod(axis=0) + np.maximum.accumulate(x, 1),
    reduce=lambda x: np.add.reduce(x) + np.multiply.reduce(x, axis=0) + np.maximum.reduce(x),
    accumulate=lambda x: np.add.accumulate(x, axis=0) * np.multiply.accumulate(x, axis=1),
    logsumexp=lambda x: np.logaddexp.reduce(x, axis=1),
    norms=lambda x: np.linalg.norm(x) + np.linalg.norm(x, axis=1).sum() + np.linalg.norm(x, 1),
    softmax=lambda x: (
        np.exp(x - x.max(1, keepdims=True))
        / np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
    trapezoid=lambda x: np.trapezoid(x, dx=0.5, axis=1),
    trace=lambda x: np.trace(x) + x.trace() + np.diagonal(x).sum() + np.diag(x[:, :3]).sum(),
    covariance=lambda x: np.cov(x) + np.corrcoef(x),
)

# products
each(
    matmul=lambda x: x @ C.T + C @ x.T,
    dot=lambda x: np.dot(x, C.T) + x.dot(C.T),
    matrix_of_vector=lambda x: x @ C[0] + np.vdot(x, C),
    einsum=lambda x: np.einsum("ij,kj->ik", x, C) + np.einsum("ij->i", x)[:, None],
    tensordot=lambda x: np.tensordot(x, C, axes=([1], [1])),
    outer=lambda x: np.outer(x[0], x[1]) + np.multiply.outer(x[0], x[2]),
    inner_kron=lambda x: np.inner(x, C).sum() + np.kron(x, [[1.0, 2.0]]),
    cross=lambda x: np.cross(x[:, :3], C[:, 1:]),
    solve=lambda x: np.linalg.solve(x[:, :3] + 5 * np.eye(3), C),
    inverse=lambda x: np.linalg.inv(x[:, :3] + 5 * np.eye(3)),
    determinant=lambda x: np.linalg.det(x[:, :3]) + np.linalg.slogdet(x[:, :3])[1],
    cholesky=lambda x: np.linalg.cholesky(x @ x.T + np.eye(3)),
    svd=lambda x: np.linalg.svd(x, compute_uv=False),
    eigenvalues=lambda x: np.linalg.eigvalsh(x @ x.T),
    convolve=lambda x: np.convolve(x[0], x[1], mode="same") + np.correlate(x[0], C[1], "same"),
    fft=lambda x: np.abs(np.fft.rfft(x, axis=1)) + np.real(np.fft.fft(x, axis=1))[:, :3],
)

# shapes
each(
    reshape=lambda x: x.reshape(4, 3) * C.reshape(4, 3) + np.reshape(x, (4, -1)),
    transpose=lambda x: x.T * 2 + np.transpose(x) + x.transpose(1, 0) + x.swapaxes(0, 1),
    ravel=lambda x: x.ravel() * x.flatten() + np.ravel(x),
    new_axes=lambda x: x[:, None] * x[None] + np.expand_dims(x, 0) + x[np.newaxis],
    squeeze=lambda x: np.squeeze(x[None]) + x[:, :, None].squeeze(-1),
    moveaxis=lambda x: np.moveaxis(x[None], 0, -1).sum(-1) + np.rollaxis(x, 1).T,
    concatenate=lambda x: np.concatenate([x, C, x**2], axis=0),
    stack=lambda x: np.stack([x, 2 * x]) + np.stack((x[0], x[1]))[:, None],
    joined=lambda x: (
        np.hstack([x, x]).sum() + np.vstack([x, C]) + np.column_stack([x[0], x[1]]).sum()
    ),
    split=lambda x: np.split(x, 2, axis=1)[0] * np.array_split(x, 2, axis=1)[1],
    unpacked=lambda x: (lambda a, b, c: a * b + c)(*x),
    iteration=lambda x: sum(row * i for i, row in enumerate(x)),
    tile_repeat=lambda x: np.tile(x, 2)[:, ::2] + np.repeat(x, 2, axis=1)[:, 1::2],
    pad=lambda x: np.pad(x, ((1, 1), (0, 2)), mode="edge") + np.pad(x, [(1, 1), (2, 0)]),
    roll_flip=lambda x: np.roll(x, 1, axis=1) + np.flip(x, 0) + x[::-1, ::-1] + np.fliplr(x),
    rotation=lambda x: np.rot90(x) + x.T,
    triangles=lambda x: np.tril(x) * 2 + np.triu(x, 1),
    broadcast=lambda x: np.broadcast_to(x[0], (5, 4)) * x[1],
    meshgrid=lambda x: np.multiply(*np.meshgrid(x[0], x[1])),
    differences=lambda x: np.diff(x, axis=1) + np.gradient(x, axis=1)[:, 1:],
    insert_append=lambda x: np.append(x, C, axis=0) + np.insert(x, 1, 0.0, axis=1)[:1, :4],
    atleast=lambda x: np.atleast_2d(x[0]) + np.atleast_1d(x[0, 0]),
    windows=lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1).sum(-1),
    apply_along_axis=lambda x: np.apply_along_axis(lambda row: row * row.sum(), 1, x),
)

# elements
each(
    slices=lambda x: x[1:, ::2] * x[:-1, 1::2] + x[1:, -1:],
    elements=lambda x: x[0, 1] * x[2, 3] + x[1][2],
    fancy=lambda x: x[[0, 2, 0]] * x[:, [1, 1, 3, 0]] + x[np.array([1, 1, 2])],
    pairs=lambda x: x[np.arange(3), [1, 3, 0]],
    boolean=lambda x: x[x > 0].sum() * x[C > 0].mean(),
    take=lambda x: np.take(x, [0, 2], axis=1) + x.take([1, 3], axis=1) + np.take(x, 5),
    take_along=lambda x: np.take_along_axis(x, np.argsort(-x, axis=1), axis=1),
    sort=lambda x: np.sort(x, axis=1) * np.arange(4) + np.sort(x, axis=None)[3],
    partition=lambda x: np.partition(x, 2, axis=1)[:, 2],
    unique=lambda x: np.unique(x)[3:6],
    argmax_of=lambda x: x[np.arange(3), x.argmax(axis=1)] + x[:, np.argmin(x[0])],
    one_hot=lambda x: (np.eye(4)[x.argmax(1)] * x).sum(1),
    bincount=lambda x: np.bincount([0, 1, 1, 3], weights=x[0], minlength=4),
    where_indices=lambda x: x[np.where(x > 0)].sum() + x[np.nonzero(x < 0)].sum() * 2,
)


# writes
@idiom
def filled_buffer(x):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = x[i] * (out[i - 1] + 1)
    return out


@idiom
def other_buffer(x):
    out = np.zeros((5, 4), like=x)
    out[1:4] = x
    out[2:] += 2 * x
    return out * out


@idiom
def written_copy(x):
    y = x.copy()
    y[y < 0] *= 0.1
    y[0, :] = 1.0
    return y * x


@idiom
def written_view(x):
    y = x * 1.0
    row = y[1]
    row *= y[0]
    y.T[0] = 3 * y[:, 1]
    flat = y.reshape(-1)
    flat[5:7] = x[0, :2]
    return y + row


@idiom
def reshaped_copy(x):
    y = x * 1.0
    columns = y.T.reshape(-1)
    columns[0] = 9.0
    y[0, 1] = x[2, 2]
    return y + columns.sum()


@idiom
def repeated_places(x):
    y = np.zeros_like(x)
    y[[0, 0, 1]] = x
    return y * x


@idiom
def scalars_are_values(x):
    total = x.sum()
    kept = total
    total += x[0, 0]
    total *= 2
    return total * kept


@idiom
def operators_in_place(x):
    y = x + 0.0
    y += C
    y *= x
    y -= 1
    y /= x + 5
    y **= 2
    return y


@idiom
def out_arguments(x):
    y = np.empty_like(x)
    np.multiply(x, C, out=y)
    np.exp(y / 5, out=y)
    np.copyto(y, x**2, where=C > 1)
    np.sum(x, axis=0, out=y[0])
    return y


@idiom
def diagonal_filled(x):
    y = x[:, :3].copy()
    np.fill_diagonal(y, 2.0)
    np.put_along_axis(y, np.array([[1], [2], [0]]), x[:, 3:], axis=1)
    return y


@idiom
def stacked_list(x):
    rows = []
    h = np.zeros(4)
    for row in x:
        h = np.tanh(0.5 * h + row)
        rows.append(h)
    return np.stack(rows)


@idiom
def array_of_traced(x):
    return np.array([x[0, 0] * x[1, 1], x[2, 2]], like=x)


@idiom
def branches(x):
    y = x
    if x.sum() > 0:
        y = y * 2
    while np.abs(y).max() > 1:
        y = y / 2
    return y if y[0, 0] > 0 else -y


@idiom
def constants_overwritten(x):
    w = np.ones(4)
    y = x * w
    w *= 3
    return y * (x * w)


@idiom
def convolution(x):
    out = np.zeros((2, 3), like=x)
    kernel = C[:2, :2]
    for i in range(2):
        for j in range(3):
            out[i, j] = np.sum(x[i : i + 2, j : j + 2] * kernel)
    return out


@idiom
def batch_norm(x):
    mean, var = x.mean(axis=0), x.var(axis=0)
    return (x - mean) / np.sqrt(var + 1e-5)


@idiom
def attention(x):
    scores = x @ x.T / np.sqrt(x.shape[-1])
    scores = np.where(np.tri(len(x), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ x


@idiom
def isinstance_asked(x):
    return x * 2 if isinstance(x, np.ndarray) and x.ndim == 2 and x.size else x * 3
