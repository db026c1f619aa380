"""knn_graph against scipy's k-d tree, complete_graph against a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from erlangen import kernels, memory
from erlangen.errors import InputError, ShapeError, TooLargeError
from erlangen.neighbors import complete_graph, knn_graph, nearest


def tree_edges(positions, k):
    """What scipy finds; the points must be distinct, so that each finds itself first."""
    found = np.sort(cKDTree(positions).query(positions, k=k + 1)[1][:, 1:], axis=1)
    return np.stack([found.ravel(), np.repeat(np.arange(len(positions)), k)])


@settings(max_examples=50, deadline=None)
@given(n=st.integers(2, 60), k=st.integers(1, 8), seed=st.integers(0, 2**32 - 1), small=st.booleans())
def test_nearest_are_those_of_a_tree(n, k, seed, small):
    d = 1 + seed % 5
    positions = np.random.default_rng(seed).normal(size=(n, d))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "SMALL", 1000 if small else 0)
        ours = knn_graph(positions, k)
    np.testing.assert_array_equal(ours.edge_index, tree_edges(positions, min(k, n - 1)))
    np.testing.assert_array_equal(ours.displacement, positions[ours.edge_index[0]] - positions[ours.edge_index[1]])


def test_nearest_do_not_depend_on_the_threads(monkeypatch):
    positions = np.random.default_rng(1).normal(size=(2500, 3))
    expected = tree_edges(positions, 7)
    for n in (1, 2):
        monkeypatch.setattr(kernels, "n_threads", lambda n=n: n)
        np.testing.assert_array_equal(knn_graph(positions, 7).edge_index, expected)


@pytest.mark.parametrize("small", [0, 6, 1000])
def test_batched_nearest_are_those_of_each_member(monkeypatch, small):
    monkeypatch.setattr(nearest, "SMALL", small)
    rng = np.random.default_rng(0)
    sizes = [7, 1, 12, 0, 3, 30]
    members = [rng.normal(size=(n, 3)) for n in sizes]
    ours = knn_graph(np.concatenate(members), 4, batch=np.repeat(np.arange(6), sizes))
    starts = np.cumsum([0, *sizes[:-1]])
    own = [knn_graph(member, 4).edge_index + start for member, start in zip(members, starts, strict=True)]
    np.testing.assert_array_equal(ours.edge_index, np.concatenate(own, axis=1))


@pytest.mark.parametrize("small", [0, 1000])
def test_coincident_points_are_neighbors_of_each_other_and_never_of_themselves(monkeypatch, small):
    monkeypatch.setattr(nearest, "SMALL", small)
    edges = knn_graph(np.zeros((9, 3)), 3).edge_index
    assert edges.shape == (2, 27)
    assert (edges[0] != edges[1]).all()
    assert (np.bincount(edges[1]) == 3).all()


def test_torch_in_torch_out_with_gradients():
    positions = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    ours = knn_graph(positions, 2)
    np.testing.assert_array_equal(ours.edge_index.numpy(), knn_graph(positions.detach().numpy(), 2).edge_index)
    assert torch.autograd.grad(ours.displacement.square().sum(), positions)[0].abs().sum() > 0


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "three"])
def test_wrong_k_is_named(k):
    with pytest.raises(InputError, match="k is an integer of at least 1"):
        knn_graph(np.zeros((3, 3)), k)


def test_wrong_points_are_named():
    with pytest.raises(ShapeError, match="positions have shape"):
        knn_graph(np.zeros(3), 1)
    with pytest.raises(InputError, match="for atom 1"):
        knn_graph([[0.0, 0], [np.inf, 0]], 1)


@given(sizes=st.lists(st.integers(0, 9), min_size=0, max_size=6))
def test_complete_graph_is_every_pair(sizes):
    batch = np.repeat(np.arange(len(sizes)), np.array(sizes, dtype=int))
    n = len(batch)
    expected = [(j, i) for i in range(n) for j in range(n) if i != j and batch[i] == batch[j]]
    np.testing.assert_array_equal(complete_graph(np.array(sizes, dtype=int)), np.reshape(expected, (-1, 2)).T)


def test_complete_graph_of_a_tensor_is_a_tensor():
    edges = complete_graph(torch.tensor([2, 3]))
    assert isinstance(edges, torch.Tensor)
    np.testing.assert_array_equal(edges.numpy(), complete_graph([2, 3]))
    np.testing.assert_array_equal(complete_graph(3), complete_graph([3]))


@pytest.mark.parametrize("sizes", [[2, -1], [2.5], [[2, 3]], "all"])
def test_wrong_sizes_are_named(sizes):
    with pytest.raises(InputError, match="sizes are atoms a structure"):
        complete_graph(sizes)


def test_graphs_that_would_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10_000)
    monkeypatch.setattr(memory, "HARMLESS", 0)
    with pytest.raises(TooLargeError, match="complete graph on 300 atoms"):
        complete_graph(300)
    with pytest.raises(TooLargeError, match="9 nearest neighbors of 300 points"):
        knn_graph(np.zeros((300, 3)), 9)
