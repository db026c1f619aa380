"""Persistence of explicit complexes against plain matrix reduction and gudhi, and against what topology knows."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erlangen.errors import InputError, ShapeError
from erlangen.topology import _complex_kernels as kernels
from erlangen.topology import filtered_persistence
from erlangen.topology.complexes import cut, facets_of


def plain(simplices, values, modulus) -> list[np.ndarray]:
    """Return the bars by reducing the whole boundary matrix, simplex by simplex."""
    listed = sorted(
        (float(v), len(s), tuple(sorted(s)))
        for table, times in zip(simplices, values, strict=True)
        for s, v in zip(np.asarray(table).tolist(), times, strict=True)
    )
    number = {s: i for i, (_, _, s) in enumerate(listed)}
    reduced, paired, bars = {}, set(), [[] for _ in simplices]
    for i, (value, size, s) in enumerate(listed):
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
            if listed[low][0] < value:
                bars[listed[low][1] - 1].append((listed[low][0], value))
    for i, (value, size, _) in enumerate(listed):
        if i not in paired and value < np.inf:
            bars[size - 1].append((value, np.inf))
    return [np.array(sorted(b)).reshape(-1, 2) for b in bars]


def random_complex(seed: int, n: int, top: int, levels: int = 0):
    """Return a random complex on n vertices and ascending values, with ties if there are levels."""
    rng = np.random.default_rng(seed)
    here = {(v,): rng.random() for v in range(n)}
    tables = [sorted(here)]
    for size in range(2, top + 2):
        now = {}
        for s in combinations(range(n), size):
            faces = list(combinations(s, size - 1))
            if all(f in here for f in faces) and rng.random() < 0.8:
                now[s] = max(here[f] for f in faces) + rng.random() * rng.integers(0, 2)
        tables.append(sorted(now))
        here |= now
    values = [np.array([here[s] for s in table]) for table in tables]
    if levels:
        values = [np.ceil(levels * v) / levels for v in values]
    simplices = [np.array(table, dtype=np.int64).reshape(-1, d + 1) for d, table in enumerate(tables)]
    return simplices, values


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 7),
    top=st.integers(0, 4),
    levels=st.sampled_from([0, 2]),
    modulus=st.sampled_from([2, 3, 5]),
)
def test_bars_are_those_of_plain_matrix_reduction(seed, n, top, levels, modulus):
    simplices, values = random_complex(seed, n, top, levels)
    found = filtered_persistence(simplices, values, modulus=modulus)
    expected = plain(simplices, values, modulus)
    assert len(found.bars) == top + 1
    for mine, other in zip(found.bars, expected, strict=True):
        np.testing.assert_array_equal(mine, other)


def closed(triangles):
    """Return the complex of triangles and their faces."""
    triangles = np.sort(np.array(triangles), axis=1)
    edges = np.unique(np.concatenate([triangles[:, pair] for pair in ([0, 1], [0, 2], [1, 2])]), axis=0)
    return [np.unique(triangles)[:, None], edges, np.unique(triangles, axis=0)]


PROJECTIVE_PLANE = [
    (0, 1, 4), (0, 1, 5), (0, 2, 3), (0, 2, 5), (0, 3, 4), (1, 2, 3), (1, 2, 4), (1, 3, 5), (2, 4, 5), (3, 4, 5),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("modulus", "betti"), [(2, (1, 1, 1)), (3, (1, 0, 0))])
def test_a_surface_that_cannot_be_oriented(modulus, betti, seed):
    simplices = closed(PROJECTIVE_PLANE)
    rng = np.random.default_rng(seed)
    values = [rng.random(len(s)) + d for d, s in enumerate(simplices)]
    found = filtered_persistence(simplices, values, modulus=modulus)
    assert tuple(int(np.isinf(b[:, 1]).sum()) for b in found.bars) == betti
    for mine, other in zip(found.bars, plain(simplices, values, modulus), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("modulus", [2, 11])
@pytest.mark.parametrize("seed", range(4))
def test_gudhi_finds_the_same(seed, modulus):
    gudhi = pytest.importorskip("gudhi")
    simplices, values = random_complex(seed, 12, 3, levels=3 * (seed % 2))
    tree = gudhi.SimplexTree()
    for table, times in zip(simplices, values, strict=True):
        for s, v in zip(table, times, strict=True):
            tree.insert(s, v)
    tree.compute_persistence(homology_coeff_field=modulus, persistence_dim_max=True)
    found = filtered_persistence(simplices, values, modulus=modulus)
    for d, mine in enumerate(found.bars):
        other = tree.persistence_intervals_in_dimension(d).reshape(-1, 2)
        np.testing.assert_array_equal(mine, other[np.lexsort(other.T[::-1])])


@pytest.mark.parametrize("seed", range(6))
def test_simplices_make_their_bars(seed):
    simplices, values = random_complex(seed, 9, 3)
    rng = np.random.default_rng(seed)
    labels = rng.choice(1000, 9, replace=False) - 500  # any integers, rows and vertices in any order
    shuffled = [rng.permuted(labels[s], axis=1) for s in simplices]
    orders = [rng.permutation(len(s)) for s in shuffled]
    shuffled, values = (
        [s[o] for s, o in zip(shuffled, orders, strict=True)],
        [v[o] for v, o in zip(values, orders, strict=True)],
    )
    found = filtered_persistence(shuffled, values)
    when = {
        tuple(sorted(s)): v
        for table, times in zip(shuffled, values, strict=True)
        for s, v in zip(table.tolist(), times, strict=True)
    }
    for d, (bars, begins, ends) in enumerate(zip(found.bars, found.births, found.deaths, strict=True)):
        assert begins.shape == (len(bars), d + 1)
        assert ends.shape == (len(bars), d + 2)
        assert [when[tuple(s)] for s in begins.tolist()] == bars[:, 0].tolist()
        assert [when.get(tuple(s), np.inf) for s in ends.tolist()] == bars[:, 1].tolist()
    for mine, other in zip(found.bars, plain(shuffled, values, 2), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("seed", range(4))
def test_bars_alive_add_up_to_the_euler_characteristic(seed):
    simplices, values = random_complex(seed, 8, 4)
    bars = filtered_persistence(simplices, values).bars
    for t in np.linspace(0, 3, 20):
        alive = sum((-1) ** d * ((b[:, 0] <= t) & (t < b[:, 1])).sum() for d, b in enumerate(bars))
        assert alive == sum((-1) ** d * (v <= t).sum() for d, v in enumerate(values))


def test_lower_dimensions_do_not_depend_on_the_highest_one():
    simplices, values = random_complex(1, 9, 4)
    whole = filtered_persistence(simplices, values)
    for highest in range(6):
        found = filtered_persistence(simplices, values, max_dimension=highest)
        assert len(found.bars) == highest + 1
        for mine, other in zip(found.bars, whole.bars, strict=False):
            np.testing.assert_array_equal(mine, other)
        if highest == 5:
            assert len(found.bars[5]) == 0


def test_facets_are_found():
    simplices, _ = random_complex(3, 8, 3)
    for d, facets in enumerate(facets_of(simplices)):
        for j in range(d + 1 if d else 0):
            np.testing.assert_array_equal(simplices[d - 1][facets[:, j]], np.delete(simplices[d], j, axis=1))


def test_numbers_are_sorted_stably():
    rng = np.random.default_rng(0)
    for values in (
        rng.normal(size=1000) * 10.0 ** rng.integers(-300, 300, 1000),
        rng.integers(-3, 3, 500) * 0.1,
        np.array([0.0, -0.0, np.inf, -np.inf, 5e-324, -5e-324, -0.0, 0.0, 1.0]),
        np.zeros(0),
    ):
        np.testing.assert_array_equal(kernels.sorting_order(values), np.argsort(values, kind="stable"))


def test_tables_find_what_is_in_them():
    keys = np.random.default_rng(0).permutation(10_000)[:3000] * 7**17
    *table, again = kernels.tabulate(keys)
    assert again == 0
    np.testing.assert_array_equal(kernels.look_up(*table, keys), np.arange(3000))
    assert (kernels.look_up(*table, np.array([-1, -2, 1, 7**17 + 1])) == -1).all()
    assert kernels.tabulate(np.array([3, 4, 3, 3]))[2] == 2


@pytest.mark.parametrize("seed", range(3))
def test_filtrations_can_be_cut(seed):
    simplices, values = random_complex(seed, 8, 3)
    whole = filtered_persistence(simplices, values)
    for threshold in (0.5, 1.0, 1.7):
        kept = [v <= threshold for v in values]
        parts = [s[k] for s, k in zip(simplices, kept, strict=True)], [v[k] for v, k in zip(values, kept, strict=True)]
        found = cut(whole, threshold)
        for mine, other in zip(found.bars, filtered_persistence(*parts).bars, strict=True):
            np.testing.assert_array_equal(mine, other)
        assert all((e[np.isinf(b[:, 1])] == -1).all() for b, e in zip(found.bars, found.deaths, strict=True))


def test_infinite_values_and_empty_complexes():
    simplices = [[[0], [1]], [[0, 1]]]
    assert filtered_persistence(simplices, [[0, 1], [np.inf]]).bars[0].tolist() == [[0, np.inf], [1, np.inf]]
    assert filtered_persistence(simplices, [[0, np.inf], [np.inf]]).bars[0].tolist() == [[0, np.inf]]
    assert filtered_persistence(simplices, [[-2, -1], [-0.5]]).bars[0].tolist() == [[-2, np.inf], [-1, -0.5]]
    assert [b.shape for b in filtered_persistence([[]], [[]]).bars] == [(0, 2)]
    assert [b.shape for b in filtered_persistence([[], []], [[], []], max_dimension=2).bars] == [(0, 2)] * 3


@pytest.mark.parametrize(
    ("simplices", "values", "options", "error", "words"),
    [
        ([], [], {}, ShapeError, "each dimension"),
        ([[[0]]], [[0], [1]], {}, ShapeError, "each dimension"),
        ([[[0.5]]], [[0]], {}, ShapeError, "integers (k, 1)"),
        ([[[0, 1]]], [[0]], {}, ShapeError, "integers (k, 1)"),
        ([[[0]]], [[0, 1]], {}, ShapeError, "shape (1,)"),
        ([[[0]]], [[np.nan]], {}, InputError, "NaN"),
        ([[[0], [0]]], [[0, 0]], {}, InputError, "once"),
        ([[[0], [1]], [[0, 1], [1, 0]]], [[0, 0], [1, 1]], {}, InputError, "once"),
        ([[[0], [1]], [[0, 2]]], [[0, 0], [1]], {}, InputError, "2 is not"),
        ([[[0], [1]], [[1, 1]]], [[0, 0], [1]], {}, InputError, "twice"),
        ([[[0], [1], [2]], [[0, 1], [1, 2]], [[0, 1, 2]]], [[0] * 3, [1] * 2, [2]], {}, InputError, "lacks"),
        ([[[0], [1]], [[0, 1]]], [[0, 2], [1]], {}, InputError, "[0, 1] enters before"),
        ([[[0]]], [[0]], {"max_dimension": -1}, InputError, "max_dimension"),
        ([[[0]]], [[0]], {"modulus": 6}, InputError, "prime"),
    ],
)
def test_bad_input_is_named(simplices, values, options, error, words):
    with pytest.raises(error) as caught:
        filtered_persistence(simplices, values, **options)
    assert words in str(caught.value)
