"""SMILES, RDKit and the molecular graph of slide 14, to the digit."""

import numpy as np
import pytest
from rdkit import Chem

from erlangen.errors import InputError, StructureError
from erlangen.structures import Structure, molecular_graph

CAFFEINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"
# Slide 14: atomic number, neighbours, hydrogens, formal charge, mass, in a ring.
ATOMS = [
    ("C", 6, 4, 3, 0, 12.011, 0), ("N", 7, 3, 0, 0, 14.007, 1), ("C", 6, 3, 1, 0, 12.011, 1),
    ("N", 7, 2, 0, 0, 14.007, 1), ("C", 6, 3, 0, 0, 12.011, 1), ("C", 6, 3, 0, 0, 12.011, 1),
    ("C", 6, 3, 0, 0, 12.011, 1), ("O", 8, 1, 0, 0, 15.999, 0), ("N", 7, 3, 0, 0, 14.007, 1),
    ("C", 6, 3, 0, 0, 12.011, 1), ("O", 8, 1, 0, 0, 15.999, 0), ("N", 7, 3, 0, 0, 14.007, 1),
    ("C", 6, 4, 3, 0, 12.011, 0), ("C", 6, 4, 3, 0, 12.011, 0),
]  # fmt: skip
# Atom, atom (from 1), type, stereo.
BONDS = [
    (1, 2, 1, 0), (2, 3, 12, 0), (3, 4, 12, 0), (4, 5, 12, 0), (5, 6, 12, 0), (6, 7, 12, 0), (7, 8, 2, 0),
    (7, 9, 12, 0), (9, 10, 12, 0), (10, 11, 2, 0), (10, 12, 12, 0), (12, 13, 1, 0), (9, 14, 1, 0), (6, 2, 12, 0),
    (12, 5, 12, 0),
]  # fmt: skip

MOLECULES = [
    CAFFEINE, "C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "F/C=C/F", "F/C=C\\F", "[NH4+]", "C[N+](C)(C)CC(=O)[O-]",
    "[O-][N+](=O)c1ccccc1", "c1cc[nH]c1", "C#N", "[Na+].[Cl-]", "CS(=O)(=O)C", "O=C1C=CC(=O)C=C1", "C",
]  # fmt: skip


@pytest.mark.parametrize("make", [str, Structure.from_smiles, Chem.MolFromSmiles], ids=["smiles", "structure", "mol"])
def test_caffeine_is_the_table_of_the_deck(make):
    graph = molecular_graph(make(CAFFEINE))
    assert graph.symbols == [row[0] for row in ATOMS]
    np.testing.assert_array_equal(graph.node_features, [row[1:] for row in ATOMS])
    np.testing.assert_array_equal(graph.edge_index.T + 1, [row[:2] for row in BONDS])
    np.testing.assert_array_equal(graph.edge_features, [row[2:] for row in BONDS])
    assert graph.node_features.shape == (14, 6)
    assert graph.edge_features.shape == (15, 2)


def test_a_conformer_has_the_same_heavy_atom_graph_and_with_hydrogens_all_atoms():
    structure = Structure.from_smiles(CAFFEINE, conformer=True)
    assert structure.n_atoms == 24
    heavy, full = molecular_graph(structure), molecular_graph(structure, hydrogens=True)
    np.testing.assert_array_equal(heavy.node_features, [row[1:] for row in ATOMS])
    np.testing.assert_array_equal(heavy.edge_index.T + 1, [row[:2] for row in BONDS])
    assert full.node_features.shape == (24, 6)
    np.testing.assert_array_equal(full.node_features[:14], heavy.node_features)
    np.testing.assert_array_equal(molecular_graph(CAFFEINE, hydrogens=True).node_features, full.node_features)


def test_the_graph_from_bare_positions_finds_the_same_atoms():
    conformer = Structure.from_smiles(CAFFEINE, conformer=True)
    bare = Structure(conformer.positions, conformer.numbers)
    np.testing.assert_array_equal(molecular_graph(bare).node_features, [row[1:] for row in ATOMS])


def test_a_printed_graph_shows_every_row():
    lines = str(molecular_graph(CAFFEINE)).splitlines()
    assert len(lines) == 1 + 14 + 1 + 1 + 15
    assert lines[1].split() == ["1", "C", "6", "4", "3", "0", "12.011", "0"]
    assert lines[-1].split() == ["15", "12-5", "12", "0"]


@pytest.mark.parametrize("conformer", [False, True])
@pytest.mark.parametrize("smiles", MOLECULES)
def test_molecules_come_back_from_rdkit_with_charges_and_stereo(smiles, conformer):
    structure = Structure.from_smiles(smiles, conformer=conformer)
    back = structure.to_rdkit()
    assert Chem.MolToSmiles(Chem.RemoveHs(back)) == Chem.CanonSmiles(smiles)
    assert structure.charge == Chem.GetFormalCharge(back)
    again = Structure.from_rdkit(back)
    np.testing.assert_array_equal(again.bonds, structure.bonds)
    for name in structure.node:
        np.testing.assert_array_equal(again.node[name], structure.node[name])
    for name in structure.edge:
        np.testing.assert_array_equal(again.edge[name], structure.edge[name])
    if conformer:
        np.testing.assert_array_equal(again.positions, structure.positions)


def test_hydrogens_come_with_a_conformer_or_when_asked_for():
    assert Structure.from_smiles("CCO").n_atoms == 3
    assert not Structure.from_smiles("CCO").has_positions
    assert Structure.from_smiles("CCO", hydrogens=True).n_atoms == 9
    assert not Structure.from_smiles("CCO", hydrogens=True).has_positions
    assert Structure.from_smiles("CCO", conformer=True).n_atoms == 9


def test_conformers_follow_the_seed_and_are_reasonable():
    one, same, other = (Structure.from_smiles("CCCCO", conformer=True, random_state=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.positions, same.positions)
    assert np.abs(one.positions - other.positions).max() > 0.01
    lengths = np.linalg.norm(one.positions[one.bonds[0]] - one.positions[one.bonds[1]], axis=1)
    assert (lengths > 0.9).all()
    assert (lengths < 1.6).all()


def test_bonds_from_geometry_need_a_charge_that_fits():
    ammonium = Structure.from_smiles("[NH4+]", conformer=True)
    charged = Structure(ammonium.positions, ammonium.numbers, charge=1)
    assert Chem.MolToSmiles(Chem.RemoveHs(charged.to_rdkit())) == "[NH4+]"
    with pytest.raises(StructureError, match=r"RDKit refuses H4N with charge \+3: .*charge"):
        Structure(ammonium.positions, ammonium.numbers, charge=3).to_rdkit()


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("CN1C(", "while parsing"),
        ("C(C)(C)(C)(C)C", "Explicit valence"),
        ("c1cccc1", "kekulize"),
        ("Xy", "while parsing"),
        ("", "holds no atoms"),
    ],
)
@pytest.mark.parametrize("use", [Structure.from_smiles, molecular_graph])
def test_broken_smiles_give_the_reason_of_rdkit_in_one_line(smiles, reason, use, capfd):
    with pytest.raises(StructureError, match=reason) as caught:
        use(smiles)
    assert repr(smiles) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_what_is_no_molecule_is_named():
    with pytest.raises(InputError, match="smiles is a string"):
        Structure.from_smiles(3)
    with pytest.raises(InputError, match="molecule is a Structure, a SMILES string or an RDKit molecule, got int"):
        molecular_graph(3)
    with pytest.raises(StructureError, match="neither bonds nor positions"):
        Structure(None, [6]).to_rdkit()
    with pytest.raises(StructureError, match=r'no edge\["type"\]'):
        Structure(None, [6, 6], edge={"index": [[0], [1]]}).to_rdkit()
    with pytest.raises(StructureError, match="no RDKit bond type"):
        Structure(None, [6, 6], edge={"index": [[0], [1]], "type": [99]}).to_rdkit()
    with pytest.raises(StructureError, match="RDKit refuses"):
        molecular_graph(Chem.MolFromSmiles("C(C)(C)(C)(C)C", sanitize=False))


def test_a_drawing_in_the_plane_is_no_geometry():
    mol = Chem.MolFromSmiles("CCO")
    Chem.rdDepictor.Compute2DCoords(mol)
    assert not Structure.from_rdkit(mol).has_positions
