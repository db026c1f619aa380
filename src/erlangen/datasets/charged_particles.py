"""Five charged particles in space, and where they are one unit of time later: the n-body task of the EGNN paper.

Sources: Satorras, Hoogeboom, Welling (2102.09844), section 5.1, after Fuchs et al. (2006.10503) and Kipf et al.
(1802.04687). The constants and the order of the random numbers are those of the authors' generator (vgsatorras/egnn,
``n_body_system/dataset``), because the published errors depend on them: charges +1 or -1, places drawn from N(0, 1),
speeds 0.5, force q_i q_j r / d^3 with each component of the sum kept within 100, leapfrog steps of 0.001. The input is
the state after 3,100 steps, the target the places after 4,100 (frames 30 and 40 of 100 steps each, counted from the
first). With the default seed these are the authors' own systems, to rounding, which close encounters amplify.
"""

import numpy as np

from erlangen.datasets._cache import cached
from erlangen.errors import InputError
from erlangen.kernels import over_rows
from erlangen.structures import StructureSet

N_PARTICLES = 5
TIME_STEP, FORCE_LIMIT = 0.001, 100.0
STEPS_BEFORE, STEPS_AHEAD = 3_100, 1_000
_SIZES = {"n_train": 10_000, "n_valid": 2_000, "n_test": 2_000}
_UNUSED = 2 * 49 * 3 * N_PARTICLES  # random numbers that the authors' generator draws for noise of strength zero


def load_charged_particles(
    n_train: int = 3_000, n_valid: int = 2_000, n_test: int = 2_000, random_state: int = 43
) -> tuple[StructureSet, StructureSet, StructureSet]:
    """Simulate the n-body task of the EGNN paper as three sets: train, validation, test.

    Made once (some ten seconds) and kept in the user's cache folder. A smaller part is the beginning of a larger one.

    Parameters
    ----------
    n_train, n_valid, n_test : int
        Systems in each part, at most 10,000, 2,000 and 2,000.
    random_state : int
        Seed of the initial states; 43 is the authors'.

    Returns
    -------
    tuple of StructureSet
        ``positions`` are the input. ``node`` holds ``velocity`` (3), ``speed``, ``charge`` of +1 or -1, and the target
        ``final_positions`` (3) of each particle. ``numbers`` are 1 for negative and 2 for positive charges, so that
        networks of atoms tell them apart. All without units.

    Raises
    ------
    InputError
        If a number of systems is not in its range or the seed is no whole number.

    Examples
    --------
    >>> train, valid, test = load_charged_particles(n_train=100)
    >>> train
    StructureSet(100 structures, 500 atoms: velocity, charge, speed, final_positions)
    """
    wanted = (n_train, n_valid, n_test)
    for (name, largest), number in zip(_SIZES.items(), wanted, strict=True):
        if not isinstance(number, int | np.integer) or not (name == "n_train") <= number <= largest:
            raise InputError(f"{name} is a number of systems up to {largest:,}, got {number!r}")
    if not isinstance(random_state, int | np.integer) or not 0 <= random_state < 2**32:
        raise InputError(f"random_state is a whole number that names the set, got {random_state!r}")
    arrays = cached(f"charged-particles-{random_state}-v1", lambda: _simulated(sum(_SIZES.values()), random_state))
    systems = StructureSet(
        positions=arrays["positions"],
        numbers=np.where(arrays["charge"] > 0, 2, 1),
        offsets=N_PARTICLES * np.arange(sum(_SIZES.values()) + 1),
        node={name: arrays[name] for name in ("velocity", "charge", "speed", "final_positions")},
    )
    starts = np.cumsum([0, *_SIZES.values()])
    return tuple(systems[start : start + number] for start, number in zip(starts[:-1], wanted, strict=True))


def _simulated(number: int, seed: int) -> dict[str, np.ndarray]:
    positions, velocity, charge = initial_states(number, seed)
    advance(positions, velocity, charge, STEPS_BEFORE)
    arrays = {"positions": positions.copy(), "velocity": velocity.copy(), "charge": charge}
    advance(positions, velocity, charge, STEPS_AHEAD)
    arrays |= {"speed": np.linalg.norm(arrays["velocity"], axis=2), "final_positions": positions}
    return {name: array.reshape(number * N_PARTICLES, *array.shape[2:]) for name, array in arrays.items()}


def initial_states(number: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw positions (s, 5, 3), velocities of length 0.5 (s, 5, 3) and charges (s, 5), one system after the other.

    The legacy generator and its order are the authors'.

    Examples
    --------
    >>> x, v, q = initial_states(2, 43)
    >>> float(np.linalg.norm(v, axis=2).max().round(12)), np.unique(q).tolist()
    (0.5, [-1.0, 1.0])
    """
    random = np.random.RandomState(seed)
    positions, velocity = (np.empty((number, N_PARTICLES, 3)) for _ in range(2))
    charge = np.empty((number, N_PARTICLES))
    for s in range(number):
        charge[s] = np.where(random.random_sample(N_PARTICLES) < 0.5, -1.0, 1.0)
        positions[s] = random.randn(3, N_PARTICLES).T
        velocity[s] = random.randn(3, N_PARTICLES).T
        random.randn(_UNUSED)
    return positions, 0.5 * velocity / np.linalg.norm(velocity, axis=2, keepdims=True), charge


def advance(positions: np.ndarray, velocity: np.ndarray, charge: np.ndarray, steps: int) -> None:
    """Move systems in place by leapfrog steps of 0.001; velocities are those of half a step before the positions."""
    from erlangen.datasets import _kernels

    over_rows(
        _kernels.leapfrog, positions, velocity, charge, steps, TIME_STEP, FORCE_LIMIT,
        rows=len(positions), work=steps * positions.size * positions.shape[1],
    )  # fmt: skip
