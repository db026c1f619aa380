"""Circles, spheres and tori told apart by how their holes persist, through noise that blurs them.

Each shape is a grid of 100 points on it, every coordinate moved at random by up to a quarter or a half of its radius.
Persistence entropies of the components, loops and cavities are all that the random forest sees. With the same pipeline
and forest on the same clouds giotto-tda 0.6.2 gets the same: 1.000 of new clouds with the small noise, 0.683 with the
large one. Run with ``python examples/topology_of_shapes.py``.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from erlangen.topology import PersistenceEntropy, VietorisRipsPersistence

SHAPES = "circle", "sphere", "torus"
NOISES = 0.25, 0.5
SIDE = 10  # of the grid of points


def surface(shape: str, side: int) -> np.ndarray:
    """Return a grid of side x side points (side**2, 3) on a shape; circle and sphere have radius 1."""
    u, v = np.meshgrid(*2 * [np.linspace(0, 2 * np.pi, side, endpoint=False)])
    if shape == "circle":
        turn = np.linspace(0, 2 * np.pi, side**2, endpoint=False)
        return np.column_stack([np.cos(turn), np.sin(turn), np.zeros(side**2)])
    away = np.cos(v) if shape == "sphere" else 2 + np.cos(v)
    return np.column_stack([(away * np.cos(u)).ravel(), (away * np.sin(u)).ravel(), np.sin(v).ravel()])


def clouds(each: int, side: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy clouds (3 each, side**2, 3) and which shape each is."""
    rng = np.random.default_rng(seed)
    exact = np.repeat([surface(shape, side) for shape in SHAPES], each, axis=0)
    return exact + rng.uniform(-noise, noise, exact.shape), np.repeat(np.arange(3), each)


def accuracies(noise: float, each: int) -> tuple[float, float]:
    """Return the accuracy on new clouds and that out of bag, of a forest that sees entropies of persistence."""
    (train, labels), (test, truth) = (clouds(each, SIDE, noise, seed) for seed in (0, 1))
    features = make_pipeline(VietorisRipsPersistence(homology_dimensions=(0, 1, 2)), PersistenceEntropy())
    forest = RandomForestClassifier(n_estimators=300, oob_score=True, random_state=0)
    forest.fit(features.fit_transform(train), labels)
    return forest.score(features.transform(test), truth), forest.oob_score_


def main(arguments: list[str] | None = None) -> dict[float, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=60, help="clouds of each shape, to learn from and to test on")
    given = parser.parse_args(arguments)
    table = Table("noise", "held out", "out of bag", title=f"{given.each} clouds of {SIDE**2} points of each shape")
    found = {}
    for noise in NOISES:
        held_out, out_of_bag = accuracies(noise, given.each)
        table.add_row(f"{noise}", f"{held_out:.3f}", f"{out_of_bag:.3f}")
        found[noise] = held_out
    Console().print(table)
    return found


if __name__ == "__main__":
    main()
