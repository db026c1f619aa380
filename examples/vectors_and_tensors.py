"""PaiNN and MACE learn the polarizability tensor of QM9 molecules, and it turns with the molecule exactly.

Run with ``python examples/vectors_and_tensors.py``.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial.transform import Rotation

from erlangen.datasets import load_qm9
from erlangen.structures import Structure
from erlangen.training import GraphRegressor

NETWORKS = {"painn": {"hidden": 64}, "mace": {}}


def size(tensors: np.ndarray) -> float:
    """Return the mean Frobenius norm of the anisotropic part."""
    trace = np.trace(tensors, axis1=1, axis2=2)[:, None, None]
    return np.linalg.norm(tensors - trace / 3 * np.eye(3), axis=(1, 2)).mean()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=18, help="of training, for each network")
    given = parser.parse_args(arguments)
    train, valid, test = load_qm9(n_train=4_000, n_valid=200, n_test=500, random_state=42)
    turn = Rotation.random(random_state=0).as_matrix()
    turned = [Structure(molecule.positions @ turn.T, molecule.numbers) for molecule in test]
    table = Table("network", "anisotropy off by / bohr^3", "turned first and turned last differ by")
    for name, hyperparameters in NETWORKS.items():
        learned = GraphRegressor(
            name, "polarizability", hyperparameters={"preset": "small", **hyperparameters}, loss="mse",
            max_time=given.seconds, max_epochs=10**6, verbose=False,
        ).fit(train, validation=valid)  # fmt: skip
        found = learned.predict(test)
        difference = np.abs(learned.predict(turned) - turn @ found @ turn.T).max()
        table.add_row(name, f"{size(found - test.graph['polarizability']):.1f}", f"{difference:.0e}")
    table.add_row("none", f"{size(test.graph['polarizability']):.1f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
