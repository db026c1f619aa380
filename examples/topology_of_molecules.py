"""Rings of QM9's molecules, and their gap, from where the heavy atoms are: no bonds, no elements.

A ring of k atoms is a loop of alpha persistence that is born with its longest bond and dies when a ball fills it, at
a diameter that k decides. The forest sees how many components and loops there are at each of 60 diameters; RDKit's
ring perception of the SMILES is the truth. Beside it stand the loops of Vietoris-Rips persistence, which knows no ring
of three, and a forest that sees how many atoms of each element there are. With 2,000 molecules to learn from, alpha
gets 0.996 to 1.000; giotto-tda 0.6.2, which has no alpha persistence, gets the same as the column Rips, 0.870 for rings
of three. Run with ``python examples/topology_of_molecules.py``.
"""

import argparse

import numpy as np
from rdkit.Chem import MolFromSmiles
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from erlangen.datasets import load_qm9
from erlangen.topology import AlphaPersistence, BettiCurve, VietorisRipsPersistence

QUESTIONS = "a ring of 3", "a ring of 4", "a ring of 5", "a ring of 6", "aromatic"


def answers(smiles: str) -> list[bool]:
    """Return whether a molecule has rings of 3, 4, 5 and 6 atoms, and aromatic ones."""
    molecule = MolFromSmiles(smiles)
    sizes = {len(ring) for ring in molecule.GetRingInfo().AtomRings()}
    return [*(size in sizes for size in (3, 4, 5, 6)), any(atom.GetIsAromatic() for atom in molecule.GetAtoms())]


def heavy_atoms(molecules) -> list[np.ndarray]:
    """Return the positions (n, 3) of all atoms but hydrogen, in angstrom."""
    return [molecule.positions[molecule.numbers > 1] for molecule in molecules]


def composition(molecules) -> np.ndarray:
    """Return how many atoms of H, C, N, O and F there are, (n_molecules, 5)."""
    return np.array([[(molecule.numbers == z).sum() for z in (1, 6, 7, 8, 9)] for molecule in molecules])


def curves(persistence):
    """Return the transformer of molecules to their Betti curves, (n_molecules, 120)."""
    flat = FunctionTransformer(lambda values: values.reshape(len(values), -1))
    return make_pipeline(FunctionTransformer(heavy_atoms), persistence, BettiCurve(n_bins=60), flat)


def predictions(forest, features: dict, labels) -> list[np.ndarray]:
    """Return what the forest, trained on each kind of features, says of the new molecules."""
    return [forest.fit(train, labels).predict(test) for train, test in features.values()]


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--molecules", type=int, default=2_000, help="to learn from")
    given = parser.parse_args(arguments)
    train, _, test = load_qm9("gap", n_train=given.molecules, n_valid=0, n_test=1_000)
    seen = {
        "alpha": curves(AlphaPersistence()),
        "Rips": curves(VietorisRipsPersistence()),
        "atoms of each element": FunctionTransformer(composition),
    }
    features = {name: (one.fit_transform(train), one.transform(test)) for name, one in seen.items()}
    features["alpha and elements"] = tuple(
        np.hstack(pair) for pair in zip(features["alpha"], features["atoms of each element"], strict=True)
    )
    title = f"accuracy for 1,000 new molecules, {given.molecules:,} to learn from"
    table, found = Table("has it", "share", *features, title=title), {}
    labels, truth = (np.array([answers(str(one)) for one in part.graph["smiles"]]).T for part in (train, test))
    for question, learned, asked in zip(QUESTIONS, labels, truth, strict=True):
        guesses = predictions(RandomForestClassifier(n_estimators=200, random_state=0), features, learned)
        scores = [(guess == asked).mean() for guess in guesses]
        table.add_row(question, f"{asked.mean():.2f}", *(f"{score:.3f}" for score in scores))
        found[question] = scores[0]
    guesses = predictions(RandomForestRegressor(n_estimators=200, random_state=0), features, train.graph["gap"])
    errors = [np.abs(guess - test.graph["gap"]).mean() for guess in guesses]
    table.add_section()
    table.add_row("gap: MAE / eV", "", *(f"{error:.2f}" for error in errors))
    Console().print(table)
    return found | {"gap": errors[0]}


if __name__ == "__main__":
    main()
