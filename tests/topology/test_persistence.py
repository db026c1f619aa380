"""Vietoris-Rips persistence against plain matrix reduction, ripser and gudhi, and against what mathematics says."""

import re
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.spatial.distance import cdist

from erlangen.errors import ErlangenError, InputError, ShapeError, TooLargeError
from erlangen.symmetry import Euclidean, Invariant, Permutation, Permute, Point, certify
from erlangen.topology import Persistence, rips_persistence
from erlangen.topology.persistence import checked_distances


def plain(distances, max_dimension, threshold, births, modulus) -> list[np.ndarray]:
    """Return the bars by reducing the whole boundary matrix, simplex by simplex."""
    n = len(distances)
    edge = np.maximum(distances, np.maximum.outer(births, births))
    simplices = [(births[i], 1, (i,)) for i in range(n)]
    for size in range(2, max_dimension + 3):
        for s in combinations(range(n), size):
            value = max(edge[pair] for pair in combinations(s, 2))
            if value <= threshold and value < np.inf:
                simplices.append((value, size, s))
    simplices.sort()
    number = {s: i for i, (_, _, s) in enumerate(simplices)}
    reduced, bars, paired = {}, [[] for _ in range(max_dimension + 1)], set()
    for i, (value, size, s) in enumerate(simplices):
        column = {}
        if size > 1:
            column = {number[s[:j] + s[j + 1 :]]: (-1) ** j % modulus for j in range(size)}
        while column and (low := max(column)) in reduced:
            other = reduced[low][1]
            factor = -column[low] * pow(other[low], -1, modulus) % modulus
            for key, x in other.items():
                column[key] = (column.get(key, 0) + factor * x) % modulus
            column = {key: x for key, x in column.items() if x}
        if column:
            low = max(column)
            reduced[low] = i, column
            paired |= {i, low}
            if simplices[low][0] < value:
                bars[simplices[low][1] - 1].append((simplices[low][0], value))
    for i, (value, size, _) in enumerate(simplices):
        if i not in paired and size - 1 <= max_dimension:
            bars[size - 1].append((value, np.inf))
    return [np.array(sorted(b)).reshape(-1, 2) for b in bars]


def assert_same_bars(found, expected, **tolerance):
    assert len(found) == len(expected)
    for mine, other in zip(found, expected, strict=True):
        other = np.asarray(other, dtype=float).reshape(-1, 2)
        other = other[other[:, 0] < other[:, 1]]
        other = other[np.lexsort(other.T[::-1])]
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, **({"rtol": 1e-12} | tolerance))


def clouds(seed: int, n: int) -> np.ndarray:
    """Return a cloud: normal, on a grid with ties and duplicates, on a circle, a sphere or a line."""
    rng = np.random.default_rng(seed)
    kind, d = seed % 5, 1 + seed % 4
    if kind == 0:
        return rng.normal(size=(n, d))
    if kind == 1:
        return rng.integers(0, 4, size=(n, d)).astype(float)
    if kind == 2:
        angle = np.sort(rng.uniform(0, 2 * np.pi, n))
        return np.column_stack([np.cos(angle), np.sin(angle)])
    if kind == 3:
        x = rng.normal(size=(n, 3))
        return x / np.linalg.norm(x, axis=1, keepdims=True)
    return np.column_stack([np.arange(n, dtype=float), np.zeros(n)])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["points", "grid", "any", "few values", "holes"]),
    max_dimension=st.integers(0, 3),
    modulus=st.sampled_from([2, 3, 5]),
    threshold=st.sampled_from([np.inf, 0.8]),
    weighted=st.booleans(),
)
def test_bars_are_those_of_plain_matrix_reduction(n, seed, kind, max_dimension, modulus, threshold, weighted):
    rng = np.random.default_rng(seed)
    if kind in ("points", "grid"):
        x = rng.normal(size=(n, 2)) if kind == "points" else rng.integers(0, 3, size=(n, 2)) / 2
        distances = cdist(x, x)
    else:
        distances = np.triu(rng.random((n, n)), 1)
        if kind == "few values":
            distances = np.ceil(4 * distances) / 4
        if kind == "holes":
            distances[distances > 0.6] = np.inf
        distances = np.where(np.isinf(distances), np.inf, distances + distances.T)
        distances = np.minimum(distances, distances.T)
        np.fill_diagonal(distances, 0)
    births = rng.random(n) * 0.5 if weighted else np.zeros(n)
    found = rips_persistence(
        distances,
        metric="precomputed",
        max_dimension=max_dimension,
        threshold=threshold,
        modulus=modulus,
        births=births,
    )
    assert_same_bars(found.bars, plain(distances, max_dimension, found.threshold, births, modulus))


@pytest.mark.parametrize("seed", range(60))
def test_bars_are_those_of_ripser(seed):
    ripser = pytest.importorskip("ripser").ripser
    n, modulus = 15 + seed % 31, (2, 3, 5)[seed % 3]
    points = clouds(seed, n)
    top = 2 if n <= 30 else 1
    for threshold in (np.inf, 1.1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = ripser(points, maxdim=top, coeff=modulus, thresh=threshold)["dgms"]
        mine = rips_persistence(points, max_dimension=top, modulus=modulus, threshold=threshold)
        theirs = [d[d[:, 0] + 1e-6 * abs(d[:, 1]) < d[:, 1]] for d in theirs]  # theirs are float32
        bars = [d[d[:, 0] + 1e-6 * abs(d[:, 1]) < d[:, 1]] for d in mine.bars]
        for mine_, theirs_ in zip(bars, theirs, strict=True):
            assert len(mine_) == len(theirs_)
            for end in (0, 1):
                np.testing.assert_allclose(np.sort(mine_[:, end]), np.sort(theirs_[:, end]), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("seed", range(60, 100))
def test_bars_are_those_of_gudhi(seed):
    gudhi = pytest.importorskip("gudhi")
    points = clouds(seed, 12 + seed % 14)
    tree = gudhi.RipsComplex(distance_matrix=cdist(points, points)).create_simplex_tree(max_dimension=3)
    tree.compute_persistence(homology_coeff_field=3)
    theirs = [tree.persistence_intervals_in_dimension(q) for q in range(3)]
    assert_same_bars(rips_persistence(points, max_dimension=2, modulus=3).bars, theirs)


def projective_plane() -> np.ndarray:
    """Return distances, 1 along the edges and 2 elsewhere, of the subdivided real projective plane on six vertices."""
    faces = [tuple(map(int, f)) for f in ["012", "023", "034", "045", "015", "124", "235", "134", "245", "135"]]
    cells = sorted({c for f in faces for k in (1, 2, 3) for c in combinations(f, k)}, key=lambda c: (len(c), c))
    inside = np.array([[set(p) < set(q) or set(q) < set(p) for q in cells] for p in cells])
    return np.where(inside, 1.0, 2.0) - np.diag(np.full(len(cells), 2.0))


@pytest.mark.parametrize(("modulus", "betti"), [(2, (1, 1, 1)), (3, (1, 0, 0)), (5, (1, 0, 0))])
def test_the_projective_plane_has_a_loop_and_a_void_modulo_two_only(modulus, betti):
    found = rips_persistence(
        projective_plane(), metric="precomputed", threshold=1.5, max_dimension=2, modulus=modulus
    ).bars
    assert tuple(int(np.isinf(b[:, 1]).sum()) for b in found) == betti


def klein_bottle(n: int = 5) -> np.ndarray:
    """Return hop distances on a triangulated Klein bottle of 2n x 2n squares."""
    m = 2 * n
    number = {}
    for i in range(m):
        for j in range(m):
            number[i, j] = len(number)

    def at(i, j):
        return number[i % m, (j if (i // m) % 2 == 0 else -j) % m]

    rows, columns = [], []
    for i in range(m):
        for j in range(m):
            for di, dj in ((1, 0), (0, 1), (1, 1)):
                rows.append(at(i, j))
                columns.append(at(i + di, j + dj))
    distances = np.full((m * m, m * m), 2.0)
    distances[rows, columns] = distances[columns, rows] = 1.0
    np.fill_diagonal(distances, 0.0)
    return distances


@pytest.mark.parametrize(("modulus", "betti"), [(2, (1, 2, 1)), (3, (1, 1, 0))])
def test_the_klein_bottle(modulus, betti):
    found = rips_persistence(klein_bottle(), metric="precomputed", threshold=1.5, max_dimension=2, modulus=modulus).bars
    assert tuple(int(np.isinf(b[:, 1]).sum()) for b in found) == betti


def test_the_vertices_of_a_cube():
    corners = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    bars = rips_persistence(corners, max_dimension=3).bars
    assert [len(b) for b in bars] == [8, 5, 0, 1]
    np.testing.assert_allclose(bars[3], [[np.sqrt(2), np.sqrt(3)]])


@pytest.mark.parametrize("modulus", [2, 3, 7])
@pytest.mark.parametrize("seed", range(5))
def test_cocycles_are_cocycles_until_their_bars_end(seed, modulus):
    points = clouds(5 * seed, 16)
    distances = cdist(points, points)
    found = rips_persistence(points, max_dimension=2, modulus=modulus, cocycles=True)
    assert isinstance(found, Persistence)
    assert found.cocycles[0] == []
    for q in (1, 2):
        assert len(found.cocycles[q]) == len(found.bars[q])
        for (birth, death), (simplices, coefficients) in zip(found.bars[q], found.cocycles[q], strict=True):
            value = {tuple(s): int(c) for s, c in zip(simplices, coefficients, strict=True)}
            diameters = [max(distances[pair] for pair in combinations(s, 2)) for s in value]
            assert min(diameters) == birth
            broken = []
            for s in combinations(range(len(points)), q + 2):
                diameter = max(distances[pair] for pair in combinations(s, 2))
                total = sum((-1) ** j * value.get(s[:j] + s[j + 1 :], 0) for j in range(q + 2))
                if total % modulus:
                    broken.append(diameter)
            assert min(broken) == death


def boundary_matrix(distances, size, limit, modulus):
    """Return simplices of one size within a limit, those with one vertex less, and the boundary matrix."""

    def within(k):
        return [s for s in combinations(range(len(distances)), k) if distances[np.ix_(s, s)].max() <= limit]

    facets = within(size - 1)
    number = {s: i for i, s in enumerate(facets)}
    simplices = within(size)
    matrix = np.zeros((len(facets), len(simplices)), np.int64)
    for c, s in enumerate(simplices):
        for j in range(size):
            matrix[number[s[:j] + s[j + 1 :]], c] = (-1) ** j % modulus
    return number, matrix


def rank_modulo(matrix, modulus):
    matrix, rank = matrix.copy() % modulus, 0
    for column in range(matrix.shape[1]):
        rows = rank + np.flatnonzero(matrix[rank:, column])
        if not len(rows):
            continue
        matrix[[rank, rows[0]]] = matrix[[rows[0], rank]]
        matrix[rank] = matrix[rank] * pow(int(matrix[rank, column]), -1, modulus) % modulus
        others = np.arange(len(matrix)) != rank
        matrix[others] = (matrix[others] - np.outer(matrix[others, column], matrix[rank])) % modulus
        rank += 1
    return rank


@pytest.mark.parametrize("modulus", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_cycles_begin_and_end_with_their_bars(seed, modulus):
    rng = np.random.default_rng(seed)
    distances = np.triu(rng.random((11, 11)), 1)  # no metric, so that there are many classes
    distances += distances.T
    if seed < 4:  # opposite points far apart: a sphere of dimension 3
        distances[np.arange(10), np.arange(10) ^ 1] = 3
    threshold = np.quantile(distances, 0.7) if seed % 3 == 0 else np.inf
    options = {"max_dimension": 2, "modulus": modulus, "threshold": threshold, "collapse_edges": seed == 3}
    found = rips_persistence(distances, metric="precomputed", cycles=True, **options)
    assert_same_bars(found.bars, rips_persistence(distances, metric="precomputed", **options).bars)
    assert len(found.bars[1])
    assert seed > 3 or len(found.bars[2])
    for d in (1, 2):
        assert len(found.cycles[d]) == len(found.bars[d])
        for (birth, death), (simplices, coefficients) in zip(found.bars[d], found.cycles[d], strict=True):
            assert (np.diff(simplices, axis=1) > 0).all()
            entered = np.array([distances[np.ix_(s, s)].max() for s in simplices])
            assert np.isclose(entered.max(), birth, rtol=1e-12)
            boundary = {}
            for s, x in zip(simplices.tolist(), coefficients, strict=True):
                for j in range(d + 1):
                    facet = (*s[:j], *s[j + 1 :])
                    boundary[facet] = (boundary.get(facet, 0) + (-1) ** j * int(x)) % modulus
            assert not any(boundary.values())
            limits = ((death, True), (death - 1e-9, False)) if death < np.inf else ((found.threshold, False),)
            for limit, bounds in limits:
                number, matrix = boundary_matrix(distances, d + 2, limit, modulus)
                chain = np.zeros((len(number), 1), np.int64)
                for s, x in zip(simplices.tolist(), coefficients, strict=True):
                    chain[number[tuple(s)]] = x
                more = rank_modulo(np.hstack([matrix, chain]), modulus) - rank_modulo(matrix, modulus)
                assert more == (not bounds)


@pytest.mark.parametrize("seed", range(8))
def test_bars_are_the_lengths_of_their_edges(seed):
    points = clouds(seed, 30)
    found = rips_persistence(points, max_dimension=2)
    distances = cdist(points, points)
    for bars, begins, ends in zip(found.bars, found.births, found.deaths, strict=True):
        assert begins.shape == ends.shape == (len(bars), 2)
        np.testing.assert_array_equal(distances[begins[:, 0], begins[:, 1]], bars[:, 0])
        finite = np.isfinite(bars[:, 1])
        np.testing.assert_array_equal(distances[ends[finite, 0], ends[finite, 1]], bars[finite, 1])
        assert (ends[~finite] == -1).all()


def test_any_metric_and_sparse_distances():
    points = clouds(3, 20)
    taxi = cdist(points, points, "cityblock")
    expected = rips_persistence(taxi, metric="precomputed").bars
    assert_same_bars(rips_persistence(points, metric="cityblock").bars, expected)
    assert_same_bars(rips_persistence(points, metric="minkowski", metric_params={"p": 1}).bars, expected)
    short = np.triu(np.where(taxi < 1, taxi, 0))
    for matrix in (sparse.csr_matrix(short), sparse.coo_array(short.T)):
        found = rips_persistence(matrix, metric="precomputed")
        assert_same_bars(found.bars, rips_persistence(taxi, metric="precomputed", threshold=short.max()).bars)
    upper = np.triu(taxi) + np.tril(np.full_like(taxi, 99.0), -1)
    assert_same_bars(rips_persistence(upper, metric="precomputed").bars, expected)


def test_small_and_empty_clouds():
    one = rips_persistence(np.zeros((1, 3)), max_dimension=2).bars
    assert [b.tolist() for b in one] == [[[0.0, np.inf]], [], []]
    assert [len(b) for b in rips_persistence(np.zeros((0, 3)), max_dimension=1).bars] == [0, 0]
    same = rips_persistence(np.zeros((5, 2)), max_dimension=2).bars
    assert [b.tolist() for b in same] == [[[0.0, np.inf]], [], []]
    apart = np.full((4, 4), np.inf)
    np.fill_diagonal(apart, 0)
    assert rips_persistence(apart, metric="precomputed").bars[0].tolist() == [[0.0, np.inf]] * 4


@pytest.mark.parametrize("seed", range(6))
def test_scaling_relabelling_and_duplicates(seed):
    points, rng = clouds(seed, 25), np.random.default_rng(seed)
    bars = rips_persistence(points, max_dimension=2).bars
    assert_same_bars(rips_persistence(points[rng.permutation(25)], max_dimension=2).bars, bars, atol=1e-14)
    assert_same_bars(rips_persistence(4 * points, max_dimension=2).bars, [4 * b for b in bars])
    assert_same_bars(rips_persistence(np.vstack([points, points[:3]]), max_dimension=2).bars, bars, atol=1e-14)


def total_lengths(x):
    """Return the sum of the bars' lengths in dimension 0 and 1."""
    bars = rips_persistence(x).bars
    return np.array([np.diff(b[np.isfinite(b[:, 1])]).sum() for b in bars])


def test_persistence_is_certified_invariant():
    motions = Euclidean(3) * Permutation()
    found = certify(total_lengths, motions, input=Point() * Permute(0), output=Invariant() * Invariant(), sizes=(5, 20))
    assert found.holds, str(found)


def test_threads_change_nothing(monkeypatch):
    import erlangen.kernels

    points = clouds(3, 60)
    alone = rips_persistence(points, max_dimension=2)
    monkeypatch.setattr(erlangen.kernels, "threads_for", lambda rows, work: min(3, rows))
    for mine, other in zip(rips_persistence(points, max_dimension=2).bars, alone.bars, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        (np.zeros((3, 2)), {"max_dimension": -1}, InputError, "max_dimension"),
        (np.zeros((3, 2)), {"max_dimension": 1.5}, InputError, "max_dimension"),
        (np.zeros((3, 2)), {"modulus": 4}, InputError, "prime"),
        (np.zeros((3, 2)), {"threshold": -1.0}, InputError, "threshold"),
        (np.zeros((3, 2)), {"threshold": np.nan}, InputError, "threshold"),
        (np.array([[0.0, np.nan]]), {}, InputError, "point 0"),
        (np.zeros(3), {}, ShapeError, "two axes"),
        (np.zeros((3, 2)), {"metric": "precomputed"}, ShapeError, "(n, n)"),
        (np.array([[0.0, -1], [-1, 0]]), {"metric": "precomputed"}, InputError, "between 0 and 1"),
        (np.array([[0.0, np.nan], [0, 0]]), {"metric": "precomputed"}, InputError, "between 0 and 1"),
        (np.zeros((3, 2)), {"births": [0.0]}, ShapeError, "births"),
        ("abc", {}, ErlangenError, "numbers"),
    ],
)
def test_bad_input_is_named(arguments, options, error, words):
    with pytest.raises(error) as caught:
        rips_persistence(arguments, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize("seed", range(40))
def test_collapsed_edges_change_nothing(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 16))
    X = [rng.random((n, 3)), rng.integers(0, 3, (n, 2)).astype(float)][seed % 2]
    options = {"max_dimension": 3} | ({"births": rng.random(n) / 2, "threshold": 0.8} if seed % 3 == 0 else {})
    found = rips_persistence(X, collapse_edges=True, **options)
    assert_same_bars(found.bars, rips_persistence(X, **options).bars)
    if "births" not in options:
        distances = cdist(X, X)
        for bars, begins, ends in list(zip(found.bars, found.births, found.deaths, strict=True))[1:]:
            np.testing.assert_array_equal(bars[:, 0], distances[begins[:, 0], begins[:, 1]])
            ended = ends[:, 0] >= 0
            np.testing.assert_array_equal(bars[ended, 1], distances[ends[ended, 0], ends[ended, 1]])


@pytest.mark.parametrize("seed", range(12))
def test_labels_of_edges_find_what_reduction_finds(seed, monkeypatch):
    monkeypatch.setattr("erlangen.topology.persistence._FIRST_PORTION", 16)  # many portions, many classes in them
    rng = np.random.default_rng(seed)
    X = [rng.random((90, 2)), rng.integers(0, 8, (90, 2)), rng.random((60, 40))][seed % 3].astype(float)
    threshold = [np.inf, 0.5 * np.ptp(X)][seed % 2]
    labelled = rips_persistence(X, max_dimension=1 + seed % 2, threshold=threshold)
    reduced = rips_persistence(X, max_dimension=1 + seed % 2, threshold=threshold, cocycles=True)
    assert_same_bars(labelled.bars, reduced.bars)


def test_many_classes_at_a_time():
    distances = np.random.default_rng(0).random((150, 150))  # no metric: a random graph, hundreds of cycles alive
    distances = np.triu(distances, 1) + np.triu(distances, 1).T
    bars = rips_persistence(distances, metric="precomputed").bars
    expected = rips_persistence(distances, metric="precomputed", cocycles=True).bars
    assert len(bars[1]) > 200
    assert_same_bars(bars, expected)


@pytest.mark.parametrize("points", ["abc", [1.0, 2.0], [[np.nan, 0.0]]])
def test_bad_points_are_named_with_a_threshold_too(points):
    for threshold in (np.inf, 1.0):
        with pytest.raises(ErlangenError, match="points"):
            rips_persistence(points, threshold=threshold)


def test_too_many_triangles_are_refused(monkeypatch):
    X = np.random.default_rng(0).normal(size=(60, 8))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    monkeypatch.setattr("erlangen.memory.HARMLESS", 0)
    monkeypatch.setattr("erlangen.topology.persistence.HARMLESS", 0)
    monkeypatch.setattr("erlangen.topology.persistence._BYTES_PER_COLUMN", 10**6)
    for name in ("erlangen.memory.available_bytes", "erlangen.topology.persistence.available_bytes"):
        monkeypatch.setattr(name, lambda: 10**7)
    with pytest.raises(TooLargeError, match=r"homology of dimension 2.*max_dimension=1 would do"):
        rips_persistence(X, max_dimension=2)


@pytest.mark.parametrize("kind", ["points", "sparse", "late"])
def test_where_few_pairs_are_near_no_table_is_made(kind, monkeypatch):
    monkeypatch.setattr("erlangen.topology.sparse_persistence.MIN_POINTS", 10)
    monkeypatch.setattr("erlangen.topology.sparse_persistence.FEW", 2.5)
    rng = np.random.default_rng(0)
    points = rng.random((60, 3))
    X, options = points, {"max_dimension": 2, "threshold": 0.6}
    if kind == "sparse":
        X = sparse.triu(cdist(points, points) * (cdist(points, points) < 0.6), 1)
        options = {"max_dimension": 2, "metric": "precomputed"}
    elif kind == "late":
        options["births"] = rng.random(60) / 2
    table = []
    few = rips_persistence(X, **options)
    monkeypatch.setattr("erlangen.topology.sparse_persistence.MIN_POINTS", 10**9)
    monkeypatch.setattr(
        "erlangen.topology.persistence.checked_distances", lambda *a: table.append(1) or checked_distances(*a)
    )
    all_pairs = rips_persistence(X, **options)
    assert table == [1]
    assert_same_bars(few.bars, all_pairs.bars)
    distances = cdist(points, points)
    if kind != "late":
        for bars, begins in zip(few.bars[1:], few.births[1:], strict=True):
            np.testing.assert_allclose(bars[:, 0], distances[begins[:, 0], begins[:, 1]], rtol=1e-12)


def test_many_points_with_a_threshold():
    X = np.random.default_rng(0).random((20_000, 2))
    bars = rips_persistence(X, threshold=0.012).bars
    assert len(bars[0]) == 20_000
    assert len(bars[1]) > 1_000


def test_the_error_says_which_threshold_would_do(monkeypatch):
    X = np.random.default_rng(0).random((400, 3))
    monkeypatch.setattr("erlangen.memory.HARMLESS", 0)
    monkeypatch.setattr("erlangen.memory.available_bytes", lambda: 3_000_000)
    with pytest.raises(TooLargeError, match=r"threshold=(\S+) would do") as caught:
        rips_persistence(X)
    threshold = float(re.search(r"threshold=(\S+) would", str(caught.value))[1])
    assert 0.2 < threshold < 0.7
    rips_persistence(X, threshold=0.99 * threshold)


def test_the_error_says_which_dimension_would_do(monkeypatch):
    X = np.random.default_rng(0).normal(size=(60, 8))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    monkeypatch.setattr("erlangen.memory.HARMLESS", 0)
    monkeypatch.setattr("erlangen.topology.persistence.HARMLESS", 0)
    for name in ("erlangen.memory.available_bytes", "erlangen.topology.persistence.available_bytes"):
        monkeypatch.setattr(name, lambda: 200_000)
    with pytest.raises(
        TooLargeError, match=r"homology of dimension 4.*max_dimension=3 would do, or threshold="
    ) as caught:
        rips_persistence(X, max_dimension=4)
    rips_persistence(X, max_dimension=3)
    rips_persistence(X, max_dimension=4, threshold=float(re.search(r"threshold=([\d.]+)", str(caught.value))[1]))


def test_what_does_not_fit_is_refused():
    with pytest.raises(TooLargeError, match="GB"):
        rips_persistence(np.zeros((10**6, 1)))
    with pytest.raises(InputError, match="lower max_dimension"):
        rips_persistence(np.random.default_rng(0).random((500, 3)), max_dimension=10)
