"""Figures of Mapper graphs. They need plotly, nothing else: what can be changed in them works in a saved page too."""

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist
from sklearn.base import clone

from erlangen.errors import InputError, ShapeError
from erlangen.topology.mapper.nerve import MapperGraph

_STEPS, _SETTLED = 300, 1e-5
"""How often nodes are moved at most, and the relative gain below which they stay."""

_AROUND = 0.5, 0.75, 1.0, 1.5, 2.0
"""Values of a slider, as multiples of the present one, if none are given."""


def plot_static_mapper_graph(
    pipeline,
    data,
    color_data=None,
    color_features=None,
    node_color_statistic=None,
    layout="kamada_kawai",
    layout_dim: int = 2,
    clone_pipeline: bool = True,
    n_sig_figs: int | None = 3,
    node_scale: float = 12,
    plotly_params: dict | None = None,
):
    """Draw the Mapper graph of a pipeline and data; a menu chooses what nodes are coloured by, if there is a choice.

    Parameters
    ----------
    pipeline : MapperPipeline
    data : what the pipeline takes
    color_data : (n_samples,) or (n_samples, n) array or data frame, optional
        What nodes are coloured by; ``data`` by default.
    color_features : int, str, list of these, transformer or callable, optional
        Columns of it, or what makes columns (n_samples, k) of it; all columns by default.
    node_color_statistic : callable or (n_nodes,) or (n_nodes, k) array, optional
        Maps the values (m,) of a node's samples to the node's; the mean by default. Or the nodes' values themselves.
    layout : "kamada_kawai" or callable
        Springs as long as paths, or what maps a `MapperGraph` and ``layout_dim`` to positions (n_nodes, layout_dim).
    layout_dim : 2 or 3
    clone_pipeline : bool
        Whether the pipeline that is fitted is a copy.
    n_sig_figs : int, optional
        Significant digits of the hover texts; all if None.
    node_scale : float
        How large nodes are.
    plotly_params : dict, optional
        ``{"node_trace": ..., "edge_trace": ..., "layout": ...}``: updates of the traces and of the layout.

    Returns
    -------
    plotly figure

    Raises
    ------
    InputError
        If the pipeline makes no graph, or colours do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from erlangen.topology.mapper import CubicalCover, Projection, make_mapper_pipeline
    >>> points = np.random.default_rng(0).random((50, 2))
    >>> pipeline = make_mapper_pipeline(filter_func=Projection(), cover=CubicalCover(n_intervals=3))
    >>> [trace.name for trace in plot_static_mapper_graph(pipeline, points).data]
    ['edges', 'nodes']
    """
    shown = _Shown(color_data, color_features, node_color_statistic, layout, layout_dim, n_sig_figs, node_scale)
    pipeline = clone(pipeline) if clone_pipeline else pipeline
    return shown.figure(data, {"": _graph(pipeline, data)}, plotly_params)


def plot_interactive_mapper_graph(
    pipeline,
    data,
    color_data=None,
    color_features=None,
    node_color_statistic=None,
    layout="kamada_kawai",
    layout_dim: int = 2,
    clone_pipeline: bool = True,
    n_sig_figs: int | None = 3,
    node_scale: float = 12,
    plotly_params: dict | None = None,
    parameter: str = "cover__n_intervals",
    values=None,
):
    """Draw Mapper graphs for several values of a parameter, with a slider to choose one.

    Where giotto-tda shows widgets that need a running kernel, all graphs are made beforehand, so that the figure works
    in a saved page too.

    Parameters
    ----------
    pipeline, data, color_data, color_features, layout, layout_dim, clone_pipeline, n_sig_figs, node_scale
        As in `plot_static_mapper_graph`.
    node_color_statistic : callable, optional
        Maps the values (m,) of a node's samples to the node's; the mean by default.
    parameter : str
        Of the pipeline, by the names that `make_mapper_pipeline` takes.
    values : sequence, optional
        What the slider chooses from, the present value first if it is not among them; by default five numbers around
        that one.
    plotly_params : dict, optional
        As in `plot_static_mapper_graph`.

    Returns
    -------
    plotly figure

    Examples
    --------
    >>> import numpy as np
    >>> from erlangen.topology.mapper import CubicalCover, Projection, make_mapper_pipeline
    >>> points = np.random.default_rng(0).random((50, 2))
    >>> pipeline = make_mapper_pipeline(filter_func=Projection(), cover=CubicalCover(n_intervals=3))
    >>> figure = plot_interactive_mapper_graph(pipeline, points, values=[2, 4])
    >>> [step.label for step in figure.layout.sliders[0].steps]
    ['3', '2', '4']
    """
    plotter = MapperInteractivePlotter(pipeline, data, clone_pipeline)
    return plotter.plot(
        color_data,
        color_features,
        node_color_statistic,
        layout,
        layout_dim,
        n_sig_figs,
        node_scale,
        plotly_params,
        parameter,
        values,
    )


class MapperInteractivePlotter:
    """`plot_interactive_mapper_graph` that keeps what it has made.

    Parameters
    ----------
    pipeline : MapperPipeline
    data : what the pipeline takes
    clone_pipeline : bool
        Whether the pipeline that is fitted is a copy.

    Attributes
    ----------
    pipeline_ : MapperPipeline
        With the present value of the parameter.
    graph_ : MapperGraph
        What it makes.
    color_features_ : (n_samples, k) array
    node_summaries_ : (n_nodes, k) array
        The values that nodes of ``graph_`` are coloured by.
    figure_ : plotly figure

    Examples
    --------
    >>> import numpy as np
    >>> from erlangen.topology.mapper import CubicalCover, Projection, make_mapper_pipeline
    >>> points = np.random.default_rng(0).random((50, 2))
    >>> pipeline = make_mapper_pipeline(filter_func=Projection(), cover=CubicalCover(n_intervals=3))
    >>> plotter = MapperInteractivePlotter(pipeline, points)
    >>> figure = plotter.plot(values=[4])
    >>> plotter.node_summaries_.shape == (plotter.graph_.n_nodes, 2)
    True
    """

    def __init__(self, pipeline, data, clone_pipeline: bool = True):
        self.pipeline = pipeline
        self.data = data
        self.clone_pipeline = clone_pipeline

    def plot(
        self,
        color_data=None,
        color_features=None,
        node_color_statistic=None,
        layout="kamada_kawai",
        layout_dim: int = 2,
        n_sig_figs: int | None = 3,
        node_scale: float = 12,
        plotly_params: dict | None = None,
        parameter: str = "cover__n_intervals",
        values=None,
    ):
        """Draw the graphs, with the arguments of `plot_interactive_mapper_graph`."""
        if node_color_statistic is not None and not callable(node_color_statistic):
            raise InputError("node_color_statistic is a callable where several graphs are drawn")
        shown = _Shown(color_data, color_features, node_color_statistic, layout, layout_dim, n_sig_figs, node_scale)
        self.pipeline_ = clone(self.pipeline) if self.clone_pipeline else self.pipeline
        self.graph_ = _graph(self.pipeline_, self.data)
        present, choices = _choices(self.pipeline_, parameter, values)
        graphs = {
            str(value): self.graph_
            if value == present
            else _graph(clone(self.pipeline_).set_params(**{parameter: value}), self.data)
            for value in choices
        }
        _, self.color_features_ = shown.features(self.data)
        self.node_summaries_ = shown.summaries(self.graph_, self.color_features_)
        self.figure_ = shown.figure(self.data, graphs, plotly_params, choices.index(present), parameter)
        return self.figure_


def _graph(pipeline, data) -> MapperGraph:
    graph = pipeline.fit_transform(data)
    if not isinstance(graph, MapperGraph) or not graph.n_nodes:
        raise InputError("the pipeline has to make a graph with nodes; take make_mapper_pipeline with graph_step=True")
    return graph


def _choices(pipeline, parameter: str, values) -> tuple:
    """Return the present value of a parameter, and all that a slider offers, the present one among them."""
    known = pipeline.get_mapper_params()
    if parameter not in known:
        raise InputError(f"parameter is one of the pipeline's, got {parameter!r}; it has {', '.join(sorted(known))}")
    present = known[parameter]
    if values is None:
        if not isinstance(present, int | float) or isinstance(present, bool):
            raise InputError(f"values are needed: {parameter} is {present!r}, not a number")
        whole = isinstance(present, int)
        values = [max(1, round(present * factor)) if whole else present * factor for factor in _AROUND]
    choices = list(dict.fromkeys(values))
    return present, choices if present in choices else [present, *choices]


class _Shown:
    """How graphs are drawn: the arguments that all functions share."""

    def __init__(self, color_data, color_features, statistic, layout, dimension, digits, scale):
        if dimension not in (2, 3):
            raise InputError(f"layout_dim is 2 or 3, got {dimension!r}")
        if layout != "kamada_kawai" and not callable(layout):
            raise InputError(f'layout is "kamada_kawai" or a callable, got {layout!r}')
        self.color_data, self.color_features, self.statistic = color_data, color_features, statistic
        self.layout, self.dimension, self.digits, self.scale = layout, dimension, digits, scale

    def features(self, data) -> tuple[list[str], np.ndarray]:
        """Return names and values (n_samples, k) of what nodes are coloured by."""
        table = data if self.color_data is None else self.color_data
        chosen = self.color_features
        if hasattr(chosen, "fit_transform") or callable(chosen):
            made = chosen.fit_transform(table) if hasattr(chosen, "fit_transform") else chosen(table)
            values = _columns(made)
            return [f"feature {k}" for k in range(values.shape[1])], values
        names = list(getattr(table, "columns", []))
        values = _columns(table)
        wanted = range(values.shape[1]) if chosen is None else chosen if isinstance(chosen, list) else [chosen]
        numbers = [names.index(c) if c in names else c for c in wanted]
        for c in numbers:
            if not isinstance(c, int | np.integer) or not 0 <= c < values.shape[1]:
                raise InputError(f"color_features are columns of color_data, {values.shape[1]} of them, got {c!r}")
        return [str(names[c]) if names else f"column {c}" for c in numbers], values[:, numbers]

    def summaries(self, graph: MapperGraph, values: np.ndarray) -> np.ndarray:
        """Return what each node is coloured by, (n_nodes, k)."""
        if self.statistic is not None and not callable(self.statistic):
            given = _columns(self.statistic)
            if len(given) != graph.n_nodes:
                raise ShapeError(f"node_color_statistic has a row for each of {graph.n_nodes} nodes, got {len(given)}")
            return given
        last = max(int(samples[-1]) for samples in graph.node_elements)
        if len(values) <= last:
            raise ShapeError(f"color_data has a row for each sample, got {len(values)} rows and a sample {last}")
        statistic = np.mean if self.statistic is None else self.statistic
        return np.array([[float(statistic(column)) for column in values[samples].T] for samples in graph.node_elements])

    def figure(self, data, graphs: dict, plotly_params, active: int = 0, parameter: str = ""):
        """Draw graphs, of which one is seen at a time."""
        from erlangen.plotting.style import go, template

        given = plotly_params or {}
        if unknown := set(given) - {"node_trace", "edge_trace", "layout"}:
            raise InputError(f"plotly_params has the keys node_trace, edge_trace and layout, got {unknown.pop()!r}")
        names, values = self.features(data)
        summaries = [self.summaries(graph, values) for graph in graphs.values()]
        if summaries[0].shape[1] != len(names):
            names = [f"column {k}" for k in range(summaries[0].shape[1])]
        figure = go.Figure(layout={"template": template(), "height": 560, "showlegend": False})
        for k, (graph, colours) in enumerate(zip(graphs.values(), summaries, strict=True)):
            places = spread_nodes(graph, self.dimension) if self.layout == "kamada_kawai" else self._placed(graph)
            for trace in self._traces(graph, colours, names, places):
                figure.add_trace(trace.update(visible=k == active))
        if len(graphs) > 1:
            figure.update_layout(sliders=[_slider(list(graphs), active, parameter)])
        if len(names) > 1:
            figure.update_layout(updatemenus=[_menu(names, summaries)], margin={"t": 60})
        hidden = {"visible": False, "showgrid": False}
        figure.update_layout(
            **(
                {"xaxis": hidden, "yaxis": hidden | {"scaleanchor": "x"}}
                if self.dimension == 2
                else {"scene": {axis: {"visible": False} for axis in ("xaxis", "yaxis", "zaxis")}}
            )
        )
        figure.update_traces(given.get("node_trace", {}), selector={"name": "nodes"})
        figure.update_traces(given.get("edge_trace", {}), selector={"name": "edges"})
        return figure.update_layout(given.get("layout", {}))

    def _placed(self, graph) -> np.ndarray:
        places = np.asarray(self.layout(graph, self.dimension), dtype=float)
        if places.shape != (graph.n_nodes, self.dimension):
            raise ShapeError(f"layout returns positions ({graph.n_nodes}, {self.dimension}), got {places.shape}")
        return places

    def _traces(self, graph, colours, names, places):
        from erlangen.plotting.style import GREY, go

        scatter = go.Scatter if self.dimension == 2 else go.Scatter3d
        lines = np.full((len(graph.edges), 3, self.dimension), np.nan)  # the third row lifts the pen
        lines[:, :2] = places[graph.edges]
        axes = "xyz"[: self.dimension]
        sizes = np.array([len(samples) for samples in graph.node_elements])
        edges = scatter(
            **dict(zip(axes, lines.reshape(-1, self.dimension).T, strict=True)),
            name="edges",
            mode="lines",
            line={"color": GREY, "width": 1},
            hoverinfo="skip",
        )
        nodes = scatter(
            **dict(zip(axes, places.T, strict=True)),
            name="nodes",
            mode="markers",
            marker={
                "size": sizes,
                "sizemode": "area",
                "sizeref": sizes.max() / (2 * self.scale**2),
                "sizemin": 4,
                "color": colours[:, 0],
                "colorscale": "Viridis",
                "colorbar": {"title": {"text": names[0], "side": "right"}},
                "opacity": 1,
                "line": {"width": 0.5, "color": GREY},
            },
            hoverinfo="text",
            hovertext=self._texts(graph, sizes, colours, names),
        )
        return edges, nodes

    def _texts(self, graph, sizes, colours, names) -> list[str]:
        spec = "" if self.digits is None else f".{self.digits}g"
        return [
            f"node {k}: {size:,} samples<br>set {label}, cluster {cluster}"
            + "".join(f"<br>{name}: {value:{spec}}" for name, value in zip(names, row, strict=True))
            for k, (size, label, cluster, row) in enumerate(
                zip(
                    sizes.tolist(),
                    graph.pullback_set_label.tolist(),
                    graph.partial_cluster_label.tolist(),
                    colours.tolist(),
                    strict=True,
                )
            )
        ]


def _menu(names: list[str], summaries: list[np.ndarray]) -> dict:
    """Return a menu that chooses the column by which the nodes of all graphs are coloured."""
    traces = list(range(1, 2 * len(summaries), 2))
    buttons = [
        {
            "label": name,
            "method": "restyle",
            "args": [
                {
                    "marker.color": [colours[:, k].tolist() for colours in summaries],
                    "marker.colorbar.title.text": [name] * len(summaries),
                },
                traces,
            ],
        }
        for k, name in enumerate(names)
    ]
    return {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}


def _slider(labels: list[str], active: int, parameter: str) -> dict:
    """Return a slider that shows the two traces of one graph."""
    steps = [
        {
            "label": label,
            "method": "restyle",
            "args": [{"visible": [i // 2 == k for i in range(2 * len(labels))]}],
        }
        for k, label in enumerate(labels)
    ]
    return {"steps": steps, "active": active, "currentvalue": {"prefix": f"{parameter} = "}}


def _columns(values) -> np.ndarray:
    try:
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError("colours are numbers, (n,) or (n, k); give color_data or color_features") from None
    if values.ndim not in (1, 2):
        raise ShapeError(f"colours are numbers, (n,) or (n, k), got shape {values.shape}")
    return values[:, None] if values.ndim == 1 else values


def spread_nodes(graph: MapperGraph, dimension: int = 2) -> np.ndarray:
    """Return positions (n_nodes, dimension) at which nodes are about as far apart as the paths between them are long.

    The energy is that of springs between all pairs, stiffer for shorter paths; it is lowered by majorization from
    classical scaling. Nodes that no path joins are held somewhat farther apart than the ends of the longest path.

    Source: T. Kamada, S. Kawai, Inf. Process. Lett. 31, 7 (1989); E. Gansner et al., Graph Drawing (2004).
    """
    n = graph.n_nodes
    if n == 1:
        return np.zeros((1, dimension))
    paths = shortest_path(graph.adjacency(), directed=False, unweighted=True)
    longest = paths[np.isfinite(paths)].max()
    paths[np.isinf(paths)] = longest + 1
    stiffness = 1 / (paths + np.eye(n)) ** 2 - np.eye(n)
    inverse = np.linalg.inv(np.diag(stiffness.sum(axis=1)) - stiffness + 1 / n)
    places, energy = _classical_scaling(paths, dimension), np.inf
    for _ in range(_STEPS):
        apart = cdist(places, places)
        before, energy = energy, float((stiffness * (apart - paths) ** 2).sum())
        if energy >= before * (1 - _SETTLED):
            break
        pull = stiffness * np.divide(paths, apart, out=np.zeros_like(apart), where=apart > 0)
        places = inverse @ (pull.sum(axis=1)[:, None] * places - pull @ places)
    return places


def _classical_scaling(distances: np.ndarray, dimension: int) -> np.ndarray:
    """Return positions with about these distances, none quite the same."""
    n = len(distances)
    squares = distances**2
    inner = -(squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()) / 2
    found = np.zeros((n, dimension))
    k = min(n, dimension)
    values, vectors = eigh(inner, subset_by_index=[n - k, n - 1])
    found[:, :k] = (vectors * np.sqrt(np.maximum(values, 0)))[:, ::-1]
    return found + 0.1 * np.random.default_rng(0).normal(size=(n, dimension))
