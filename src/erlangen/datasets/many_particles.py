"""Two densities that flows are tried on, and samples of them: four particles in double wells, thirteen of argon's kind.

Sources: Koehler, Klein, Noe (2006.02425), section 6. The energies, in units of the temperature, every pair once:

    DW-4    4 particles in the plane     sum of  0.9 (d - 4)^4 - 4 (d - 4)^2
    LJ-13   13 particles in space        sum of  d^-12 - 2 d^-6,  and  1/2 sum |x_i - centroid|^2

The densities are those of the coordinates relative to the centroid, ((N - 1) D of them). The samples are our own, from
many independent Metropolis walks.
"""

from dataclasses import dataclass

import numpy as np

from erlangen.datasets._cache import cached
from erlangen.errors import InputError
from erlangen.kernels import over_rows

_CHAINS, _KEPT = 1_000, 20
_BURN, _THIN = 2_000, 200  # sweeps; a sweep tries to move every particle once


@dataclass(frozen=True)
class ManyParticles:
    """A density exp(-energy) of particles that attract and repel each other.

    Attributes
    ----------
    particles, dimension : int
        N points in D dimensions.
    kind : int
        0 for double wells, 1 for Lennard-Jones pairs.
    trap : float
        Strength of the harmonic trap about the centroid.

    Examples
    --------
    >>> MANY_PARTICLES["DW-4"].energy(np.array([[0, 0], [4, 0], [0, 4], [4, 4.0]])).round(3)
    np.float64(-8.397)
    """

    particles: int
    dimension: int
    kind: int
    trap: float = 0.0

    def energy(self, x):
        """Return the energies (...,) of configurations (..., N, D), a NumPy array or a tensor; differentiable."""
        first, second = np.triu_indices(self.particles, 1)
        difference = x[..., first, :] - x[..., second, :]
        square = (difference * difference).sum(-1)
        if self.kind == 0:
            e = (square**0.5 - 4.0) ** 2
            pairs = e * (0.9 * e - 4.0)
        else:
            pairs = square**-6.0 - 2.0 * square**-3.0
        # the squared distances to the centroid are those of all pairs, divided by N
        return pairs.sum(-1) + 0.5 * self.trap / self.particles * square.sum(-1)


MANY_PARTICLES = {"DW-4": ManyParticles(4, 2, 0), "LJ-13": ManyParticles(13, 3, 1, trap=1.0)}


def load_many_particles(
    name: str, n_train: int = 10_000, n_test: int = 10_000, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Load samples to learn from and to test on, from different walks.

    Sampled once (seconds for DW-4, a minute for LJ-13) and kept in the user's cache folder.

    Parameters
    ----------
    name : {"DW-4", "LJ-13"}
    n_train, n_test : int
        At most 10,000 each.
    random_state : int
        Seed of the walks.

    Returns
    -------
    train, test : (n, N, D) arrays
        With their centroids at the origin.

    Raises
    ------
    InputError
        If the name is unknown or there are not that many samples.

    Examples
    --------
    >>> train, test = load_many_particles("DW-4", n_train=1000)
    >>> train.shape, test.shape
    ((1000, 4, 2), (10000, 4, 2))
    """
    if name not in MANY_PARTICLES:
        raise InputError(f"{name!r} is unknown; known are {', '.join(MANY_PARTICLES)}")
    half = _CHAINS * _KEPT // 2
    for argument, value in (("n_train", n_train), ("n_test", n_test)):
        if not isinstance(value, int | np.integer) or not 0 <= value <= half:
            raise InputError(f"{argument} is a number of samples up to {half:,}, got {value!r}")
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise InputError(f"random_state is a whole number that names the set, got {random_state!r}")
    target = MANY_PARTICLES[name]
    samples = cached(
        f"{name}-{random_state}-v1",
        lambda: {"samples": walk(target, _CHAINS, _KEPT, _BURN, _THIN, int(random_state))},
    )["samples"]
    # by walk, then by time: neighbors in a part are of different walks
    train, test = (
        part.swapaxes(0, 1).reshape(half, target.particles, target.dimension)
        for part in np.split(samples, [_CHAINS // 2])
    )
    return np.array(train[:n_train]), np.array(test[:n_test])


def walk(
    target: ManyParticles, chains: int, kept: int, burn: int, thin: int, seed: int, strength: float = 1.0,
    trap: float | None = None,
) -> np.ndarray:  # fmt: skip
    """Sample exp(-strength * pairs - trap / 2 sum |x - centroid|^2) by independent Metropolis walks.

    Parameters
    ----------
    target : ManyParticles
    chains, kept : int
        Walks, and states kept of each.
    burn, thin : int
        Sweeps before the first and between two of these.
    seed : int
    strength, trap : float
        Those of the target by default.

    Returns
    -------
    (chains, kept, N, D) array
        With their centroids at the origin.

    Examples
    --------
    >>> walk(MANY_PARTICLES["DW-4"], chains=3, kept=2, burn=10, thin=5, seed=0).shape
    (3, 2, 4, 2)
    """
    from erlangen.datasets import _kernels

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(chains, target.particles, target.dimension))
    seeds = rng.integers(0, 2**32, chains, dtype=np.uint32)
    out = np.empty((chains, kept, target.particles, target.dimension))
    over_rows(
        _kernels.metropolis, x, target.kind, strength, target.trap if trap is None else trap, seeds, burn, thin, out,
        rows=chains, work=(burn + kept * thin) * x.size * target.particles,
    )  # fmt: skip
    return out - out.mean(2, keepdims=True)


def log_partition(
    target: ManyParticles, nodes: int = 24, chains: int = 200, kept: int = 100, seed: int = 0
) -> tuple[float, float]:
    """Return ln of the integral of exp(-energy) over the coordinates relative to the centroid, and its standard error.

    By thermodynamic integration from a harmonic trap: energy_l = l pairs + (trap_0 (1 - l) + trap l) / 2 sum
    |x - centroid|^2 with l = s^4, Gauss-Legendre nodes in s. The power makes the integrand finite where hard cores
    vanish.

    Examples
    --------
    >>> value, error = log_partition(MANY_PARTICLES["DW-4"], nodes=4, chains=8, kept=10)
    >>> error > 0
    True
    """
    freedom = (target.particles - 1) * target.dimension
    start = target.trap or 0.1
    places, weights = np.polynomial.legendre.leggauss(nodes)
    total, variance = 0.5 * freedom * np.log(2 * np.pi / start), 0.0
    for node, (place, weight) in enumerate(zip((places + 1) / 2, weights / 2, strict=True)):
        share = place**4
        x = walk(target, chains, kept, 500, 20, seed + node, share, start * (1 - share) + target.trap * share)
        slope = target.energy(x) - 0.5 * start * (x * x).sum((-1, -2))  # of the energy by l
        means = slope.mean(1)  # walks are independent, states of one are not
        total -= weight * 4 * place**3 * means.mean()
        variance += (weight * 4 * place**3) ** 2 * means.var(ddof=1) / chains
    return float(total), float(np.sqrt(variance))
