"""What shape data has: the components, loops and voids of points, distances, images, series and structures."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.linalg import eigh
from sklearn.metrics import pairwise_distances

from erlangen.applications.data_files import KINDS, Data, read_data
from erlangen.applications.versions import versions
from erlangen.errors import InputError
from erlangen.neighbors import neighbor_list
from erlangen.neighbors.periodic import completed_cell
from erlangen.topology import (
    Persistence,
    PersistenceEntropy,
    SingleTakensEmbedding,
    collect,
    cubical_persistence,
    farthest_points,
    rips_persistence,
)
from erlangen.topology.vectors import betti_curves

PACKAGES = ("numpy", "scipy", "scikit-learn", "numba")
SHOWN = 5
"""Of each dimension, so many of the longest bars are listed."""

_GRID = 200
"""Values at which Betti numbers are given."""

_FEWEST, _LONGEST = 20, 100
"""Samples of a series whose embedding can be found, and of the delays that are tried."""

_ONLY_FOR = {
    "delay": ("series",), "dimension": ("series",), "stride": ("series",), "invert": ("image",),
    "metric": ("points", "series", "structure"), "periodic": ("image", "structure"),
    "threshold": ("points", "distances", "series", "structure"),
    "n_points": ("points", "distances", "series", "structure"),
}  # fmt: skip
"""What kinds of data an option is for, where not for all."""


@dataclass(frozen=True)
class TopologyConfig:
    """Which data, what it is taken for, and how far to look.

    Attributes
    ----------
    file : path
        What `erlangen.applications.data_files.read_data` reads.
    kind : str
        "auto", "points", "distances", "image", "series" or "structure".
    part : str, optional
        Which structure, entry or array of a file with several.
    columns : tuple of str
        Which columns of a table, by name or number; all by default.
    max_dimension : int, optional
        The highest homology dimension. By default 2 where points have three coordinates or more, else 1; of images all
        that there are.
    threshold : float
        Distances beyond it are not looked at; by default those beyond which nothing changes.
    metric : str
        Of points, as in `sklearn.metrics.pairwise_distances`.
    delay, dimension : int, optional
        Of a series' embedding: samples between coordinates, and how many of them; found if not given.
    stride : int
        Samples between two points of the embedding.
    periodic : bool
        Whether an image goes on at its other side, along all axes; or whether a structure's cell repeats as it says,
        with distances to nearest images up to half the cell's width.
    invert : bool
        Whether an image is taken from its largest value downwards: bright objects on a dark ground.
    n_points : int
        Of more points, so many are taken, each as far as can be from those before.

    Examples
    --------
    >>> TopologyConfig("circle.csv", kind="pixels").check()
    Traceback (most recent call last):
    ...
    erlangen.errors.InputError: kind is auto, points, distances, image, series, structure, got 'pixels'
    """

    file: "str | Path"
    kind: str = "auto"
    part: str | None = None
    columns: tuple[str, ...] = ()
    max_dimension: int | None = None
    threshold: float = math.inf
    metric: str = "euclidean"
    delay: int | None = None
    dimension: int | None = None
    stride: int = 1
    periodic: bool = False
    invert: bool = False
    n_points: int = 1000

    def check(self) -> None:
        """Raise an InputError if this cannot be done with any file; better to know before one is read than after."""
        if self.kind not in ("auto", *KINDS):
            raise InputError(f"kind is auto, {', '.join(KINDS)}, got {self.kind!r}")
        for name, least in (("max_dimension", 0), ("delay", 1), ("dimension", 1), ("stride", 1), ("n_points", 1)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | np.integer) or value < least):
                raise InputError(f"{name} is an integer of at least {least}, got {value!r}")
        if not self.threshold > 0:
            raise InputError(f"threshold is a distance above 0, got {self.threshold!r}")
        if self.delay is not None and self.dimension is None:
            raise InputError("delay needs dimension, too: how many coordinates; without both they are found")
        if self.metric == "precomputed":
            raise InputError("metric is one of points; of distances say so by kind='distances'")
        if self.kind != "auto":
            self.check_for(self.kind)

    def check_for(self, kind: str) -> None:
        """Raise an InputError if an option is set that data of this kind has no use for."""
        for name, kinds in _ONLY_FOR.items():
            if kind not in kinds and getattr(self, name) != getattr(TopologyConfig, name):
                raise InputError(f"{name} is for {' and '.join(kinds)}; {self.file} is taken as {kind}")

    def changes(self) -> dict:
        """Return what differs from the defaults, beside the file."""
        return {f.name: v for f in fields(self)[1:] if (v := getattr(self, f.name)) != f.default}


@dataclass(frozen=True, eq=False)
class TopologyResult:
    """What was found.

    Attributes
    ----------
    config : TopologyConfig
    data : Data
        What was read, and what it was taken for.
    persistence : Persistence
        Bars, what begins and ends them, and of points, where there was room for them, cycles.
    rows : (n,) integer array
        Which row of the file, atom, or sample of a series a point of the persistence is (or begins at); none of images.
    covering_radius : float
        How far the farthest point that was left out is from the nearest that was kept; 0 if all were.
    places : (n, 2) or (n, 3) array, or None
        Where to draw the points; distances and points of more coordinates are drawn along their principal axes.
    share : float
        How much of the variation the places show: 1 is all.
    embedding : (int, int) or None
        Delay and dimension of a series' embedding.
    seconds : dict of str to float
        What took how long.
    """

    config: TopologyConfig
    data: Data
    persistence: Persistence
    rows: np.ndarray
    covering_radius: float
    places: np.ndarray | None
    share: float
    embedding: tuple[int, int] | None
    seconds: dict[str, float]

    @property
    def kind(self) -> str:
        """What the data was taken for."""
        return self.data.kind

    @property
    def bars(self) -> tuple[np.ndarray, ...]:
        """Birth and death of each bar, (k, 2), by homology dimension."""
        return self.persistence.bars

    def longest(self, dimension: int, n: int = SHOWN) -> np.ndarray:
        """Return the numbers of the longest bars of a dimension, the longest first."""
        bars = self.bars[dimension]
        return np.argsort(-(bars[:, 1] - bars[:, 0]), kind="stable")[:n]

    def lifetime(self, dimension: int, place: int = 0) -> float:
        """Return how long the longest bar that ends is, or the one at another place in this order; 0 without one."""
        bars = self.bars[dimension]
        lives = np.sort((bars[:, 1] - bars[:, 0])[np.isfinite(bars[:, 1])])
        return float(lives[-1 - place]) if place < len(lives) else 0.0

    def cycle(self, dimension: int, bar: int) -> np.ndarray | None:
        """Return the simplices (s, dimension + 1) of a cycle that is born with a bar and dies with it, None if unknown.

        Vertices are numbers of the kept points, 0 to n - 1.
        """
        known = self.persistence.cycles is not None and dimension > 0
        return self.persistence.cycles[dimension][bar][0] if known else None

    @property
    def entropies(self) -> list[float]:
        """The entropy in bits of the lifetimes of bars that end, by dimension; NaN where there are none."""
        ended = [bars[np.isfinite(bars[:, 1])] for bars in self.bars]
        diagram = collect([ended], range(len(ended)))
        return (PersistenceEntropy(nan_fill_value=None).fit_transform(diagram)[0] + 0.0).tolist()  # -0 is 0

    def betti(self) -> tuple[np.ndarray, np.ndarray]:
        """Return filtration values (m,) from the first birth to the end, and how many bars live there, (d, m)."""
        ends = np.concatenate([bars.ravel() for bars in self.bars])
        ends = ends[np.isfinite(ends)]
        low, high = (ends.min(), max(ends.max(), self._end)) if len(ends) else (0.0, self._end)
        grid = np.linspace(low, high, _GRID)
        return grid, np.stack([betti_curves(bars[None], grid)[0] for bars in self.bars])

    @property
    def _end(self) -> float:
        """The value up to which the filtration was looked at, if there is one."""
        return self.persistence.threshold if math.isfinite(self.persistence.threshold) else 0.0

    def diagram_rows(self) -> list[tuple]:
        """Return what ``diagrams.csv`` holds, the header first.

        ``begins`` and ``ends`` are the two points whose edge, or the one point which, begins or ends the bar, as rows
        of the file, atoms or samples of the series; of images the pixel's place along each axis.
        """
        rows: list[tuple] = [("dimension", "birth", "death", "begins", "ends")]
        for q, bars in enumerate(self.bars):
            begins, ends = self._named(self.persistence.births[q]), self._named(self.persistence.deaths[q])
            rows += [(q, *bar, *made) for bar, made in zip(bars.tolist(), zip(begins, ends, strict=True), strict=True)]
        return rows

    def makers(self, dimension: int, bar: int) -> tuple[str, str]:
        """Return what begins and what ends a bar, as in `diagram_rows`."""
        found = self.persistence.births[dimension][bar], self.persistence.deaths[dimension][bar]
        return tuple(self._named(one[None])[0] for one in found)

    def _named(self, places: np.ndarray) -> list[str]:
        """Return points or pixels as text; a point that is given twice once, and nothing for -1."""
        if self.kind == "image":
            return [" ".join(map(str, pixel)) if pixel[0] >= 0 else "" for pixel in places.tolist()]
        rows = self.rows[places].tolist()
        return [
            "" if first < 0 else f"{a}" if first == second else f"{a} {b}"
            for (first, second), (a, b) in zip(places.tolist(), rows, strict=True)
        ]

    def metrics(self) -> dict:
        """Return what ``result.json`` holds."""
        grid, numbers = self.betti()
        found = []
        for q, (bars, entropy) in enumerate(zip(self.bars, self.entropies, strict=True)):
            longest = [
                {"birth": b, "death": d, "lifetime": d - b, "begins": begins, "ends": ends}
                for k in self.longest(q).tolist()
                for (b, d), (begins, ends) in [(bars[k].tolist(), self.makers(q, k))]
            ]
            found.append({"dimension": q, "bars": len(bars), "entropy_bits": entropy, "longest": longest})
        return {
            "file": str(self.config.file),
            "kind": self.kind,
            "reason": self.data.reason,
            "shape": list(self.data.values.shape),
            "options": {k: v for k, v in self.config.changes().items() if k != "kind"},
            "points": len(self.rows),
            "covering_radius": self.covering_radius,
            "delay": self.embedding and self.embedding[0],
            "embedding_dimension": self.embedding and self.embedding[1],
            "threshold": self.persistence.threshold,
            "homology": found,
            "betti": {"value": grid.tolist(), "numbers": numbers.tolist()},
            "seconds": self.seconds,
            "versions": versions(PACKAGES),
        }


def find_shape(config: TopologyConfig, say: Callable[[str], None] = lambda line: None) -> TopologyResult:
    """Read a file and compute its persistent homology.

    Points, embedded series and structures have a Vietoris-Rips filtration, in which points are joined when their
    distance is reached; images that of their sublevel sets, in which pixels enter by their values.

    Parameters
    ----------
    config : TopologyConfig
    say : callable
        Gets one line after each step.

    Raises
    ------
    InputError
        If the file or the options cannot be used.
    TooLargeError
        If the work would not fit into memory.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "circle.csv"
    >>> angle = 2 * np.pi * np.arange(40) / 40
    >>> np.savetxt(path, np.column_stack([np.cos(angle), np.sin(angle)]), delimiter=",")
    >>> result = find_shape(TopologyConfig(path))
    >>> result.kind, result.bars[1].round(3).tolist()
    ('points', [[0.157, 1.782]])
    """
    config.check()
    started = time.monotonic()
    data = read_data(config.file, config.kind, config.part, config.columns)
    config.check_for(data.kind)
    seconds = {"reading": round(time.monotonic() - started, 3)}
    shape = " x ".join(f"{n:,}" for n in data.values.shape)
    say(f"read: {config.file}, {shape} numbers, taken as {data.kind}: {data.reason}")
    started = time.monotonic()
    found = _of_image(config, data) if data.kind == "image" else _of_points(config, data, say)
    seconds["persistence"] = round(time.monotonic() - started, 3)
    counts = ", ".join(f"{len(bars):,} of H{q}" for q, bars in enumerate(found.bars))
    say(f"bars: {counts} ({seconds['persistence']:.1f} s)")
    return replace(found, seconds=seconds)


def _of_image(config: TopologyConfig, data: Data) -> TopologyResult:
    if config.invert:
        data = replace(data, values=data.values.max() - data.values)
    found = cubical_persistence(data.values, max_dimension=config.max_dimension, periodic=config.periodic)
    return TopologyResult(config, data, found, np.zeros(0, np.int64), 0.0, None, 1.0, None, {})


def _of_points(config: TopologyConfig, data: Data, say: Callable[[str], None]) -> TopologyResult:
    points, rows, embedding = data.values, np.arange(data.values.shape[0]), None
    if data.kind == "series":
        points, rows, embedding = _embedded(config, data.values)
        say(f"embedding: {len(points):,} points of {embedding[1]} coordinates, {embedding[0]} samples apart")
    table, metric, threshold = points, config.metric, config.threshold
    if data.kind == "distances":
        metric = "precomputed"
    elif config.periodic:
        metric = "precomputed"
        table, threshold = _periodic_distances(config, data)
    else:
        _check_metric(points, metric)
    radius = 0.0
    if len(rows) > config.n_points and not sparse.issparse(table):
        kept, radius = farthest_points(table, config.n_points, metric=metric)
        kept = np.sort(kept)
        say(f"points: {len(kept):,} of {len(rows):,}, the others within {radius:.4g} of them")
        points, rows, table = points[kept], rows[kept], table[kept]
        table = table[:, kept] if metric == "precomputed" else table
    places, share = (points, 1.0) if config.periodic else _places(table, metric == "precomputed")
    highest = _highest(config, data)
    few = len(rows) <= max(config.n_points, TopologyConfig.n_points)  # of a sparse matrix; cycles need all pairs
    found = rips_persistence(
        table, max_dimension=highest, threshold=threshold, metric=metric, cycles=highest > 0 and few
    )
    return TopologyResult(config, data, found, rows, radius, places, share, embedding, {})


def _highest(config: TopologyConfig, data: Data) -> int:
    if config.max_dimension is not None:
        return config.max_dimension
    return 2 if data.kind in ("points", "structure") and data.values.shape[1] > 2 else 1


def _embedded(config: TopologyConfig, series: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Return the delay embedding, the sample at which each point begins, delay and dimension."""
    delay, dimension = config.delay, config.dimension
    if delay is None:
        if len(series) < _FEWEST:
            raise InputError(
                f"a series needs at least {_FEWEST} samples for its delay and dimension to be found; give them, "
                f"got {len(series)}"
            )
        longest = min(_LONGEST, len(series) // 10)
        takens = SingleTakensEmbedding("search", longest, 5).fit(series)
        delay, dimension = takens.time_delay_, dimension or takens.dimension_
    fixed = SingleTakensEmbedding("fixed", delay, dimension, config.stride)
    return fixed.fit_transform(series), fixed.transform(np.arange(len(series)))[:, 0], (delay, dimension)


def _check_metric(points: np.ndarray, metric: str) -> None:
    """Try a metric on some of the points: scikit-learn's and scipy's own words say what is wrong with it."""
    try:
        pairwise_distances(points[:100], metric=metric)
    except (TypeError, ValueError) as error:
        raise InputError(f"metric {metric!r} cannot be used with these points: {error}") from None


def _periodic_distances(config: TopologyConfig, data: Data) -> tuple[np.ndarray, float]:
    """Return the distances to nearest images, inf beyond half the cell's width, and up to where they are known."""
    structure = data.structure
    if structure.cell is None or not structure.pbc.any():
        raise InputError(f"{config.file}: periodic needs a cell that repeats, and there is none")
    inverse = np.linalg.inv(completed_cell(structure.cell, structure.pbc))
    half = 0.5 / float(np.linalg.norm(inverse, axis=0)[structure.pbc].max())
    if half < config.threshold < math.inf:
        raise InputError(f"threshold is at most half of the cell's width where it repeats, {half:.4g} angstrom")
    threshold = min(config.threshold, half)
    near = neighbor_list(structure.positions, threshold, structure.cell, structure.pbc)
    n = structure.n_atoms
    distances = np.full((n, n), np.inf)
    np.fill_diagonal(distances, 0.0)
    np.minimum.at(distances, tuple(near.edge_index), np.linalg.norm(near.displacement, axis=1))
    return distances, threshold


def _places(cloud, precomputed: bool) -> tuple[np.ndarray | None, float]:
    """Return where to draw points, (n, 2) or (n, 3), and how much of their variation this shows.

    Distances by classical scaling, many coordinates by principal components, which is the same for Euclidean distances.
    """
    if not precomputed:
        if cloud.shape[1] < 4:
            return np.pad(cloud, ((0, 0), (0, max(0, 2 - cloud.shape[1])))), 1.0
        u, lengths, _ = np.linalg.svd(cloud - cloud.mean(axis=0), full_matrices=False)
        return u[:, :3] * lengths[:3], _share((lengths[:3] ** 2).sum(), (lengths**2).sum())
    if sparse.issparse(cloud) or not np.isfinite(cloud).all():
        return None, 1.0
    squares = cloud**2
    products = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    n = len(cloud)
    lengths, axes = eigh(products, subset_by_index=[max(0, n - 3), n - 1])
    lengths = np.maximum(lengths[::-1], 0.0)
    places = axes[:, ::-1] * np.sqrt(lengths)
    return np.pad(places, ((0, 0), (0, max(0, 3 - n)))), _share(lengths.sum(), np.trace(products))


def _share(part: float, whole: float) -> float:
    return min(1.0, float(part / whole)) if whole > 0 else 1.0
