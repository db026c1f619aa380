"""Persistence that torch can differentiate: layers from points, images and graphs to diagrams, and losses.

Which simplices begin and end the bars is found on detached data, compiled, several samples at a time; births and deaths
are then gathered from the distances, pixels or heights of just these, so that autograd sees them. Where several would
do (at ties) one of them is taken, and the gradient is one of the subgradients.
"""

import numpy as np
from joblib import Parallel, delayed

from erlangen.errors import InputError, ShapeError, require
from erlangen.kernels import over_rows
from erlangen.topology.cubical import cubical_persistence
from erlangen.topology.homology import _dimensions, check_images, check_point_clouds
from erlangen.topology.persistence import rips_persistence

torch = require("torch", "nn")
nn, Tensor = torch.nn, torch.Tensor

_WORK = 50
"""Multiplications that an edge costs the union-find, about."""


class _Layer(nn.Module):
    """What the layers share: ``_persistence`` does the work on one sample, ``_values`` gathers."""

    def forward(self, X):
        """Return the diagrams, a tensor (n_samples, n_bars, 3) of birth, death and dimension.

        Laid out as by `erlangen.topology.collect`: shorter diagrams are filled up with bars of length zero.
        """
        samples = self._samples(X)
        dimensions = _dimensions(self.homology_dimensions)
        found = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(self._persistence)(sample.detach().cpu().numpy(), max(dimensions)) for sample in samples
        )
        return torch.cat([self._of_dimension(samples, found, q) for q in dimensions], dim=1)

    def _of_dimension(self, samples, found, q: int) -> Tensor:
        counts, begins, ends = [], [], []
        for one in found:
            kept = self._kept(one, q)
            counts.append(len(kept))
            begins.append(one.births[q][kept])
            ends.append(one.deaths[q][kept])
        sample = np.repeat(np.arange(len(counts)), counts)
        begins, ends = np.concatenate(begins), np.concatenate(ends)
        endless = torch.from_numpy(ends[:, 0] < 0).to(samples[0].device)
        births, deaths = self._values(samples, begins, sample), self._values(samples, np.maximum(ends, 0), sample)
        deaths = torch.where(endless, torch.full_like(deaths, self.infinity_values), deaths)
        return block_of(torch.stack([births, deaths], dim=1), sample, len(samples), q)

    def _kept(self, persistence, q: int) -> np.ndarray:
        bars = persistence.bars[q]
        kept = np.isfinite(bars[:, 1]) | (bars[:, 0] < self.infinity_values)
        if self.reduced_homology and q == 0 and (endless := np.flatnonzero(np.isinf(bars[:, 1]))).size:
            kept[endless[0]] = False  # bars are sorted by birth
        return np.flatnonzero(kept)


class RipsLayer(_Layer):
    """Persistence diagrams of Vietoris-Rips filtrations, differentiable in the points or distances.

    What `erlangen.topology.VietorisRipsPersistence` computes, of tensors.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    metric : "euclidean" or "precomputed"
        What comes in: points, or distances, whose diagonal says when each point enters and of which else the upper
        triangle counts.
    max_edge_length : float
        Longer edges are left out.
    infinity_values : float
        What the death of a bar that never ends becomes.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, on threads. With one, its threads share each sample.

    Source: R. B. Gabrielsson et al., A topology layer for machine learning (arXiv:1905.12200).

    Examples
    --------
    >>> points = torch.tensor([[[0.0, 0], [3, 0], [3, 4], [0, 4]]], requires_grad=True)
    >>> diagrams = RipsLayer()(points)
    >>> diagrams[0].tolist()
    [[0.0, 3.0, 0.0], [0.0, 3.0, 0.0], [0.0, 4.0, 0.0], [4.0, 5.0, 1.0]]
    >>> diagrams[0, 3, 1].backward()
    >>> points.grad.abs().sum((0, 2)).gt(0).sum().item()  # the two ends of a diagonal
    2
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        metric: str = "euclidean",
        max_edge_length: float = float("inf"),
        infinity_values: float = float("inf"),
        reduced_homology: bool = True,
        n_jobs: int | None = None,
    ):
        super().__init__()
        if metric not in ("euclidean", "precomputed"):
            raise InputError(f'metric is "euclidean" or "precomputed", got {metric!r}')
        self.homology_dimensions = homology_dimensions
        self.metric = metric
        self.max_edge_length = max_edge_length
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def _samples(self, X) -> list[Tensor]:
        return _tensors(check_point_clouds(X))

    def _persistence(self, cloud, highest: int):
        return rips_persistence(cloud, max_dimension=highest, threshold=self.max_edge_length, metric=self.metric)

    def _values(self, samples, ends, sample) -> Tensor:
        sizes = [len(one) ** 2 if self.metric == "precomputed" else len(one) for one in samples]
        first = (np.cumsum(sizes) - sizes)[sample]
        if self.metric == "euclidean":
            points = torch.cat(samples)
            a, b = (points[torch.from_numpy(first + ends[:, k]).to(points.device)] for k in (0, 1))
            return torch.linalg.vector_norm(a - b, dim=1)
        entries = torch.cat([one.reshape(-1) for one in samples])
        n = np.array([len(one) for one in samples])[sample]
        ends = np.sort(ends, axis=1)
        places = [first + i * n + j for i, j in ((ends[:, 0], ends[:, 1]), *((k, k) for k in ends.T))]
        found = [entries[torch.from_numpy(place).to(entries.device)] for place in places]
        return torch.maximum(found[0], torch.maximum(*found[1:]))


class CubicalLayer(_Layer):
    """Persistence diagrams of images by sublevel sets, differentiable in the pixels.

    What `erlangen.topology.CubicalPersistence` computes, of tensors.

    Parameters
    ----------
    homology_dimensions : sequence of int
        Which dimensions to return.
    input_type : "top_dimensional_cells" or "vertices"
        Whether pixels are the largest cubes, so that corners join them too, or the vertices.
    periodic_dimensions : bool or sequence of bool
        Along which axes an image goes on at its other side.
    infinity_values : float
        What the death of a bar that never ends becomes.
    reduced_homology : bool
        Whether to leave out the one component that lasts for ever.
    n_jobs : int, optional
        How many samples are worked on at the same time, on threads.

    Examples
    --------
    >>> ring = torch.tensor([[[0.0, 1, 0], [1, 2, 1], [0, 1, 0]]], requires_grad=True)
    >>> diagrams = CubicalLayer(homology_dimensions=[1])(ring)
    >>> diagrams[0].tolist()
    [[1.0, 2.0, 1.0]]
    >>> diagrams[0, 0, 1].backward()
    >>> ring.grad[0, 1].tolist()
    [0.0, 1.0, 0.0]
    """

    def __init__(
        self,
        homology_dimensions=(0, 1),
        input_type: str = "top_dimensional_cells",
        periodic_dimensions=False,
        infinity_values: float = float("inf"),
        reduced_homology: bool = True,
        n_jobs: int | None = None,
    ):
        super().__init__()
        self.homology_dimensions = homology_dimensions
        self.input_type = input_type
        self.periodic_dimensions = periodic_dimensions
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology
        self.n_jobs = n_jobs

    def _samples(self, X) -> list[Tensor]:
        samples = _tensors(X)
        check_images([sample.detach().cpu().numpy() for sample in samples])
        return samples

    def _persistence(self, image, highest: int):
        return cubical_persistence(
            image, max_dimension=highest, input_type=self.input_type, periodic=self.periodic_dimensions
        )

    def _values(self, samples, ends, sample) -> Tensor:
        shapes = np.array([one.shape for one in samples])
        sizes = shapes.prod(axis=1)
        place = np.zeros(len(ends), np.int64)
        for axis in range(shapes.shape[1]):
            place = place * shapes[sample, axis] + ends[:, axis]
        entries = torch.cat([one.reshape(-1) for one in samples])
        return entries[torch.from_numpy((np.cumsum(sizes) - sizes)[sample] + place).to(entries.device)]


class GraphLayer(nn.Module):
    """Persistence diagrams of functions on graphs by sublevel sets, differentiable in the functions' values.

    A vertex enters at its value, an edge with the later of its ends, or at its own weight if that is larger still.
    Components are of dimension 0, loops of dimension 1.

    Parameters
    ----------
    infinity_values : float, optional
        What the death of a bar that never ends becomes; the largest value on its graph by default, with its gradient.
    reduced_homology : bool
        Whether to leave out the oldest component of each graph, which lasts for ever.

    Source: C. Hofer et al., Graph filtration learning (arXiv:1905.10996).

    Examples
    --------
    >>> square = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    >>> heights = torch.tensor([0.0, 3.0, 1.0, 4.0], requires_grad=True)
    >>> GraphLayer(infinity_values=9.0)(heights, square, [0, 4])[0].tolist()
    [[1.0, 3.0, 0.0], [4.0, 9.0, 1.0]]
    """

    def __init__(self, infinity_values: float | None = None, reduced_homology: bool = True):
        super().__init__()
        self.infinity_values = infinity_values
        self.reduced_homology = reduced_homology

    def forward(self, values: Tensor, edge_index: Tensor, offsets, weights: Tensor | None = None) -> Tensor:
        """Return the diagrams (n_graphs, n_bars, 3), components before loops; shorter ones are filled up.

        Parameters
        ----------
        values : (n,) tensor
            When vertices enter; graph after graph.
        edge_index : (2, e) integer tensor
            Edges between vertices of the same graph, each once or in both directions.
        offsets : (b + 1,) integer tensor
            Where each graph begins.
        weights : (e,) tensor, optional
            When edges enter, if later than their ends; of two directions the first counts.
        """
        if values.ndim != 1:
            raise ShapeError(f"values are a number for each vertex, (n,), got shape {tuple(values.shape)}")
        graph, n_graphs = graph_of_vertices(offsets, len(values), values.device), len(offsets) - 1
        kept, ends = simple_edges(edge_index, len(values))
        levels = edge_levels(values[:, None], ends, None if weights is None else weights[kept])
        killer, closing = (x[:, 0] for x in merged(values[:, None], ends, levels))
        if self.infinity_values is None:
            limits = highest(values[:, None], levels, graph, ends, n_graphs)[:, 0]
        else:
            limits = values.new_full((n_graphs,), self.infinity_values)
        levels, loops = levels[:, 0], torch.from_numpy(np.flatnonzero(closing)).to(values.device)
        begins = np.arange(len(values))
        if self.reduced_homology:
            begins = np.setdiff1d(begins, oldest(values.detach().cpu().numpy(), graph.cpu().numpy(), killer))
        begins, killer = (torch.from_numpy(x).to(values.device) for x in (begins, killer))
        killer, limit = killer[begins], limits[graph[begins]]
        deaths = torch.where(killer < 0, limit, torch.cat([levels, limits])[killer.clamp(min=0)])
        blocks = [
            _lasting(values[begins], deaths, graph[begins], n_graphs, 0),
            _lasting(levels[loops], limits[graph[ends[0, loops]]], graph[ends[0, loops]], n_graphs, 1),
        ]
        return torch.cat(blocks, dim=1)


def oldest(values: np.ndarray, graph: np.ndarray, killer: np.ndarray) -> np.ndarray:
    """Return the vertex of each graph that begins the first of its components that last for ever."""
    endless = np.flatnonzero(killer < 0)
    endless = endless[np.lexsort([values[endless], graph[endless]])]
    return endless[np.unique(graph[endless], return_index=True)[1]]


def _lasting(births: Tensor, deaths: Tensor, graph: Tensor, n_graphs: int, dimension: int) -> Tensor:
    """Return the bars longer than zero as part of a collection, those of each graph together."""
    kept = torch.nonzero(births.detach() < deaths.detach())[:, 0]
    kept = kept[torch.argsort(graph[kept], stable=True)]
    return block_of(torch.stack([births, deaths], dim=1)[kept], graph[kept].cpu().numpy(), n_graphs, dimension)


def graph_of_vertices(offsets, n: int, device) -> Tensor:
    """Return the graph of each of n vertices, (n,), from where each graph begins, or say what is wrong."""
    offsets = torch.as_tensor(offsets, device=device)
    sizes = offsets.diff()
    if offsets.ndim != 1 or len(offsets) < 2 or offsets[0] != 0 or offsets[-1] != n or (sizes < 0).any():
        raise InputError(f"offsets ascend from 0 to {n}, the number of vertices, got {offsets.tolist()[:9]}")
    return torch.repeat_interleave(torch.arange(len(sizes), device=device), sizes)


def simple_edges(edge_index: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return which edges to keep so that each is there once and none is a loop, and these edges (2, m)."""
    if edge_index.ndim != 2 or len(edge_index) != 2 or edge_index.dtype.is_floating_point:
        raise ShapeError(f"edge_index is an integer tensor (2, e), got {edge_index.dtype} {tuple(edge_index.shape)}")
    ends = edge_index.detach().cpu().numpy()
    if ends.size and (ends.min() < 0 or ends.max() >= n):
        raise InputError(f"edge_index holds vertices 0 to {n - 1}, got {ends.min()} to {ends.max()}")
    ends = np.sort(ends, axis=0)
    _, first = np.unique(ends[0] * n + ends[1], return_index=True)
    kept = torch.from_numpy(first[ends[0, first] < ends[1, first]]).to(edge_index.device)
    return kept, edge_index[:, kept]


def edge_levels(values: Tensor, ends: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return when each edge enters, (m, f): with the later of its ends, whose values are (n, f), or at its weight."""
    levels = torch.maximum(values[ends[0]], values[ends[1]])
    return levels if weights is None else torch.maximum(levels, weights[:, None])


def merged(values: Tensor, ends: Tensor, levels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return which edge ends the component that each vertex begins, -1 for none, (n, f), and which close loops, (m, f).

    Parameters
    ----------
    values, levels : (n, f) and (m, f) tensors
        When vertices and edges enter, for each of f functions.
    ends : (2, m) integer tensor
        Edges.
    """
    from erlangen.topology._graph_kernels import merge_levels

    heights, entered = (np.ascontiguousarray(x.detach().double().cpu().numpy().T) for x in (values, levels))
    if not (np.isfinite(heights).all() and np.isfinite(entered).all()):
        raise InputError("the values of vertices and edges are finite numbers")
    senders, receivers = ends.cpu().numpy().astype(np.int64)
    order = np.argsort(entered, axis=1, kind="stable")
    killer, closing = np.full(heights.shape, -1), np.zeros(entered.shape, bool)
    work = entered.size * _WORK
    over_rows(merge_levels, heights, senders, receivers, order, killer, closing, rows=len(heights), work=work)
    return killer.T, closing.T


def highest(values: Tensor, levels: Tensor, graph: Tensor, ends: Tensor, n_graphs: int) -> Tensor:
    """Return the largest value on each graph, (n_graphs, f), from those of vertices and edges."""
    home = torch.cat([graph, graph[ends[0]]])
    found = torch.cat([values, levels])
    return found.new_zeros(n_graphs, found.shape[1]).scatter_reduce(
        0, home[:, None].expand_as(found), found, "amax", include_self=False
    )


def block_of(bars: Tensor, sample: np.ndarray, n_samples: int, dimension: int) -> Tensor:
    """Return bars (k, 2) of samples, ascending, as the part (n_samples, n, 3) of a collection of one dimension."""
    counts = np.bincount(sample, minlength=n_samples)
    place = np.arange(len(sample)) - (np.cumsum(counts) - counts)[sample]
    fill = float(bars.detach()[:, 0].min()) if len(bars) else 0.0
    found = bars.new_full((n_samples, max(1, int(counts.max(initial=0))), 2), fill)
    where = tuple(torch.from_numpy(x).to(bars.device) for x in (sample, place))
    found = found.index_put(where, bars)
    return torch.cat([found, torch.full_like(found[:, :, :1], dimension)], dim=2)


def _tensors(X) -> list[Tensor]:
    samples = [torch.as_tensor(sample) for sample in X]
    return [sample if sample.is_floating_point() else sample.to(torch.get_default_dtype()) for sample in samples]


def connectivity_loss(points: Tensor, length: float = 1.0) -> Tensor:
    """Return how far the edges of the minimal spanning tree are from a length: sum of ``|edge - length|``.

    Points that are pulled together and pushed apart until the components of their balls all meet at one scale.

    Parameters
    ----------
    points : (n, d) tensor
    length : float
        In units of the points.

    Source: C. Hofer et al., Connectivity-optimized representation learning (arXiv:1906.09003).

    Examples
    --------
    >>> connectivity_loss(torch.tensor([[0.0], [1.0], [3.0]]))
    tensor(1.)
    """
    return (_lengths(points, _spanning_tree(points)) - length).abs().sum()


def autoencoder_loss(points: Tensor, embedding: Tensor) -> Tensor:
    """Return by how much the edges at which components meet differ in length between points and their embedding.

    Half the sum of squared differences over the edges of the minimal spanning tree of the points, plus the same over
    those of the embedding's.

    Parameters
    ----------
    points, embedding : (n, d) and (n, k) tensors
        Row i of one belongs to row i of the other.

    Raises
    ------
    ShapeError
        If they have different numbers of rows.

    Source: M. Moor et al., Topological autoencoders (arXiv:1906.00722).

    Examples
    --------
    >>> points = torch.tensor([[0.0, 0], [1, 0], [3, 0]])
    >>> autoencoder_loss(points, points[:, :1]), autoencoder_loss(points, 2 * points)
    (tensor(0.), tensor(5.))
    """
    if points.ndim != 2 or embedding.ndim != 2 or len(points) != len(embedding):
        raise ShapeError(
            f"points and embedding are (n, d) and (n, k), got {tuple(points.shape)} and {tuple(embedding.shape)}"
        )
    trees = [_spanning_tree(x) for x in (points, embedding)]
    return sum(((_lengths(points, tree) - _lengths(embedding, tree)) ** 2).sum() / 2 for tree in trees)


def _spanning_tree(points: Tensor) -> np.ndarray:
    """Return the edges (n - 1, 2) of the minimal spanning tree, those of length zero left out."""
    ends = rips_persistence(points.detach().cpu().numpy(), max_dimension=0).deaths[0]
    return ends[ends[:, 0] >= 0]


def _lengths(points: Tensor, edges: np.ndarray) -> Tensor:
    a, b = (points[torch.from_numpy(ends).to(points.device)] for ends in edges.T)
    return torch.linalg.vector_norm(a - b, dim=1)
