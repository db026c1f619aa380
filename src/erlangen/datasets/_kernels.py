"""Compiled simulations: the leapfrog of charged particles, and the Metropolis walks of many-particle systems.

Each system stays on its own, so that a thread takes any range ``start:stop`` of them.
"""

import math

import numba
import numpy as np

from erlangen.kernels import announce_compilation

announce_compilation()


@numba.njit(cache=True, nogil=True)
def leapfrog(positions, velocities, charges, steps, time_step, limit, start, stop):
    """Kick and drift the systems (s, n, 3) in place; each component of a force stays within +-limit."""
    n = positions.shape[1]
    force = np.empty((n, 3))
    for s in range(start, stop):
        x, v, q = positions[s], velocities[s], charges[s]
        for _ in range(steps):
            force[:] = 0
            for i in range(n):
                for j in range(i):
                    a, b, c = x[i, 0] - x[j, 0], x[i, 1] - x[j, 1], x[i, 2] - x[j, 2]
                    square = a * a + b * b + c * c
                    size = q[i] * q[j] / (square * math.sqrt(square))
                    for k, component in enumerate((a, b, c)):
                        force[i, k] += size * component
                        force[j, k] -= size * component
            for i in range(n):
                for k in range(3):
                    v[i, k] += time_step * min(max(force[i, k], -limit), limit)
                    x[i, k] += time_step * v[i, k]


@numba.njit(cache=True, nogil=True)
def pair_energy(kind, square):
    """Return the energy of a pair at a squared distance: 0 the double well, 1 Lennard-Jones."""
    if kind == 0:
        e = math.sqrt(square) - 4.0
        return e * e * (0.9 * e * e - 4.0)
    s = 1.0 / (square * square * square)
    return s * (s - 2.0)


@numba.njit(cache=True, nogil=True)
def metropolis(x, kind, strength, trap, seeds, burn, thin, out, start, stop):
    """Walk chains x (c, n, D), one particle a move; out (c, m, n, D) gets a state every ``thin`` sweeps after ``burn``.

    The density is exp(-strength sum of pairs - trap / 2 sum |x - centroid|^2). The length of the moves is tuned to an
    acceptance of 0.4 while nothing is kept.
    """
    n, dimension = x.shape[1:]
    moved, total = np.empty(dimension), np.empty(dimension)
    for c in range(start, stop):
        np.random.seed(seeds[c])  # noqa: NPY002 - Numba's own generator, one a thread, not NumPy's
        total[:] = 0
        for i in range(n):
            total += x[c, i]
        length, accepted = 0.3, 0
        for sweep in range(burn + thin * out.shape[1]):
            for i in range(n):
                change = 0.0
                for k in range(dimension):
                    d = length * np.random.normal()  # noqa: NPY002
                    moved[k] = x[c, i, k] + d
                    old, new = x[c, i, k] - total[k] / n, moved[k] - total[k] / n
                    change += 0.5 * trap * (new * new - old * old - d * d / n)
                for j in range(n):
                    if j != i:
                        before = after = 0.0
                        for k in range(dimension):
                            before += (x[c, i, k] - x[c, j, k]) ** 2
                            after += (moved[k] - x[c, j, k]) ** 2
                        change += strength * (pair_energy(kind, after) - pair_energy(kind, before))
                if change <= 0 or np.random.random() < math.exp(-change):  # noqa: NPY002
                    accepted += 1
                    total += moved - x[c, i]
                    x[c, i] = moved
            if sweep < burn:
                if sweep % 20 == 19:
                    length *= math.exp(accepted / (20 * n) - 0.4)
                    accepted = 0
            elif (sweep - burn) % thin == thin - 1:
                out[c, (sweep - burn) // thin] = x[c]
