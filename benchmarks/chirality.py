"""Can a network tell right from left? R or S of the one stereocentre of real QM9 molecules, by networks of both kinds.

RDKit names the stereocentre from the geometry. Half of the molecules, drawn at random, are replaced by their mirror
images and named anew, so that nothing but handedness tells the two apart: a network that reflections leave unchanged
can only guess, one that tells mirror images apart can learn. The same training for all: cross entropy, AdamW.

    python -m benchmarks chirality --budget 120
"""

import argparse
import json
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from erlangen.arrays import write_atomically
from erlangen.datasets import load_qm9, qm9_bonds
from erlangen.structures import Structure
from erlangen.training import GraphClassifier

DOCS = Path(__file__).parent.parent / "docs"
CONTENDERS = {
    "SchNet": ("schnet", {}),
    "PaiNN": ("painn", {}),
    "EGNN": ("egnn", {}),
    "Tensor Field Network, mirror couplings only": ("tensor_field", {"mirror": True}),
    "Tensor Field Network": ("tensor_field", {}),
    "SE(3)-Transformer": ("se3_transformer", {"degree": 1, "hidden": 8, "heads": 2}),
    "Cormorant": ("cormorant", {"degree": 1, "cutoff": 3.0}),
}


def stereocentre(numbers: np.ndarray, positions: np.ndarray, bonds: np.ndarray, types: np.ndarray) -> str | None:
    """Return R or S if the molecule has exactly one stereocentre, else None."""
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")
    molecule = Chem.RWMol()
    for number in numbers:
        molecule.AddAtom(Chem.Atom(int(number)))
    for (i, j), kind in zip(bonds.T.tolist(), types.tolist(), strict=True):
        molecule.AddBond(i, j, Chem.BondType.values[kind])
    heavy = np.flatnonzero(numbers > 1)
    for hydrogen in np.flatnonzero(numbers == 1):
        nearest = heavy[np.argmin(np.linalg.norm(positions[heavy] - positions[hydrogen], axis=1))]
        molecule.AddBond(int(hydrogen), int(nearest), Chem.BondType.SINGLE)
    conformer = Chem.Conformer(len(numbers))
    conformer.SetPositions(np.ascontiguousarray(positions, np.float64))
    molecule.AddConformer(conformer)
    try:
        Chem.SanitizeMol(molecule)
    except Chem.MolSanitizeException:  # charged atoms, which a list of bonds does not name
        return None
    Chem.AssignStereochemistryFrom3D(molecule)
    found = Chem.FindMolChiralCenters(molecule, includeUnassigned=True, useLegacyImplementation=False)
    return found[0][1] if len(found) == 1 and found[0][1] in "RS" else None


def handed(n_molecules: int, seed: int) -> list[Structure]:
    """Return the molecules with one stereocentre among the first of QM9's training part, mirrored at random."""
    molecules = load_qm9("U0", n_train=n_molecules, n_valid=0, n_test=0, random_state=seed)[0]
    mirrored = np.random.default_rng(seed).random(len(molecules)) < 0.5
    result = []
    pairs = zip(molecules, qm9_bonds(molecules), mirrored, strict=True)
    for molecule, bonds, mirror in track(pairs, "stereocentres", total=len(molecules)):
        positions = molecule.positions * ([-1, 1, 1] if mirror else [1, 1, 1])
        name = stereocentre(molecule.numbers, positions, *bonds)
        if name is not None:
            result.append(Structure(positions, molecule.numbers, graph={"handedness": name == "R"}))
    return result


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks chirality", description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=120, help="seconds of training each")
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=CONTENDERS)
    parser.add_argument("--molecules", type=int, default=30_000, help="of QM9, of which about one in six is kept")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--output", type=Path, default=DOCS, help="folder for chirality.json")
    given = parser.parse_args(argv)
    console, file = Console(), given.output / "chirality.json"
    molecules = handed(given.molecules, given.seed)
    n_test = len(molecules) // 5
    test, valid, train = molecules[:n_test], molecules[n_test : 2 * n_test], molecules[2 * n_test :]
    runs = json.loads(file.read_text()) if file.exists() else []
    table = Table("network", "declares", "accuracy", "steps", title=f"R or S, {n_test:,} molecules never seen")
    for name in given.contenders:
        model, hyperparameters = CONTENDERS[name]
        classifier = GraphClassifier(
            model, "handedness", hyperparameters={"preset": "small", **hyperparameters}, max_time=given.budget,
            max_epochs=10**6, verbose=False, random_state=given.seed,
        )  # fmt: skip
        classifier.fit(train, validation=valid)
        run = {
            "contender": name, "group": str(classifier.model_.group), "accuracy": classifier.score(test),
            "steps": classifier.history_.steps, "budget_s": given.budget, "seed": given.seed, "n_test": n_test,
            "n_train": len(train),
        }  # fmt: skip
        console.print(run)
        runs = [r for r in runs if r["contender"] != name] + [run]
        write_atomically(file, lambda temporary, runs=runs: temporary.write_text(json.dumps(runs, indent=1) + "\n"))
        table.add_row(name, run["group"], f"{100 * run['accuracy']:.1f} %", f"{run['steps']:,}")
    console.print(table)
