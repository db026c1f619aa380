"""The Erlangen programme (slides 21 and 22): every family of networks in one description, and one of your own.

Run with ``python examples/erlangen_programme.py``; it takes some ten seconds.
"""

import numpy as np

from erlangen.models.families import blueprints
from erlangen.symmetry import Blueprint, Break, GridShift, Roll, measure
from erlangen.symmetry.blueprint import table


def smoothed(x):
    """Mean of each place of a ring and its neighbors, then a square: a layer without weights."""
    return ((np.roll(x, 1) + x + np.roll(x, -1)) / 3) ** 2


def cut(x):
    """Smooth on a line, beyond whose ends there is nothing."""
    return (np.convolve(x, np.ones(3), "same") / 3) ** 2


def main():
    yours = Blueprint(
        "yours",
        "ring of 24 places",
        GridShift(24),
        inputs=Roll(),
        features=Roll(),
        layer=smoothed,
        pooling=lambda x: x.mean(),
        breaks=(Break("a line instead", layer=cut),),
    )
    print(table([measure(family) for family in (*blueprints(), yours)]))


if __name__ == "__main__":
    main()
