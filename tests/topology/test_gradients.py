"""Layers against the estimators and gudhi, their gradients against finite differences, and what they are for."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from erlangen.datasets import load_qm9
from erlangen.errors import InputError, ShapeError
from erlangen.structures import Batch
from erlangen.symmetry import certify
from erlangen.topology import (
    CubicalLayer,
    CubicalPersistence,
    GraphLayer,
    PersistenceFeatures,
    RipsLayer,
    VietorisRipsPersistence,
    autoencoder_loss,
    bottleneck_distance,
    connectivity_loss,
    graph_features,
    landscapes,
    lower_star_persistence,
    persistence_surfaces,
    rips_persistence,
    silhouettes,
    smooth_betti_curves,
    total_persistence,
    wasserstein_distance,
)
from erlangen.topology.gradients import edge_levels, merged, simple_edges

gradcheck = torch.autograd.gradcheck


def tensor(array):
    return torch.tensor(array, dtype=torch.float64, requires_grad=True)


def circle(rng, n: int, noise: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + noise * rng.normal(size=(n, 2))


def finite(diagram, q: int):
    """Return the bars of a dimension of one diagram that are longer than zero."""
    bars = diagram[diagram[:, 2] == q, :2]
    return bars[bars[:, 0] < bars[:, 1]]


@pytest.mark.parametrize(
    "parameters", [{}, {"max_edge_length": 0.9, "infinity_values": 1.5, "reduced_homology": False}]
)
def test_rips_is_the_estimator(parameters):
    clouds = np.random.default_rng(0).normal(size=(4, 20, 3))
    given = {"homology_dimensions": (0, 1, 2), **parameters}
    expected = VietorisRipsPersistence(**given).fit_transform(clouds)
    np.testing.assert_allclose(RipsLayer(**given, n_jobs=2)(torch.tensor(clouds)), expected, rtol=1e-12)
    uneven = [clouds[0], clouds[1][:11], clouds[2][:3]]
    expected = VietorisRipsPersistence(**given).fit_transform(uneven)
    np.testing.assert_allclose(RipsLayer(**given)([torch.tensor(x) for x in uneven]), expected, rtol=1e-12)


def test_distances_with_a_diagonal_are_the_estimator():
    rng = np.random.default_rng(0)
    distances = rng.random((3, 12, 12))
    distances[:, range(12), range(12)] *= 0.3
    for given in ({}, {"max_edge_length": 0.15, "infinity_values": 1.0}):  # of many components the oldest is left out
        expected = VietorisRipsPersistence("precomputed", **given).fit_transform(distances)
        np.testing.assert_allclose(RipsLayer(metric="precomputed", **given)(torch.tensor(distances)), expected)


@pytest.mark.parametrize("shape", [(3, 7, 8), (2, 4, 5, 3)])
def test_images_are_the_estimator(shape):
    images = np.random.default_rng(0).random(shape)
    given = {"homology_dimensions": (0, 1, 2), "reduced_homology": False}
    expected = CubicalPersistence(**given, infinity_values=2.0).fit_transform(images)
    found = CubicalLayer(**given, infinity_values=2.0, n_jobs=2)(torch.tensor(images))
    np.testing.assert_array_equal(found, expected)


def random_graphs(rng, n_graphs: int):
    """Return values, edges, offsets and weights of graphs that are not all connected."""
    sizes = rng.integers(1, 12, n_graphs)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    pairs = [
        np.array(np.nonzero(np.triu(rng.random((k, k)) < 0.3, 1))) + o for k, o in zip(sizes, offsets, strict=False)
    ]
    edges = np.concatenate(pairs, axis=1)
    edges = np.concatenate([edges, edges[::-1]], axis=1)
    weights = rng.random(edges.shape[1] // 2)
    return rng.random(offsets[-1]), edges, offsets, np.concatenate([weights, weights])


@pytest.mark.parametrize("seed", range(5))
def test_graphs_are_lower_stars(seed):
    values, edges, offsets, _ = random_graphs(np.random.default_rng(seed), 6)
    found = GraphLayer(infinity_values=np.inf, reduced_homology=False)(
        torch.tensor(values), torch.tensor(edges), torch.tensor(offsets)
    ).numpy()
    for k, diagram in enumerate(found):
        inside = (edges[0] >= offsets[k]) & (edges[0] < offsets[k + 1]) & (edges[0] < edges[1])
        heights = values[offsets[k] : offsets[k + 1]]
        expected = lower_star_persistence((edges[:, inside] - offsets[k]).T, heights, max_dimension=1).bars
        for q in (0, 1):
            bars = finite(diagram, q)
            np.testing.assert_allclose(bars[np.lexsort(bars.T[::-1])], expected[q])


def test_weights_of_edges_are_gudhi_s():
    gudhi = pytest.importorskip("gudhi")
    values, edges, offsets, weights = random_graphs(np.random.default_rng(3), 1)
    tree = gudhi.SimplexTree()
    for v, height in enumerate(values):
        tree.insert([v], height)
    for a, b, w in zip(*edges, weights, strict=True):
        tree.insert([a, b], max(w, values[a], values[b]))
    tree.compute_persistence(persistence_dim_max=True)
    given = torch.tensor(values), torch.tensor(edges), torch.tensor(offsets), torch.tensor(weights)
    found = GraphLayer(infinity_values=np.inf, reduced_homology=False)(*given)[0].numpy()
    for q in (0, 1):
        expected = tree.persistence_intervals_in_dimension(q)
        np.testing.assert_allclose(np.sort(finite(found, q), axis=0), np.sort(expected, axis=0))


def test_all_graphs_at_once_are_one_after_another():
    """The compiled union-find against a plain one, many functions at a time."""
    rng = np.random.default_rng(0)
    values = np.round(rng.random((30, 4)), 1)  # with ties
    edges = rng.integers(0, 30, (2, 60))
    kept, ends = simple_edges(torch.tensor(edges), 30)
    levels = edge_levels(torch.tensor(values), ends)
    killer, closing = merged(torch.tensor(values), ends, levels)
    assert (np.diff(np.sort(ends.numpy(), axis=0), axis=0) > 0).all()
    assert len(kept) == len(np.unique(np.sort(edges[:, edges[0] != edges[1]], axis=0), axis=1).T)
    for f in range(4):
        home = list(range(30))
        for e in np.argsort(levels[:, f].numpy(), kind="stable"):
            a, b = (home[v] for v in ends[:, e].tolist())
            assert closing[e, f] == (a == b)
            if a != b:
                older, younger = sorted((a, b), key=lambda v: (values[v, f], v))
                assert killer[younger, f] == e
                home = [older if h == younger else h for h in home]
        assert (killer[list(set(home)), f] == -1).all()


def lasting(layer):
    """Return the layer without the bars of length zero, whose place has no gradient."""

    def bars(*given):
        diagrams = layer(*given)
        return diagrams[diagrams[..., 0] < diagrams[..., 1]]

    return bars


def test_gradients_are_finite_differences():
    rng = np.random.default_rng(0)
    clouds = tensor(rng.normal(size=(2, 9, 2)))
    assert gradcheck(lasting(RipsLayer((0, 1), infinity_values=9.0, reduced_homology=False)), clouds)
    distances = tensor(1 + rng.random((2, 7, 7)))
    assert gradcheck(lasting(RipsLayer((0, 1), metric="precomputed", infinity_values=9.0)), distances)
    assert gradcheck(lasting(CubicalLayer(infinity_values=9.0)), tensor(rng.random((2, 4, 5))))
    assert gradcheck(
        lasting(CubicalLayer((0, 1, 2), periodic_dimensions=True, infinity_values=9.0)), tensor(rng.random((1, 4, 5)))
    )
    values, edges, offsets, weights = random_graphs(rng, 4)
    edges, offsets = torch.tensor(edges), torch.tensor(offsets)
    assert gradcheck(lasting(lambda v, w: GraphLayer()(v, edges, offsets, w)), (tensor(values), tensor(weights)))
    assert gradcheck(lasting(lambda v: GraphLayer(reduced_homology=False)(v, edges, offsets)), tensor(values))


def test_losses_are_finite_differences_and_closed_forms():
    rng = np.random.default_rng(0)
    x, z = tensor(rng.normal(size=(8, 3))), tensor(rng.normal(size=(8, 2)))
    assert gradcheck(autoencoder_loss, (x, z))
    assert gradcheck(connectivity_loss, x)
    assert gradcheck(lambda x: total_persistence(RipsLayer((1,))(x[None])[0], p=2), x)
    assert autoencoder_loss(x, x).item() == 0
    bars = rips_persistence(x.detach().numpy(), max_dimension=0).bars[0]
    np.testing.assert_allclose(autoencoder_loss(x, 3 * x).item(), 2 * 2 * (bars[:-1, 1] ** 2).sum())
    np.testing.assert_allclose(connectivity_loss(x, 0.1).item(), np.abs(bars[:-1, 1] - 0.1).sum())
    np.testing.assert_allclose(total_persistence(bars, 2), (bars[:-1, 1] ** 2).sum())
    turn, _ = torch.linalg.qr(torch.tensor(rng.normal(size=(3, 3))))
    assert autoencoder_loss(x, x @ turn).item() < 1e-25


@pytest.mark.parametrize(("n", "m"), [(6, 9), (0, 4), (40, 25)])
def test_distances_of_tensors(n, m):
    rng = np.random.default_rng(n)
    a, b = (np.sort(rng.random((k, 2)), axis=1) for k in (n, m))
    for distance in (bottleneck_distance, *(lambda x, y, p=p: wasserstein_distance(x, y, p) for p in (1.0, 2.0, 3.0))):
        found = distance(tensor(a), tensor(b))
        assert found.item() == pytest.approx(distance(a, b), abs=1e-14)
        assert distance(a, tensor(b)).item() == pytest.approx(distance(a, b), abs=1e-14)
        if n:
            assert gradcheck(distance, (tensor(a), tensor(b)))
        assert distance(tensor(b), b).item() == 0
        moved = tensor(b)
        distance(moved, b).backward()
        assert torch.isfinite(moved.grad).all()


def test_endless_bars_of_tensors_are_matched_by_birth():
    a = tensor([[0.0, 1.0], [0.5, np.inf], [0.1, np.inf]])
    b = np.array([[0.2, np.inf], [0.8, np.inf]])
    assert wasserstein_distance(a, b, p=1).item() == pytest.approx(0.9)
    assert bottleneck_distance(a, b).item() == pytest.approx(0.5)
    assert bottleneck_distance(a, b[:1]).item() == np.inf
    wasserstein_distance(a, b, p=1).backward()
    np.testing.assert_allclose(a.grad, [[-0.5, 0.5], [-1, 0], [-1, 0]])


def test_vectors_are_finite_differences():
    bars = tensor(np.sort(np.random.default_rng(0).random((2, 5, 2)), axis=2))
    grid = torch.linspace(0, 1, 6, dtype=torch.float64)
    for vector in (
        lambda b, t: landscapes(b, t, 2),
        lambda b, t: silhouettes(b, t),
        lambda b, t: smooth_betti_curves(b, t, 0.1),
        lambda b, t: persistence_surfaces(b, t, t, 0.2),
    ):
        assert gradcheck(vector, (bars, grid))
        np.testing.assert_allclose(vector(bars, grid).detach(), vector(bars.detach().numpy(), grid.numpy()), atol=1e-14)


def test_surfaces_are_gudhi_s_images():
    representations = pytest.importorskip("gudhi.representations")
    bars = np.sort(np.random.default_rng(0).random((1, 7, 2)), axis=2)
    theirs = representations.PersistenceImage(
        bandwidth=0.2, weight=lambda x: x[1], resolution=[5, 6], im_range=[0, 1, 0, 1]
    ).fit_transform(list(bars))
    births, lives = np.linspace(0, 1, 5), np.linspace(0, 1, 6)
    mine = persistence_surfaces(bars, births, lives, 0.2)[0]
    np.testing.assert_allclose(mine.T.ravel(), theirs[0], rtol=1e-10)


def test_a_loop_grows():
    rng = np.random.default_rng(0)
    points = torch.tensor(circle(rng, 30, 0.15), requires_grad=True)
    layer = RipsLayer((1,))
    before = total_persistence(layer(points[None]).detach()[0]).item()
    optimizer = torch.optim.Adam([points], lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        bars = layer(points[None])[0]
        loss = -(bars[:, 1] - bars[:, 0]).max() + (points**2).sum(1).sub(1).clamp(min=0).sum()
        loss.backward()
        optimizer.step()
    longest = rips_persistence(points.detach().numpy()).bars[1]
    assert np.ptp(longest, axis=1).max() > 1.15 * before
    assert np.ptp(longest, axis=1).max() > 1.3  # a regular polygon of 30 corners has 1.5


def test_an_image_loses_its_specks():
    rng = np.random.default_rng(0)
    image = torch.tensor(np.hypot(*np.mgrid[-5:6, -5:6]) / 7 + 0.6 * rng.random((11, 11)), requires_grad=True)
    layer = CubicalLayer((0,))
    before = total_persistence(layer(image[None]).detach()[0]).item()
    optimizer = torch.optim.SGD([image], lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        total_persistence(layer(image[None])[0]).backward()
        optimizer.step()
    assert total_persistence(layer(image[None]).detach()[0]).item() < 0.2 * before


def persistence_features(seed: int = 0, **given) -> PersistenceFeatures:
    torch.manual_seed(seed)
    return PersistenceFeatures(5, **given).double()


def test_the_layer_keeps_its_symmetry():
    assert certify(persistence_features(), samples=24, modes=("eval",)).holds


def test_a_layer_that_tells_ties_apart_is_caught(monkeypatch):
    monkeypatch.setattr(graph_features, "shared_by_ties", lambda seen, values, graph: seen)
    assert not certify(persistence_features(), samples=24, modes=("eval",)).holds


def test_the_layer_has_the_bars_of_the_graph_layer():
    values, edges, offsets, _ = random_graphs(np.random.default_rng(1), 5)
    layer = persistence_features(functions=1, hidden=1, resolution=0)
    seen = []
    layer.components = layer.loops = Keep(seen)
    layer.heights = torch.nn.Linear(5, 1, bias=False).double()
    x = torch.zeros(len(values), 5, dtype=torch.float64)
    x[:, 0] = torch.tensor(values)
    with torch.no_grad():
        layer.heights.weight[:] = torch.tensor([1.0, 0, 0, 0, 0])
        layer(x, torch.tensor(edges), offsets)
        expected = GraphLayer(reduced_homology=False)(x[:, 0], torch.tensor(edges), offsets).numpy()
    (births, deaths), _ = seen
    for k, diagram in enumerate(expected):
        mine = slice(*offsets[k : k + 2])
        bars = torch.cat([births[mine], deaths[mine]], dim=1).numpy()
        bars = bars[bars[:, 0] < bars[:, 1]]
        np.testing.assert_allclose(np.sort(bars, axis=0), np.sort(finite(diagram, 0), axis=0))


class Keep(torch.nn.Module):
    """Notes the bars that come in."""

    def __init__(self, seen: list):
        super().__init__()
        self.seen = seen

    def forward(self, births, deaths):
        self.seen.append((births, deaths))
        return (deaths - births)[..., None]


def test_the_layer_is_differentiable_and_rounding_lets_gradients_pass():
    values, edges, offsets, _ = random_graphs(np.random.default_rng(0), 4)
    x = tensor(np.random.default_rng(1).normal(size=(len(values), 5)))
    layer = persistence_features(resolution=0)
    assert gradcheck(lambda x: layer(x, torch.tensor(edges), offsets), x)
    found = []
    for resolution in (0, 1e-9):
        layer.resolution = resolution
        found.append(torch.autograd.grad(layer(x, torch.tensor(edges), offsets)[1].sum(), x)[0])
    torch.testing.assert_close(*found, rtol=1e-6, atol=1e-6)


def test_messages_alone_see_no_loops_but_the_layer_does():
    """Two triangles and a hexagon look alike to messages of neighbors."""
    triangles = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])
    hexagon = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])
    x, layer = torch.ones(6, 5, dtype=torch.float64), persistence_features()
    first, second = (layer(x, edges, [0, 6])[1] for edges in (triangles, hexagon))
    assert (first - second).abs().max() > 0.01


def test_a_batch_of_molecules_is_its_molecules():
    molecules = load_qm9("gap", n_train=12, n_valid=0, n_test=0)[0]
    layer = persistence_features().float()
    table = torch.randn(10, 5)
    whole = Batch.from_structures(molecules, cutoff=1.7)
    nodes, graphs = layer(table[whole.numbers], whole.edge_index, whole.offsets)
    for k in range(12):
        one = Batch.from_structures(molecules[k : k + 1], cutoff=1.7)
        mine, graph = layer(table[one.numbers], one.edge_index, one.offsets)
        torch.testing.assert_close(nodes[whole.index == k], mine, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(graphs[k], graph[0], rtol=1e-4, atol=1e-4)


def test_the_example_runs(capsys):
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "topology_in_a_network.py"))
    example["main"](["--n-train", "200", "--n-test", "100", "--epochs", "1", "--seeds", "1"])
    assert "with persistence" in capsys.readouterr().out


def test_equal_points_and_few_points():
    points = torch.zeros(1, 5, 2, dtype=torch.float64, requires_grad=True)
    diagrams = RipsLayer()(points)
    assert diagrams.tolist() == [[[0, 0, 0], [0, 0, 1]]]
    autoencoder_loss(points[0], points[0]).backward()
    assert torch.isfinite(points.grad).all()
    assert RipsLayer()([torch.zeros(1, 2), torch.zeros(2, 2)]).shape == (2, 2, 3)
    nothing = GraphLayer()(torch.zeros(3), torch.zeros((2, 0), dtype=torch.int64), [0, 1, 3])
    assert nothing.tolist() == [[[0, 0, 0], [0, 0, 1]]] * 2
    pair = GraphLayer(reduced_homology=False)(torch.tensor([0.0, 2.0]), torch.tensor([[0], [1]]), [0, 0, 2])
    assert pair[:, 0].tolist() == [[0, 0, 0], [0, 2, 0]]  # the first graph has no vertices


def test_single_precision_stays():
    assert RipsLayer()(torch.rand(2, 6, 2)).dtype == torch.float32
    assert wasserstein_distance(torch.rand(1, 2).cumsum(1), [[0, 1]]).dtype == torch.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RipsLayer(metric="cosine"), InputError, "precomputed"),
        (lambda: RipsLayer()(torch.zeros(4, 2)), ShapeError, "X[None]"),
        (lambda: RipsLayer((-1,))(torch.zeros(1, 4, 2)), InputError, "homology_dimensions"),
        (lambda: CubicalLayer()([torch.zeros(2, 2), torch.zeros(2)]), ShapeError, "axes"),
        (lambda: GraphLayer()(torch.zeros(3), torch.zeros((2, 0)), [0, 3]), ShapeError, "edge_index"),
        (lambda: GraphLayer()(torch.zeros(3), torch.tensor([[0], [3]]), [0, 3]), InputError, "vertices 0 to 2"),
        (lambda: GraphLayer()(torch.zeros(3), torch.tensor([[0], [1]]), [0, 2]), InputError, "offsets"),
        (lambda: GraphLayer()(torch.zeros(3, 1), torch.tensor([[0], [1]]), [0, 3]), ShapeError, "values"),
        (lambda: GraphLayer()(torch.tensor([0, np.nan]), torch.tensor([[0], [1]]), [0, 2]), InputError, "finite"),
        (lambda: PersistenceFeatures(0), InputError, "features"),
        (lambda: PersistenceFeatures(2, resolution=-1), InputError, "resolution"),
        (lambda: PersistenceFeatures(2)(torch.zeros(3, 3), torch.tensor([[0], [1]]), [0, 3]), ShapeError, "(n, 2)"),
        (lambda: autoencoder_loss(torch.zeros(3, 2), torch.zeros(2, 2)), ShapeError, "embedding"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
