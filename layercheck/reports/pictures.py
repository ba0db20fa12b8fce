"""A wrong gradient as pictures: inline SVG that follows the colours of its page."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from layercheck.outcome import Comparison
from layercheck.reports.escaping import shown

_MOST_CELLS = 64  # along one axis; more are shown by the largest of a bin
_SIDE, _LEFT, _TOP = 240.0, 48.0, 8.0
_FAINTEST = 0.18
Array = npt.NDArray[np.float64]


def pictures(comparison: Comparison) -> list[tuple[str, str]]:
    """Return (caption, SVG) for each picture that says something."""
    analytic = np.asarray(comparison.analytic).reshape(comparison.shape)
    numeric = np.asarray(comparison.numeric).reshape(comparison.shape)
    tolerance = np.asarray(comparison.tolerance, dtype=float).reshape(comparison.shape)
    with np.errstate(all="ignore"):
        error = np.abs(analytic - numeric)
        excess = np.where(error <= tolerance, 0.0, error)
    made = [_scatter(analytic, numeric, excess)]
    if error.size > 1:
        made.insert(0, _heat_map(np.asarray(excess), comparison.axes))
    return made


def _heat_map(excess: Array, axes: Sequence[str]) -> tuple[str, str]:
    """Draw the error over the two longest axes, the largest over the others."""
    kept = sorted(sorted(range(excess.ndim), key=lambda axis: -excess.shape[axis])[:2])
    rest = tuple(axis for axis in range(excess.ndim) if axis not in kept)
    filled = np.nan_to_num(excess, nan=np.inf)
    flat = filled.max(axis=rest) if rest else filled
    flat = flat.reshape(1, -1) if flat.ndim == 1 else flat
    names = [axes[axis] for axis in kept]
    down, across = (names[0], names[1]) if len(names) > 1 else ("", names[0])
    over = [axes[axis] for axis in rest if excess.shape[axis] > 1]
    caption = "Error of each element" + (f", the largest over {', '.join(over)}" if over else "")
    return f"{caption}; what is right is empty.", _cells(flat, down, across)


def _cells(values: Array, down: str, across: str) -> str:
    shown_values = _binned(_binned(values, 0), 1)
    rows, columns = shown_values.shape
    size = min(_SIDE / columns, _SIDE / rows, 28.0)
    finite = shown_values[np.isfinite(shown_values)]
    largest = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    parts = []
    for (row, column), value in np.ndenumerate(shown_values):
        level = 1.0 if not np.isfinite(value) else value / largest
        opacity = 0.0 if value == 0 else _FAINTEST + (1 - _FAINTEST) * level
        at = f'x="{_LEFT + column * size:.1f}" y="{_TOP + row * size:.1f}"'
        box = f'width="{size:.2f}" height="{size:.2f}" fill-opacity="{opacity:.2f}"'
        tip = f"{down}={row}, {across}={column}: " if down else f"{across}={column}: "
        parts.append(f'<rect class="cell" {at} {box}><title>{_text(tip)}{value:.3g}</title></rect>')
    width, height = columns * size, rows * size
    labels = [
        _label(_LEFT + width / 2, _TOP + height + 16, f"{across} ({values.shape[1]})"),
        _label(_LEFT - 6, _TOP + height / 2 + 4, f"{down} ({values.shape[0]})", "end")
        if down
        else "",
    ]
    return _svg(_LEFT + width + 8, _TOP + height + 22, [*parts, *labels], "error of each element")


def _binned(values: Array, axis: int) -> Array:
    size = values.shape[axis]
    if size <= _MOST_CELLS:
        return values
    starts = np.unique(np.linspace(0, size, _MOST_CELLS, endpoint=False).astype(int))
    return np.asarray(np.maximum.reduceat(values, starts, axis=axis))


def _scatter(
    analytic: npt.NDArray[np.generic], numeric: npt.NDArray[np.generic], excess: Array
) -> tuple[str, str]:
    """Draw what backward gave over what differences give; right is the diagonal."""
    is_complex = "c" in (analytic.dtype.kind, numeric.dtype.kind)
    y, x = _parts(analytic, is_complex), _parts(numeric, is_complex)
    wrong = np.tile(np.ravel(excess != 0), len(y) // excess.size)
    drawn = np.isfinite(x) & np.isfinite(y)
    caption = "backward() over differences of forward(): right is the diagonal."
    if not drawn.all():
        caption += f" {np.count_nonzero(~drawn):,} values that are not finite are left out."
    if not drawn.any():
        return caption, _svg(_SIDE, 20, [_label(60, 14, "nothing is finite")], "no points")
    ends = np.concatenate([x[drawn], y[drawn], [0.0]])
    low, high = float(ends.min()), float(ends.max())
    span = (high - low) or 1.0
    low, high = low - 0.05 * span, high + 0.05 * span

    def place(value: float) -> float:
        return (value - low) / (high - low) * _SIDE

    parts = [
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<line class="right" x1="{_LEFT}" y1="{_TOP + _SIDE}" x2="{_LEFT + _SIDE}" y2="{_TOP}"/>',
    ]
    for a, b, is_wrong in zip(x[drawn], y[drawn], wrong[drawn], strict=True):
        kind = "wrong" if is_wrong else "fine"
        at = f'cx="{_LEFT + place(a):.1f}" cy="{_TOP + _SIDE - place(b):.1f}"'
        tip = f"numeric {a:.6g}, analytic {b:.6g}"
        parts.append(f'<circle class="{kind}" {at} r="3"><title>{tip}</title></circle>')
    for value in (float(ends.min()), float(ends.max())):
        parts.append(_label(_LEFT + place(value), _TOP + _SIDE + 14, f"{value:.3g}"))
        parts.append(_label(_LEFT - 4, _TOP + _SIDE - place(value) + 4, f"{value:.3g}", "end"))
    parts.append(_label(_LEFT + _SIDE / 2, _TOP + _SIDE + 30, "numeric"))
    parts.append(_label(_LEFT + 4, _TOP + 14, "analytic", "start"))
    return caption, _svg(_LEFT + _SIDE + 24, _TOP + _SIDE + 36, parts, "analytic over numeric")


def _parts(values: npt.NDArray[np.generic], is_complex: bool) -> Array:
    """Return the values as reals, with the imaginary parts after them where there are some."""
    flat = np.ravel(values)
    if not is_complex:
        return np.asarray(flat, dtype=float)
    return np.concatenate([flat.real, flat.imag]).astype(float)


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], name: str) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<svg {size} role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _text(text: str) -> str:
    return html.escape(shown(text))
