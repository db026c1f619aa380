"""Where predictions miss: against the reference, by how much, and for which sizes."""

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.plotting.style import BLUE, GREEN, GREY, ORANGE, error_unit, go, make_subplots, template
from erlangen.units import CHEMICAL_ACCURACY

_CELLS = 90  # of the density, a side
_CROWDED = 4  # points from which on a cell is drawn as density
_POINTS = 3_000  # drawn one by one at most, the largest errors first


def parity(reference, predicted, unit: str, quantity: str = "target") -> "go.Figure":
    """Draw predictions against references: density where it is crowded, single points elsewhere.

    The figure stays small (under 250 kB) for any number of points: at most 3,000 are drawn singly, those with the
    largest errors. The axes span the references and 98 % of the predictions: what is beyond them is drawn as a
    triangle on the edge, so that one outlier does not hide the rest.

    Parameters
    ----------
    reference, predicted : (n,) arrays
        In ``unit``.
    unit : str
    quantity : str
        What the axes are called.

    Raises
    ------
    InputError
        If there is nothing to draw, or a value is not finite.
    ShapeError
        If the arrays differ in shape.

    Examples
    --------
    >>> figure = parity([1.0, 2.0], [1.1, 1.9], "eV", "gap")
    >>> figure.layout.xaxis.title.text, figure.layout.yaxis.title.text
    ('reference gap / eV', 'predicted gap / eV')
    """
    reference, predicted = _values("reference", reference), _values("predicted", predicted)
    if reference.shape != predicted.shape:
        raise ShapeError(f"reference {reference.shape} and predicted {predicted.shape} are one number a structure each")
    low, high = _limits(np.concatenate([reference, np.quantile(predicted, [0.01, 0.99])]))
    width = (high - low) / _CELLS
    column, row = (np.clip(((axis - low) / width).astype(int), 0, _CELLS - 1) for axis in (reference, predicted))
    cell, beyond = row * _CELLS + column, (predicted < low) | (predicted > high)
    counts = np.bincount(cell[~beyond], minlength=_CELLS**2)
    alone = np.flatnonzero(beyond | (counts[cell] < _CROWDED))
    alone = alone[np.argsort(-np.abs(predicted - reference)[alone], kind="stable")[:_POINTS]]
    counts = counts.reshape(_CELLS, _CELLS)

    figure = go.Figure(layout={"template": template(), "showlegend": False, "height": 480})
    figure.add_scatter(
        x=[low, high], y=[low, high], mode="lines", line={"color": ORANGE, "width": 1.5}, hoverinfo="skip"
    )
    if (counts >= _CROWDED).any():
        figure.add_trace(_density(counts, low + width / 2, width, quantity, unit))
    above, below = predicted[alone] > high, predicted[alone] < low
    figure.add_scatter(
        x=reference[alone].astype(np.float32),
        y=np.clip(predicted[alone], low, high).astype(np.float32),
        customdata=predicted[alone].astype(np.float32),
        mode="markers",
        marker={
            "color": BLUE,
            "opacity": 0.75,
            "size": np.where(above | below, 9, 4),
            "symbol": np.select([above, below], ["triangle-up", "triangle-down"], "circle").tolist(),
        },
        cliponaxis=False,
        hovertemplate=f"reference %{{x:.5g}} {unit}<br>predicted %{{customdata:.5g}} {unit}<extra></extra>",
    )
    figure.update_xaxes(title=f"reference {quantity} / {unit}", range=[low, high])
    figure.update_yaxes(title=f"predicted {quantity} / {unit}", range=[low, high])
    return figure


def error_histogram(errors, unit: str) -> "go.Figure":
    """Draw how the signed errors are distributed, up to the 99th percentile of their size.

    Parameters
    ----------
    errors : (n,) array
        Prediction minus reference, in ``unit``; eV are drawn as meV, with chemical accuracy as a band.
    unit : str

    Raises
    ------
    InputError
        If there is nothing to draw, or a value is not finite.

    Examples
    --------
    >>> error_histogram([0.1, -0.2, 0.05], "D").layout.xaxis.title.text
    'prediction − reference / D'
    """
    factor, shown = error_unit(unit)
    errors = factor * _values("errors", errors)
    reach = float(np.quantile(np.abs(errors), 0.99)) * 1.02 or 1.0
    inside = errors[np.abs(errors) <= reach]
    counts, edges = np.histogram(inside, bins=int(np.clip(2 * np.sqrt(len(errors)), 15, 81)), range=(-reach, reach))
    figure = go.Figure(layout={"template": template(), "showlegend": False, "height": 480, "bargap": 0.04})
    figure.add_bar(
        x=(edges[1:] + edges[:-1]) / 2,
        y=counts,
        marker={"color": BLUE, "line": {"width": 0}},
        hovertemplate=f"%{{x:.4g}} {shown}: %{{y:,}} molecules<extra></extra>",
    )
    if unit == "eV":
        band = factor * CHEMICAL_ACCURACY
        figure.add_vrect(-band, band, fillcolor=GREEN, opacity=0.13, line_width=0, layer="below")
    figure.add_vline(float(errors.mean()), line={"color": ORANGE, "width": 1.5})
    figure.update_xaxes(title=f"prediction − reference / {shown}", range=[-reach, reach])
    figure.update_yaxes(title="molecules", tickformat=",")
    return figure


def error_by_size(sizes, errors, unit: str) -> "go.Figure":
    """Draw the absolute error by number of atoms: median, quartiles, 5 to 95 %, mean; and how many there are.

    Parameters
    ----------
    sizes : (n,) int array
        Atoms of each structure.
    errors : (n,) array
        Prediction minus reference, in ``unit``; eV are drawn as meV.
    unit : str

    Raises
    ------
    InputError
        If there is nothing to draw, or a value is not finite.
    ShapeError
        If the arrays differ in shape.

    Examples
    --------
    >>> figure = error_by_size([3, 3, 5], [0.1, -0.3, 0.2], "D")
    >>> figure.data[0].median.tolist(), figure.data[1].y.tolist()
    ([0.2, 0.2], [0.2, 0.2])
    """
    factor, shown = error_unit(unit)
    sizes, errors = np.asarray(sizes), factor * np.abs(_values("errors", errors))
    if sizes.shape != errors.shape:
        raise ShapeError(f"sizes {sizes.shape} and errors {errors.shape} are one number a structure each")
    present, counts = np.unique(sizes, return_counts=True)
    groups = [errors[sizes == size] for size in present]
    low, first, median, third, high = np.transpose(
        [np.quantile(group, [0.05, 0.25, 0.5, 0.75, 0.95]) for group in groups]
    )
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.77, 0.23])
    figure.add_box(
        x=present, q1=first, median=median, q3=third, lowerfence=low, upperfence=high, name="quartiles, 5 to 95 %",
        line={"color": BLUE, "width": 1.3}, fillcolor="rgba(59,125,216,0.25)", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        x=present, y=np.array([group.mean() for group in groups]), name="mean", mode="markers",
        marker={"color": ORANGE, "size": 7, "symbol": "diamond"},
        hovertemplate=f"%{{x}} atoms: mean %{{y:.4g}} {shown}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_bar(
        x=present, y=counts, name="molecules", marker={"color": GREY, "line": {"width": 0}}, showlegend=False,
        hovertemplate="%{x} atoms: %{y:,} molecules<extra></extra>", row=2, col=1,
    )  # fmt: skip
    figure.update_layout(template=template(), height=460, bargap=0.25)
    # A molecule of three atoms may be off by a hundred times the usual error; a linear axis would show it alone.
    scale = {"type": "log"} if low.min() > 0 else {"rangemode": "tozero"}
    figure.update_yaxes(title=f"absolute error / {shown}", row=1, col=1, **scale)
    figure.update_yaxes(title="molecules", tickformat=",", nticks=4, row=2, col=1)
    figure.update_xaxes(title="atoms in the molecule", row=2, col=1)
    return figure


def _density(counts: np.ndarray, start: float, width: float, quantity: str, unit: str) -> "go.Heatmap":
    """Return the crowded cells; the points of the others are drawn one by one."""
    shade = np.log10(counts, where=counts >= _CROWDED, out=np.full(counts.shape, np.nan)).astype(np.float32)
    digits = (1, 3) if counts.max() >= 100 else (1, 2, 5)
    ticks = [tick for power in range(7) for d in digits if _CROWDED <= (tick := d * 10**power) <= counts.max()]
    return go.Heatmap(
        z=shade, x0=start, dx=width, y0=start, dy=width, customdata=counts.astype(np.int32), hoverongaps=False,
        hovertemplate=f"{quantity} near %{{x:.5g}} {unit}: %{{customdata:,}} molecules<extra></extra>",
        colorbar={
            "title": {"text": "molecules a cell", "side": "top"}, "tickvals": np.log10(ticks),
            "ticktext": [f"{t:,}" for t in ticks], "thickness": 8, "len": 0.42, "outlinewidth": 0,
            "orientation": "h", "x": 0.97, "xanchor": "right", "y": 0.04, "yanchor": "bottom", "tickfont": {"size": 11},
        },
    )  # fmt: skip


def _values(name: str, values) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} is one number a structure, at least one, got an array of shape {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}[{int(np.argmin(np.isfinite(array)))}] is not a finite number")
    return array


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or max(1e-3 * abs(low), 1e-3)
    return low - margin, high + margin
