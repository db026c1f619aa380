"""Shapes that are known are found in files of every kind, and everything is traced back to the file's rows."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from erlangen.applications import TopologyConfig, find_shape
from erlangen.errors import InputError
from erlangen.structures import Structure, write_structures
from erlangen.topology import cubical_persistence, rips_persistence


def circle(n=60, noise=0.05, seed=0):
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (np.arange(n) + 0.5 * rng.random(n)) / n
    return np.column_stack([np.cos(angle), np.sin(angle)]) + noise * rng.normal(size=(n, 2))


def torus(n, seed=0):
    u, v = 2 * np.pi * np.random.default_rng(seed).random((2, n))
    return np.column_stack([(2 + np.cos(v)) * np.cos(u), (2 + np.cos(v)) * np.sin(u), np.sin(v)])


def saved(folder, array, name="data.npy"):
    np.save(folder / name, array)
    return TopologyConfig(str(folder / name))


def boundary(simplices):
    """The faces that an odd number of simplices have."""
    faces = [tuple(np.delete(s, k)) for s in np.sort(simplices, axis=1) for k in range(len(s))]
    return {face for face in faces if faces.count(face) % 2}


def longest_edge(points, simplices):
    corners = points[simplices]
    return np.linalg.norm(corners[:, :, None] - corners[:, None], axis=3).max()


def test_a_noisy_circle(tmp_path):
    points = circle()
    np.savetxt(tmp_path / "circle.csv", points, delimiter=",")
    lines = []
    result = find_shape(TopologyConfig(str(tmp_path / "circle.csv")), say=lines.append)
    assert [line.split(":")[0] for line in lines] == ["read", "bars"]
    assert "60 x 2 numbers, taken as points" in lines[0]
    expected = rips_persistence(points).bars
    for mine, theirs in zip(result.bars, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert result.lifetime(1) > 1 > 4 * result.lifetime(1, 1)
    loop = result.cycle(1, result.longest(1)[0])
    birth = result.bars[1][result.longest(1)[0], 0]
    assert boundary(loop) == set()
    assert longest_edge(points, loop) == pytest.approx(birth)
    angles = np.unwrap(np.arctan2(*points[np.unique(loop)].T[::-1]))
    assert np.ptp(angles) > 1.8 * np.pi  # all around
    assert result.cycle(0, 0) is None
    np.testing.assert_array_equal(result.places, points)
    np.testing.assert_array_equal(result.rows, np.arange(60))


def test_a_torus_of_many_points(tmp_path):
    points = torus(2000)
    lines = []
    result = find_shape(replace(saved(tmp_path, points), n_points=400), say=lines.append)
    assert "400 of 2,000" in lines[1]
    kept = points[result.rows]
    assert result.covering_radius == pytest.approx(cdist(points, kept).min(axis=1).max())
    assert np.diff(result.rows).min() > 0
    lives = [[result.lifetime(q, place) for place in range(3)] for q in range(3)]
    assert lives[1][1] > 2 * lives[1][2]  # two loops
    assert lives[2][0] > 3 * lives[2][1]  # one void
    skin = result.cycle(2, result.longest(2)[0])
    assert boundary(skin) == set()
    assert longest_edge(kept, skin) == pytest.approx(result.bars[2][result.longest(2)[0], 0])


def test_what_makes_a_bar_is_named_by_rows_of_the_file(tmp_path):
    points = torus(300)
    result = find_shape(replace(saved(tmp_path, points), n_points=80))
    header, *rows = result.diagram_rows()
    assert header == ("dimension", "birth", "death", "begins", "ends")
    assert len(rows) == sum(map(len, result.bars))
    for dimension, birth, death, begins, ends in rows:
        a, b = ([*begins.split(), begins.split()[-1]])[:2]
        assert (a == b) == (dimension == 0)
        assert np.linalg.norm(points[int(a)] - points[int(b)]) == pytest.approx(birth)
        if ends:
            i, j = map(int, ends.split())
            assert np.linalg.norm(points[i] - points[j]) == pytest.approx(death)
        else:
            assert death == math.inf


def test_a_digit(tmp_path):
    zero = np.array([[0, 9, 9, 9, 0], [0, 9, 0, 8, 0], [0, 9, 0, 9, 0], [0, 9, 9, 9, 0]], dtype=float)
    result = find_shape(replace(saved(tmp_path, zero), kind="image", invert=True))
    assert result.bars[0].tolist() == [[0, math.inf]]  # one stroke
    assert result.bars[1].tolist() == [[1, 9]]  # round from its greyest pixel on
    plain = find_shape(replace(saved(tmp_path, zero), kind="image"))
    expected = cubical_persistence(zero)
    np.testing.assert_array_equal(plain.bars[0], expected.bars[0])
    for dimension, birth, death, begins, ends in plain.diagram_rows()[1:]:
        assert zero[tuple(map(int, begins.split()))] == birth
        assert (zero[tuple(map(int, ends.split()))] if ends else math.inf) == death
        assert dimension in (0, 1)
    assert plain.makers(0, plain.longest(0)[0])[1] == ""  # what does not end is the longest


def test_a_periodic_image_is_a_torus(tmp_path):
    result = find_shape(replace(saved(tmp_path, np.zeros((4, 5))), kind="image", periodic=True))
    assert [len(bars) for bars in result.bars] == [1, 2, 1]
    assert len(find_shape(saved(tmp_path, np.zeros((3, 4, 5)))).bars) == 3


def test_a_sine_goes_round(tmp_path):
    samples = np.sin(np.arange(400) / 6) + 0.02 * np.random.default_rng(0).normal(size=400)
    lines = []
    result = find_shape(saved(tmp_path, samples), say=lines.append)
    delay, dimension = result.embedding
    assert f"{dimension} coordinates, {delay} samples apart" in lines[1]
    assert result.kind == "series"
    assert result.lifetime(1) > 5 * result.lifetime(1, 1)
    fixed = find_shape(replace(saved(tmp_path, samples), delay=9, dimension=2, stride=3))
    assert fixed.embedding == (9, 2)
    np.testing.assert_array_equal(np.diff(fixed.rows), 3)
    np.testing.assert_array_equal(fixed.places, np.column_stack([samples[fixed.rows], samples[fixed.rows + 9]]))
    assert find_shape(replace(saved(tmp_path, samples), dimension=4)).embedding[1] == 4


def test_distances(tmp_path):
    points = circle()
    result = find_shape(saved(tmp_path, cdist(points, points)))
    assert result.kind == "distances"
    np.testing.assert_allclose(result.bars[1], rips_persistence(points).bars[1])
    np.testing.assert_allclose(cdist(result.places, result.places), cdist(points, points), atol=1e-7)
    assert result.share == pytest.approx(1)
    assert result.config.changes() == {}


def test_distances_that_are_not_all_known(tmp_path):
    far = cdist(circle(), circle())
    far[far > 0.5] = math.inf
    dense = find_shape(saved(tmp_path, far))
    assert dense.places is None
    assert np.isinf(dense.bars[1][:, 1]).any()  # the circle is never filled
    rows, columns = np.nonzero(np.triu(np.isfinite(far), 1))
    matrix = sparse.coo_array((far[rows, columns], (rows, columns)), shape=far.shape)
    sparse.save_npz(tmp_path / "sparse.npz", matrix)
    stored = find_shape(TopologyConfig(str(tmp_path / "sparse.npz")))
    for mine, theirs in zip(stored.bars, dense.bars, strict=True):
        np.testing.assert_allclose(mine, theirs)
    assert json.dumps(stored.metrics()["betti"], allow_nan=False)


def test_large_sparse_distances_have_bars_without_cycles(tmp_path):
    points = circle(1100, noise=0.0)
    far = cdist(points, points)
    sparse.save_npz(tmp_path / "near.npz", sparse.coo_array(np.triu(far * (far < 0.05))))
    config = TopologyConfig(str(tmp_path / "near.npz"))
    result = find_shape(config)
    assert (len(result.bars[0]), len(result.bars[1]), result.persistence.cycles) == (1100, 1, None)
    assert result.cycle(1, 0) is None
    assert len(find_shape(replace(config, n_points=1200)).cycle(1, 0)) >= 1100


def test_a_structure(tmp_path):
    angle = np.pi * np.arange(6) / 3
    ring = 1.39 * np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    path = write_structures(tmp_path / "ring.xyz", Structure(ring, ["C"] * 6))
    result = find_shape(TopologyConfig(str(path)))
    np.testing.assert_allclose(result.bars[1], [[1.39, 1.39 * math.sqrt(3)]], atol=1e-6)
    assert (result.kind, result.data.structure.formula, len(result.bars)) == ("structure", "C6", 3)
    with pytest.raises(InputError, match="periodic needs a cell that repeats"):
        find_shape(TopologyConfig(str(path), periodic=True))


def test_a_crystal_goes_on_at_its_border(tmp_path):
    places = np.stack(np.meshgrid(*[np.arange(4.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    crystal = Structure(places, ["Si"] * 64, cell=4 * np.eye(3), pbc=True)
    path = str(write_structures(tmp_path / "crystal.extxyz", crystal))
    result = find_shape(TopologyConfig(path, periodic=True))
    assert result.persistence.threshold == pytest.approx(2)
    assert (result.bars[0][:, 1] == 1).sum() == 63
    # At 1, the grid's graph on the torus: 192 edges of 64 points, so 129 loops; its squares are filled at sqrt(2).
    assert len(result.bars[1]) == 129
    assert (np.abs(result.bars[1][:, 0] - 1) < 1e-9).all()
    assert len(find_shape(TopologyConfig(path)).bars[1]) == 144 - 63
    with pytest.raises(InputError, match="at most half of the cell's width where it repeats, 2 angstrom"):
        find_shape(TopologyConfig(path, periodic=True, threshold=2.5))


def test_many_coordinates_are_drawn_along_principal_axes(tmp_path):
    rng = np.random.default_rng(0)
    points = np.pad(circle(), ((0, 0), (0, 4))) @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    result = find_shape(saved(tmp_path, points))
    np.testing.assert_allclose(cdist(result.places, result.places), cdist(points, points), atol=1e-9)
    assert result.share == pytest.approx(1)
    noisy = find_shape(saved(tmp_path, rng.normal(size=(50, 6))))
    assert noisy.places.shape == (50, 3)
    assert 0.5 < noisy.share < 0.9


@pytest.mark.parametrize("array", [np.zeros((1, 2)), np.zeros((5, 2)), np.arange(2.0)[:, None]])
def test_little_data_has_little_shape(tmp_path, array):
    kind = "points" if array.shape[1] == 1 else "auto"
    result = find_shape(replace(saved(tmp_path, array), kind=kind))
    metrics = json.loads(json.dumps(result.metrics(), allow_nan=True))
    assert [found["bars"] for found in metrics["homology"]] == [len(np.unique(array, axis=0)), 0]
    assert result.lifetime(1) == 0
    assert math.isnan(result.entropies[1])
    assert result.betti()[1].shape == (2, 200)


def test_metrics_say_what_was_found(tmp_path):
    config = replace(saved(tmp_path, circle()), max_dimension=2, threshold=1.9)
    result = find_shape(config)
    metrics = result.metrics()
    assert metrics["options"] == {"max_dimension": 2, "threshold": 1.9}
    assert (metrics["kind"], metrics["shape"], metrics["points"]) == ("points", [60, 2], 60)
    for q, found in enumerate(metrics["homology"]):
        assert (found["dimension"], found["bars"]) == (q, len(result.bars[q]))
        lives = [bar["lifetime"] for bar in found["longest"]]
        assert lives == sorted(lives, reverse=True)
    ended = result.bars[0][:-1, 1] if np.isinf(result.bars[0][-1, 1]) else result.bars[0][1:, 1]
    ended = ended[np.isfinite(ended)]
    shares = ended / ended.sum()
    assert metrics["homology"][0]["entropy_bits"] == pytest.approx(-(shares * np.log2(shares)).sum())
    grid, numbers = np.array(metrics["betti"]["value"]), np.array(metrics["betti"]["numbers"])
    for q, bars in enumerate(result.bars):
        alive = (bars[:, :1] <= grid) & (grid < bars[:, 1:])
        np.testing.assert_array_equal(numbers[q], alive.sum(axis=0))
    assert set(metrics["seconds"]) == {"reading", "persistence"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "pixels"}, "kind is auto, points"),
        ({"max_dimension": -1}, "max_dimension is an integer of at least 0, got -1"),
        ({"max_dimension": 1.5}, "max_dimension"),
        ({"threshold": 0.0}, "threshold is a distance above 0"),
        ({"threshold": math.nan}, "threshold"),
        ({"n_points": 0}, "n_points"),
        ({"stride": 0}, "stride"),
        ({"delay": 3}, "delay needs dimension"),
        ({"delay": 3, "dimension": 2}, "delay is for series; .* is taken as points"),
        ({"kind": "image", "threshold": 1.0}, "threshold is for points and distances"),
        ({"kind": "points", "invert": True}, "invert is for image"),
        ({"periodic": True}, "periodic is for image and structure"),
        ({"kind": "distances", "metric": "manhattan"}, "metric is for points"),
        ({"metric": "precomputed"}, "metric is one of points"),
        ({"metric": "manhatten"}, "metric 'manhatten' cannot be used"),
        ({"max_dimension": 99}, "max_dimension is an integer from 0 to"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        find_shape(replace(saved(tmp_path, circle()), **options))


def test_series_without_an_embedding(tmp_path):
    with pytest.raises(InputError, match=r"at least 20 samples .* give them, got 3"):
        find_shape(saved(tmp_path, np.arange(3.0)))
    with pytest.raises(InputError, match="a window of 11 samples does not fit a series of 3"):
        find_shape(replace(saved(tmp_path, np.arange(3.0)), delay=10, dimension=2))
    result = find_shape(saved(tmp_path, np.ones(30)))
    assert [len(bars) for bars in result.bars] == [1, 0]
