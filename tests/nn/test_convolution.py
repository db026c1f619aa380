"""The fused convolution and its gradients, against dense sums and finite differences."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError
from erlangen.nn import convolution
from erlangen.nn.convolution import continuous_filter_convolution, plain_part
from erlangen.nn.edges import pair_up
from erlangen.nn.segments import gather_receiver, gather_sender, segment_sum


def random_pairing(n, density, rng):
    """Return a symmetric random graph on n nodes."""
    adjacency = np.triu(rng.random((n, n)) < density, 1)
    adjacency |= adjacency.T
    receiver, sender = np.nonzero(adjacency)
    return pair_up(torch.tensor(np.stack([sender, receiver])), n)


def random_arrays(pairing, width, n_a, n_m, rng, dtype=torch.float64):
    shapes = [(pairing.n_pairs, width), (pairing.n_pairs, n_a), (pairing.n_nodes, n_m, width)]
    return [torch.tensor(rng.normal(size=shape), dtype=dtype) for shape in shapes]


def dense(filters, coefficient, features, pairing, odd):
    """Loop over the edges, one by one."""
    n, n_a, n_m = pairing.n_nodes, coefficient.shape[1], features.shape[1]
    out = torch.zeros(n, n_a, n_m, filters.shape[1], dtype=filters.dtype)
    for j, i, p, sign in zip(
        *(t.tolist() for t in (pairing.sender, pairing.receiver, pairing.pair, pairing.sign)), strict=True
    ):
        for a, m in itertools.product(range(n_a), range(n_m)):
            out[i, a, m] += (sign if odd else 1) * filters[p] * coefficient[p, a] * features[j, m]
    return out


@given(
    n=st.integers(1, 9), density=st.floats(0, 1), width=st.integers(1, 20), n_a=st.sampled_from([1, 3]),
    n_m=st.sampled_from([1, 3]), odd=st.booleans(), seed=st.integers(0, 999), single=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_is_the_sum_over_edges(n, density, width, n_a, n_m, odd, seed, single):
    rng = np.random.default_rng(seed)
    pairing = random_pairing(n, density, rng)
    dtype, tolerance = (torch.float32, 1e-5) if single else (torch.float64, 1e-13)
    w, c, x = random_arrays(pairing, width, n_a, n_m, rng, dtype)
    out = continuous_filter_convolution(x, w, c, pairing, odd=odd)
    assert out.shape == (n, n_a, n_m, width)
    assert out.dtype == dtype
    torch.testing.assert_close(out, dense(w, c, x, pairing, odd), rtol=tolerance, atol=tolerance)
    squeezed = continuous_filter_convolution(x[:, 0], w, c[:, 0], pairing, odd=odd)
    torch.testing.assert_close(squeezed, out[:, 0, 0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("n_a", "n_m", "odd"), [(1, 1, False), (3, 1, True), (1, 3, False), (2, 2, True)])
def test_first_and_second_derivatives(n_a, n_m, odd):
    rng = np.random.default_rng(0)
    pairing = random_pairing(5, 0.7, rng)
    arrays = [a.requires_grad_() for a in random_arrays(pairing, 3, n_a, n_m, rng)]

    def function(w, c, x):
        return continuous_filter_convolution(x, w, c, pairing, odd=odd)

    assert torch.autograd.gradcheck(function, arrays)
    assert torch.autograd.gradgradcheck(function, arrays)


@pytest.mark.parametrize("odd", [False, True])
def test_kernels_agree_with_plain_twins_and_threads_change_nothing(odd, monkeypatch):
    rng = np.random.default_rng(1)
    pairing = random_pairing(60, 0.4, rng)
    w, c, x = random_arrays(pairing, 32, 3, 1, rng)
    arrays = [w, c, x, torch.tensor(rng.normal(size=(60, 3, 1, 32)))]
    monkeypatch.setattr("erlangen.kernels.MIN_WORK", 1000)
    before = torch.get_num_threads()
    for slot in range(4):
        given_arrays = [None if k == slot else a for k, a in enumerate(arrays)]
        results = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            results.append(convolution._compiled_part(pairing, odd, slot, given_arrays))
        torch.set_num_threads(before)
        assert torch.equal(*results)
        torch.testing.assert_close(results[0], plain_part(pairing, odd, slot, given_arrays), rtol=1e-12, atol=1e-12)


def test_segment_sums_and_gathers_are_each_others_gradients():
    rng = np.random.default_rng(2)
    pairing = random_pairing(6, 0.6, rng)
    values = torch.tensor(rng.normal(size=(len(pairing.sender), 3)), requires_grad=True)
    nodes = torch.tensor(rng.normal(size=(6, 3)), requires_grad=True)
    expected = torch.zeros(6, 3, dtype=torch.float64).index_add(0, pairing.receiver, values.detach())
    torch.testing.assert_close(segment_sum(values, pairing), expected)
    assert torch.equal(gather_sender(nodes, pairing), nodes[pairing.sender])
    assert torch.equal(gather_receiver(nodes, pairing), nodes[pairing.receiver])
    for function, argument in ((segment_sum, values), (gather_sender, nodes), (gather_receiver, nodes)):
        assert torch.autograd.gradcheck(lambda a, f=function: f(a, pairing), argument)
        assert torch.autograd.gradgradcheck(lambda a, f=function: f(a, pairing) ** 2, argument)


def test_pairs_of_periodic_edges_carry_opposite_shifts():
    # one atom with two images either side along x, and a second atom seen twice
    edges = [(0, 0, -1), (0, 0, 1), (1, 0, 0), (1, 0, 1), (0, 1, -1), (0, 1, 0)]  # sender, receiver, shift
    sender, receiver, x = np.array(edges).T
    shift = torch.tensor(np.stack([x, 0 * x, 0 * x], axis=1))
    pairing = pair_up(torch.tensor(np.stack([sender, receiver])), 2, shift)
    assert pairing.n_pairs == 3
    for e, r in enumerate(pairing.reverse.tolist()):
        assert (sender[r], receiver[r]) == (receiver[e], sender[e])
        assert torch.equal(shift[r], -shift[e])
        assert pairing.pair[r] == pairing.pair[e]
        assert pairing.sign[r] == -pairing.sign[e]


@pytest.mark.parametrize(
    "edges",
    [[[1], [0]], [[0, 1], [1, 0]], [[0], [0]], [[1, 2, 0], [0, 0, 1]]],
    ids=["one way", "unsorted", "loop", "odd one"],
)
def test_edges_without_reverse_or_order_are_refused(edges):
    with pytest.raises(InputError, match="both ways, sorted by receiver"):
        pair_up(torch.tensor(edges), 3)
