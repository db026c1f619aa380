"""DimeNet++ gives the numbers of PyTorch Geometric's, and its parts those of SciPy and of plain sums.

The peer finds neighbors and triplets with two more compiled packages; here it is handed both, from dense arrays.
"""

import types
import warnings

import numpy as np
import pytest
import sympy
import torch
from scipy.special import spherical_jn

from erlangen import models
from erlangen.errors import InputError
from erlangen.models import load_peer_weights
from erlangen.models._triplets import plain_moments, plain_sum, radial_moments, triplet_sum, triplets_of
from erlangen.models.dimenet import NEAREST, spherical_bessel
from erlangen.nn.edges import edges_of, pair_up
from erlangen.structures import Batch, Structure

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
PRECISIONS = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
SMALL = {
    "hidden": 16, "layers": 2, "triplet_size": 8, "basis_size": 4, "output_size": 12, "output_layers": 2,
    "spherical_size": 5, "radial_size": 4, "cutoff": 4.0,
}  # fmt: skip


def molecules():
    """Random atoms no nearer than 1.3 angstrom: below, the peer's closed forms lose digits in float32."""
    rng = np.random.default_rng(0)
    structures = []
    for n in (1, 2, 7, 19):
        positions = np.empty((0, 3))
        while len(positions) < n:
            new = n ** (1 / 3) * rng.normal(size=3)
            if (np.linalg.norm(positions - new, axis=1) > 1.3).all():
                positions = np.vstack([positions, new])
        structures.append(Structure(positions, rng.choice([1, 6, 7, 8, 9], n)))
    return structures


def agree(ours, theirs, tolerance):
    error = (ours - theirs).abs().max() / theirs.abs().max()
    assert error < tolerance, f"relative error {error:.1e}"


@pytest.fixture
def peer(monkeypatch):
    """Return a function that makes the peer; ``exact`` lets it compute its normalisation in double precision."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the peer deprecates is not ours to fix
        from torch_geometric.nn.models import dimenet, dimenet_utils

    def graph(positions, r, batch, max_num_neighbors):
        distance = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
        return ((distance < r) & (batch[:, None] == batch) & ~torch.eye(len(batch), dtype=bool)).nonzero().T

    def triplets(edge_index, num_nodes):
        j, i = edge_index
        ji, kj = ((j[:, None] == i[None]) & (i[:, None] != j[None])).nonzero().T
        return i, j, i[ji], j[ji], j[kj], kj, ji

    def make(exact=True, dtype=torch.float64, **arguments):
        monkeypatch.setattr(dimenet, "radius_graph", graph)
        monkeypatch.setattr(dimenet, "triplets", triplets)
        # Simplifying each function once more with its numbers in it takes sympy most of a minute and changes nothing.
        quick = {**vars(sympy), "simplify": lambda e: e if sympy.sympify(e).atoms(sympy.Float) else sympy.simplify(e)}
        monkeypatch.setattr(dimenet_utils, "sym", types.SimpleNamespace(**quick))
        if exact:
            plain = dimenet_utils.Jn
            monkeypatch.setattr(dimenet_utils, "Jn", lambda r, n: plain(float(r), n))
        given = {
            "hidden_channels": 128, "out_channels": 1, "num_blocks": 4, "int_emb_size": 64, "basis_emb_size": 8,
            "out_emb_channels": 256, "num_spherical": 7, "num_radial": 6, "output_initializer": "glorot_orthogonal",
        }  # fmt: skip
        torch.manual_seed(0)
        model = dimenet.DimeNetPlusPlus(**{**given, **arguments})
        for parameter in model.parameters():
            if parameter.dim() == 1:
                torch.nn.init.normal_(parameter, std=0.1)  # biases start at zero, where nothing would test them
        model.rbf.reset_parameters()
        return model.to(dtype)

    return make


@PRECISIONS
def test_the_numbers_of_pytorch_geometric(peer, dtype, tmp_path):
    theirs = peer(dtype=dtype)
    torch.save(theirs.state_dict(), tmp_path / "dimenet.pt")
    model = load_peer_weights(models.DimeNetPlusPlus().to(dtype), tmp_path / "dimenet.pt")
    batch = Batch.from_structures(molecules(), dtype=dtype)
    positions = batch.positions.clone().requires_grad_()
    expected = theirs(batch.numbers, positions, batch.index).squeeze(1)
    ours = model(batch.with_positions(positions))
    agree(ours, expected, TOLERANCE[dtype])
    pairs = {
        "frequencies": "rbf.freq",
        "embedding.weight": "emb.emb.weight",
        "embed_radial.bias": "emb.lin_rbf.bias",
        "interactions.0.radial_first.weight": "interaction_blocks.0.lin_rbf1.weight",
        "interactions.1.spherical_first.weight": "interaction_blocks.1.lin_sbf1.weight",
        "interactions.2.spherical_last.weight": "interaction_blocks.2.lin_sbf2.weight",
        "outputs.3.radial.weight": "output_blocks.3.lin_rbf.weight",
    }
    mine = torch.autograd.grad(ours.sum(), [positions, *map(model.get_parameter, pairs)])
    other = torch.autograd.grad(expected.sum(), [positions, *map(theirs.get_parameter, pairs.values())])
    for a, b in zip(mine, other, strict=True):
        agree(a, b, 10 * TOLERANCE[dtype])


def test_the_peers_rounded_normalisation_is_harmless(peer):
    theirs = peer(exact=False, num_spherical=3, num_radial=3, num_blocks=1)
    model = models.DimeNetPlusPlus(spherical_size=3, radial_size=3, layers=1).double()
    load_peer_weights(model, theirs.state_dict())
    batch = Batch.from_structures(molecules(), dtype=torch.float64)
    agree(model(batch), theirs(batch.numbers, batch.positions, batch.index).squeeze(1), 1e-6)


def test_other_sizes_and_several_outputs(peer):
    theirs = peer(
        hidden_channels=16, out_channels=3, num_blocks=2, int_emb_size=8, basis_emb_size=4, out_emb_channels=12,
        num_spherical=5, num_radial=4, cutoff=4.0, num_output_layers=2,
    )  # fmt: skip
    model = models.DimeNetPlusPlus(**SMALL, head={"name": "layer_sum", "outputs": 3}).double()
    load_peer_weights(model, theirs.state_dict())
    batch = Batch.from_structures(molecules(), dtype=torch.float64)
    agree(model(batch), theirs(batch.numbers, batch.positions, batch.index), 1e-10)


def test_the_dense_layers_take_any_number_of_edges_at_a_time(monkeypatch):
    torch.manual_seed(0)
    model = models.DimeNetPlusPlus(**SMALL).double()
    batch = Batch.from_structures(molecules(), cutoff=4.0, dtype=torch.float64)
    results = []
    for rows in (10**6, 17, 1):
        monkeypatch.setattr("erlangen.models.dimenet.ROWS", rows)
        out = model(batch)
        results.append((out, *torch.autograd.grad(out.sum(), list(model.interactions.parameters()))))
    for other in results[1:]:
        for ours, expected in zip(other, results[0], strict=True):
            torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-12)


def test_forces_of_the_papers_head_and_their_gradients(peer):
    theirs = peer(
        hidden_channels=16, num_blocks=2, int_emb_size=8, basis_emb_size=4, out_emb_channels=12, num_spherical=5,
        num_radial=4, cutoff=4.0, num_output_layers=2,
    )  # fmt: skip
    model = load_peer_weights(models.DimeNetPlusPlus(**SMALL, head="forces").double(), theirs.state_dict())
    batch = Batch.from_structures(molecules(), dtype=torch.float64)
    positions = batch.positions.clone().requires_grad_()
    energy = theirs(batch.numbers, positions, batch.index)
    (slope,) = torch.autograd.grad(energy.sum(), positions, create_graph=True)
    out = model(batch)
    agree(out["forces"], -slope, 1e-10)
    ours = torch.autograd.grad((out["forces"] ** 2).sum(), model.interactions[0].spherical_first.weight)[0]
    weight = theirs.interaction_blocks[0].lin_sbf1.weight
    agree(ours, torch.autograd.grad((slope**2).sum(), weight)[0], 1e-9)


# ---------------------------------------------------------------------------------------------------------------------
# The parts


@PRECISIONS
@pytest.mark.parametrize("degree", [0, 1, 3, 6])
def test_bessel_functions_are_scipys_down_to_the_nearest_distance(dtype, degree):
    z = torch.logspace(np.log10(np.pi * NEAREST), np.log10(40), 400, dtype=torch.float64)
    z = z.to(dtype).view(-1, 1, 1).expand(-1, 7, 1).clone().requires_grad_()
    value = spherical_bessel(z)[:, degree, 0]
    (slope,) = torch.autograd.grad(value.sum(), z)
    z = z.detach()[:, degree, 0].double().numpy()
    eps = torch.finfo(dtype).eps
    for ours, derivative in ((value.detach(), False), (slope[:, degree, 0], True)):
        exact = spherical_jn(degree, z, derivative=derivative)
        bound = 200 * eps * (np.abs(exact) + np.minimum(0.02, 0.1 / (1 + z))) + (4 * eps / z if derivative else 0)
        assert (np.abs(ours.double().numpy() - exact) <= bound).all()


def graphs():
    rng = np.random.default_rng(0)
    cluster = Structure(1.5 * rng.normal(size=(9, 3)), np.full(9, 6))
    crystal = Structure(rng.normal(size=(3, 3)), [6, 8, 1], cell=np.diag([3.1, 3.3, 2.9]), pbc=True)
    alone = Structure([[0, 0, 0], [50, 0, 0]], [1, 8])
    pairs = {name: Batch.from_structures([s], cutoff=3.5) for name, s in
             {"cluster": cluster, "crystal": crystal, "alone": alone}.items()}  # fmt: skip
    return {name: edges_of(batch).pairing for name, batch in pairs.items()}


def arrays(triplets, dtype, sizes=(7, 8, 64)):
    n_l, n_b, n_c = sizes
    n_e = len(triplets.pairing.sender)
    generator = torch.Generator().manual_seed(0)
    shapes = ((len(triplets.first), n_l), (n_e // 2, n_l, n_b), (n_b, n_c), (n_e, n_c))
    return [torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


@PRECISIONS
@pytest.mark.parametrize("name", ["cluster", "crystal", "alone"])
@pytest.mark.parametrize("sizes", [(7, 8, 64), (3, 5, 6)], ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_kernels_are_the_plain_sums(dtype, name, sizes, threads, monkeypatch):
    monkeypatch.setattr("erlangen.kernels.n_threads", lambda: threads)
    monkeypatch.setattr("erlangen.kernels.MIN_WORK", 10)
    triplets = triplets_of(graphs()[name])
    given = arrays(triplets, dtype, sizes)
    ours, plain = triplet_sum(*given, triplets), plain_sum(*given, triplets)
    tolerance = {"rtol": 100 * torch.finfo(dtype).eps, "atol": 1000 * torch.finfo(dtype).eps}
    torch.testing.assert_close(ours, plain, **tolerance)
    cotangent = torch.randn(ours.shape, dtype=dtype)
    gradients = (torch.autograd.grad(x, given, cotangent) for x in (ours, plain))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


def test_a_triplet_leaves_out_the_way_back_alone():
    pairing = graphs()["crystal"]
    triplets = triplets_of(pairing)
    degree = pairing.offsets.diff()
    assert 2 * len(triplets.first) == (degree * (degree - 1)).sum()
    assert (pairing.receiver[triplets.first] == pairing.receiver[triplets.second]).all()
    assert (triplets.first < triplets.second).all()
    # Another image of the same atom is another neighbor.
    assert (pairing.sender[triplets.first] == pairing.sender[triplets.second]).any()


def test_triplet_sums_have_second_derivatives_of_arrays_that_depend_on_each_other():
    path = pair_up(torch.tensor([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]), 3)
    triplets = triplets_of(path)
    given = arrays(triplets, torch.float64, (2, 2, 3))

    def function(legendre, radial, matrix, features):
        once = triplet_sum(legendre, radial, matrix, features, triplets)
        return triplet_sum(legendre, radial * once.sum(), matrix, once, triplets)

    assert torch.autograd.gradcheck(function, given)
    assert torch.autograd.gradgradcheck(function, given)


@PRECISIONS
@pytest.mark.parametrize("name", ["cluster", "crystal", "alone"])
@pytest.mark.parametrize("threads", [1, 2])
def test_moments_are_plain_sums_with_any_derivative(dtype, name, threads, monkeypatch):
    monkeypatch.setattr("erlangen.kernels.n_threads", lambda: threads)
    monkeypatch.setattr("erlangen.kernels.MIN_WORK", 10)
    pairing = graphs()[name]
    radial, messages = (torch.randn(n, k, dtype=dtype, requires_grad=True)
                        for n, k in ((pairing.n_pairs, 6), (len(pairing.sender), 10)))  # fmt: skip
    moments = radial_moments(radial, messages, pairing)
    tolerance = {"rtol": 100 * torch.finfo(dtype).eps, "atol": 200 * torch.finfo(dtype).eps}
    torch.testing.assert_close(moments, plain_moments(pairing, 2, (radial, messages, None)), **tolerance)
    y = torch.randn_like(moments)
    to_radial, to_messages = torch.autograd.grad(moments, (radial, messages), y)
    torch.testing.assert_close(to_messages, plain_moments(pairing, 1, (radial, None, y)), **tolerance)
    torch.testing.assert_close(to_radial, plain_moments(pairing, 0, (None, messages, y)), **tolerance)
    if name == "alone" and dtype == torch.float64:
        path = pair_up(torch.tensor([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]), 3)
        given = [torch.randn(n, 2, dtype=dtype, requires_grad=True) for n in (3, 6)]
        assert torch.autograd.gradgradcheck(lambda r, m: radial_moments(r, m, path), given)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"spherical_size": 1}, "at least 2"), ({"triplet_size": 0}, "triplet_size is a positive"),
     ({"cutoff": -1.0}, "cutoff is a positive")],
)  # fmt: skip
def test_bad_sizes_are_named(arguments, words):
    with pytest.raises(InputError, match=words):
        models.DimeNetPlusPlus(**arguments)
