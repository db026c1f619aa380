"""A layer for graph networks: persistence of functions that it learns, as features of nodes and graphs."""

import copy

import numpy as np

from erlangen.errors import InputError, ShapeError, require
from erlangen.symmetry import Invariant, Permutation, Permute, Probe, Symmetry
from erlangen.topology.gradients import edge_levels, graph_of_vertices, highest, merged, simple_edges

torch = require("torch", "nn")
nn, Tensor = torch.nn, torch.Tensor


class PersistenceFeatures(nn.Module):
    """Add to the features of nodes what persistence tells about functions on the graph that are learned from them.

    Each of several functions gives every node a bar: from its own value to the value at which the component that it
    begins meets an older one, or to the largest on its graph if it never does. A bar is seen by a small network; nodes
    with the same value on the same graph, whose bars cannot be told apart, share the mean. Loops give the graph further
    bars. Messages of neighbors alone count neither components nor loops.

    Parameters
    ----------
    features : int
        Width of the nodes' features, and of the graphs'.
    functions : int
        How many functions are learned.
    hidden : int
        Width of the network that gives the functions, and of the one that sees the bars of each.
    resolution : float
        Values of the functions are rounded to multiples of this, so that nodes that are alike have the same one however
        sums were rounded; gradients pass. 0 rounds nothing.

    Source: M. Horn et al., Topological graph neural networks (arXiv:2102.07835).

    Examples
    --------
    >>> layer = PersistenceFeatures(4)
    >>> square = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> nodes, graphs = layer(torch.randn(4, 4), square, [0, 4])
    >>> nodes.shape, graphs.shape
    (torch.Size([4, 4]), torch.Size([1, 4]))
    """

    def __init__(self, features: int, functions: int = 8, hidden: int = 16, resolution: float = 2.0**-10):
        super().__init__()
        if min(features, functions, hidden) < 1:
            raise InputError(f"features, functions and hidden are at least 1, got {features}, {functions}, {hidden}")
        if not resolution >= 0:
            raise InputError(f"resolution is a number of at least 0, got {resolution!r}")
        self.features, self.functions, self.resolution = features, functions, resolution
        self.heights = nn.Sequential(nn.Linear(features, hidden), nn.SiLU(), nn.Linear(hidden, functions))
        self.components = _Bars(functions, hidden)
        self.loops = _Bars(functions, hidden)
        self.to_nodes = nn.Linear(functions * hidden, features)
        self.to_graphs = nn.Linear(2 * functions * hidden, features)

    def forward(self, x: Tensor, edge_index: Tensor, offsets) -> tuple[Tensor, Tensor]:
        """Return the nodes' features with more added (n, features), and features of the graphs (b, features).

        Parameters
        ----------
        x : (n, features) tensor
            Graph after graph.
        edge_index : (2, e) integer tensor
            Edges between nodes of the same graph, each once or in both directions.
        offsets : (b + 1,) integer tensor
            Where each graph begins.
        """
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ShapeError(f"x has shape (n, {self.features}), got {tuple(x.shape)}")
        graph, n_graphs = graph_of_vertices(offsets, len(x), x.device), len(offsets) - 1
        _, ends = simple_edges(edge_index, len(x))
        births = self._rounded(self.heights(x))
        levels = edge_levels(births, ends)
        killer, closing = (torch.from_numpy(np.ascontiguousarray(y)).to(x.device) for y in merged(births, ends, levels))
        limits = highest(births, levels, graph, ends, n_graphs)
        ended = torch.cat([levels, limits]).gather(0, killer.clamp(min=0))  # limits, for graphs without edges
        seen = self.components(births, torch.where(killer < 0, limits[graph], ended))
        seen = shared_by_ties(seen, births.detach(), graph)
        rings = self.loops(levels, limits[graph[ends[0]]]) * closing[:, :, None]
        sums = [
            x.new_zeros(n_graphs, y.shape[1] * y.shape[2]).index_add(0, home, y.flatten(1))
            for y, home in ((seen, graph), (rings, graph[ends[0]]))
        ]
        return x + self.to_nodes(seen.flatten(1)), self.to_graphs(torch.cat(sums, dim=1))

    def _rounded(self, heights: Tensor) -> Tensor:
        if not self.resolution:
            return heights
        return heights + (torch.round(heights.detach() / self.resolution) * self.resolution - heights).detach()

    @property
    def symmetry(self) -> Symmetry:
        """Nodes have no order: their features move with them, those of the graph stay."""
        inputs = {"features": Permute(0), "adjacency": Permute(0, 1)}
        return Symmetry(Permutation(), inputs, {"nodes": Permute(0), "graphs": Invariant()})

    def symmetry_probe(self, rng: np.random.Generator, dtype=np.float64) -> Probe:
        """Draw a random graph in which half of the nodes have the features of others, and the layer on it.

        Parameters
        ----------
        rng : numpy.random.Generator
        dtype : numpy.float32 or numpy.float64
            Of the features and the computation.
        """
        n = int(rng.integers(1, 13))
        twin = copy.deepcopy(self).to(torch.float32 if np.dtype(dtype) == np.float32 else torch.float64)
        upper = np.triu(rng.random((n, n)) < 0.4, 1)
        kinds = rng.normal(size=(n, self.features)).astype(dtype)
        inputs = {
            "features": kinds[rng.integers(0, (n + 1) // 2, n)],
            "adjacency": (upper | upper.T).astype(dtype),
        }

        def function(features, adjacency):
            edges = torch.from_numpy(np.stack(np.nonzero(np.asarray(adjacency) > 0.5)))
            with torch.no_grad():
                nodes, graphs = twin(torch.from_numpy(np.ascontiguousarray(features)), edges, [0, n])
            return {"nodes": nodes.numpy(), "graphs": graphs.numpy()}

        return Probe(inputs, function)


class _Bars(nn.Module):
    """A layer for the bars of each of f functions: births and deaths (n, f) -> (n, f, hidden)."""

    def __init__(self, functions: int, hidden: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, functions, hidden))
        self.bias = nn.Parameter(torch.randn(functions, hidden))

    def forward(self, births: Tensor, deaths: Tensor) -> Tensor:
        bars = births[..., None] * self.weight[0] + (deaths - births)[..., None] * self.weight[1]
        return nn.functional.silu(bars + self.bias)


def shared_by_ties(seen: Tensor, values: Tensor, graph: Tensor) -> Tensor:
    """Return the means over nodes of the same graph with the same value: (n, f, k), from (n, f, k) and values (n, f).

    Examples
    --------
    >>> seen, values = torch.tensor([[[1.0]], [[3.0]], [[5.0]]]), torch.tensor([[0.0], [0.0], [0.0]])
    >>> shared_by_ties(seen, values, torch.tensor([0, 0, 1])).flatten().tolist()
    [2.0, 2.0, 5.0]
    """
    n, f, k = seen.shape
    heights, home = values.cpu().numpy(), np.broadcast_to(graph.cpu().numpy()[:, None], (n, f))
    order = np.lexsort([heights, home], axis=0)
    sorted_heights, sorted_home = (np.take_along_axis(y, order, 0) for y in (heights, home))
    new = np.ones((n, f), bool)
    new[1:] = (sorted_heights[1:] != sorted_heights[:-1]) | (sorted_home[1:] != sorted_home[:-1])
    group = np.empty((n, f), np.int64)
    np.put_along_axis(group, order, np.cumsum(new, axis=0) - 1, 0)
    if n == 0 or new.all():
        return seen
    place = torch.from_numpy((group + n * np.arange(f)).ravel()).to(seen.device)
    total = seen.new_zeros(n * f, k).index_add(0, place, seen.reshape(n * f, k))
    size = torch.bincount(place, minlength=n * f).clamp(min=1).to(seen.dtype)
    return (total / size[:, None])[place].reshape(n, f, k)
