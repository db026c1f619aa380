"""Files give back what went in; broken ones say where."""

import os

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rdkit import Chem

from erlangen.errors import FileFormatError, InputError, OutputError, StructureError
from erlangen.structures import Structure, read_structures, write_structures


def molecular_smiles(structure):
    return Chem.MolToSmiles(Chem.RemoveHs(structure.to_rdkit()))


floats = st.floats(allow_nan=True, allow_infinity=True, width=64)
finite = st.floats(-1e6, 1e6)
names = st.sampled_from(["energy", "U0", "forces", "dipole", "magmom", "free_energy", "a-b", "charges", "T"])
values = st.one_of(
    floats, st.integers(-(2**62), 2**62), st.booleans(), st.text(max_size=12).map(lambda t: t.replace("\0", "")),
    arrays.arrays(np.float64, arrays.array_shapes(min_dims=1, max_dims=3, max_side=9), elements=floats),
    arrays.arrays(np.int64, st.integers(1, 9), elements=st.integers(-9, 9)),
    arrays.arrays(np.bool_, st.integers(1, 9)),
)  # fmt: skip


def same_array(one, other):
    assert one.dtype.kind == other.dtype.kind
    assert one.shape == other.shape
    if one.dtype.kind == "f":
        # Bit for bit, the sign of a zero included.
        np.testing.assert_array_equal(np.signbit(one[~np.isnan(one)]), np.signbit(other[~np.isnan(other)]))
    np.testing.assert_array_equal(one, other)


def same(one, other):
    for name in ("positions", "numbers", "pbc"):
        same_array(getattr(one, name), getattr(other, name))
    assert one.charge == other.charge
    assert (one.cell is None) == (other.cell is None)
    if one.cell is not None:
        same_array(one.cell, other.cell)
    for kind in ("node", "edge", "graph"):
        ours, theirs = getattr(one, kind), getattr(other, kind)
        assert ours.keys() == theirs.keys()
        for name in ours:
            same_array(ours[name], theirs[name])


@settings(max_examples=80, deadline=None)
@given(
    n=st.integers(1, 5),
    charge=st.integers(-2, 2),
    seed=st.integers(0, 2**32 - 1),
    graph=st.dictionaries(names, values, max_size=4),
    periodic=st.booleans(),
    data=st.data(),
)
def test_extxyz_brings_everything_back_exactly(tmp_path_factory, n, charge, seed, graph, periodic, data):
    rng = np.random.default_rng(seed)
    node = {
        name: data.draw(arrays.arrays(dtype, (n, *shape), elements=elements))
        for name, dtype, shape, elements in [
            ("forces", np.float64, (3,), floats), ("charges", np.float64, (), floats),
            ("column", np.float64, (1,), finite), ("polar", np.float64, (2, 3), finite),
            ("fixed", np.bool_, (2,), None),
            ("kind", np.int64, (), None),
        ]
    }  # fmt: skip
    structure = Structure(
        data.draw(arrays.arrays(np.float64, (n, 3), elements=finite)),
        rng.integers(0, 119, n),
        cell=rng.normal(size=(3, 3)) + 5 * np.eye(3) if periodic else None,
        pbc=rng.random(3) < 0.5 if periodic else False,
        charge=charge,
        node=node,
        edge={"index": np.stack([np.arange(n - 1), np.arange(1, n)]), "w": rng.normal(size=n - 1)} if n > 1 else None,
        graph=graph | {"stress": rng.normal(size=(3, 3))},
    )
    path = tmp_path_factory.mktemp("xyz") / "a.extxyz"
    write_structures(path, [structure, structure])
    first, second = read_structures(path)
    same(structure, first)
    same(structure, second)


def test_extxyz_is_read_by_ase_and_ase_is_read_back(tmp_path):
    import ase.io

    structure = Structure(
        [[0, 0, 0.1], [1, 2, 3]], ["O", "H"], cell=[[4, 0, 0], [1, 5, 0], [0, 0.5, 6]], pbc=[True, True, False],
        node={"forces": [[1, 2, 3], [4, 5, 6.5]], "tag": [1, 2]},
        graph={"energy": -1.25, "smiles": "[OH]", "d": [1.0, 2.0, 3.0], "stress": [[1.0, 2, 3], [2, 5, 6], [3, 6, 9]]},
    )  # fmt: skip
    write_structures(tmp_path / "ours.extxyz", structure)
    atoms = ase.io.read(tmp_path / "ours.extxyz")
    np.testing.assert_array_equal(atoms.positions, structure.positions)
    np.testing.assert_array_equal(atoms.cell, structure.cell)
    np.testing.assert_array_equal(atoms.get_forces(), structure.node["forces"])
    assert atoms.get_potential_energy() == -1.25
    assert atoms.info["smiles"] == "[OH]"
    same(Structure.from_ase(atoms), structure)
    ase.io.write(tmp_path / "theirs.extxyz", atoms)
    (back,) = read_structures(tmp_path / "theirs.extxyz")
    np.testing.assert_allclose(back.positions, structure.positions, atol=1e-8)
    np.testing.assert_array_equal(back.cell, structure.cell)
    np.testing.assert_array_equal(back.node["tag"], [1, 2])
    assert back.graph["energy"] == -1.25


def test_ase_atoms_round_trip():
    structure = Structure(
        [[0, 0, 0.1], [1, 2, 3]], ["O", "H"], cell=np.eye(3) * 4, pbc=[True, True, False], charge=-1,
        node={"q": [0.1, 0.2]}, graph={"energy": -1.0, "name": "x", "tensor": np.eye(3)},
    )  # fmt: skip
    same(Structure.from_ase(structure.to_ase()), structure)
    atoms = Atoms("HH", [[0, 0, 0], [0, 0, 1]], info={"calculator": object()})
    atoms.calc = SinglePointCalculator(atoms, energy=-3.0, forces=np.ones((2, 3)))
    converted = Structure.from_ase(atoms)
    assert converted.graph["energy"] == -3.0
    assert converted.node["forces"].shape == (2, 3)
    assert converted.cell is None


def test_plain_xyz_with_any_comment_and_further_columns(tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text('2\nwater = "half\nO 0 0 0 0.3\nH 0 0 1e0 -0.1\n\n1\n\n2 0 0 0\n')
    first, second = read_structures(path)
    assert first.symbols == ["O", "H"]
    assert second.symbols == ["He"]
    assert not first.graph


@pytest.mark.parametrize("smiles", ["CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C[C@H](N)C(=O)O", "F/C=C/F", "C[N+](C)(C)C"])
@pytest.mark.parametrize("conformer", [False, True])
def test_sdf_keeps_bonds_charges_and_properties(tmp_path, smiles, conformer):
    from dataclasses import replace

    molecule = replace(
        Structure.from_smiles(smiles, conformer=conformer), graph={"gap": 6.5, "d": [1.0, 2.0], "tag": "a b"}
    )
    write_structures(tmp_path / "a.sdf", [molecule, molecule])
    _, back = read_structures(tmp_path / "a.sdf")
    assert back.charge == molecule.charge
    assert back.graph["gap"] == 6.5
    assert back.graph["d"].tolist() == [1.0, 2.0]
    assert back.graph["tag"] == "a b"
    np.testing.assert_array_equal(np.sort(back.bonds, axis=0), np.sort(molecule.bonds, axis=0))
    np.testing.assert_array_equal(molecular_smiles(back), molecular_smiles(molecule))
    np.testing.assert_array_equal(back.edge["type"], molecule.edge["type"])
    np.testing.assert_array_equal(back.node["hydrogens"], molecule.node["hydrogens"])
    assert back.has_positions == conformer
    if conformer:
        np.testing.assert_allclose(back.positions, molecule.positions, atol=6e-5)


def test_cif_and_pdb_keep_atoms_and_cell(tmp_path):
    crystal = Structure.from_ase(bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    for ending, tolerance in (("cif", 1e-3), ("pdb", 1e-2)):
        (back,) = read_structures(write_structures(tmp_path / f"salt.{ending}", crystal))
        assert back.symbols == crystal.symbols
        np.testing.assert_allclose(back.cell, crystal.cell, atol=tolerance)
        np.testing.assert_allclose(back.positions, crystal.positions, atol=tolerance)
        assert back.pbc.all()


EXTENDED = "1\nProperties=species:S:1:pos:R:3 {}\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xyz", "3\n\nH 0 0 0\nH 0 0 1\n", "line 1: says 3 atoms but only 2 follow: the file is cut short"),
        ("a.xyz", "1\n\nH 0 0 0\n2\n", "line 4: says 2 atoms but only 0 follow"),
        ("a.xyz", "1\n\nH 0 0\n", "line 3: expected 4 columns, got 3"),
        ("a.xyz", "1\n\nH 0 zero 0\n", "line 3: '0 zero 0' is not what its column promises"),
        ("a.xyz", "1\n\nQq 0 0 0\n", "structure from line 1: numbers: atom 0 has the unknown element symbol 'Qq'"),
        ("a.xyz", "1\n\nH 0 nan 0\n", r"structure from line 1: positions are finite, got \[0.0, nan, 0.0\] for atom 0"),
        ("a.xyz", "water\n", "line 1: expected a number of atoms, got 'water'"),
        ("a.xyz", "0\n\n", "line 1: expected a number of atoms, got '0'"),
        ("a.xyz", "", "holds no structure"),
        ("a.xyz", b"\xff\xfe\x00", "cannot be read as text"),
        ("a.xyz", EXTENDED.format('Lattice="1 0 0"') + "H 0 0 0\n", "line 2: the comment line is broken"),
        ("a.xyz", EXTENDED.format('Lattice="1 0 0 2 0 0 0 0 1"') + "H 0 0 0\n", "cell has zero volume"),
        ("a.xyz", EXTENDED.format("charge=0.5") + "H 0 0 0\n", "charge is a whole number"),
        ("a.xyz", EXTENDED.format("pbc=T") + "H 0 0 0\n", "pbc is true but cell is None"),
        ("a.xyz", EXTENDED.format("edge=3 node_shapes=4") + "H 0 0 0\n", "a.xyz, the structure from line 1"),
        ("a.xyz", "1\nProperties=species:S\nH 0 0 0\n", "Properties=species:S is broken"),
        ("a.xyz", "1\nProperties=species:S:1\nH\n", "species and pos are needed"),
        ("a.xyz", EXTENDED.format("") + "H 0 0 0 0\n", "line 3: expected 4 columns, got 5"),
        ("a.sdf", "nonsense\n", "record 1"),
        ("a.cif", "nonsense\n", "cif"),
        ("a.pdb", "", "holds no structure"),
    ],
)
def test_broken_files_say_where(tmp_path, name, text, message, capfd):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(FileFormatError, match=message) as caught:
        read_structures(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_every_cut_of_a_file_is_refused_or_whole(tmp_path):
    structures = [Structure.from_smiles(s, conformer=True) for s in ("CO", "C")]
    whole = write_structures(tmp_path / "a.xyz", structures).read_text()
    for length in range(1, len(whole) - 1, 7):
        (tmp_path / "cut.xyz").write_text(whole[:length])
        try:
            read = read_structures(tmp_path / "cut.xyz")
        except FileFormatError:
            continue
        assert len(read) < 2 or read[1].n_atoms == 5


def test_a_molecule_that_rdkit_refuses_in_an_sdf_is_named(tmp_path):
    good = write_structures(tmp_path / "a.sdf", Structure.from_smiles("CC", conformer=True)).read_text()
    bad = good.replace("  1  2  1  0", "  1  2  3  0")
    (tmp_path / "b.sdf").write_text(good + bad)
    with pytest.raises(FileFormatError, match=r"b\.sdf: record 2 is refused by RDKit: Explicit valence"):
        read_structures(tmp_path / "b.sdf")


def test_wrong_requests_are_named(tmp_path):
    atom = Structure([[0, 0, 0]], ["He"])
    with pytest.raises(InputError, match="there is no such file"):
        read_structures(tmp_path / "missing.xyz")
    with pytest.raises(InputError, match="format 'docx' is unknown"):
        read_structures(tmp_path / "a.docx")
    with pytest.raises(StructureError, match="list of structures is empty"):
        write_structures(tmp_path / "a.xyz", [])
    with pytest.raises(StructureError, match="has no cell, which cif needs"):
        write_structures(tmp_path / "a.cif", atom)
    with pytest.raises(StructureError, match="has no positions, which xyz needs"):
        write_structures(tmp_path / "a.xyz", Structure.from_smiles("C"))
    with pytest.raises(StructureError, match=r"extxyz keeps that name for a \(3, 3\) matrix"):
        write_structures(tmp_path / "a.xyz", Structure([[0, 0, 0]], ["He"], graph={"stress": 1.0}))
    for name in ("Lattice", "pbc", "with space", "edge"):
        with pytest.raises(StructureError, match="extxyz has no place for that name"):
            write_structures(tmp_path / "a.xyz", Structure([[0, 0, 0]], ["He"], graph={name: 1.0}))
    for values in (["a b"], [1j], np.zeros((1, 0))):
        with pytest.raises(StructureError, match="extxyz has no column"):
            write_structures(tmp_path / "a.xyz", Structure([[0, 0, 0]], ["He"], node={"x": values}))
    assert not list(tmp_path.iterdir())
    assert read_structures(write_structures(tmp_path / "a.data", atom, format="xyz"), format="xyz")[0].symbols == ["He"]


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = write_structures(tmp_path / "a.xyz", Structure([[0, 0, 0]], ["He"]))
    before = path.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_structures(path, Structure([[0, 0, 0]], ["Ne"]))
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.xyz"]
