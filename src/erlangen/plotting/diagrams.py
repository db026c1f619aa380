"""What topology works with: clouds, persistence diagrams, their curves and images, under giotto-tda's names."""

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.plotting.style import GREY, go, template

_INFINITY = 0.1
"""How far above what is finite the line of endless bars lies, as a share of the range."""


def plot_point_cloud(point_cloud, dimension: int | None = None, plotly_params: dict | None = None) -> "go.Figure":
    """Draw the first two or three coordinates of points, coloured by their order.

    Parameters
    ----------
    point_cloud : (n_points, d) array
    dimension : 2 or 3, optional
        How many coordinates to draw; three if there are as many, else two.
    plotly_params : dict, optional
        ``{"traces": ..., "layout": ...}``: passed on to the figure's ``update_traces`` and ``update_layout``.

    Raises
    ------
    ShapeError
        If points have fewer coordinates than are to be drawn.

    Examples
    --------
    >>> plot_point_cloud([[0, 1], [2, 3]]).data[0].type
    'scatter'
    """
    points = _array(point_cloud, "point_cloud", ("n_points", "d"))
    if dimension not in (None, 2, 3):
        raise InputError(f"dimension is 2 or 3, got {dimension!r}")
    drawn = dimension or min(3, max(2, points.shape[1]))
    if points.shape[1] < drawn:
        raise ShapeError(f"points with at least {drawn} coordinates are needed, got shape {points.shape}")
    figure = go.Figure(layout={"template": template(), "height": 500, "width": 500})
    marker = {"size": 4, "opacity": 0.8, "color": np.arange(len(points)), "colorscale": "Viridis"}
    if drawn == 2:
        figure.add_scatter(x=points[:, 0], y=points[:, 1], mode="markers", marker=marker)
        figure.update_xaxes(title="x")
        figure.update_yaxes(title="y", scaleanchor="x")
    else:
        figure.add_scatter3d(x=points[:, 0], y=points[:, 1], z=points[:, 2], mode="markers", marker=marker)
        figure.update_layout(scene={"aspectmode": "data"})
    return _updated(figure, plotly_params)


def plot_diagram(diagram, homology_dimensions=None, plotly_params: dict | None = None) -> "go.Figure":
    """Draw one persistence diagram: a point for each bar longer than zero, birth to the right and death upwards.

    Bars that never end lie on a line of their own above the others. Equal bars are one point, whose hover text says how
    many they are.

    Parameters
    ----------
    diagram : (n_bars, 3) array
        Birth, death and homology dimension; it is not changed.
    homology_dimensions : sequence, optional
        Which dimensions to draw; all by default.
    plotly_params : dict, optional
        As in `plot_point_cloud`.

    Examples
    --------
    >>> [trace.name for trace in plot_diagram([[0, 1, 0], [0, np.inf, 0], [0.5, 3, 1]]).data]
    ['birth = death', 'H0', 'H1', '∞']
    """
    bars = _array(diagram, "diagram", ("n_bars", "3"))
    if bars.shape[1] != 3:
        raise ShapeError(f"diagram is an array (n_bars, 3) of birth, death and dimension, got shape {bars.shape}")
    chosen = np.unique(bars[:, 2]) if homology_dimensions is None else np.asarray(list(homology_dimensions), float)
    bars = bars[np.isin(bars[:, 2], chosen) & (bars[:, 0] < bars[:, 1])]
    ends = bars[:, :2][np.isfinite(bars[:, :2])]
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (0.0, 1.0)
    reach = high - low or 1.0
    top = high + _INFINITY * reach
    span = [low - 0.05 * reach, top + 0.05 * reach]

    figure = go.Figure(layout={"template": template(), "height": 500, "width": 500})
    line = {"color": GREY, "width": 1, "dash": "dash"}
    figure.add_scatter(
        x=span, y=span, mode="lines", line=line, name="birth = death", hoverinfo="skip", showlegend=False
    )
    colours = template().layout.colorway  # a dimension has its colour, whichever others are drawn
    for dimension in chosen:
        points, counts = np.unique(bars[bars[:, 2] == dimension, :2], axis=0, return_counts=True)
        figure.add_scatter(
            x=points[:, 0],
            y=np.where(np.isinf(points[:, 1]), top, points[:, 1]),
            mode="markers",
            marker={"color": colours[int(dimension) % len(colours) if np.isfinite(dimension) else 0]},
            name=dimension_name(dimension),
            hoverinfo="text",
            hovertext=[
                f"({birth:.6g}, {death:.6g})" + (f", {count} times" if count > 1 else "")
                for (birth, death), count in zip(points.tolist(), counts.tolist(), strict=True)
            ],
        )
    if np.isinf(bars[:, 1]).any():
        figure.add_scatter(x=span, y=[top, top], mode="lines", line=line, name="∞", hoverinfo="skip")
    figure.update_xaxes(title="birth", range=span)
    figure.update_yaxes(title="death", range=span, scaleanchor="x")
    return _updated(figure, plotly_params)


def plot_heatmap(
    data,
    x=None,
    y=None,
    colorscale="greys",
    origin="upper",
    title=None,
    plotly_params: dict | None = None,
    *,
    x_title: str | None = None,
    y_title: str | None = None,
) -> "go.Figure":
    """Draw a matrix or an image as pixels.

    Parameters
    ----------
    data : (n_rows, n_columns) array
        Numbers or booleans.
    x, y : (n_columns,) and (n_rows,) arrays, optional
        What the columns and rows stand for; their numbers by default.
    colorscale : str or list
        One of plotly's.
    origin : "upper" or "lower"
        Where the first row is.
    title : str, optional
    plotly_params : dict, optional
        As in `plot_point_cloud`.
    x_title, y_title : str, optional
        What the axes are called.

    Examples
    --------
    >>> plot_heatmap([[0, 1], [2, 3]]).layout.yaxis.autorange
    'reversed'
    """
    pixels = _array(data, "data", ("n_rows", "n_columns"))
    if origin not in ("upper", "lower"):
        raise InputError(f'origin is "upper" or "lower", got {origin!r}')
    figure = go.Figure(layout={"template": template(), "height": 500, "width": 560})
    figure.add_heatmap(z=pixels, x=x, y=y, colorscale=colorscale)
    vertical = "reversed" if origin == "upper" else True
    figure.update_xaxes(title=x_title, scaleanchor="y", constrain="domain", showgrid=False)
    figure.update_yaxes(title=y_title, autorange=vertical, constrain="domain", showgrid=False)
    return _updated(_titled(figure, title), plotly_params)


def plot_betti_curves(
    betti_numbers, samplings, homology_dimensions=None, plotly_params: dict | None = None
) -> "go.Figure":
    """Draw the Betti curves of one sample.

    Parameters
    ----------
    betti_numbers : (n_dimensions, n_bins) array
    samplings : dict
        The grid (n_bins,) of each homology dimension, in the order of the curves: ``samplings_`` of the estimator.
    homology_dimensions : sequence, optional
        Which dimensions to draw; all by default.
    plotly_params : dict, optional
        As in `plot_point_cloud`.

    Examples
    --------
    >>> plot_betti_curves([[2, 1, 0]], {0: [0.0, 0.5, 1.0]}).data[0].name
    'H0'
    """
    numbers = _array(betti_numbers, "betti_numbers", ("n_dimensions", "n_bins"))
    curves = dict(zip(_known(samplings, len(numbers)), numbers, strict=True))
    named = {dimension_name(q): (samplings[q], curves[q]) for q in _chosen(homology_dimensions, samplings)}
    return plot_lines(named, "filtration value", "Betti number", plotly_params=plotly_params)


def plot_betti_surfaces(
    betti_curves, samplings=None, homology_dimensions=None, plotly_params: dict | None = None
) -> tuple:
    """Draw the Betti curves of many samples, one behind the other as a surface: a figure for each dimension.

    Parameters
    ----------
    betti_curves : (n_samples, n_dimensions, n_bins) array
        Of at least two samples.
    samplings : dict, optional
        The grid (n_bins,) of each homology dimension, in the order of the curves; by default dimensions are numbered
        from 0, and so are bins.
    homology_dimensions : sequence, optional
        Which dimensions to draw; all by default.
    plotly_params : dict, optional
        As in `plot_point_cloud`.

    Examples
    --------
    >>> [figure.data[0].type for figure in plot_betti_surfaces(np.zeros((2, 1, 5)))]
    ['surface']
    """
    numbers = _array(betti_curves, "betti_curves", ("n_samples", "n_dimensions", "n_bins"))
    if len(numbers) < 2:
        raise InputError("a surface needs at least two samples; plot_betti_curves draws one")
    if samplings is None:
        samplings = {q: np.arange(numbers.shape[2]) for q in range(numbers.shape[1])}
    known, figures = _known(samplings, numbers.shape[1]), []
    for q in _chosen(homology_dimensions, samplings):
        figure = go.Figure(layout={"template": template(), "height": 500})
        figure.add_surface(x=samplings[q], y=np.arange(len(numbers)), z=numbers[:, known.index(q)], colorscale="Blues")
        titles = {"xaxis": "filtration value", "yaxis": "sample", "zaxis": "Betti number"}
        figure.update_layout(scene={axis: {"title": {"text": text}} for axis, text in titles.items()})
        figures.append(_updated(_titled(figure, dimension_name(q)), plotly_params))
    return tuple(figures)


def plot_lines(curves: dict, x: str, y: str, title: str | None = None, plotly_params: dict | None = None):
    """Draw curves, given by name as pairs of grid and values, over axes that are called ``x`` and ``y``.

    Examples
    --------
    >>> plot_lines({"tent": ([0, 1, 2], [0, 1, 0])}, "t", "height").layout.xaxis.title.text
    't'
    """
    figure = go.Figure(layout={"template": template(), "showlegend": True})
    for name, (grid, values) in curves.items():
        figure.add_scatter(x=np.asarray(grid), y=np.asarray(values), mode="lines", name=name)
    figure.update_xaxes(title=x)
    figure.update_yaxes(title=y)
    return _updated(_titled(figure, title), plotly_params)


def dimension_name(dimension) -> str:
    """Return what a homology dimension is called in a legend; inf stands for all, where they have been forgotten.

    Examples
    --------
    >>> dimension_name(1.0), dimension_name(float("inf"))
    ('H1', 'all dimensions')
    """
    return f"H{int(dimension)}" if np.isfinite(dimension) else "all dimensions"


def _titled(figure, title: str | None):
    if title is not None:
        figure.update_layout(title={"text": title, "font": {"size": 15}}, margin={"t": 75})
    return figure


def _updated(figure, plotly_params: dict | None):
    """Apply a user's own settings."""
    given = plotly_params or {}
    if unknown := set(given) - {"traces", "layout"}:
        raise InputError(f"plotly_params has the keys traces and layout, got {', '.join(map(str, unknown))}")
    return figure.update_traces(given.get("traces", {})).update_layout(given.get("layout", {}))


def _array(values, name: str, axes: tuple) -> np.ndarray:
    """Return a copy as float64, so that a figure keeps nothing of what it was made of."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ShapeError(f"{name} is an array ({', '.join(axes)}) of numbers") from None
    if array.ndim != len(axes):
        hint = f"; {name}[i] is one of them" if array.ndim == len(axes) + 1 else ""
        raise ShapeError(f"{name} is an array ({', '.join(axes)}), got shape {array.shape}{hint}")
    return array


def _known(samplings: dict, n: int) -> list:
    if len(samplings) != n:
        raise InputError(f"samplings has a grid for each of {n} homology dimensions, got {len(samplings)}")
    return list(samplings)


def _chosen(homology_dimensions, samplings: dict) -> list:
    if homology_dimensions is None:
        return list(samplings)
    if unknown := [q for q in homology_dimensions if q not in samplings]:
        raise InputError(f"homology_dimensions are among {list(samplings)}, got {unknown[0]!r}")
    return list(homology_dimensions)
