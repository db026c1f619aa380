"""Filtrations of images against their definitions, pixel by pixel."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    Binarizer,
    CubicalPersistence,
    DensityFiltration,
    DilationFiltration,
    ErosionFiltration,
    HeightFiltration,
    ImageToPointCloud,
    Inverter,
    Padder,
    RadialFiltration,
    SignedDistanceFiltration,
)

EVERY = [
    Binarizer(), Inverter(), Padder(), ImageToPointCloud(), HeightFiltration(), RadialFiltration(),
    DilationFiltration(), ErosionFiltration(), SignedDistanceFiltration(), DensityFiltration(radius=1.5),
]  # fmt: skip


def blobs(shape, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((3, *shape)) < 0.4


@pytest.mark.parametrize("shape", [(5, 7), (4, 5, 3)])
def test_heights_are_projections(shape):
    images, d = blobs(shape), len(shape)
    for direction in (None, (1, 2, 3)[:d], (-1, 0.5, -2)[:d]):
        fitted = HeightFiltration(direction=direction).fit(images)
        unit = np.ones(d) if direction is None else np.array(direction)
        unit = unit / np.linalg.norm(unit)
        np.testing.assert_allclose(fitted.direction_, unit)
        values = np.empty(shape)
        for place in np.ndindex(*shape):
            x = [place[1], place[0], *place[2:]]
            sides = [shape[1], shape[0], *shape[2:]]
            values[place] = sum(u * (c - (n - 1) if u < 0 else c) for u, c, n in zip(unit, x, sides, strict=True))
        assert fitted.max_value_ == pytest.approx(values.max() + 1)
        np.testing.assert_allclose(fitted.transform(images), np.where(images, values, values.max() + 1))


@pytest.mark.parametrize("shape", [(5, 7), (4, 5, 3)])
def test_radii_are_distances(shape):
    images, center = blobs(shape), (2, 1, 0)[: len(shape)]
    for radius in (np.inf, 3.0):
        fitted = RadialFiltration(center=center, radius=radius).fit(images)
        x, y, *z = np.indices(shape)[[1, 0, *range(2, len(shape))]]
        away = np.sqrt(sum((c - m) ** 2 for c, m in zip((x, y, *z), center, strict=True)))
        last = away[away <= radius].max() + 1
        np.testing.assert_allclose(fitted.transform(images), np.where(images & (away <= radius), away, last))
    city = RadialFiltration(center=center, metric="cityblock").fit_transform(images)
    blocks = sum(abs(c - m) for c, m in zip((x, y, *z), center, strict=True))
    np.testing.assert_allclose(city[images], np.broadcast_to(blocks, images.shape)[images])


@pytest.mark.parametrize("shape", [(6, 8), (4, 5, 6)])
@pytest.mark.parametrize("limit", [None, 2])
def test_dilations_are_those_of_scipy(shape, limit):
    images = blobs(shape) & (np.random.default_rng(1).random(shape) < 0.2)
    images[0] = False  # nothing to grow from
    images[1] = True
    most = sum(shape)
    grown, shrunk = np.full(images.shape, float(most)), np.full(images.shape, float(most))
    for i, image in enumerate(images):
        for found, start in ((grown, image), (shrunk, ~image)):
            now = start
            found[i][now] = 0
            for step in range(1, (most if limit is None else limit) + 1):
                following = binary_dilation(now)
                found[i][following & ~now] = step
                now = following
    np.testing.assert_array_equal(DilationFiltration(limit).fit_transform(images), grown)
    np.testing.assert_array_equal(ErosionFiltration(limit).fit_transform(images), shrunk)
    signed = np.where(images, np.where(shrunk < most, shrunk - 1, most), -grown)
    np.testing.assert_array_equal(SignedDistanceFiltration(limit, n_jobs=2).fit_transform(images), signed)


@pytest.mark.parametrize("shape", [(6, 8), (4, 5, 6)])
def test_densities_are_counts(shape):
    images = blobs(shape)
    found = DensityFiltration(radius=2).fit_transform(images)
    for i, image in enumerate(images):
        active = np.argwhere(image)
        for place in np.ndindex(*shape):
            assert found[i][place] == (np.linalg.norm(active - place, axis=1) <= 2).sum()


def test_small_changes_of_images():
    grey = np.array([[[0.0, 2], [3, 4]]])
    assert Binarizer().fit(grey).transform(2 * grey).tolist() == [[[False, True], [True, True]]]
    assert Inverter().fit_transform(grey > 1).tolist() == [[[True, False], [False, False]]]
    assert Inverter(max_value=5).fit_transform(grey).tolist() == [[[5, 3], [2, 1]]]
    assert Padder().fit_transform(grey).shape == (1, 4, 4)
    assert Padder(padding=[2, 0], value=7).fit_transform(grey)[0, 0].tolist() == [7, 7]
    flag = np.array([[[1, 1, 1], [1, 0, 0]]])
    assert ImageToPointCloud().fit_transform(flag)[0].tolist() == [[0, 0], [0, 1], [1, 1], [2, 1]]
    assert ImageToPointCloud().fit_transform(np.ones((1, 2, 3, 4)))[0].shape == (24, 3)


def test_a_pipeline_sees_the_hole_of_a_ring():
    ring = np.zeros((1, 9, 9), bool)
    ring[0, 2:7, 2:7] = True
    ring[0, 3:6, 3:6] = False
    steps = SignedDistanceFiltration(), Inverter(max_value=0), CubicalPersistence()
    diagrams = make_pipeline(*steps).fit_transform(ring)
    holes = diagrams[0][diagrams[0, :, 2] == 1]
    assert len(holes) == 1
    assert holes[0, 1] - holes[0, 0] > 1


@pytest.mark.parametrize("estimator", EVERY, ids=lambda e: type(e).__name__)
def test_rules_of_estimators(estimator):
    images = blobs((5, 6))
    found = clone(estimator).fit_transform(images)
    images.setflags(write=False)
    for mine, other in zip(clone(estimator).fit(images).transform(images), found, strict=True):
        np.testing.assert_array_equal(mine, other)
    for bad, words in (
        (np.zeros((5, 6)), "(n_samples, height, width[, depth])"),
        (np.zeros((1, 2, 3, 4, 5)), "(n_samples, height, width[, depth])"),
        (np.zeros((0, 2, 3)), "at least one"),
        (np.full((1, 2, 2), np.nan), "NaN"),
        ([[["a"]]], "numbers"),
    ):
        with pytest.raises((InputError, ShapeError)) as caught:
            clone(estimator).fit(bad)
        assert words in str(caught.value)
    with pytest.raises(ShapeError, match="2 dimensions"):
        clone(estimator).fit(images).transform(blobs((2, 2, 2)))


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (Padder(padding=(1,)), "2 axes"),
        (Padder(padding=(1, -1)), "2 axes"),
        (HeightFiltration(direction=(0, 0)), "not all zero"),
        (HeightFiltration(direction=(1, 0, 0)), "2 axes"),
        (RadialFiltration(center=(0,)), "2 axes"),
        (DilationFiltration(n_iterations=-1), "n_iterations"),
        (DensityFiltration(radius=0), "radius"),
    ],
)
def test_bad_arguments_are_named(estimator, words):
    with pytest.raises(InputError) as caught:
        estimator.fit(blobs((3, 3)))
    assert words in str(caught.value)


def test_grey_images_have_no_filtration():
    with pytest.raises(InputError, match="Binarizer"):
        DilationFiltration().fit(np.full((1, 2, 2), 0.5))
