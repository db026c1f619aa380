"""The molecular graph of slide 14: six numbers an atom, two a bond."""

from dataclasses import dataclass

import numpy as np

from erlangen.errors import InputError, StructureError, require
from erlangen.structures.molecules import one_line, parse_smiles, rdkit_log, to_rdkit
from erlangen.structures.structure import Structure

NODE_COLUMNS = ("atomic_number", "neighbors", "hydrogens", "formal_charge", "mass", "in_ring")
EDGE_COLUMNS = ("type", "stereo")


@dataclass(frozen=True, eq=False)
class MolecularGraph:
    """Atoms and bonds of a molecule with their chemical features.

    Attributes
    ----------
    node_features : (n, 6) float64
        Columns ``node_columns``: atomic number, directly bonded neighbours (hydrogens counted), hydrogens, formal
        charge in e, mass in atomic mass units, in a ring (0 or 1).
    edge_index : (2, b) int64
        Each bond once, in the order of the molecule.
    edge_features : (b, 2) int64
        Columns ``edge_columns``: type (1 single, 2 double, 3 triple, 12 aromatic) and stereo, both in RDKit's codes.
    symbols : list of str
        Elements.
    """

    node_features: np.ndarray
    edge_index: np.ndarray
    edge_features: np.ndarray
    symbols: list[str]
    node_columns: tuple[str, ...] = NODE_COLUMNS
    edge_columns: tuple[str, ...] = EDGE_COLUMNS

    def __str__(self) -> str:
        atoms = [("atom", "element", *self.node_columns)]
        for a, (symbol, features) in enumerate(zip(self.symbols, self.node_features, strict=True)):
            whole = [f"{value:.3f}" if name == "mass" else f"{value:.0f}" for name, value in self._named(features)]
            atoms.append((str(a + 1), symbol, *whole))
        bonds = [("bond", "atoms", *self.edge_columns)]
        for b, ((first, second), features) in enumerate(zip(self.edge_index.T, self.edge_features, strict=True)):
            bonds.append((str(b + 1), f"{first + 1}-{second + 1}", *(str(value) for value in features)))
        return _table(atoms) + "\n\n" + _table(bonds)

    def _named(self, features):
        return zip(self.node_columns, features, strict=True)


def molecular_graph(molecule, hydrogens: bool = False) -> MolecularGraph:
    """Return the chemical graph of a molecule.

    Parameters
    ----------
    molecule : Structure, SMILES string or rdkit.Chem.Mol
        A structure without bonds gets those that fit its geometry and charge.
    hydrogens : bool
        Whether hydrogens are atoms of the graph; otherwise they are only counted.

    Raises
    ------
    StructureError
        If RDKit refuses the molecule, for a broken SMILES or impossible charge.

    References
    ----------
    Slide 14 of "Geometry and machine learning: a short intro" (I. Takigawa, 2022).

    Examples
    --------
    >>> print(molecular_graph("C=O"))
    atom  element  atomic_number  neighbors  hydrogens  formal_charge    mass  in_ring
       1        C              6          3          2              0  12.011        0
       2        O              8          1          0              0  15.999        0
    <BLANKLINE>
    bond  atoms  type  stereo
       1    1-2     2       0
    """
    mol = _with_hydrogens(_rdkit_molecule(molecule), hydrogens)
    atoms, bonds = list(mol.GetAtoms()), list(mol.GetBonds())
    node_features = [
        (
            atom.GetAtomicNum(),
            atom.GetTotalDegree(),
            atom.GetTotalNumHs(includeNeighbors=True),
            atom.GetFormalCharge(),
            atom.GetMass(),
            atom.IsInRing(),
        )
        for atom in atoms
    ]
    edge_index = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in bonds]
    edge_features = [(int(bond.GetBondType()), int(bond.GetStereo())) for bond in bonds]
    return MolecularGraph(
        node_features=np.array(node_features, dtype=np.float64),
        edge_index=np.array(edge_index, dtype=np.int64).reshape(-1, 2).T.copy(),
        edge_features=np.array(edge_features, dtype=np.int64).reshape(-1, 2),
        symbols=[atom.GetSymbol() for atom in atoms],
    )


def _rdkit_molecule(molecule):
    if isinstance(molecule, str):
        return parse_smiles(molecule)
    if isinstance(molecule, Structure):
        return to_rdkit(molecule)
    Chem = require("rdkit.Chem", "molecules")
    if not isinstance(molecule, Chem.Mol):
        raise InputError(
            f"molecule is a Structure, a SMILES string or an RDKit molecule, got {type(molecule).__name__}"
        )
    mol = Chem.Mol(molecule)
    with rdkit_log():
        try:
            Chem.SanitizeMol(mol)
        except ValueError as error:
            raise StructureError(f"RDKit refuses the molecule: {one_line(str(error))}") from None
    return mol


def _with_hydrogens(mol, hydrogens: bool):
    Chem = require("rdkit.Chem", "molecules")
    with rdkit_log():
        return Chem.AddHs(mol) if hydrogens else Chem.RemoveHs(mol)


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
