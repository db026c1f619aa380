"""Statistics of persistence diagrams: confidence sets, tests, means, and how much a subsample tells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from rich.progress import track
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from erlangen.arrays import generator
from erlangen.errors import InputError, ShapeError
from erlangen.topology.diagrams import bars_of, check_diagrams, collect, dimensions_of
from erlangen.topology.distances import PairwiseDistance, bottleneck_distance
from erlangen.topology.homology import _dimensions
from erlangen.topology.persistence import rips_persistence


@dataclass(frozen=True)
class ConfidenceSet:
    """All diagrams within a bottleneck distance of the one that was measured.

    Attributes
    ----------
    homology_dimensions : tuple of int
    bars : tuple of (k, 2) arrays
        The diagram of the points, for each homology dimension.
    widths : (d,) array
        The distances: the set holds the diagram of what the points were drawn from with about this probability.
    level : float
        The probability.
    distances : (n_resamples, d) array
        What the widths are quantiles of.
    """

    homology_dimensions: tuple
    bars: tuple[np.ndarray, ...]
    widths: np.ndarray
    level: float
    distances: np.ndarray

    @property
    def significant(self) -> tuple[np.ndarray, ...]:
        """The bars that no diagram of the set can be without: longer than twice the width."""
        pairs = zip(self.bars, self.widths, strict=True)
        return tuple(bars[bars[:, 1] - bars[:, 0] > 2 * width] for bars, width in pairs)


def confidence_set(
    points,
    *,
    homology_dimensions: Sequence[int] = (0, 1),
    level: float = 0.95,
    method: str = "bottleneck",
    n_resamples: int = 100,
    size: int | None = None,
    persistence: Callable | None = None,
    random_state=None,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> ConfidenceSet:
    """Say which bars of a point cloud are more than the noise of sampling.

    Parameters
    ----------
    points : (n, d) array
    homology_dimensions : sequence of int
    level : float
        The probability with which the confidence set is to hold the true diagram.
    method : "bottleneck" or "subsampling"
        "bottleneck": resample with replacement; the widths are quantiles of the bottleneck distances between the
        diagrams of resamples and of all points, for each dimension. Proven for distances to a measure and for
        densities; for Rips filtrations it is what everybody does.
        "subsampling": draw fewer points without replacement; the width is four times the quantile of the Hausdorff
        distances of subsamples from all points. Proven for points on a manifold without noise, and conservative.
    n_resamples : int
    size : int, optional
        Points of a resample; by default as many as there are, for "subsampling" n / (2 log n).
    persistence : callable, optional
        Maps points (m, d) to a sequence of bars (k, 2), one for each homology dimension; Rips filtrations by default.
    random_state : int, numpy.random.Generator or None
    n_jobs : int, optional
        How many resamples are worked on at the same time, by joblib; the result does not depend on it.
    verbose : bool
        Whether to show a progress bar.

    Raises
    ------
    InputError, ShapeError
        If an argument makes no sense.

    Source: B. Fasy et al., Confidence sets for persistence diagrams, Ann. Stat. 42, 2301 (2014); F. Chazal et al.,
    Robust topological inference, JMLR 18, 159 (2018), for the bottleneck bootstrap.

    Examples
    --------
    >>> angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 60)
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> found = confidence_set(circle, n_resamples=20, random_state=0)
    >>> len(found.bars[1]), len(found.significant[1])
    (1, 1)
    """
    points = _checked_points(points)
    if not 0 < level < 1:
        raise InputError(f"level is a probability between 0 and 1, got {level!r}")
    if method not in ("bottleneck", "subsampling"):
        raise InputError(f'method is "bottleneck" or "subsampling", got {method!r}')
    dimensions = tuple(_dimensions(homology_dimensions))
    diagram_of = persistence or _Rips(dimensions)
    bars = tuple(diagram_of(points))
    n = len(points)
    if method == "subsampling":
        size = max(1, int(n / (2 * np.log(max(n, 3))))) if size is None else size

        def distances(rng):
            sample = points[rng.choice(n, _checked_size(size, n), replace=False)]
            return np.full(len(bars), 2 * cdist(points, sample).min(axis=1).max())

    else:
        size = n if size is None else size

        def distances(rng):
            return _bottlenecks(bars, diagram_of(points[rng.integers(n, size=_checked_size(size, None))]))

    found = np.stack(_repeated(distances, n_resamples, random_state, n_jobs, verbose, "resamples"))
    factor = 2 if method == "subsampling" else 1
    return ConfidenceSet(dimensions, bars, factor * np.quantile(found, level, axis=0), level, found)


@dataclass(frozen=True)
class SubsamplingStability:
    """How far diagrams of subsamples are from that of all points.

    Attributes
    ----------
    homology_dimensions : tuple of int
    sizes : (s,) integer array
        Points of a subsample.
    mean, error : (s, d) arrays
        Mean bottleneck distance for each size and homology dimension, and the standard error of this mean.
    distances : (s, n_resamples, d) array
    """

    homology_dimensions: tuple
    sizes: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    distances: np.ndarray


def subsampling_stability(
    points,
    sizes: Sequence[int],
    *,
    homology_dimensions: Sequence[int] = (0, 1),
    n_resamples: int = 20,
    persistence: Callable | None = None,
    random_state=None,
    n_jobs: int | None = None,
    verbose: bool = False,
) -> SubsamplingStability:
    """Measure how much a diagram changes if fewer points are there.

    Parameters
    ----------
    points : (n, d) array
    sizes : sequence of int
        How many points to draw, without replacement.
    homology_dimensions : sequence of int
    n_resamples : int
        Subsamples of each size, at least 2.
    persistence, random_state, n_jobs, verbose
        As in `confidence_set`.

    Raises
    ------
    InputError, ShapeError
        If an argument makes no sense.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal(size=(50, 2))
    >>> found = subsampling_stability(points, [10, 50], n_resamples=4, random_state=0)
    >>> bool(found.mean[0, 0] > 0), found.mean[1].tolist()
    (True, [0.0, 0.0])
    """
    points = _checked_points(points)
    if n_resamples < 2:
        raise InputError(f"n_resamples is at least 2, for an error bar, got {n_resamples!r}")
    dimensions = tuple(_dimensions(homology_dimensions))
    diagram_of = persistence or _Rips(dimensions)
    whole = tuple(diagram_of(points))
    sizes = [_checked_size(size, len(points)) for size in sizes]

    def distances(rng):
        order = rng.permutation(len(points))  # larger subsamples hold the smaller ones
        return np.stack([_bottlenecks(whole, diagram_of(points[np.sort(order[:size])])) for size in sizes])

    found = np.stack(_repeated(distances, n_resamples, random_state, n_jobs, verbose, "subsamples"), axis=1)
    error = found.std(axis=1, ddof=1) / np.sqrt(n_resamples)
    return SubsamplingStability(dimensions, np.array(sizes), found.mean(axis=1), error, found)


@dataclass(frozen=True)
class PermutationTest:
    """Whether two groups of diagrams differ.

    Attributes
    ----------
    p_value : float
        How often groups mixed at random are at least as tight as the two given; they count themselves.
    loss : float
        The mean squared distance within groups, of the two given.
    permuted : (n_permutations,) array
        The same of groups mixed at random.
    """

    p_value: float
    loss: float
    permuted: np.ndarray


def permutation_test(
    first,
    second,
    *,
    metric: str = "wasserstein",
    metric_params: dict | None = None,
    n_permutations: int = 999,
    random_state=None,
    n_jobs: int | None = None,
) -> PermutationTest:
    """Test whether two groups of diagrams come from the same distribution.

    Parameters
    ----------
    first, second : (n_samples, n_bars, 3) arrays
        Collections of at least two diagrams with the same homology dimensions, with any numbers of bars.
    metric, metric_params
        As in `erlangen.topology.PairwiseDistance`; distances in several dimensions are added in squares.
    n_permutations : int
    random_state : int, numpy.random.Generator or None
    n_jobs : int, optional
        How many parts of the distances are worked on at the same time, by joblib.

    Raises
    ------
    InputError
        If a group has fewer than two diagrams, or their dimensions differ.

    Source: A. Robinson, K. Turner, Hypothesis testing for topological data analysis (arXiv:1310.7467).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> groups = [np.dstack([np.zeros((8, 3)), 1 + scale * rng.random((8, 3)), np.zeros((8, 3))]) for scale in (1, 9)]
    >>> permutation_test(*groups, random_state=0).p_value < 0.01
    True
    """
    diagrams, sizes = _joined(first, second)
    if n_permutations < 1:
        raise InputError(f"n_permutations is at least 1, got {n_permutations!r}")
    squares = PairwiseDistance(metric, metric_params=metric_params, n_jobs=n_jobs).fit_transform(diagrams) ** 2
    rng, n = generator(random_state), len(diagrams)
    mixed = rng.permuted(np.tile(np.arange(n) < sizes[0], (n_permutations, 1)), axis=1)
    groups = np.vstack([np.arange(n) < sizes[0], mixed])
    losses = np.zeros(n_permutations + 1)
    for chosen, size in ((groups, sizes[0]), (~groups, sizes[1])):
        losses += np.einsum("ij,ij->i", chosen @ squares, chosen) / (2 * size * (size - 1))
    rounding = 1e-12 * losses[0]
    p_value = np.mean(losses <= losses[0] + rounding)
    return PermutationTest(float(p_value), float(losses[0]), losses[1:])


@dataclass(frozen=True)
class FrechetMean:
    """A diagram with the least mean squared distance from others, found by iteration.

    Attributes
    ----------
    bars : (k, 2) array
    value : float
        The mean squared distance.
    iterations : int
    residual : float
        By how much the value fell in the last iteration.
    """

    bars: np.ndarray
    value: float
    iterations: int
    residual: float


def frechet_mean(
    diagrams: Iterable,
    *,
    n_starts: int = 3,
    max_iterations: int = 100,
    tolerance: float = 1e-12,
    random_state=None,
    n_jobs: int | None = None,
) -> FrechetMean:
    """Return a Fréchet mean of diagrams for the 2-Wasserstein distance with Euclidean distances of bars.

    Match the mean so far with all diagrams, replace each of its bars by the mean of its partners, begin again. It ends
    in a local minimum; the best of several starts is returned. There may be several means.

    Parameters
    ----------
    diagrams : iterable of (k, 2) arrays
        Births and deaths, of one homology dimension, finite.
    n_starts : int
        From how many of the diagrams, drawn at random, to start.
    max_iterations : int
        Of each start.
    tolerance : float
        Iterations end when the value falls by less than this, relative to the value.
    random_state : int, numpy.random.Generator or None
    n_jobs : int, optional
        How many starts are worked on at the same time, by joblib.

    Raises
    ------
    InputError, ShapeError
        If there is no diagram, or one has bars that make no sense.

    Source: K. Turner et al., Fréchet means for distributions of persistence diagrams (arXiv:1206.2790).

    Examples
    --------
    >>> frechet_mean([[[0, 1]], [[0, 3]]]).bars
    array([[0., 2.]])
    """
    diagrams = [_finite_bars(bars) for bars in diagrams]
    if not diagrams:
        raise InputError("at least one diagram is needed, got none")
    if n_starts < 1 or max_iterations < 1:
        raise InputError(f"n_starts and max_iterations are at least 1, got {n_starts!r} and {max_iterations!r}")
    chosen = generator(random_state).permutation(len(diagrams))[:n_starts]
    found = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(_descend)(diagrams[k], diagrams, max_iterations, tolerance) for k in chosen
    )
    return min(found, key=lambda one: one.value)


def _descend(mean: np.ndarray, diagrams: list[np.ndarray], max_iterations: int, tolerance: float) -> FrechetMean:
    value, matchings = _match_all(mean, diagrams)
    iterations, fell = 0, np.inf
    while iterations < max_iterations and fell > tolerance * value:
        mean, before = _average(mean, diagrams, matchings), value
        value, matchings = _match_all(mean, diagrams)
        iterations, fell = iterations + 1, before - value
    return FrechetMean(mean[np.lexsort(mean.T[::-1])], value, iterations, max(fell, 0.0))


def _match_all(mean: np.ndarray, diagrams: list[np.ndarray]) -> tuple[float, list]:
    """Return the mean squared distance, and the pairs of bars of the mean and of each diagram."""
    matchings, total = [], 0.0
    for bars in diagrams:
        alone, others_alone = ((x[:, 1] - x[:, 0]) ** 2 / 2 for x in (mean, bars))
        savings = np.minimum(cdist(mean, bars, "sqeuclidean") - alone[:, None] - others_alone, 0.0)
        rows, columns = linear_sum_assignment(savings)
        kept = savings[rows, columns] < 0
        matchings.append((rows[kept], columns[kept]))
        total += alone.sum() + others_alone.sum() + savings[rows[kept], columns[kept]].sum()
    return float(max(total, 0.0)) / len(diagrams), matchings


def _average(mean: np.ndarray, diagrams: list[np.ndarray], matchings: list) -> np.ndarray:
    """Return the means of the bars' partners, where those who have none in a diagram have their own place on the
    diagonal there; bars without a partner in the mean begin new ones.
    """
    sums, counts, new = np.zeros_like(mean), np.zeros(len(mean)), []
    for bars, (rows, columns) in zip(diagrams, matchings, strict=True):
        sums[rows] += bars[columns]
        counts[rows] += 1
        new.append(np.delete(bars, columns, axis=0))
    kept = counts > 0
    points = np.concatenate([sums[kept] / counts[kept, None], *new])
    share = np.concatenate([counts[kept], np.ones(len(points) - kept.sum())])[:, None] / len(diagrams)
    diagonal = points.mean(axis=1, keepdims=True)
    return share * points + (1 - share) * diagonal


class _Rips:
    """The bars of the given dimensions of Rips filtrations."""

    def __init__(self, dimensions):
        self.dimensions = dimensions

    def __call__(self, points) -> list[np.ndarray]:
        bars = rips_persistence(points, max_dimension=max(self.dimensions)).bars
        return [bars[q] for q in self.dimensions]


def _bottlenecks(first, second) -> np.ndarray:
    return np.array([bottleneck_distance(a, b) for a, b in zip(first, second, strict=True)])


def _repeated(function, n: int, random_state, n_jobs, verbose: bool, words: str) -> list:
    """Return ``function(rng)`` for n generators of their own, several at a time, with a progress bar."""
    if not isinstance(n, int | np.integer) or n < 1:
        raise InputError(f"n_resamples is an integer of at least 1, got {n!r}")
    tasks = (delayed(function)(rng) for rng in generator(random_state).spawn(n))
    results = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(tasks)
    return list(track(results, words, total=n, disable=not verbose, transient=True))


def _joined(first, second) -> tuple[np.ndarray, list[int]]:
    """Return two collections as one, and how many diagrams each has."""
    groups = [check_diagrams(group, finite=True) for group in (first, second)]
    dimensions = dimensions_of(groups[0])
    if dimensions != dimensions_of(groups[1]):
        raise InputError(f"homology dimensions of the groups differ: {dimensions} and {dimensions_of(groups[1])}")
    sizes = [len(group) for group in groups]
    if min(sizes) < 2:
        raise InputError(f"each group has at least two diagrams, got {sizes[0]} and {sizes[1]}")
    by_dimension = [[bars_of(group, q) for q in dimensions] for group in groups]
    samples = [[bars[k] for bars in group] for group in by_dimension for k in range(len(group[0]))]
    return collect(samples, dimensions), sizes


def _finite_bars(bars) -> np.ndarray:
    bars = np.asarray(bars, dtype=np.float64).reshape(-1, 2) if np.size(bars) == 0 else np.asarray(bars, np.float64)
    if bars.ndim != 2 or bars.shape[1] != 2:
        raise ShapeError(f"a diagram is an array (k, 2) of births and deaths, got shape {bars.shape}")
    if not np.isfinite(bars).all() or (bars[:, 0] > bars[:, 1]).any():
        raise InputError("births and deaths are finite, and no bar dies before its birth")
    return bars[bars[:, 0] < bars[:, 1]]


def _checked_points(points) -> np.ndarray:
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not len(points):
        raise ShapeError(f"points are an array (n, d) with n of at least 1, got shape {points.shape}")
    return points


def _checked_size(size, most: int | None) -> int:
    if not isinstance(size, int | np.integer) or size < 1 or (most is not None and size > most):
        limit = "" if most is None else f" to {most}, the number of points"
        raise InputError(f"the size of a sample is an integer from 1{limit}, got {size!r}")
    return int(size)
