"""Tensor Field Network, SE(3)-Transformer and Cormorant tell a hand from its mirror image; PaiNN has to guess.

Four different atoms around a carbon, turned and shaken at random: is the hand left or right? Run with
``python examples/left_and_right.py``.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from erlangen.structures import Structure
from erlangen.training import GraphClassifier

CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
NETWORKS = {
    "tensor_field": {"hidden": 16},
    "se3_transformer": {"hidden": 8, "degree": 1, "heads": 2},
    "cormorant": {"degree": 1, "cutoff": 3.0, "elements": [1, 6, 9, 17, 35]},
    "painn": {"hidden": 32},
}


def hands(number: int, seed: int) -> list[Structure]:
    """Return centres with four different neighbors, half of them right-handed."""
    rng = np.random.default_rng(seed)
    found = []
    for right in rng.random(number) < 0.5:
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        turn[:, 0] *= np.sign(np.linalg.det(turn)) * (1 if right else -1)
        corners = np.array([1.1, 1.4, 1.8, 1.9])[:, None] * CORNERS @ turn.T + 0.1 * rng.normal(size=(4, 3))
        found.append(Structure(np.vstack([np.zeros(3), corners]), [6, 1, 9, 17, 35], graph={"right": bool(right)}))
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12, help="of training, for each network")
    given = parser.parse_args(arguments)
    train, valid, test = hands(500, seed=0), hands(100, seed=1), hands(500, seed=2)
    table = Table("network", "declares", "right of 500", title=f"{given.seconds:g} s each, 500 hands to learn from")
    for name, hyperparameters in NETWORKS.items():
        learned = GraphClassifier(
            name, "right", hyperparameters={"preset": "small", **hyperparameters}, max_time=given.seconds,
            max_epochs=10**6, learning_rate=3e-3, verbose=False,
        ).fit(train, validation=valid)  # fmt: skip
        table.add_row(name, str(learned.model_.group), f"{learned.score(test):.0%}")
    Console().print(table)


if __name__ == "__main__":
    main()
