"""One structure and packed sets of them: what is accepted, refused, kept and never changed."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError, StructureError
from erlangen.structures import Structure, StructureSet
from erlangen.structures.elements import SYMBOLS


def random_structure(rng, n, periodic=False):
    """Atoms with one array of each kind."""
    bonds = np.stack([np.arange(n - 1), np.arange(1, n)])
    return Structure(
        rng.normal(size=(n, 3)) * 3,
        rng.integers(1, 10, n),
        cell=np.diag(rng.uniform(3, 6, 3)) + rng.uniform(0, 0.5, (3, 3)) if periodic else None,
        pbc=[True, False, True] if periodic else False,
        charge=int(rng.integers(-1, 2)),
        node={"q": rng.normal(size=n), "dipole": rng.normal(size=(n, 3))},
        edge={"index": bonds, "type": rng.integers(1, 4, n - 1)},
        graph={"energy": rng.normal(), "tensor": rng.normal(size=(3, 3))},
    )


def assert_same(one, other):
    """Two structures are equal in everything."""
    for name in ("positions", "numbers", "cell", "pbc"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.charge == other.charge
    for kind in ("node", "edge", "graph"):
        ours, theirs = getattr(one, kind), getattr(other, kind)
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_symbols_numbers_and_shapes_are_normalised():
    structure = Structure([[0, 0, 0], [1, 0, 0], [0, 1, 0]], ["O", "H", "1"])
    assert structure.positions.dtype == np.float64
    assert structure.numbers.tolist() == [8, 1, 1]
    assert structure.symbols == ["O", "H", "H"]
    assert structure.formula == "H2O"
    assert structure.pbc.tolist() == [False] * 3
    assert structure.bonds is None
    assert len(structure) == structure.n_atoms == 3


def test_element_symbols_are_those_of_ase():
    from ase.data import chemical_symbols

    assert list(SYMBOLS) == chemical_symbols


@pytest.mark.parametrize(("symbols", "formula"), [("CHHHOH", "CH4O"), ("HO", "HO"), (["Cl", "Na"], "ClNa")])
def test_formula_follows_hill(symbols, formula):
    assert Structure(np.zeros((len(symbols), 3)), list(symbols)).formula == formula


def test_everything_is_read_only_and_copied():
    positions, energies = np.zeros((2, 3)), np.zeros(2)
    structure = Structure(positions, [1, 1], node={"e": energies}, graph={"t": 1.0})
    positions[0] = 7
    energies[0] = 7
    assert structure.positions.sum() == structure.node["e"].sum() == 0
    with pytest.raises(ValueError, match="read-only"):
        structure.positions[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        structure.node["e"][0] = 1
    with pytest.raises(TypeError):
        structure.graph["t"] = 2.0
    with pytest.raises(FrozenInstanceError):
        structure.charge = 1


def test_copies_pickles_and_replacements_are_equal():
    structure = random_structure(np.random.default_rng(0), 5, periodic=True)
    assert_same(structure, copy.deepcopy(structure))
    assert_same(structure, pickle.loads(pickle.dumps(structure)))
    assert_same(structure, replace(structure))
    assert replace(structure, graph=None).graph == {}


def test_coincident_atoms_and_single_atoms_are_structures():
    assert Structure(np.zeros((2, 3)), [1, 1]).n_atoms == 2
    assert Structure([[0, 0, 0]], ["He"]).n_atoms == 1


def test_a_slab_may_lack_the_vector_that_does_not_repeat():
    slab = Structure([[0, 0, 0]], [1], cell=[[2, 0, 0], [0, 2, 0], [0, 0, 0]], pbc=[True, True, False])
    assert slab.cell[2].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"positions": np.zeros((0, 3)), "numbers": []}, StructureError, "numbers is empty"),
        ({"positions": [[0, 0, np.nan], [0, 0, 0]]}, StructureError, r"got \[0.0, 0.0, nan\] for atom 0"),
        ({"positions": [[0, 0, 0], [np.inf, 0, 0]]}, StructureError, "for atom 1"),
        ({"positions": np.zeros((3, 3))}, ShapeError, r"shape \(2, 3\) for 2 atomic numbers, got \(3, 3\)"),
        ({"positions": [[0, 0, 0], [0]]}, ShapeError, "positions have shape"),
        ({"numbers": ["C", "Xx"]}, StructureError, "atom 1 has the unknown element symbol 'Xx'"),
        ({"numbers": ["C", 1.5]}, StructureError, "atom 1 has the unknown element symbol '1.5'"),
        ({"numbers": [6, 119]}, StructureError, "got 119 for atom 1"),
        ({"numbers": [6, -1]}, StructureError, "got -1 for atom 1"),
        ({"numbers": "CO"}, StructureError, "got the string 'CO'"),
        ({"numbers": [[6], [6]]}, ShapeError, r"numbers have shape \(n,\)"),
        ({"pbc": True}, StructureError, "pbc is true but cell is None"),
        ({"pbc": [True, False]}, ShapeError, "pbc is one bool or three"),
        ({"cell": np.eye(2)}, ShapeError, r"cell has shape \(3, 3\), got \(2, 2\)"),
        ({"cell": "cube"}, ShapeError, "cell has shape"),
        ({"cell": np.zeros((3, 3))}, StructureError, "zero volume"),
        ({"cell": np.diag([1, 1, 0]), "pbc": True}, StructureError, "cell vector 2 is zero but periodic"),
        ({"cell": [[1, 0, 0], [2, 0, 0], [0, 0, 1]], "pbc": True}, StructureError, "zero volume"),
        ({"cell": np.full((3, 3), np.nan)}, StructureError, "cell is finite"),
        ({"charge": 0.5}, StructureError, "charge is a whole number"),
        ({"charge": "plus"}, StructureError, "charge is a whole number"),
        ({"charge": np.nan}, StructureError, "charge is a whole number"),
        ({"node": {"q": [1.0]}}, ShapeError, r"node\['q'\] has a first axis of 2, got shape \(1,\)"),
        ({"node": {"q": 1.0}}, ShapeError, "first axis of 2"),
        ({"node": {3: [1.0, 2.0]}}, InputError, "names are strings"),
        ({"node": [1.0]}, InputError, "node is a mapping"),
        ({"graph": {"e": {}}}, InputError, r"graph\['e'\] is an array of numbers"),
        ({"graph": {"e": [[1], [1, 2]]}}, InputError, r"graph\['e'\] is an array of numbers"),
        ({"edge": {"type": [1]}}, InputError, '"index"'),
        ({"edge": {"index": [[0], [2]]}}, StructureError, "numbers atoms from 0 to 1, got 0 to 2"),
        ({"edge": {"index": [[0, 1], [1, 0]]}}, StructureError, "each bond once and none to itself, got 0-1"),
        ({"edge": {"index": [[1], [1]]}}, StructureError, "got 1-1"),
        ({"edge": {"index": [0, 1]}}, ShapeError, r"has shape \(2, b\)"),
        ({"edge": {"index": [[0.0], [1.0]]}}, ShapeError, "of integers"),
        ({"edge": {"index": [[0], [1]], "type": [1, 2]}}, ShapeError, r"edge\['type'\] has a first axis of 1"),
    ],
)
def test_wrong_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        Structure(**({"positions": [[0, 0, 0], [1, 0, 0]], "numbers": [6, 8]} | arguments))


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(2, 9), min_size=1, max_size=8), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_set_holds_its_structures_under_any_choice(sizes, seed, data):
    rng = np.random.default_rng(seed)
    members = [random_structure(rng, n, periodic=bool(rng.integers(2))) for n in sizes]
    packed = StructureSet.from_structures(members)
    assert len(packed) == len(members)
    for one, other in zip(packed, members, strict=True):
        assert_same(one, other)
    choice = data.draw(st.lists(st.integers(-len(sizes), len(sizes) - 1), max_size=10))
    chosen = packed[np.array(choice, dtype=int)]
    again = chosen[::-1]
    expected = [members[i] for i in choice][::-1]
    assert again.sizes.tolist() == [s.n_atoms for s in expected]
    for one, other in zip(again, expected, strict=True):
        assert_same(one, other)
    if expected:
        np.testing.assert_array_equal(again.graph["energy"], [s.graph["energy"] for s in expected])
        np.testing.assert_array_equal(again.node["dipole"], np.concatenate([s.node["dipole"] for s in expected]))
        np.testing.assert_array_equal(again.numbers, np.concatenate([s.numbers for s in expected]))
        positions, numbers, chosen_sizes = again.gather([0, -1])
        np.testing.assert_array_equal(positions, np.concatenate([expected[0].positions, expected[-1].positions]))
        np.testing.assert_array_equal(numbers, np.concatenate([expected[0].numbers, expected[-1].numbers]))
        assert chosen_sizes.tolist() == [expected[0].n_atoms, expected[-1].n_atoms]


def test_a_set_is_a_sequence_with_bool_masks_and_errors():
    rng = np.random.default_rng(0)
    packed = StructureSet.from_structures([random_structure(rng, n) for n in (2, 3, 4)])
    assert packed[np.array([True, False, True])].sizes.tolist() == [2, 4]
    assert packed[1:].sizes.tolist() == [3, 4]
    assert packed[-1].n_atoms == packed[np.int64(2)].n_atoms == 4
    assert "3 structures, 9 atoms" in repr(packed)
    with pytest.raises(IndexError, match="structure 3 of a set of 3"):
        packed[3]
    with pytest.raises(InputError, match="cannot choose from 3 structures"):
        packed[[0, 5]]
    with pytest.raises(InputError, match="indexed by an int, a slice"):
        packed[[[0, 1]]]
    with pytest.raises(KeyError, match="'gap' is not there"):
        packed.graph["gap"]


def test_memory_mapped_arrays_stay_on_disk(tmp_path):
    np.save(tmp_path / "positions.npy", np.arange(15.0).reshape(5, 3))
    positions = np.load(tmp_path / "positions.npy", mmap_mode="r")
    packed = StructureSet(positions, np.array([1, 1, 6, 1, 8]), np.array([0, 2, 5]), graph={"u": np.array([1.0, 2.0])})
    for view in (packed[0].positions, packed[1:][0].positions):
        assert np.shares_memory(view, positions)
        assert not view.flags.writeable
    assert packed[[1, 0]].gather()[0].flags.writeable
    np.testing.assert_array_equal(packed[1].positions, positions[2:])
    assert packed[1].graph["u"] == 2.0
    assert packed[0].cell is None


def test_sets_survive_pickling_and_are_read_only():
    packed = StructureSet.from_structures([random_structure(np.random.default_rng(0), 3)] * 2)[[1]]
    assert_same(pickle.loads(pickle.dumps(packed))[0], packed[0])
    with pytest.raises(ValueError, match="read-only"):
        packed.graph["energy"][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        packed[0].positions[0] = 1


def test_molecules_without_conformers_pack_too():
    packed = StructureSet.from_structures([Structure.from_smiles("CCO"), Structure.from_smiles("C=O")])
    assert not packed.has_positions
    assert packed.gather()[0] is None
    assert packed[1].bonds.tolist() == [[0], [1]]
    assert packed[1].positions is None


def test_structures_that_differ_in_their_arrays_are_told_apart():
    bare = Structure([[0, 0, 0]], [1])
    energy = Structure([[0, 0, 0]], [1], graph={"energy": 1.0})
    with pytest.raises(StructureError, match=r"structures\[1\] lacks graph\['energy'\], which structures\[0\] has"):
        StructureSet.from_structures([energy, bare])
    with pytest.raises(StructureError, match=r"structures\[0\] lacks graph\['energy'\], which structures\[2\] has"):
        StructureSet.from_structures([bare, bare, energy])
    with pytest.raises(
        ShapeError, match=r"structures\[1\].graph\['energy'\] has shape \(2,\), that of structures\[0\]"
    ):
        StructureSet.from_structures([energy, replace(energy, graph={"energy": [1.0, 2.0]})])
    with pytest.raises(StructureError, match=r"structures\[1\] has no positions"):
        StructureSet.from_structures([bare, replace(bare, positions=None)])
    with pytest.raises(StructureError, match="list of structures is empty"):
        StructureSet.from_structures([])
    with pytest.raises(InputError, match=r"structures\[1\] is a str, not a Structure"):
        StructureSet.from_structures([bare, "CCO"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": np.zeros((4, 3))}, "positions has shape"),
        ({"offsets": [0, 2]}, "offsets is"),
        ({"offsets": [0, 3, 2, 3]}, "offsets is"),
        ({"node": {"q": np.zeros(2)}}, "node"),
        ({"graph": {"u": np.zeros(3)}}, "graph"),
        ({"charge": np.zeros(3)}, "charge has shape"),
        ({"edge": {"type": np.zeros(1)}}, "edge needs"),
    ],
)
def test_packed_arrays_that_do_not_fit_are_named(changes, message):
    arrays = {"positions": np.zeros((3, 3)), "numbers": np.ones(3, int), "offsets": [0, 2, 3]}
    with pytest.raises(ShapeError, match=message):
        StructureSet(**(arrays | changes))


def test_importing_the_room_loads_none_of_the_extras():
    import subprocess
    import sys

    code = (
        "import sys; from erlangen.structures import Structure, StructureSet; Structure([[0,0,0]], ['H']);"
        "print([m for m in ('torch', 'rdkit', 'ase', 'vesin', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
