"""Where bars come from: as a barcode, as cycles on the points, as the pixels of an image that make them."""

from itertools import combinations

import numpy as np

from erlangen.errors import InputError, ShapeError
from erlangen.plotting.diagrams import dimension_name
from erlangen.plotting.style import BLUE, GREEN, GREY, ORANGE, RED, go, template

COLOURS = (ORANGE, BLUE, GREEN, RED, "#9a63d6", "#17a2b8", "#b58900", "#c2185b")
"""Of cycles and bars, one after the other."""

_ENDLESS = 0.06
"""How far bars that never end are drawn beyond what is finite, as a share of the range."""


def plot_barcode(diagram, most: int = 100) -> "go.Figure":
    """Draw bars as lines from birth to death, one above the other, the earliest of each dimension at the bottom.

    Bars that never end go on to an arrow at the right.

    Parameters
    ----------
    diagram : (n_bars, 3) array
        Birth, death and homology dimension.
    most : int
        Of a dimension with more bars the longest are drawn.

    Raises
    ------
    ShapeError
        For another shape.

    Examples
    --------
    >>> [trace.name for trace in plot_barcode([[0, 1, 0], [0, np.inf, 0], [0.5, 3, 1]]).data if trace.name]
    ['H0', 'H1']
    """
    bars = np.array(diagram, dtype=np.float64)
    if bars.ndim != 2 or bars.shape[1] != 3:
        raise ShapeError(f"diagram is an array (n_bars, 3) of birth, death and dimension, got shape {bars.shape}")
    bars = bars[bars[:, 0] < bars[:, 1]]
    ends = bars[:, :2][np.isfinite(bars[:, :2])]
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (0.0, 1.0)
    reach = high - low or 1.0
    figure = go.Figure(layout={"template": template(), "height": 420})
    level = 0
    for place, dimension in enumerate(np.unique(bars[:, 2])):
        block = bars[bars[:, 2] == dimension]
        block = block[np.argsort(block[:, 0] - block[:, 1], kind="stable")[:most]]
        block = block[np.lexsort([block[:, 1], block[:, 0]])]
        heights = level + np.arange(len(block))
        endless = np.isinf(block[:, 1])
        stops = np.where(endless, high + _ENDLESS * reach, block[:, 1])
        gaps = np.full(len(block), np.nan)
        colour = figure.layout.template.layout.colorway[place % 5]
        figure.add_scatter(
            x=np.column_stack([block[:, 0], stops, gaps]).ravel(),
            y=np.column_stack([heights, heights, gaps]).ravel(),
            mode="lines", name=dimension_name(dimension), line={"color": colour, "width": 2},
            hoverinfo="text", text=np.repeat([f"{b:.6g} to {d:.6g}" for b, d in block[:, :2].tolist()], 3),
        )  # fmt: skip
        if endless.any():
            figure.add_scatter(
                x=stops[endless], y=heights[endless], mode="markers", showlegend=False, hoverinfo="skip",
                marker={"color": colour, "symbol": "triangle-right", "size": 8},
            )  # fmt: skip
        level += len(block) + max(1, level // 20)
    figure.update_layout(showlegend=True)
    figure.update_xaxes(title="filtration value")
    figure.update_yaxes(title="bars", showticklabels=False, ticks="", showgrid=False)
    return figure


def plot_cycles(points, cycles: dict, hidden=(), names=None) -> "go.Figure":
    """Draw cycles on the points whose simplices they are made of.

    Parameters
    ----------
    points : (n, 2) or (n, 3) array
    cycles : dict of str to (s, k) integer array
        By name, the simplices of each as numbers of points; edges are drawn as lines, triangles of points in space as a
        surface, too.
    hidden : collection of str
        Cycles that are only drawn when they are clicked in the legend.
    names : sequence of str, optional
        What points are called when the mouse is over them; their numbers by default.

    Raises
    ------
    ShapeError, InputError
        For points of other than two or three coordinates, or simplices of points that are not there.

    Examples
    --------
    >>> square = [[0, 0], [0, 1], [1, 1], [1, 0]]
    >>> figure = plot_cycles(square, {"H1": np.array([[0, 1], [1, 2], [2, 3], [0, 3]])})
    >>> [(trace.name, len(trace.x)) for trace in figure.data]
    [('points', 4), ('H1', 12)]
    """
    points = np.array(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] not in (2, 3):
        raise ShapeError(f"points have two or three coordinates, got shape {points.shape}")
    space = points.shape[1] == 3
    axes = "xyz"[: points.shape[1]]
    figure = go.Figure(layout={"template": template(), "height": 560, "showlegend": True})
    add = figure.add_scatter3d if space else figure.add_scatter
    add(
        **dict(zip(axes, points.T, strict=True)), mode="markers", name="points", hoverinfo="text",
        text=[str(name) for name in (range(len(points)) if names is None else names)],
        marker={"size": 3 if space else 5, "color": GREY, "opacity": 0.8},
    )  # fmt: skip
    for place, (name, simplices) in enumerate(cycles.items()):
        simplices = np.asarray(simplices)
        if simplices.size and not 0 <= simplices.min() <= simplices.max() < len(points):
            raise InputError(f"the simplices of {name} are numbers of points below {len(points)}")
        look = {"name": name, "legendgroup": name, "hoverinfo": "name"}
        look["visible"] = "legendonly" if name in hidden else True
        colour = COLOURS[place % len(COLOURS)]
        ends = points[edges_of(simplices)]  # (e, 2, d)
        lines = np.concatenate([ends, np.full_like(ends[:, :1], np.nan)], axis=1).reshape(-1, len(axes))
        add(
            **dict(zip(axes, lines.T, strict=True)), mode="lines", **look,
            line={"color": colour, "width": (5 if space else 3) if simplices.shape[1] == 2 else 1},
        )  # fmt: skip
        if space and simplices.shape[1] == 3:
            figure.add_mesh3d(
                **dict(zip(axes, points.T, strict=True)), **dict(zip("ijk", simplices.T, strict=True)), **look,
                color=colour, opacity=0.35, showlegend=False,
            )  # fmt: skip
    if space:
        axis = {"color": GREY, "gridcolor": "rgba(133,144,162,0.35)", "zerolinecolor": GREY}
        figure.update_layout(scene={"aspectmode": "data", "xaxis": axis, "yaxis": axis, "zaxis": axis})
        figure.update_layout(margin={"l": 0, "r": 0, "b": 0}, dragmode="turntable")
    else:
        figure.update_xaxes(title="x", constrain="domain")
        figure.update_yaxes(title="y", scaleanchor="x", constrain="domain")
    return figure


def edges_of(simplices: np.ndarray) -> np.ndarray:
    """Return the edges (e, 2) of simplices (s, k), each once.

    Examples
    --------
    >>> edges_of(np.array([[0, 1, 2], [1, 2, 3]])).tolist()
    [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    """
    pairs = list(combinations(range(simplices.shape[1]), 2))
    return np.unique(np.sort(simplices[:, pairs].reshape(-1, 2), axis=1), axis=0)


def plot_pixels(image, makers: dict, side: int = 256) -> "go.Figure":
    """Draw an image with the pixels that begin (circles) and end (diamonds) some bars.

    Parameters
    ----------
    image : (n,), (n, m) or (n, m, k) array
        A profile is drawn as a curve, a picture as it is, of a block only the marks.
    makers : dict of str to (begin, end)
        By name of the bar, the pixel that begins it, and the one that ends it or None.
    side : int
        Pictures with more pixels along an axis are drawn with every second one, every third, ...

    Raises
    ------
    ShapeError
        For images with more than three axes.

    Examples
    --------
    >>> figure = plot_pixels([[0, 1], [2, 3]], {"H0": ((0, 0), (1, 1))})
    >>> [(trace.type, trace.name) for trace in figure.data]
    [('heatmap', None), ('scatter', 'H0')]
    """
    image = np.array(image, dtype=np.float64)
    if image.ndim not in (1, 2, 3):
        raise ShapeError(f"an image to draw has one, two or three axes, got shape {image.shape}")
    figure = go.Figure(layout={"template": template(), "height": 520, "showlegend": True})
    if image.ndim == 1:
        figure.add_scatter(y=image, mode="lines", name="values", line={"color": GREY})
    elif image.ndim == 2:
        step = 1 + (max(image.shape) - 1) // side
        shown = image[::step, ::step]
        figure.add_heatmap(
            z=np.where(np.isfinite(shown), shown, np.nan).astype(np.float32), dx=step, dy=step, colorscale="Greys_r",
            colorbar={"thickness": 10},
        )  # fmt: skip
    for place, (name, (begin, end)) in enumerate(makers.items()):
        found = [("circle", begin)] + ([("diamond", end)] if end is not None else [])
        where = np.array([pixel for _, pixel in found])
        places = (where[:, 0], image[where[:, 0]]) if image.ndim == 1 else where.T[::-1]  # columns go to the right
        look = {
            "mode": "lines+markers", "name": name, "line": {"color": COLOURS[place % len(COLOURS)], "dash": "dot"},
            "marker": {"symbol": [symbol for symbol, _ in found], "size": 5 if image.ndim == 3 else 11},
            "hoverinfo": "text", "text": [f"{name}, pixel {tuple(pixel)}" for pixel in where.tolist()],
        }  # fmt: skip
        add = figure.add_scatter3d if image.ndim == 3 else figure.add_scatter
        add(**dict(zip("xyz", places, strict=False)), **look)
    if image.ndim == 2:
        figure.update_xaxes(title="column", showgrid=False, constrain="domain")
        figure.update_yaxes(title="row", showgrid=False, scaleanchor="x", autorange="reversed", constrain="domain")
    elif image.ndim == 1:
        figure.update_xaxes(title="pixel")
        figure.update_yaxes(title="value")
    else:
        sides = {
            name: {"range": [-0.5, image.shape[axis] - 0.5], "color": GREY, "title": {"text": f"axis {axis}"}}
            for axis, name in ((2, "xaxis"), (1, "yaxis"), (0, "zaxis"))
        }
        figure.update_layout(scene={"aspectmode": "data", **sides}, margin={"l": 0, "r": 0, "b": 0})
    return figure
