"""Alpha and Čech filtrations against exact rational arithmetic, gudhi and each other, on input of every kind."""

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation
from sklearn.base import clone

from erlangen.errors import InputError, ShapeError
from erlangen.symmetry import Euclidean, Invariant, Permutation, Permute, Point, certify
from erlangen.topology import (
    AlphaPersistence,
    EuclideanCechPersistence,
    alpha_persistence,
    bottleneck_distance,
    cech_persistence,
)
from erlangen.topology import _alpha_kernels as radii
from erlangen.topology import _delaunay_kernels as delaunay
from erlangen.topology import _exact_kernels as exact
from erlangen.topology.alpha import _along_a_curve, _different, alpha_complex, triangulation
from erlangen.topology.cech import cech_complex
from erlangen.topology.complexes import facets_of

KINDS = ("random", "integers", "tenths", "sphere", "far grid", "flat", "tilted", "line", "few", "weighted", "heavy")


def cloud(kind: str, seed: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points and weights."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    points, weights = rng.random((n, d)), np.zeros(n)
    if kind == "integers":
        points = rng.integers(0, 4, (n, d)).astype(float)
    if kind == "tenths":
        points = rng.integers(0, 3, (n, d)) * 0.1
    if kind == "sphere":
        points = rng.normal(size=(n, d))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    if kind == "far grid":
        points = np.stack(np.meshgrid(*[np.arange(4.0)] * d), -1).reshape(-1, d) + rng.integers(0, 5) * 1000.0
        weights = np.zeros(len(points))
    if kind == "flat":
        points = np.column_stack([rng.integers(0, 5, (n, d - 1)).astype(float), np.full(n, 7.0)])
    if kind == "tilted":
        points = rng.integers(0, 5, (n, d)).astype(float)
        points[:, -1] = points[:, 0] + 2 * points[:, -2]
    if kind == "line":
        points = rng.integers(-9, 9, (n, 1)) * np.arange(1.0, d + 1)
    if kind == "few":
        points, weights = points[:d], weights[:d]
    if kind == "weighted":
        weights = rng.random(n) * 0.05
    if kind == "heavy":
        points, weights = rng.integers(0, 4, (n, d)).astype(float), rng.integers(0, 4, n).astype(float)
    return points, weights


def assert_same_bars(found, expected, scale=1.0):
    """Bars as multisets, those shorter than rounding left out."""
    for mine, other in zip(found, expected, strict=True):
        mine, other = (b[np.ptp(b, axis=1) > 1e-9 * scale] for b in (mine, np.asarray(other, float).reshape(-1, 2)))
        assert mine.shape == other.shape
        mine, other = (b[np.lexsort(np.round(b / scale, 8).T[::-1])] for b in (mine, other))
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9 * scale)


def gudhi_bars(points, weights, modulus=2):
    gudhi = pytest.importorskip("gudhi")
    tree = gudhi.AlphaComplex(points=points, weights=weights if weights.any() else None).create_simplex_tree()
    tree.compute_persistence(homology_coeff_field=modulus, persistence_dim_max=True)
    return [tree.persistence_intervals_in_dimension(q) for q in range(points.shape[1])]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_gudhi_finds_the_same(kind):
    for seed in range(30):
        d = 2 + seed % 2
        points, weights = cloud(kind, seed, d)
        if kind == "heavy":  # of equal points gudhi takes any
            kept = _different(points, weights)
            points, weights = points[kept], weights[kept]
        modulus = (2, 3)[seed % 2]
        found = alpha_persistence(points, weights=weights, output="squared", modulus=modulus)
        if kind == "sphere":  # gudhi's own values there are off by up to 2e-9
            for mine, other in zip(found.bars, gudhi_bars(points, weights, modulus), strict=True):
                other = other.reshape(-1, 2)
                np.testing.assert_allclose(
                    np.sort(np.ptp(mine, axis=1)[np.ptp(mine, axis=1) > 1e-7]),
                    np.sort(np.ptp(other, axis=1)[np.ptp(other, axis=1) > 1e-7]),
                    rtol=1e-7,
                )
        else:
            assert_same_bars(found.bars, gudhi_bars(points, weights, modulus), max(np.ptp(points), 1e-3) ** 2)


def plain_squared_radius(points, weights, simplex) -> tuple[Fraction, list]:
    """Return the squared radius and the center of the smallest sphere orthogonal to those of the vertices, exactly."""
    x = [[Fraction(float(c)) for c in points[v]] for v in simplex]
    w = [Fraction(float(weights[v])) for v in simplex]
    sides = [[a - b for a, b in zip(p, x[0], strict=True)] for p in x[1:]]
    k = len(sides)
    table = [
        [sum(a * b for a, b in zip(u, v, strict=True)) for v in sides] + [(sum(a * a for a in u) - w[i + 1] + w[0]) / 2]
        for i, u in enumerate(sides)
    ]
    for c in range(k):
        pivot = next(i for i in range(c, k) if table[i][c])
        table[c], table[pivot] = table[pivot], table[c]
        for i in range(k):
            if i != c:
                factor = table[i][c] / table[c][c]
                table[i] = [a - factor * b for a, b in zip(table[i], table[c], strict=True)]
    offset = [sum(table[c][k] / table[c][c] * sides[c][a] for c in range(k)) for a in range(len(x[0]))]
    return sum(a * a for a in offset) - w[0], [a + b for a, b in zip(offset, x[0], strict=True)]


def plain_power(points, weights, q, center, square) -> Fraction:
    return (
        sum((Fraction(float(a)) - c) ** 2 for a, c in zip(points[q], center, strict=True))
        - Fraction(float(weights[q]))
        - square
    )


@pytest.mark.parametrize("kind", KINDS)
def test_triangulations_are_empty_and_without_gaps(kind):
    for seed in range(4):
        points, weights = cloud(kind, seed, 2 + seed % 2)
        kept = _different(points, weights)
        points, weights = points[kept][:20], weights[kept][:20]
        cells, neighbors = triangulation(points, weights)
        k = cells.shape[1] - 1
        hidden = set(range(len(points))) - set(cells.ravel().tolist())
        assert not hidden or weights.any()
        for cell, beside in zip(cells, neighbors, strict=True):
            square, center = plain_squared_radius(points, weights, cell)
            assert all(plain_power(points, weights, q, center, square) >= 0 for q in range(len(points)))
            for j, t in enumerate(beside if k else []):
                if t >= 0:
                    assert cell[j] not in cells[t]
                    assert set(np.delete(cell, j)) < set(cells[t])
                    assert neighbors[t].tolist().count(list(map(tuple, cells)).index(tuple(cell))) == 1
        if k == points.shape[1]:
            volume = sum(abs(np.linalg.det(points[c[1:]] - points[c[0]])) for c in cells)
            hull = Delaunay(points).simplices
            assert volume == pytest.approx(sum(abs(np.linalg.det(points[c[1:]] - points[c[0]])) for c in hull))


@pytest.mark.parametrize("kind", KINDS)
def test_radii_are_those_of_rational_arithmetic(kind):
    for seed in range(4):
        points, weights = cloud(kind, seed, 2 + seed % 2)
        kept = _different(points, weights)
        points, weights = points[kept][:14], weights[kept][:14]
        simplices, values, facets = alpha_complex(points, weights)
        for q, (table, found) in enumerate(zip(simplices, values, strict=True)):
            for simplex, value in zip(table, found, strict=True):
                own, center = plain_squared_radius(points, weights, simplex)
                others = [v for v in range(len(points)) if v not in simplex]
                if any(plain_power(points, weights, v, center, own) < 0 for v in others):
                    above = values[q + 1][(facets[q + 1] == list(map(tuple, table)).index(tuple(simplex))).any(axis=1)]
                    assert value == above.min()
                else:
                    assert value == pytest.approx(float(own), rel=1e-14, abs=1e-300)
            if q:
                for j in range(q + 1):
                    np.testing.assert_array_equal(simplices[q - 1][facets[q][:, j]], np.delete(table, j, axis=1))


@pytest.mark.parametrize("d", [2, 3])
def test_points_in_general_position_have_the_triangulation_of_qhull(d):
    points = np.random.default_rng(d).normal(size=(400, d))
    expected = {tuple(sorted(c)) for c in Delaunay(points).simplices.tolist()}
    assert {tuple(c) for c in triangulation(points, np.zeros(400))[0].tolist()} == expected


@pytest.mark.parametrize("d", [2, 3])
def test_what_float64_cannot_tell_is_decided_exactly(d):
    step = 2.0**-30  # points so near to a sphere that three hundred bits are needed
    for seed in range(3):
        rng = np.random.default_rng(seed)
        points = np.array(list(product([-1.0, 1.0], repeat=d)))[rng.permutation(2**d)]
        points[-1] *= 1 + 2.0**-52
        points = np.vstack([points, 1e3 + step * rng.random((5, d))])
        cells, _ = triangulation(points, np.zeros(len(points)))
        for cell in cells:
            square, center = plain_squared_radius(points, np.zeros(len(points)), cell)
            assert all(plain_power(points, np.zeros(len(points)), q, center, square) >= 0 for q in range(len(points)))


def sign(x) -> int:
    return int(x > 0) - int(x < 0)


def determinant(rows) -> Fraction:
    if len(rows) == 1:
        return rows[0][0]
    minors = ([r[:j] + r[j + 1 :] for r in rows[1:]] for j in range(len(rows)))
    return sum((-1) ** j * x * determinant(minor) for j, (x, minor) in enumerate(zip(rows[0], minors, strict=True)))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_sides_and_spheres_have_the_sign_of_rational_arithmetic(k):
    rng = np.random.default_rng(k)
    for trial in range(60):
        scale = (1.0, 0.1, 2.0**-40)[trial % 3]
        points = rng.integers(0, 3, (k + 2, k)) * scale + (trial % 2) * 0.7
        weights = rng.integers(0, 2, k + 2) * scale**2 * (trial % 5 == 0)
        simplex, p = np.arange(k + 1), k + 1
        for left in range(k + 1):
            moved = [list(map(Fraction, points[p if i == left else i].tolist())) for i in simplex]
            expected = sign(determinant([[a - b for a, b in zip(r, moved[0], strict=True)] for r in moved[1:]]))
            assert delaunay.side(points, k, simplex, left, p, delaunay.SLACK) == expected
            assert delaunay.exact_side(points, k, simplex, left, p) == expected
        rows = [[Fraction(a) - Fraction(b) for a, b in zip(points[i], points[p], strict=True)] for i in simplex]
        lifts = [
            sum(a * a for a in r) - Fraction(float(weights[i])) + Fraction(float(weights[p]))
            for i, r in enumerate(rows)
        ]
        expected = sign(
            sum((-1) ** i * lifts[i] * determinant([r for j, r in enumerate(rows) if j != i]) for i in simplex)
        )
        assert delaunay.inside(points, weights, k, simplex, p, delaunay.SLACK) == expected
        assert delaunay.exact_inside(points, weights, k, simplex, p) == expected
        assert delaunay.paired_inside(points, weights, k, simplex, p, 1e-300) in (expected, 2)


def test_longer_numbers_add_up():
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b, c, d = (rng.normal(size=4) * 10.0 ** rng.integers(-8, 8, 4)).tolist()
        e, f = exact.expansion(a, b), exact.expansion(c, -d)
        x, y = Fraction(a) + Fraction(b), Fraction(c) - Fraction(d)
        for found, expected in (
            (exact.add(e, f), x + y),
            (exact.subtract(e, f), x - y),
            (exact.multiply(e, f), x * y),
            (exact.multiply(exact.multiply(e, f), exact.add(e, f)), x * y * (x + y)),
            (exact.scale(e, c), x * Fraction(c)),
        ):
            assert sum(map(Fraction, found.tolist())) == expected
        p, q = exact.two_sum(a, b), exact.two_sum(c, -d)
        for found, expected in (
            (exact.plus(p, q), x + y),
            (exact.minus(p, q), x - y),
            (exact.times(p, q), x * y),
            (exact.over(p, q), x / y),
        ):
            size = abs(x) + abs(y) if expected in (x + y, x - y) else abs(expected)
            assert abs(Fraction(found[0]) + Fraction(found[1]) - expected) <= size * Fraction(1, 2**98)


def test_spheres_cover_what_rational_arithmetic_says():
    rng = np.random.default_rng(0)
    for trial in range(200):
        d, size = 2 + trial % 2, 1 + trial % 3
        scale = (1.0, 0.1, 1e-5)[trial % 3]
        points, weights = rng.integers(0, 4, (size + 1, d)) * scale, rng.integers(0, 2, size + 1) * scale**2 * 1.0
        try:
            square, center = plain_squared_radius(points, weights, range(size))
        except StopIteration:  # flat
            continue
        power = plain_power(points, weights, size, center, square)
        found = radii.covers(points, weights, np.arange(size), size)
        if power == 0 or abs(power) > Fraction(1, 10**20):
            assert found == (power <= 0)


@pytest.mark.parametrize("d", [2, 3])
def test_radii_of_thin_simplices_are_exact(d):
    rng = np.random.default_rng(d)
    for trial in range(40):
        size = 3 if d == 2 else 3 + trial % 2
        flat = rng.normal(size=(size + 1, size - 2)) @ rng.normal(size=(size - 2, d)) + rng.normal(size=d)
        points = flat * (1 + 2.0**-50 * rng.integers(-1, 2, flat.shape))
        weights = rng.random(size + 1) * (trial % 3 == 0)
        try:
            square, center = plain_squared_radius(points, weights, range(size))
        except StopIteration:  # flat
            continue
        for found in (radii.squared_radius, radii.exact_squared_radius):
            assert found(points, weights, np.arange(size)) == pytest.approx(float(square), rel=1e-15)
        if size == 3:
            power = plain_power(points, weights, 3, center, square)
            assert radii.covers(points, weights, np.arange(3), 3) == (power <= 0)
            assert radii.exact_covers(points, weights, np.arange(3), 3) == (power <= 0)


def test_neighbors_in_space_are_neighbors_on_the_curve():
    points = np.random.default_rng(0).random((4000, 3))
    steps = np.linalg.norm(np.diff(points[_along_a_curve(points)], axis=0), axis=1)
    assert np.median(steps) < 0.12 < np.median(np.linalg.norm(np.diff(points, axis=0), axis=1)) / 4


def test_bars_are_radii_of_their_simplices():
    points = np.random.default_rng(0).random((60, 3))
    found = alpha_persistence(points, output="squared")
    zero = np.zeros(60)
    for q, (bars, begins, ends) in enumerate(zip(found.bars, found.births, found.deaths, strict=True)):
        assert begins.shape[1:], ends.shape[1:] == ((q + 1,), (q + 2,))
        assert (np.diff(begins, axis=1) > 0).all()
        for (birth, death), first, last in zip(bars, begins, ends, strict=True):
            assert birth <= float(plain_squared_radius(points, zero, first)[0]) + 1e-12 or q == 0
            if death < np.inf:
                assert death == pytest.approx(float(plain_squared_radius(points, zero, last)[0]))


@pytest.mark.parametrize("kind", ["random", "integers", "sphere", "flat"])
def test_alpha_is_cech(kind):
    for seed in range(3):
        points, _ = cloud(kind, seed, 3)
        points = points[:16]
        lifted = np.column_stack([points, np.zeros(len(points))])  # in four dimensions simplices are listed
        listed, expected = (cech_persistence(x, max_dimension=2).bars for x in (lifted, points))
        assert_same_bars(listed, expected)
        assert all(np.ptp(b, axis=1).min(initial=1.0) > 1e-9 for b in listed)  # none by rounding


def test_smallest_balls_are_the_smallest():
    points = np.random.default_rng(0).normal(size=(9, 5))
    simplices, values, facets = cech_complex(points, 3, np.inf)
    for q, found in enumerate(facets_of(simplices)):
        np.testing.assert_array_equal(facets[q], found if q else facets[0])
    for table, found in zip(simplices, values, strict=True):
        for simplex, radius in zip(table.tolist(), found, strict=True):
            best = np.inf  # of the spheres through some vertices, the smallest that holds all others
            for size in range(1, len(simplex) + 1):
                for chosen in combinations(simplex, size):
                    square, center = plain_squared_radius(points, np.zeros(9), chosen)
                    center = np.array([float(c) for c in center])
                    inside = np.linalg.norm(points[simplex] - center, axis=1) <= float(square) ** 0.5 + 1e-9
                    if inside.all():
                        best = min(best, float(square) ** 0.5)
            assert radius == pytest.approx(best, abs=1e-12)


def test_cech_ends_at_the_greatest_radius():
    points = np.random.default_rng(0).normal(size=(14, 4))
    whole = cech_persistence(points, max_dimension=1).bars
    for radius in (0.0, 0.7, 1.1):
        for mine, other in zip(cech_persistence(points, max_radius=radius).bars, whole, strict=True):
            other = other[other[:, 0] <= radius]
            np.testing.assert_allclose(mine, np.where(other > radius, np.inf, other))
    assert [len(b) for b in cech_persistence(np.zeros((5, 6))).bars] == [1, 0]


def test_figures_of_a_circle():
    angle = np.arange(20) * np.pi / 10
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    bars = alpha_persistence(circle).bars
    np.testing.assert_allclose(bars[1], [[2 * np.sin(np.pi / 20), 2.0]], rtol=1e-12)
    assert len(bars[0]) == 20
    squared = alpha_persistence(circle, output="squared").bars[1]
    np.testing.assert_allclose(squared, bars[1] ** 2 / 4, rtol=1e-12)
    cech = EuclideanCechPersistence().fit_transform(circle[None])[0]
    np.testing.assert_allclose(cech[-1], [np.sin(np.pi / 20), 1.0, 1], rtol=1e-12)
    assert cech.shape == (20, 3)


def test_a_grid_has_the_bars_of_its_squares_and_cubes():
    grid = np.array(list(product(range(4), repeat=3)), dtype=float)
    turned = [grid @ Rotation.random(random_state=seed).as_matrix() for seed in range(4)]  # all but exactly flat
    for points in (grid, grid * 3.0 + 1e6, grid / 10, grid @ [[1, 2, 2], [2, 1, -2], [2, -2, 1]], *turned):
        step = np.linalg.norm(points[1] - points[0])
        bars = alpha_persistence(points).bars
        assert [len(b) for b in bars] == [64, 81, 27]  # 144 edges - 63, and one void a cube
        np.testing.assert_allclose(bars[1], np.tile([step, step * 2**0.5], (81, 1)), rtol=1e-12)
        np.testing.assert_allclose(bars[2], np.tile([step * 2**0.5, step * 3**0.5], (27, 1)), rtol=1e-12)


@pytest.mark.parametrize("d", [4, 5])
def test_more_dimensions(d):
    gudhi = pytest.importorskip("gudhi")
    points = np.random.default_rng(d).normal(size=(25, d))
    for weights in (np.zeros(25), np.random.default_rng(0).random(25) * 0.5):
        found = alpha_persistence(points, max_dimension=d - 1, weights=weights, output="squared")
        assert_same_bars(found.bars, gudhi_bars(points, weights))
    assert gudhi
    flat = np.column_stack([points[:, :2], np.zeros((25, d - 2))])
    expected = alpha_persistence(points[:, :2]).bars
    assert_same_bars(alpha_persistence(flat, max_dimension=1).bars, expected)
    few = alpha_persistence(points[: d - 1], max_dimension=1).bars
    assert_same_bars(few, [2 * b for b in cech_persistence(points[: d - 1]).bars])
    for bad in (points.round(), np.array(list(product([0.0, 1.0], repeat=d))), points * ([1.0] * (d - 1) + [1e-11])):
        with pytest.raises(InputError, match="general position"):
            alpha_persistence(bad)


def test_small_empty_and_equal_clouds():
    for d in range(4):
        assert [len(b) for b in alpha_persistence(np.zeros((0, d)), max_dimension=1).bars] == [0, 0]
        assert alpha_persistence(np.zeros((5, d)), max_dimension=1).bars[0].tolist() == [[0.0, np.inf]]
    assert alpha_persistence([[3.0], [1.0], [2.0], [1.0]]).bars[0].tolist() == [[0, 1], [0, 1], [0, np.inf]]
    assert alpha_persistence([[0.0, 0.0]], weights=[4.0]).bars[0].tolist() == [[-4.0, np.inf]]
    assert alpha_persistence([[0.0, 0.0]], weights=[4.0], output="squared").bars[0].tolist() == [[-4.0, np.inf]]
    assert len(alpha_persistence([[0.0], [1e-3]], weights=[1.0, 0.0]).births[0]) == 1  # hidden


@pytest.mark.parametrize("seed", range(4))
def test_scaling_relabelling_and_duplicates(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 3)) if seed % 2 else rng.integers(0, 4, (40, 3)).astype(float)
    bars = alpha_persistence(points).bars
    assert_same_bars(alpha_persistence(points[rng.permutation(40)]).bars, bars)
    assert_same_bars(alpha_persistence(1e-12 * points).bars, [1e-12 * b for b in bars], 1e-12)
    assert_same_bars(alpha_persistence(np.vstack([points, points[:5]])).bars, bars)


def test_moved_points_move_bars_no_farther():
    rng = np.random.default_rng(0)
    points = rng.random((80, 2))
    for size in (1e-3, 1e-2, 0.1):
        shifts = rng.normal(size=points.shape)
        shifts *= size / np.linalg.norm(shifts, axis=1, keepdims=True)
        found, moved = (alpha_persistence(x, output="radius").bars[1] for x in (points, points + shifts))
        assert bottleneck_distance(found, moved) <= size * (1 + 1e-9)


def lengths(x):
    """Return the sum of the bars' lengths in dimension 0 and 1."""
    return np.array([np.ptp(b[np.isfinite(b[:, 1])], axis=1).sum() for b in alpha_persistence(x).bars[:2]])


def test_persistence_is_certified_invariant():
    motions = Euclidean(3) * Permutation()
    found = certify(lengths, motions, input=Point() * Permute(0), output=Invariant() * Invariant(), sizes=(5, 20))
    assert found.holds, str(found)


def test_estimators():
    clouds = np.random.default_rng(0).random((3, 30, 2))
    clouds.setflags(write=False)
    for estimator in (AlphaPersistence(), EuclideanCechPersistence()):
        found = clone(estimator).fit_transform(clouds)
        np.testing.assert_array_equal(clone(estimator).set_params(n_jobs=2).fit_transform(list(clouds)), found)
        short = clone(estimator).set_params(max_edge_length=0.1, reduced_homology=False).fit_transform(clouds)
        assert short[:, :, :2].max() == 0.1
    alpha = AlphaPersistence(output="radius").fit_transform(clouds)
    np.testing.assert_array_equal(alpha, EuclideanCechPersistence().fit_transform(clouds))
    np.testing.assert_allclose(2 * alpha[:, :, :2], AlphaPersistence().fit_transform(clouds)[:, :, :2])
    volumes = np.random.default_rng(0).random((2, 12, 4))
    assert EuclideanCechPersistence(homology_dimensions=(0, 1, 2)).fit_transform(volumes).shape[0] == 2


@pytest.mark.parametrize(
    ("X", "options", "error", "words"),
    [
        (np.zeros((3, 2)), {"output": "length"}, InputError, "output"),
        (np.zeros((3, 2)), {"max_dimension": -1}, InputError, "max_dimension"),
        (np.zeros((3, 2)), {"modulus": 4}, InputError, "prime"),
        (np.zeros((3, 2)), {"weights": [1.0]}, ShapeError, "weights"),
        (np.zeros((3, 2)), {"weights": [1.0, np.nan, 0]}, InputError, "weights"),
        (np.zeros((3, 2)), {"weights": "abc"}, InputError, "weights"),
        (np.zeros(3), {}, ShapeError, "two axes"),
        (np.array([[0.0, np.nan]]), {}, InputError, "point 0"),
        ("abc", {}, InputError, "numbers"),
    ],
)
def test_bad_input_is_named(X, options, error, words):
    with pytest.raises(error) as caught:
        alpha_persistence(X, **options)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (AlphaPersistence(output="area"), "output"),
        (AlphaPersistence(max_edge_length=-1), "max_edge_length"),
        (EuclideanCechPersistence(max_edge_length=np.nan), "max_edge_length"),
        (EuclideanCechPersistence(homology_dimensions=(-1,)), "homology_dimensions"),
    ],
)
def test_bad_parameters_are_named(estimator, words):
    with pytest.raises(InputError, match=words):
        estimator.fit(np.zeros((1, 4, 2)))
    with pytest.raises(InputError, match="max_radius"):
        cech_persistence(np.zeros((2, 2)), max_radius=-1)
