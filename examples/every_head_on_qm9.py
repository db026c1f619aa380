"""One network, four kinds of heads, on the real QM9: a number a molecule, an atom, a pair of atoms, and a tensor.

Run with ``python examples/every_head_on_qm9.py``; it takes some five minutes on two cores. Each task is learned by the
same small PaiNN for one minute, and beside its error stands what needs no network at all.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from erlangen.datasets import load_qm9, qm9_bonds
from erlangen.neighbors import complete_graph
from erlangen.structures import Structure, StructureSet
from erlangen.training import GraphClassifier, GraphRegressor

PAINN = {"hidden": 64, "layers": 3, "cutoff": 4.0}
REACH = 2.6
"""Pairs of heavy atoms closer than this, in angstrom, are asked whether they are bonded: second neighbors, too."""


def settings(seconds: float) -> dict:
    """Return what all four estimators share."""
    return {"model": "painn", "hyperparameters": PAINN, "max_time": seconds, "max_epochs": 10**6, "verbose": False}


def internal_energy(train, valid, test, seconds) -> tuple[str, str, str]:
    """Learn a number a molecule: U0, against the counts of atoms."""
    learned = GraphRegressor(target="U0", **settings(seconds)).fit(train, validation=valid)
    y = test.graph["U0"]
    error, baseline = (1000 * np.abs(p - y).mean() for p in (learned.predict(test), learned.baseline_.predict(test)))
    return "U0, graph head", f"MAE {error:.0f} meV", f"atom counts {baseline:.0f} meV"


def mulliken_charges(train, valid, test, seconds) -> tuple[str, str, str]:
    """Learn a number an atom: its charge, against the mean charge of its element."""
    learned = GraphRegressor(target="charges", **settings(seconds)).fit(train, validation=valid)
    y = test.node["charges"]
    error, baseline = (1000 * np.abs(p - y).mean() for p in (learned.predict(test), learned.baseline_.predict(test)))
    return "Mulliken charges, node head", f"MAE {error:.1f} me", f"mean of the element {baseline:.0f} me"


def polarizability(train, valid, test, seconds) -> tuple[str, str, str]:
    """Learn a tensor a molecule: its anisotropic part, against none."""
    learned = GraphRegressor(target="polarizability", loss="mse", **settings(seconds)).fit(train, validation=valid)
    y = anisotropic(test.graph["polarizability"])
    error = np.linalg.norm(anisotropic(learned.predict(test)) - y, axis=(1, 2)).mean()
    return (
        "polarizability, tensor head",
        f"anisotropy off by {error:.1f} bohr^3",
        f"its size {np.linalg.norm(y, axis=(1, 2)).mean():.1f} bohr^3",
    )


def bond_types(train, valid, test, seconds) -> tuple[str, str, str]:
    """Learn a class a pair of atoms: the bond that the SMILES names there, from the geometry alone."""
    train, valid, test = (with_pairs(part) for part in (train, valid, test))
    learned = GraphClassifier(target="type", **settings(seconds)).fit(train, validation=valid)
    y = test.edge["type"]
    most = np.bincount(y).max() / len(y)
    return "bond types, edge head", f"{learned.score(test):.2%} right", f"always the most common {most:.2%}"


def anisotropic(tensors: np.ndarray) -> np.ndarray:
    """Return tensors (S, 3, 3) without their trace."""
    return tensors - np.trace(tensors, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)


def with_pairs(molecules: StructureSet) -> StructureSet:
    """Return the molecules with near pairs of heavy atoms and RDKit's code of the bond there, 0 for none."""
    found = []
    for molecule, (bonds, types) in zip(molecules, qm9_bonds(molecules), strict=True):
        code = np.zeros((molecule.n_atoms, molecule.n_atoms), int)
        code[bonds[0], bonds[1]] = code[bonds[1], bonds[0]] = types
        i, j = complete_graph([molecule.n_atoms])
        heavy = (molecule.numbers[i] > 1) & (molecule.numbers[j] > 1) & (i < j)
        near = np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1) < REACH
        pairs = np.stack([i, j])[:, heavy & near]
        edge = {"index": pairs, "type": code[pairs[0], pairs[1]]}
        found.append(Structure(molecule.positions, molecule.numbers, edge=edge))
    return StructureSet.from_structures(found)


def main(arguments: list[str] | None = None) -> None:
    """Learn the four tasks and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60, help="of training, for each task")
    parser.add_argument("--n-train", type=int, default=20_000)
    parser.add_argument("--n-test", type=int, default=2_000)
    given = parser.parse_args(arguments)
    parts = load_qm9(n_train=given.n_train, n_valid=500, n_test=given.n_test, random_state=42)
    table = Table("task", "on molecules never seen", "without a network", title="QM9, split 42, a small PaiNN")
    for task in (internal_energy, mulliken_charges, polarizability, bond_types):
        table.add_row(*task(*parts, given.seconds))
    Console().print(table)


if __name__ == "__main__":
    main()
