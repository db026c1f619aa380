"""Structures from and to ASE's Atoms."""

import numpy as np

from erlangen.errors import StructureError, require
from erlangen.structures.structure import Structure

PER_ATOM = ("forces", "stresses", "charges", "magmoms", "energies")
"""Results of an ASE calculator that are one for each atom; all others are of the whole."""


def from_ase(atoms) -> Structure:
    """Build a structure from ASE's Atoms; see `Structure.from_ase`."""
    arrays = {name: array for name, array in atoms.arrays.items() if name not in ("positions", "numbers")}
    info = {name: value for name, value in atoms.info.items() if _is_array(value)}
    results = {} if atoms.calc is None else getattr(atoms.calc, "results", {})
    for name, value in results.items():
        if value is not None:
            (arrays if name in PER_ATOM else info).setdefault(name, value)
    if np.shape(info.get("stress")) == (6,):
        info["stress"] = require("ase.stress", "molecules").voigt_6_to_full_3x3_stress(info["stress"])
    charge = info.pop("charge", 0)
    cell = np.array(atoms.cell)
    return Structure(
        positions=atoms.positions,
        numbers=atoms.numbers,
        cell=cell if cell.any() else None,
        pbc=np.array(atoms.pbc),
        charge=charge,
        node=arrays,
        graph=info,
    )


def to_ase(structure: Structure):
    """Return ASE's Atoms of a structure; see `Structure.to_ase`."""
    if not structure.has_positions:
        raise StructureError(f"{structure.formula} has no positions: make it with conformer=True")
    atoms = require("ase", "molecules").Atoms(
        numbers=structure.numbers, positions=structure.positions, cell=structure.cell, pbc=structure.pbc
    )
    for name, array in structure.node.items():
        atoms.set_array(name, np.array(array))
    atoms.info.update(
        {name: array.item() if array.ndim == 0 else array.copy() for name, array in structure.graph.items()}
    )
    if structure.charge:
        atoms.info["charge"] = structure.charge
    return atoms


def _is_array(value) -> bool:
    try:
        return np.asarray(value).dtype.kind in "biufU"
    except ValueError:
        return False
