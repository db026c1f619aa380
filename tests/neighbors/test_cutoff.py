"""neighbor_list against ase.neighborlist, a plain twin, and what must hold for any input."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list as ase_neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen import kernels, memory
from erlangen.errors import InputError, ShapeError, TooLargeError
from erlangen.neighbors import _kernels, complete_graph, neighbor_list


def rows(receiver, sender, shift):
    """Edges as sorted rows (receiver, sender, shift)."""
    edges = np.column_stack([receiver, sender, shift])
    return edges[np.lexsort(edges.T[::-1])]


def found(neighbors):
    """Edges in the order they came."""
    return np.column_stack([neighbors.edge_index[1], neighbors.edge_index[0], neighbors.shift])


def plain_twin(positions, cutoff, batch):
    """All pairs, looked at one by one."""
    edges = [
        (j, i)
        for i in range(len(positions))
        for j in range(len(positions))
        if i != j and batch[i] == batch[j] and np.sqrt(((positions[j] - positions[i]) ** 2).sum()) < cutoff
    ]
    return np.array(edges, dtype=int).reshape(-1, 2).T


def random_cell(rng):
    """A cell that may be skewed or tiny, partly periodic, with atoms that may lie outside."""
    height = 0.0
    while height < 0.4:
        cell = np.diag(rng.uniform(1.0, 8.0, 3)) + rng.normal(size=(3, 3)) * rng.choice([0.0, 1.0, 3.0])
        height = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max()
    n = int(rng.integers(1, 12))
    positions = rng.uniform(-0.7, 1.7, (n, 3)) @ cell
    return positions, cell, rng.random(3) < 0.7, rng.uniform(0.5, 6.0)


@pytest.mark.parametrize("seed", range(100))
def test_edges_are_those_of_ase_in_any_cell(seed):
    positions, cell, pbc, cutoff = random_cell(np.random.default_rng(seed))
    receiver, sender, displacement, shift = ase_neighbor_list(
        "ijDS", Atoms(positions=positions, numbers=np.ones(len(positions)), cell=cell, pbc=pbc), cutoff
    )
    ours = neighbor_list(positions, cutoff, cell, pbc)
    np.testing.assert_array_equal(found(ours), rows(receiver, sender, shift))
    order = np.lexsort((*shift.T[::-1], sender, receiver))
    np.testing.assert_allclose(ours.displacement, displacement[order], atol=1e-12)


def test_cutoff_far_larger_than_the_cell_matches_ase():
    cell = [[1, 0, 0], [0.4, 1.1, 0], [0.2, -0.6, 0.9]]
    atoms = Atoms("HO", positions=[[0, 0, 0], [0.4, 0.3, 0.9]], cell=cell, pbc=True)
    receiver, sender, shift = ase_neighbor_list("ijS", atoms, 5.0)
    ours = neighbor_list(atoms.positions, 5.0, atoms.cell[:], True)
    assert ours.edge_index.shape[1] > 1000
    np.testing.assert_array_equal(found(ours), rows(receiver, sender, shift))


def plain_periodic_twin(positions, cutoff, cell, pbc):
    """Receiver, sender, shift and displacement of all pairs and all shifts that could matter, looked at one by one."""
    fraction = positions @ np.linalg.inv(cell)
    most = np.floor(np.ptp(fraction, axis=0) + cutoff * np.linalg.norm(np.linalg.inv(cell), axis=0)).astype(int) + 1
    shifts = np.stack(np.meshgrid(*(np.arange(-m, m + 1) * p for m, p in zip(most, pbc, strict=True))), -1)
    edges = []
    for shift in np.unique(shifts.reshape(-1, 3), axis=0):
        for i, j in np.ndindex(len(positions), len(positions)):
            displacement = positions[j] - positions[i] + (shift[0] * cell[0] + shift[1] * cell[1] + shift[2] * cell[2])
            if (i != j or shift.any()) and np.sqrt((displacement**2).sum()) < cutoff:
                edges.append([i, j, *shift, *displacement])
    edges = np.array(sorted(edges)).reshape(-1, 8)
    return edges[:, :5].astype(int), edges[:, 5:]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
    pbc=st.sampled_from([(1, 1, 1), (1, 1, 0), (0, 0, 1), (0, 1, 0)]),
    cutoff=st.sampled_from([0.3, 1.0, 2.0, 3.5]),
    skew=st.sampled_from([0.0, 0.5, 2.0]),
)
def test_periodic_kernels_equal_the_plain_twin(n, seed, pbc, cutoff, skew):
    rng = np.random.default_rng(seed)
    # Whole and half numbers: coincident images and distances equal to the cutoff occur, atoms lie outside the cell.
    cell = np.diag(rng.choice([1.0, 1.5, 2.0, 3.0], 3))
    cell[1, 0], cell[2, :2] = skew, (-skew, 1.5 * skew)
    positions = rng.integers(-6, 9, (n, 3)) / 2
    ours = neighbor_list(positions, cutoff, cell, np.array(pbc, bool))
    edges, displacement = plain_periodic_twin(positions, cutoff, cell, pbc)
    np.testing.assert_array_equal(found(ours), edges)
    np.testing.assert_array_equal(ours.displacement, displacement)


@pytest.mark.parametrize("a", [3.61, 4.05, 3.0 * np.sqrt(2), 1 / 3])
def test_shells_of_a_lattice_at_exactly_the_cutoff_are_decided_by_the_formula(a):
    # The distances of a shell differ in their last digit.
    cell = a * np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    positions = np.array([[0.1, 0.2, 0.3], [0.9, -0.7, 0.6]]) * a
    edges, displacement = plain_periodic_twin(positions, 1.6 * a, cell, (1, 1, 1))
    lengths = np.sqrt((displacement**2).sum(axis=1))
    assert len(np.unique(lengths)) > len(np.unique(lengths.round(9)))
    for cutoff in np.unique(lengths):
        ours = neighbor_list(positions, cutoff, cell)
        np.testing.assert_array_equal(found(ours), edges[lengths < cutoff])
        np.testing.assert_array_equal(ours.displacement, displacement[lengths < cutoff])


def test_atoms_many_cells_away_have_the_neighbors_of_the_wrapped_ones():
    rng = np.random.default_rng(0)
    cell = np.array([[4.0, 0, 0], [1.0, 5.0, 0], [0.5, -2.0, 4.0]])
    positions = np.round(rng.uniform(size=(8, 3)) @ cell * 2**20) / 2**20  # so that moving them does not round
    cells = rng.integers(-(10**6), 10**6, (8, 3))
    near, far = (neighbor_list(p, 4.5, cell) for p in (positions, positions + cells @ cell))
    sender, receiver = near.edge_index
    moved = near.shift - cells[sender] + cells[receiver]
    np.testing.assert_array_equal(found(far), rows(receiver, sender, moved))
    np.testing.assert_allclose(far.displacement, near.displacement, atol=1e-8)


def test_atoms_too_many_cells_away_are_refused():
    with pytest.raises(InputError, match=r"1,073,741,824 cells.*\[0.0, 0.0, 1e\+30\] for atom 1: wrap"):
        neighbor_list([[0, 0, 0], [0, 0, 1e30]], 1.0, np.eye(3))
    # An open direction has no cells to count.
    assert neighbor_list([[0, 0, 0], [0, 0, 1e12]], 1.1, np.eye(3), [True, True, False]).edge_index.shape[1] == 8


def test_missing_vectors_of_a_slab_are_completed():
    cell = np.array([[3.0, 0, 0], [1.0, 2.5, 0], [0, 0, 0]])
    positions = np.array([[0, 0, 0], [1.0, 1.0, 40.0], [1.0, 1.0, 41.0]])
    receiver, sender, shift = ase_neighbor_list("ijS", Atoms("H3", positions, cell=cell, pbc=[1, 1, 0]), 4.0)
    np.testing.assert_array_equal(
        found(neighbor_list(positions, 4.0, cell, [True, True, False])), rows(receiver, sender, shift)
    )


def test_a_pair_at_exactly_the_cutoff_is_out_as_in_ase():
    line = np.array([[0.0, 0, 0], [1.1, 0, 0], [2.2, 0, 0]])
    for cutoff in (1.1, np.nextafter(1.1, 2)):
        receiver, sender = ase_neighbor_list("ij", Atoms("H3", line), cutoff)
        ours = neighbor_list(line, cutoff)
        np.testing.assert_array_equal(found(ours), rows(receiver, sender, np.zeros((len(sender), 3), int)))
        periodic = neighbor_list(line[:1], cutoff, np.diag([1.1, 9, 9]), True)
        assert periodic.edge_index.shape[1] == (0 if cutoff == 1.1 else 2)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=6),
    cutoff=st.floats(0.2, 4.0),
    seed=st.integers(0, 2**32 - 1),
    small=st.sampled_from([0, 5, 1000]),
)
def test_both_kernels_equal_the_plain_twin(sizes, cutoff, seed, small):
    rng = np.random.default_rng(seed)
    batch = np.repeat(np.arange(len(sizes)), sizes)
    # Coordinates on a coarse grid: coincident atoms and distances equal to the cutoff occur.
    positions = rng.integers(-4, 5, (len(batch), 3)) / 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "SMALL", small)
        ours = neighbor_list(positions, cutoff, batch=batch)
    np.testing.assert_array_equal(ours.edge_index, plain_twin(positions, cutoff, batch))
    np.testing.assert_array_equal(ours.displacement, positions[ours.edge_index[0]] - positions[ours.edge_index[1]])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 400), seed=st.integers(0, 2**32 - 1), spread=st.sampled_from([0.0, 1.0, 20.0, 1e5]))
def test_cell_list_and_all_pairs_agree_at_any_density(n, seed, spread):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(n, 3)) + rng.choice([0.0, spread], (n, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_kernels, "SMALL", 0)
        cells = neighbor_list(positions, 0.8).edge_index
        patch.setattr(_kernels, "SMALL", n)
        np.testing.assert_array_equal(cells, neighbor_list(positions, 0.8).edge_index)


@pytest.mark.parametrize("n", [0, 1, 5, 60, _kernels.RANKED, _kernels.RANKED + 1, 3 * _kernels.RANKED])
def test_rows_are_sorted_by_point(n):
    rng = np.random.default_rng(n)
    order = rng.permutation(5000).astype(np.int32)
    slots = np.sort(rng.choice(5000, n, replace=False)).astype(np.int32)
    ranked = np.empty(n, np.int32)
    _kernels.sort_row(order, slots, np.empty(n, np.int32), n, ranked)
    np.testing.assert_array_equal(ranked, slots[np.argsort(order[slots])])


def test_rows_too_long_to_rank_are_complete():
    positions = np.random.default_rng(0).uniform(0, 1, (_kernels.RANKED + 50, 3))
    edges = neighbor_list(positions, 2.0).edge_index
    np.testing.assert_array_equal(edges, complete_graph(len(positions)))


@pytest.mark.parametrize("periodic", [False, True])
def test_edges_and_their_order_do_not_depend_on_the_threads(monkeypatch, periodic):
    rng = np.random.default_rng(5)
    sizes = [700, 3, 0, 450, 1]
    positions, batch = rng.uniform(0, 9, (sum(sizes), 3)), np.repeat(np.arange(5), sizes)
    cell = np.diag([9.0, 10.0, 11.0]) if periodic else None
    monkeypatch.setattr(kernels, "MIN_WORK", 1000)
    results = []
    for n in (1, 2, 7):
        monkeypatch.setattr(kernels, "n_threads", lambda n=n: n)
        results.append(neighbor_list(positions, 1.7, cell, batch=batch))
    for other in results[1:]:
        for one, array in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, array)


def test_a_failing_thread_is_heard(monkeypatch):
    monkeypatch.setattr(kernels, "n_threads", lambda: 3)

    def kernel(first, last):
        if first:
            raise MemoryError("no room")
        return last - first

    assert kernels.over_rows(kernel, rows=100, work=kernels.MIN_WORK) == [100]
    with pytest.raises(MemoryError, match="no room"):
        kernels.over_rows(kernel, rows=100, work=5 * kernels.MIN_WORK)


def test_searches_from_several_threads_at_once_agree():
    positions = np.random.default_rng(2).uniform(0, 30, (4000, 3))
    expected = neighbor_list(positions, 3.0, np.eye(3) * 30)
    with ThreadPoolExecutor(4) as pool:
        for ours in pool.map(lambda _: neighbor_list(positions, 3.0, np.eye(3) * 30), range(8)):
            np.testing.assert_array_equal(found(ours), found(expected))


def test_threads_follow_torch():
    assert kernels.n_threads() == torch.get_num_threads()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 30), seed=st.integers(0, 2**32 - 1), periodic=st.booleans())
def test_edges_are_symmetric_sorted_and_follow_permutation_and_translation(n, seed, periodic):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 4, (n, 3))
    cell = np.diag([4.0, 5.0, 6.0]) + rng.uniform(0, 1, (3, 3)) if periodic else None
    ours = neighbor_list(positions, 2.0, cell)
    edges = found(ours)
    np.testing.assert_array_equal(edges, edges[np.lexsort(edges.T[::-1])])
    reverse = np.column_stack([edges[:, 1], edges[:, 0], -edges[:, 2:]])
    np.testing.assert_array_equal(edges, reverse[np.lexsort(reverse.T[::-1])])
    np.testing.assert_array_less(np.linalg.norm(ours.displacement, axis=1), 2.0)

    new_place = rng.permutation(n)
    moved = np.empty_like(positions)
    moved[new_place] = positions
    permuted = np.column_stack([new_place[edges[:, :2]], edges[:, 2:]])
    np.testing.assert_array_equal(found(neighbor_list(moved, 2.0, cell)), permuted[np.lexsort(permuted.T[::-1])])
    # A power of two moves the atoms without rounding away what decides at the cutoff.
    translated = neighbor_list(np.round(positions * 2**20) / 2**20 + 8.0, 2.0, cell)
    still = neighbor_list(np.round(positions * 2**20) / 2**20, 2.0, cell)
    np.testing.assert_array_equal(found(translated), found(still))


def test_batch_of_open_and_periodic_structures_is_the_list_of_each():
    rng = np.random.default_rng(3)
    members = [(rng.uniform(0, 5, (n, 3)), np.diag(rng.uniform(3, 6, 3)), np.array(p)) for n, p in
               [(4, [True] * 3), (7, [False] * 3), (1, [True, False, True]), (5, [False, True, False])]]  # fmt: skip
    together = neighbor_list(
        np.concatenate([m[0] for m in members]), 4.0, np.stack([m[1] for m in members]),
        np.stack([m[2] for m in members]), batch=np.repeat(np.arange(4), [4, 7, 1, 5]),
    )  # fmt: skip
    first, edges, displacement = 0, [], []
    for positions, cell, pbc in members:
        own = neighbor_list(positions, 4.0, cell, pbc)
        edges.append(found(own) + np.array([first, first, 0, 0, 0]))
        displacement.append(own.displacement)
        first += len(positions)
    np.testing.assert_array_equal(found(together), np.concatenate(edges))
    np.testing.assert_allclose(together.displacement, np.concatenate(displacement), atol=1e-12)


@pytest.mark.parametrize("periodic", [False, True])
def test_torch_in_torch_out_with_gradients(periodic):
    rng = np.random.default_rng(0)
    positions = torch.tensor(rng.uniform(0, 4, (9, 3)), requires_grad=True)
    cell = torch.tensor(np.diag([4.0, 5.0, 4.5]), requires_grad=True) if periodic else None
    ours = neighbor_list(positions, 3.0, cell, batch=torch.zeros(9, dtype=torch.int64))
    plain = neighbor_list(positions.detach().numpy(), 3.0, None if cell is None else cell.detach().numpy())
    for tensor, array in zip(ours, plain, strict=True):
        np.testing.assert_allclose(tensor.detach().numpy(), array, atol=1e-12)
    energy = (ours.displacement**2).sum()
    (gradient,) = torch.autograd.grad(energy, positions, retain_graph=True)
    expected = np.zeros((9, 3))
    np.add.at(expected, plain.edge_index[0], 2 * plain.displacement)
    np.add.at(expected, plain.edge_index[1], -2 * plain.displacement)
    np.testing.assert_allclose(gradient.numpy(), expected, atol=1e-10)
    if periodic:
        (strain,) = torch.autograd.grad(energy, cell)
        np.testing.assert_allclose(strain.numpy(), 2 * plain.shift.T @ plain.displacement, atol=1e-10)


def test_dtype_follows_the_positions():
    positions = np.random.default_rng(0).uniform(0, 3, (6, 3)).astype(np.float32)
    for cell in (None, np.eye(3) * 3):
        assert neighbor_list(positions, 2.0, cell).displacement.dtype == np.float32
        assert neighbor_list(torch.from_numpy(positions), 2.0, cell).displacement.dtype == torch.float32
    assert neighbor_list([[0, 0, 0], [1, 0, 0]], 2.0).displacement.dtype == np.float64


def test_read_only_and_strided_positions_work():
    positions = np.random.default_rng(0).uniform(0, 3, (12, 3))[::2]
    expected = neighbor_list(positions.copy(), 2.0).edge_index
    positions.flags.writeable = False
    np.testing.assert_array_equal(neighbor_list(positions, 2.0).edge_index, expected)


def test_no_atoms_give_no_edges():
    empty = neighbor_list(np.zeros((0, 3)), 1.0)
    assert empty.edge_index.shape == (2, 0)
    assert empty.displacement.shape == (0, 3)
    batch = neighbor_list(np.zeros((0, 3)), 1.0, np.eye(3), batch=np.zeros(0, dtype=int))
    assert batch.edge_index.shape == (2, 0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cutoff": 0.0}, InputError, "cutoff is a positive"),
        ({"cutoff": -1.0}, InputError, "cutoff is a positive"),
        ({"cutoff": np.nan}, InputError, "cutoff is a positive"),
        ({"cutoff": "far"}, InputError, "cutoff is a radius"),
        ({"positions": [[0, 0, np.nan], [0, 0, 0]]}, InputError, "for atom 0"),
        ({"positions": [[0, 0], [0, 0]]}, ShapeError, r"shape \(n, 3\), got \(2, 2\)"),
        ({"positions": "water"}, InputError, "positions are an array of numbers"),
        ({"cell": np.zeros((3, 3))}, InputError, "cell vector 0 is zero but periodic"),
        ({"cell": [[1, 0, 0], [2, 0, 0], [0, 0, 1]]}, InputError, "zero volume"),
        ({"cell": np.eye(2)}, ShapeError, "cell has shape"),
        ({"cell": np.full((3, 3), np.nan)}, InputError, "cell is finite"),
        ({"pbc": True}, InputError, "there is no cell"),
        ({"cell": np.eye(3), "pbc": [True, False]}, ShapeError, "pbc is one bool"),
        ({"batch": [0]}, ShapeError, "batch is one structure index an atom"),
        ({"batch": [0.0, 0.0]}, ShapeError, "batch is one structure index an atom"),
        ({"batch": [1, 0]}, InputError, "never falls"),
        ({"batch": [-1, 0]}, InputError, "from 0 upwards"),
    ],
)
def test_wrong_input_is_named(arguments, error, message):
    given_arguments = {"positions": [[0.0, 0, 0], [1.0, 0, 0]], "cutoff": 2.0} | arguments
    with pytest.raises(error, match=message):
        neighbor_list(**given_arguments)


def test_edges_that_would_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 10_000)
    monkeypatch.setattr(memory, "HARMLESS", 0)
    assert neighbor_list(np.zeros((5, 3)), 1.0).edge_index.shape == (2, 20)
    with pytest.raises(TooLargeError, match="39,800 edges within 1 angstrom of 200 atoms would take"):
        neighbor_list(np.zeros((200, 3)), 1.0)


def test_periodic_edges_that_would_not_fit_are_refused():
    for pbc in (True, [True, True, False]):
        with pytest.raises(TooLargeError, match="edges within 50000 angstrom in a periodic cell would take"):
            neighbor_list(np.zeros((1, 3)), 50_000.0, np.eye(3), pbc)


def test_images_that_would_not_fit_are_refused():
    needle = np.array([[1.0, 0, 0], [1e4, 1e-3, 0], [0, 0, 1.0]])
    with pytest.raises(TooLargeError, match="images within 5 angstrom of a periodic cell would take"):
        neighbor_list(np.zeros((1, 3)), 5.0, needle)
    with pytest.raises(TooLargeError, match=r"edges within 1e\+100 angstrom in a periodic cell"):
        neighbor_list(np.zeros((1, 3)), 1e200, np.eye(3), [True, False, False])


def test_available_memory_is_sensible():
    available = memory.available_bytes()
    assert available is None or 1e6 < available < 1e15
