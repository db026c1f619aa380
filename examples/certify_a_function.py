"""Which symmetries does a function have? Declare one, measure it, and repair the function where it fails.

Run with ``python examples/certify_a_function.py``; it takes a few seconds.
"""

import numpy as np

from erlangen.symmetry import Euclidean, Invariant, Point, SpecialEuclidean, certify, discover, symmetrize


def handedness(x):
    """Volume spanned by the first four points, with its sign: it knows left from right."""
    return np.linalg.det(x[1:4] - x[0])


def bounding_box(x):
    """Diagonal of the box around the points: it depends on how the molecule lies in space."""
    return np.linalg.norm(x.max(axis=0) - x.min(axis=0))


def main():
    sizes = (4, 12)
    print(certify(handedness, SpecialEuclidean(3), input=Point(), output=Invariant(), sizes=sizes), "\n")
    print(certify(handedness, Euclidean(3), input=Point(), output=Invariant(), sizes=sizes), "\n")
    print(discover(handedness, sizes=sizes), "\n")

    print(certify(bounding_box, Euclidean(3), input=Point(), output=Invariant()), "\n")
    repaired = symmetrize(bounding_box, Euclidean(3), input=Point(), output=Invariant())
    print(certify(repaired))


if __name__ == "__main__":
    main()
