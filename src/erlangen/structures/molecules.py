"""Molecules through RDKit: SMILES, conformers, bonds; its complaints become our one-line errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from erlangen.arrays import generator
from erlangen.errors import InputError, StructureError, require
from erlangen.structures.structure import Structure


def parse_smiles(smiles: str):
    """Return the RDKit molecule of a SMILES string as RDKit parses it: hydrogens implicit.

    Raises
    ------
    StructureError
        If RDKit refuses it; the message holds RDKit's reason.
    """
    if not isinstance(smiles, str):
        raise InputError(f"smiles is a string, got {type(smiles).__name__}")
    from_smiles = require("rdkit.Chem", "molecules").MolFromSmiles
    with rdkit_log() as log:
        mol = from_smiles(smiles)
    if mol is None:
        raise StructureError(f"smiles {smiles!r} is refused by RDKit: {log.reason}")
    if mol.GetNumAtoms() == 0:
        raise StructureError(f"smiles {smiles!r} holds no atoms")
    return mol


def from_smiles(smiles: str, conformer: bool = False, random_state=0, hydrogens: bool = False) -> Structure:
    """Build a structure from SMILES; see `Structure.from_smiles`."""
    mol = parse_smiles(smiles)
    if not (conformer or hydrogens):
        return from_rdkit(mol)
    mol = require("rdkit.Chem", "molecules").AddHs(mol)
    if conformer:
        _embed(mol, smiles, int(generator(random_state).integers(2**31 - 1)))
    return from_rdkit(mol)


def from_rdkit(mol) -> Structure:
    """Build a structure from an RDKit molecule; see `Structure.from_rdkit`."""
    atoms, bonds = list(mol.GetAtoms()), list(mol.GetBonds())
    conformer = mol.GetConformer() if mol.GetNumConformers() else None
    with rdkit_log():
        mol.UpdatePropertyCache(strict=False)
    return Structure(
        # A drawing in the plane is no geometry.
        positions=conformer.GetPositions() if conformer is not None and conformer.Is3D() else None,
        numbers=[atom.GetAtomicNum() for atom in atoms],
        charge=sum(atom.GetFormalCharge() for atom in atoms),
        node={
            "formal_charge": [atom.GetFormalCharge() for atom in atoms],
            "hydrogens": [atom.GetTotalNumHs(includeNeighbors=True) for atom in atoms],
            "chirality": [int(atom.GetChiralTag()) for atom in atoms],
        },
        edge={
            "index": np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in bonds], dtype=int).reshape(-1, 2).T,
            "type": np.array([int(bond.GetBondType()) for bond in bonds], dtype=int),
            "stereo": np.array([int(bond.GetStereo()) for bond in bonds], dtype=int),
        },
    )


def to_rdkit(structure: Structure):
    """Return the RDKit molecule of a structure; see `Structure.to_rdkit`."""
    Chem = require("rdkit.Chem", "molecules")
    editable = Chem.RWMol()
    for number in structure.numbers:
        editable.AddAtom(Chem.Atom(int(number)))
    if structure.has_positions:
        conformer = Chem.Conformer(structure.n_atoms)
        conformer.Set3D(True)
        conformer.SetPositions(np.array(structure.positions))
        editable.AddConformer(conformer)
    with rdkit_log():
        try:
            if structure.bonds is None:
                mol = _with_bonds_from_geometry(editable.GetMol(), structure)
            else:
                mol = _with_given_bonds(editable, structure)
        except StructureError:
            raise
        except (ValueError, RuntimeError) as error:
            name = f"{structure.formula} with charge {structure.charge:+d}"
            raise StructureError(f"RDKit refuses {name}: {one_line(str(error))}") from None
    return mol


def _embed(mol, smiles: str, seed: int) -> None:
    """Give a molecule with hydrogens one conformer: ETKDG, then MMFF94 (UFF where that knows no atom type)."""
    AllChem = require("rdkit.Chem.AllChem", "molecules")
    parameters = AllChem.ETKDGv3()
    parameters.randomSeed = seed
    placed = AllChem.Mol(mol)  # a copy, because MMFF writes its own aromaticity into the bonds
    with rdkit_log():
        for parameters.useRandomCoords in (False, True):
            try:
                if AllChem.EmbedMolecule(placed, parameters) == 0:
                    break
            except (ValueError, RuntimeError) as error:
                raise StructureError(f"smiles {smiles!r} has no conformer: {one_line(str(error))}") from None
        else:
            raise StructureError(f"smiles {smiles!r} has no conformer: RDKit's ETKDG could not place its atoms")
        if AllChem.MMFFHasAllMoleculeParams(placed):
            AllChem.MMFFOptimizeMolecule(placed, maxIters=1000)
        elif AllChem.UFFHasAllMoleculeParams(placed):
            AllChem.UFFOptimizeMolecule(placed, maxIters=1000)
    mol.AddConformer(placed.GetConformer(), assignId=True)


def _with_bonds_from_geometry(mol, structure: Structure):
    """Find the bonds that fit the distances and the charge (J. Chem. Theory Comput. 2015, 11, 7, xyz2mol)."""
    if not structure.has_positions:
        raise StructureError(f"{structure.formula} has neither bonds nor positions to find them from")
    require("rdkit.Chem.rdDetermineBonds", "molecules").DetermineBonds(mol, charge=structure.charge)
    return mol


def _with_given_bonds(editable, structure: Structure):
    """Put the structure's own bonds, formal charges, hydrogens and stereo in, and let RDKit check them."""
    Chem = require("rdkit.Chem", "molecules")
    if "type" not in structure.edge:
        raise StructureError('edge has bonds but no edge["type"] (1 single, 2 double, 3 triple, 12 aromatic)')
    for (first, second), code in zip(structure.bonds.T.tolist(), structure.edge["type"].tolist(), strict=True):
        if code not in Chem.BondType.values:
            raise StructureError(f'edge["type"] of bond {first}-{second} is {code}, no RDKit bond type')
        editable.AddBond(first, second, Chem.BondType.values[code])
        if code == int(Chem.BondType.AROMATIC):
            editable.GetBondBetweenAtoms(first, second).SetIsAromatic(True)
            editable.GetAtomWithIdx(first).SetIsAromatic(True)
            editable.GetAtomWithIdx(second).SetIsAromatic(True)
    _set_atoms(editable, structure)
    Chem.SanitizeMol(editable)
    mol = editable.GetMol()
    stereo = structure.edge.get("stereo")
    if stereo is not None and stereo.any():
        Chem.FindPotentialStereoBonds(mol, True)  # names the substituents that the codes Z and E are about
        for bond, code in zip(mol.GetBonds(), stereo.tolist(), strict=True):
            if code and len(bond.GetStereoAtoms()) == 2:
                bond.SetStereo(Chem.BondStereo.values[code])
        Chem.SetDoubleBondNeighborDirections(mol)  # RDKit's RemoveHs finds the stereo anew, from these alone
    if "chirality" not in structure.node and structure.has_positions:
        Chem.AssignStereochemistryFrom3D(mol)
    Chem.AssignStereochemistry(mol)
    return mol


def _set_atoms(editable, structure: Structure) -> None:
    """Set what each atom carries beside its element, where the structure knows it."""
    Chem = require("rdkit.Chem", "molecules")
    node = structure.node
    for a, atom in enumerate(editable.GetAtoms()):
        if "formal_charge" in node:
            atom.SetFormalCharge(int(node["formal_charge"][a]))
        if "hydrogens" in node:
            explicit = sum(neighbor.GetAtomicNum() == 1 for neighbor in atom.GetNeighbors())
            atom.SetNumExplicitHs(max(int(node["hydrogens"][a]) - explicit, 0))
            atom.SetNoImplicit(True)
        if "chirality" in node:
            atom.SetChiralTag(Chem.ChiralType.values[int(node["chirality"][a])])


@contextmanager
def rdkit_log() -> Iterator[SimpleNamespace]:
    """Keep RDKit off standard error; afterwards ``.reason`` is its first complaint, in one line."""
    rdBase = require("rdkit.rdBase", "molecules")
    log = SimpleNamespace(reason="no reason given")
    with rdBase.BlockLogs(), rdBase.CaptureErrorLog() as capture:
        yield log
    if capture.messages:
        log.reason = one_line(capture.messages)


def one_line(messages: str) -> str:
    """Return the complaint in one line: without time stamps, repetitions and drawn arrows."""
    lines = [re.sub(r"^\[[\d:]+\]\s*|SMILES Parse Error:\s*", "", line.strip()) for line in messages.splitlines()]
    lines = [re.sub(r"SMILES Parse Error:\s*", "", line).rstrip(":") for line in lines]
    kept = [line for line in lines if line and not line.startswith(("~", "Failed parsing")) and line != "^"]
    return ", ".join(dict.fromkeys(kept[:2]))
