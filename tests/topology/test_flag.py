"""Complexes on graphs against gudhi, each other and plain reduction; extended persistence against its symmetry."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from sklearn.base import clone

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    FlagserPersistence,
    extended_persistence,
    flag_persistence,
    lower_star_persistence,
    rips_persistence,
)
from erlangen.topology.flag import RULES, closure


def graph(seed: int, n: int, levels: int = 0) -> np.ndarray:
    """Return a directed graph with weights and births."""
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random((n, n)) < 0.6, rng.random((n, n)), np.inf)
    np.fill_diagonal(weights, rng.random(n) * 0.4)
    return np.ceil(weights * levels) / levels if levels else weights


def plain(weights, top, rule, modulus, most=np.inf) -> list[np.ndarray]:
    """Return the bars by reducing the whole boundary matrix of ordered simplices, one by one."""
    n = len(weights)
    value = {(v,): weights[v, v] for v in range(n) if weights[v, v] <= most}
    for size in range(2, top + 3):
        for s in permutations(range(n), size):
            faces = [value.get(s[:j] + s[j + 1 :]) for j in range(size)]
            if None in faces or not max(weights[pair] for pair in combinations(s, 2)) <= min(most, 1e300):
                continue
            own = max(*faces, weights[s]) if size == 2 else RULES[rule](np.array([faces]), size - 1)[0]
            value[s] = own
    if rule in ("dimension", "zero"):
        value = {s: float(len(s) - 1) * (rule == "dimension") for s in value}
    listed = sorted((v, len(s), s) for s, v in value.items())
    number = {s: i for i, (_, _, s) in enumerate(listed)}
    reduced, paired, bars = {}, set(), [[] for _ in range(top + 2)]
    for i, (v, size, s) in enumerate(listed):
        column = {number[s[:j] + s[j + 1 :]]: (-1) ** j % modulus for j in range(size)} if size > 1 else {}
        while column and (low := max(column)) in reduced:
            other = reduced[low]
            factor = -column[low] * pow(other[low], -1, modulus) % modulus
            for key, x in other.items():
                column[key] = (column.get(key, 0) + factor * x) % modulus
            column = {key: x for key, x in column.items() if x}
        if column:
            low = max(column)
            reduced[low] = column
            paired |= {i, low}
            if listed[low][0] < v:
                bars[listed[low][1] - 1].append((listed[low][0], v))
    for i, (v, size, _) in enumerate(listed):
        if i not in paired:
            bars[size - 1].append((v, np.inf))
    return [np.array(sorted(b)).reshape(-1, 2) for b in bars[: top + 1]]


@pytest.mark.parametrize("rule", sorted(set(RULES) - {"product"}))
@pytest.mark.parametrize("seed", range(4))
def test_directed_bars_are_those_of_plain_reduction(seed, rule):
    weights, modulus = graph(seed, 5, levels=4 * (seed % 2)), (2, 3)[seed % 2]
    found = flag_persistence(weights, filtration=rule, max_dimension=2, modulus=modulus)
    for mine, other in zip(found.bars, plain(weights, 2, rule, modulus), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_the_greatest_weight_ends_the_filtration():
    for seed in range(4):
        weights = graph(seed, 5)
        found = flag_persistence(weights, max_weight=0.3).bars
        for mine, other in zip(found, plain(weights, 1, "max", 2, 0.3), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_without_directions_it_is_rips():
    points = np.random.default_rng(0).random((25, 3))
    distances = cdist(points, points)
    upper = np.triu(distances) + np.tril(np.full_like(distances, 9.0), -1)
    expected = rips_persistence(points, max_dimension=2).bars
    for matrix in (upper, sparse.csr_array(np.triu(distances))):
        found = flag_persistence(matrix, directed=False, max_dimension=2).bars
        for mine, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(mine, other)
    either = np.where(np.random.default_rng(2).random((25, 25)) < 0.5, distances, np.inf)  # or the other entry, or none
    np.fill_diagonal(either, 0.0)
    whole = np.where(np.isfinite(np.triu(either)), np.triu(either), np.triu(either.T))
    found = flag_persistence(either, directed=False).bars
    for mine, other in zip(found, rips_persistence(whole, metric="precomputed", threshold=99.0).bars, strict=True):
        np.testing.assert_array_equal(mine, other)
    births = np.random.default_rng(1).random(25) * 0.3
    np.fill_diagonal(upper, births)
    found = flag_persistence(upper, directed=False).bars
    for mine, other in zip(found, rips_persistence(points, births=births).bars, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_simplices_are_in_the_order_of_their_edges():
    weights = graph(1, 7)
    found = flag_persistence(weights, max_dimension=2)
    for bars, begins, ends in zip(found.bars, found.births, found.deaths, strict=True):
        for (birth, death), first, last in zip(bars, begins, ends, strict=True):
            for value, s in ((birth, first), (death, last)):
                if value < np.inf:
                    edges = [weights[pair] for pair in combinations(s, 2)]
                    assert max([*edges, *weights[s, s]]) == value


def test_products_may_descend():
    weights = np.where(np.eye(3) > 0, 0, 0.5)
    with pytest.raises(InputError, match="before a facet"):
        flag_persistence(weights, filtration="product")
    found = flag_persistence(2 + weights, filtration="product")
    assert found.bars[1].tolist()


def test_lower_stars_of_gudhi():
    gudhi = pytest.importorskip("gudhi")
    for seed in range(10):
        rng = np.random.default_rng(seed)
        values = rng.random(9) if seed % 2 else rng.integers(0, 3, 9).astype(float)
        triangles = np.array(list(combinations(range(9), 3)))[rng.random(84) < 0.2]
        edges = np.array(list(combinations(range(9), 2)))[rng.random(36) < 0.3]
        tree = gudhi.SimplexTree()
        for s in (*triangles.tolist(), *edges.tolist(), *([v] for v in range(9))):
            tree.insert(s, -np.inf)
        for v in range(9):
            tree.assign_filtration([v], values[v])
        tree.make_filtration_non_decreasing()
        tree.compute_persistence(persistence_dim_max=True, homology_coeff_field=2)
        found = lower_star_persistence([triangles, edges], values)
        for q, mine in enumerate(found.bars):
            other = np.asarray(tree.persistence_intervals_in_dimension(q)).reshape(-1, 2)
            np.testing.assert_array_equal(mine, other[np.lexsort(other.T[::-1])])
            np.testing.assert_array_equal(values[found.births[q]].max(axis=1, initial=-9), mine[:, 0])


def test_a_height_function_on_a_torus():
    m = 8
    i, j = np.divmod(np.arange(m * m), m)
    at = lambda a, b: (a % m) * m + b % m  # noqa: E731
    triangles = np.concatenate(
        [
            np.stack([at(i, j), at(i + 1, j), at(i + 1, j + 1)], axis=1),
            np.stack([at(i, j), at(i, j + 1), at(i + 1, j + 1)], axis=1),
        ]
    )
    heights = (2 + np.cos(2 * np.pi * j / m)) * np.cos(2 * np.pi * i / m)
    for modulus in (2, 5):
        bars = lower_star_persistence(triangles, heights, modulus=modulus).bars
        assert [int(np.isinf(b[:, 1]).sum()) for b in bars] == [1, 2, 1]
        assert bars[0][0, 0] == -3.0
        assert bars[2].tolist() == [[3.0, np.inf]]
    assert len(lower_star_persistence(triangles, heights, max_dimension=1).bars) == 2


def extended_of_gudhi(gudhi, edges, values):
    tree = gudhi.SimplexTree()
    for v, x in enumerate(values):
        tree.insert([v], x)
    for a, b in edges:
        tree.insert([a, b], max(values[a], values[b]))
    tree.extend_filtration()
    ordinary, relative, up, down = tree.extended_persistence(min_persistence=-1)
    lists = [[], [], [], []]
    for place, kind in ((0, ordinary), (1, relative), (2, [*up, *down])):
        for q, (birth, death) in kind:
            if place == 2 or abs(birth - death) > 1e-12:
                lists[3 if place == 2 and q else place].append((birth, death))
    return [np.array(sorted(b)).reshape(-1, 2) for b in lists]


def random_graph(seed: int):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 14))
    values = rng.random(n) if seed % 2 else rng.integers(0, 4, n).astype(float)
    return np.argwhere(np.triu(rng.random((n, n)) < 0.3, 1)), values


@pytest.mark.parametrize("seed", range(30))
def test_extended_persistence_of_gudhi(seed):
    gudhi = pytest.importorskip("gudhi")
    edges, values = random_graph(seed)
    found = extended_persistence(edges, values)
    expected = extended_of_gudhi(gudhi, edges, values)
    for mine, other in zip((found.ordinary, found.relative, found.components, found.loops), expected, strict=True):
        assert mine.shape == other.shape
        order = np.lexsort(np.round(other, 9).T[::-1])
        np.testing.assert_allclose(mine[np.lexsort(np.round(mine, 9).T[::-1])], other[order], atol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_extended_persistence_upside_down(seed):
    edges, values = random_graph(seed)
    found, turned = extended_persistence(edges, values), extended_persistence(edges, -values, modulus=3)
    for mine, other in (
        (found.ordinary, turned.relative),
        (found.relative, turned.ordinary),
        (found.components, turned.components[:, ::-1]),
        (found.loops, turned.loops[:, ::-1]),
    ):
        assert sorted(mine.tolist()) == sorted((-other).tolist())
    components = len(lower_star_persistence(edges, np.zeros(len(values))).bars[0])
    assert len(found.components) == components
    assert len(found.loops) == len(edges) - len(values) + components


def test_empty_graphs():
    assert [len(b) for b in flag_persistence(np.zeros((0, 0))).bars] == [0, 0]
    assert flag_persistence([[np.inf]]).bars[0].tolist() == []
    assert flag_persistence(np.array([[1.0]])).bars[0].tolist() == [[1, np.inf]]
    assert [b.tolist() for b in lower_star_persistence([], [1.0, 2.0]).bars] == [[[1, np.inf], [2, np.inf]]]
    assert lower_star_persistence(np.zeros((0, 2), int), []).bars[0].tolist() == []
    empty = extended_persistence([], [])
    assert len(empty.components) == len(empty.loops) == len(empty.ordinary) == 0
    assert extended_persistence([], [2.0]).components.tolist() == [[2, 2]]


def test_closures_have_all_faces():
    tables = closure([np.array([[3, 1, 0]]), np.array([[2, 3]])], 5)
    assert [t.tolist() for t in tables] == [
        [[0], [1], [2], [3], [4]],
        [[0, 1], [0, 3], [1, 3], [2, 3]],
        [[0, 1, 3]],
    ]


def test_the_estimator():
    X = np.stack([graph(seed, 8) for seed in range(3)])
    X.setflags(write=False)
    found = FlagserPersistence().fit_transform(X)
    np.testing.assert_array_equal(clone(FlagserPersistence(n_jobs=2)).fit_transform(list(X)), found)
    limited = FlagserPersistence(max_edge_weight=0.5, reduced_homology=False, homology_dimensions=(0, 2)).fit(X)
    assert limited.infinity_values_ == 0.5
    assert limited.transform(X)[:, :, :2].max() == 0.5
    matrices = [sparse.coo_array((x[x < np.inf], np.nonzero(x < np.inf)), shape=x.shape) for x in X]
    np.testing.assert_array_equal(FlagserPersistence().fit_transform(matrices), found)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: flag_persistence(np.zeros((2, 3))), "(n, n)"),
        (lambda: flag_persistence([["a"]]), "numbers"),
        (lambda: flag_persistence(np.full((2, 2), np.nan)), "NaN"),
        (lambda: flag_persistence(np.zeros((2, 2)), filtration="median"), "filtration"),
        (lambda: flag_persistence(np.zeros((2, 2)), max_weight=np.nan), "max_weight"),
        (lambda: flag_persistence(np.zeros((2, 2)), max_dimension=-1), "max_dimension"),
        (lambda: flag_persistence(np.zeros((2, 2)), modulus=4), "prime"),
        (lambda: lower_star_persistence([[0, 1]], [0.0]), "from 0 to 0"),
        (lambda: lower_star_persistence([[0, 0]], [0.0]), "twice"),
        (lambda: lower_star_persistence([[0.5, 1]], [0.0, 1.0]), "integers"),
        (lambda: lower_star_persistence([[0, 1]], [0.0, np.nan]), "NaN"),
        (lambda: extended_persistence([[0, 1, 2]], [0.0, 1.0, 2.0]), "(m, 2)"),
        (lambda: extended_persistence([[0, 1]], [0.0, np.inf]), "finite"),
        (lambda: FlagserPersistence().fit(np.zeros((1, 2, 3))), "(n, n)"),
        (lambda: FlagserPersistence(filtration="median").fit(np.zeros((1, 2, 2))), "filtration"),
        (lambda: FlagserPersistence(max_edge_weight="a").fit(np.zeros((1, 2, 2))), "max_edge_weight"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises((InputError, ShapeError)) as caught:
        call()
    assert words in str(caught.value)
