"""A batch is its members, whatever they are and however it was packed."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, StructureError
from erlangen.neighbors import neighbor_list
from erlangen.structures import Batch, Structure, StructureSet


def random_structure(rng, n, periodic=False):
    """Atoms with arrays of several kinds."""
    bonds = np.stack([np.arange(1, n), np.arange(n - 1)])[:, rng.permutation(n - 1)]
    return Structure(
        rng.normal(size=(n, 3)) * 2,
        rng.integers(1, 10, n),
        cell=np.diag(rng.uniform(3, 6, 3)) + rng.uniform(0, 0.5, (3, 3)) if periodic else None,
        pbc=[True, False, True] if periodic else False,
        charge=int(rng.integers(-1, 2)),
        node={"q": rng.normal(size=n), "kind": rng.integers(0, 3, n), "fixed": rng.random(n) < 0.5},
        edge={"index": bonds, "type": rng.integers(1, 4, n - 1)},
        graph={"energy": rng.normal(), "dipole": rng.normal(size=3), "name": "x" * n},
    )


def starts(members):
    return np.cumsum([0, *(m.n_atoms for m in members[:-1])])


def assert_batches_equal(one, other):
    for name in one.__dataclass_fields__:
        ours, theirs = getattr(one, name), getattr(other, name)
        if isinstance(ours, torch.Tensor):
            assert ours.dtype == theirs.dtype
            assert torch.equal(ours, theirs), name
        elif isinstance(ours, dict):
            assert ours.keys() == theirs.keys()
            assert all(torch.equal(ours[key], theirs[key]) for key in ours)
        else:
            assert ours == theirs, name


lists_of_structures = st.tuples(
    st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 1.0])
)


def draw(sizes, seed, periodic):
    rng = np.random.default_rng(seed)
    return [random_structure(rng, n, rng.random() < periodic) for n in sizes]


@settings(max_examples=30, deadline=None)
@given(drawn=lists_of_structures)
def test_a_batch_is_its_members(drawn):
    members = draw(*drawn)
    batch = Batch.from_structures(members, dtype=torch.float64)
    assert len(batch) == len(members)
    assert batch.sizes.tolist() == [m.n_atoms for m in members]
    assert batch.n_atoms == sum(m.n_atoms for m in members)
    assert batch.index.tolist() == [s for s, m in enumerate(members) for _ in range(m.n_atoms)]
    np.testing.assert_array_equal(batch.positions, np.concatenate([m.positions for m in members]))
    np.testing.assert_array_equal(batch.numbers, np.concatenate([m.numbers for m in members]))
    assert batch.charge.tolist() == [m.charge for m in members]
    for name in ("q", "kind", "fixed"):
        np.testing.assert_array_equal(batch.node[name], np.concatenate([m.node[name] for m in members]))
    assert batch.node["kind"].dtype == torch.int64
    assert batch.node["fixed"].dtype == torch.bool
    np.testing.assert_array_equal(batch.graph["dipole"], [m.graph["dipole"] for m in members])
    assert "name" not in batch.graph
    bonds = [m.bonds + start for m, start in zip(members, starts(members), strict=True)]
    np.testing.assert_array_equal(batch.edge["index"], np.concatenate(bonds, axis=1))
    np.testing.assert_array_equal(batch.edge["type"], np.concatenate([m.edge["type"] for m in members]))
    if any(m.pbc.any() for m in members):
        assert batch.pbc.tolist() == [m.pbc.tolist() for m in members]
        np.testing.assert_array_equal(batch.cell, [np.zeros((3, 3)) if m.cell is None else m.cell for m in members])
    else:
        assert batch.cell is batch.pbc is None


@settings(max_examples=30, deadline=None)
@given(drawn=lists_of_structures, cutoff=st.floats(0.5, 6.0))
def test_cutoff_edges_are_those_of_the_members(drawn, cutoff):
    members = draw(*drawn)
    batch = Batch.from_structures(members, cutoff=cutoff, dtype=torch.float64)
    own = [neighbor_list(m.positions, cutoff, m.cell, m.pbc) for m in members]
    edges = np.concatenate([o.edge_index + start for o, start in zip(own, starts(members), strict=True)], axis=1)
    np.testing.assert_array_equal(batch.edge_index, edges)
    np.testing.assert_allclose(batch.displacements(), np.concatenate([o.displacement for o in own]), atol=1e-12)
    assert (batch.edges, batch.cutoff) == ("cutoff", cutoff)
    assert_batches_equal(batch, Batch.from_structures(members, dtype=torch.float64).with_cutoff(cutoff))


@settings(max_examples=20, deadline=None)
@given(drawn=lists_of_structures, edges=st.sampled_from([None, "complete", "bonds"]))
def test_a_set_and_a_list_pack_the_same(drawn, edges):
    members = draw(*drawn)
    doubled = StructureSet.from_structures([*members, *members])
    chosen = doubled[np.arange(len(members)) + len(members)]
    assert_batches_equal(Batch.from_structures(members, edges=edges), Batch.from_structures(chosen, edges=edges))


@settings(max_examples=20, deadline=None)
@given(drawn=lists_of_structures)
def test_bonds_go_both_ways_and_know_where_they_come_from(drawn):
    members = draw(*drawn)
    batch = Batch.from_structures(members, edges="bonds")
    edge_index = batch.edge_index.numpy()
    bonds = batch.edge["index"].numpy()
    both = np.concatenate([bonds, bonds[::-1]], axis=1)
    np.testing.assert_array_equal(edge_index, both[:, np.lexsort(both)])
    np.testing.assert_array_equal(np.sort(edge_index, axis=0), np.sort(bonds, axis=0)[:, batch.bond.numpy()])
    assert batch.displacements().shape == (2 * bonds.shape[1], 3)


@settings(max_examples=20, deadline=None)
@given(drawn=lists_of_structures)
def test_complete_edges_are_all_pairs_of_each(drawn):
    members = draw(*drawn)
    batch = Batch.from_structures(members, complete=True)
    index = batch.index.tolist()
    n = batch.n_atoms
    pairs = [(j, i) for i in range(n) for j in range(n) if i != j and index[i] == index[j]]
    np.testing.assert_array_equal(batch.edge_index, np.reshape(pairs, (-1, 2)).T)


def test_displacements_and_lengths_are_differentiable():
    batch = Batch.from_structures(draw([4, 6], 0, 1.0), cutoff=4.0, dtype=torch.float64)
    positions = batch.positions.clone().requires_grad_()

    def energy(x):
        kept = Batch(**{name: getattr(batch, name) for name in batch.__dataclass_fields__} | {"positions": x})
        return kept.displacements().square().sum()

    assert batch.shift.any()
    torch.autograd.gradcheck(energy, positions)
    moved = batch.with_positions(positions).with_cutoff(4.0)
    assert torch.equal(moved.edge_index, batch.edge_index)
    assert torch.autograd.grad(moved.displacements().square().sum(), positions)[0].abs().sum() > 0


def test_cutoff_edges_are_reused_and_dropped_when_atoms_move():
    batch = Batch.from_structures(draw([5, 3], 1, 0.0), cutoff=3.0)
    assert batch.with_cutoff(3.0) is batch
    assert batch.with_cutoff(2.0).cutoff == 2.0
    moved = batch.with_positions(batch.positions * 0.1)
    assert moved.edge_index is moved.edges is moved.cutoff is None
    assert moved.with_cutoff(3.0).edge_index.shape[1] == 5 * 4 + 3 * 2
    for edges in ("bonds", "complete"):
        kept = Batch.from_structures(draw([5, 3], 1, 0.0), edges=edges)
        assert kept.with_positions(kept.positions * 2).edge_index is kept.edge_index


def test_dtype_and_device_move_floats_only():
    batch = Batch.from_structures(draw([4, 2], 2, 1.0), cutoff=3.0)
    assert (
        batch.positions.dtype == batch.cell.dtype == batch.graph["energy"].dtype == batch.charge.dtype == torch.float32
    )
    double = batch.to("cpu", torch.float64)
    assert double.positions.dtype == double.cell.dtype == double.graph["energy"].dtype == torch.float64
    assert double.displacements().dtype == torch.float64
    assert double.numbers.dtype == double.edge_index.dtype == double.edge["index"].dtype == torch.int64
    assert double.pbc.dtype == torch.bool
    assert batch.to("meta").positions.device.type == "meta"


def test_batches_are_immutable_and_own_their_memory():
    members = StructureSet.from_structures(draw([4, 2], 3, 0.0))
    batch = Batch.from_structures(members)
    double = Batch.from_structures(members, dtype=torch.float64)
    with pytest.raises(FrozenInstanceError):
        batch.positions = None
    before = members[0].positions.copy()
    double.positions.zero_()
    double.graph["energy"].zero_()
    np.testing.assert_array_equal(members[0].positions, before)
    assert members.graph["energy"].all()


def test_a_single_structure_is_a_batch_of_one():
    structure = Structure([[0, 0, 0]], ["He"])
    batch = Batch.from_structures(structure, cutoff=5.0)
    assert len(batch) == 1
    assert batch.edge_index.shape == (2, 0)
    assert batch.displacements().shape == (0, 3)
    assert "1 structures, 1 atoms, 0 edges within 5 angstrom" in repr(batch)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cutoff": 0.0}, "cutoff is a positive"),
        ({"cutoff": -1.0}, "cutoff is a positive"),
        ({"cutoff": float("nan")}, "cutoff is a positive"),
        ({"cutoff": 3.0, "complete": True}, "got more than one"),
        ({"cutoff": 3.0, "edges": "bonds"}, "got more than one"),
        ({"complete": True, "edges": "bonds"}, "got more than one"),
        ({"edges": "knn"}, "edges is 'complete' or 'bonds'"),
        ({"edges": "bonds"}, "needs structures with bonds"),
        ({"dtype": torch.int64}, "floating torch dtype"),
        ({"dtype": "float32"}, "floating torch dtype"),
    ],
)
def test_wrong_input_is_named(arguments, message):
    with pytest.raises(InputError, match=message):
        Batch.from_structures([Structure([[0, 0, 0]], ["He"])], **arguments)


@pytest.mark.parametrize("n", [3, 1000])
def test_atoms_that_moved_to_nowhere_are_named(n):
    batch = Batch.from_structures([Structure(np.random.default_rng(0).normal(size=(n, 3)) * 9, np.ones(n, int))])
    positions = batch.positions.clone()
    positions[2, 1] = float("nan")
    with pytest.raises(InputError, match="for atom 2"):
        batch.with_positions(positions).with_cutoff(3.0)


def test_structures_that_cannot_be_packed_are_named():
    with pytest.raises(StructureError, match="list of structures is empty"):
        Batch.from_structures([])
    with pytest.raises(StructureError, match="list of structures is empty"):
        Batch.from_structures(StructureSet.from_structures(draw([3], 0, 0.0))[:0])
    with pytest.raises(StructureError, match="conformer=True"):
        Batch.from_structures([Structure.from_smiles("CCO")])
    plain = Batch.from_structures([Structure([[0, 0, 0]], ["He"])])
    with pytest.raises(InputError, match="the batch has no edges"):
        plain.displacements()
    with pytest.raises(InputError, match="positions have shape"):
        plain.with_positions(torch.zeros(2, 3))
