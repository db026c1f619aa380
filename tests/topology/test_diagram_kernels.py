"""Kernels and ATOL against gudhi's, their definitions, and what makes a kernel."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    Atol,
    PersistenceFisherKernel,
    PersistenceScaleSpaceKernel,
    PersistenceWeightedGaussianKernel,
    SlicedWassersteinKernel,
    collect,
)

KERNELS = [
    SlicedWassersteinKernel(n_directions=7, bandwidth=0.4),
    PersistenceScaleSpaceKernel(sigma=0.05),
    PersistenceWeightedGaussianKernel(bandwidth=0.3, scale=2, power=3),
    PersistenceFisherKernel(sigma=0.2, bandwidth=0.7),
]


def diagrams(seed: int, n: int = 6, dimensions=(0,)) -> tuple[list, np.ndarray]:
    """Return diagrams with different numbers of bars, as lists and as a collection."""
    rng = np.random.default_rng(seed)
    bars = [[np.sort(rng.random((rng.integers(1, 12), 2)), axis=1) for _ in dimensions] for _ in range(n)]
    return bars, collect(bars, dimensions)


def gram(kernel, bars) -> np.ndarray:
    return kernel.fit_transform([one[0] for one in bars])


def plain_sliced_wasserstein(a, b, n: int) -> float:
    """Return the mean over n lines of the distance of sorted projections."""
    found = []
    for angle in np.pi * (np.arange(n) / n - 0.5):
        line = np.array([np.cos(angle), np.sin(angle)])
        shadows = [x.mean(axis=1) * line.sum() for x in (a, b)]
        sides = np.concatenate([a @ line, shadows[1]]), np.concatenate([b @ line, shadows[0]])
        found.append(np.abs(np.sort(sides[0]) - np.sort(sides[1])).sum())
    return float(np.mean(found))


def test_sliced_wasserstein_is_its_definition():
    bars, X = diagrams(0)
    found = SlicedWassersteinKernel(n_directions=7, bandwidth=0.4).fit_transform(X)
    expected = [[np.exp(-plain_sliced_wasserstein(a[0], b[0], 7) / (2 * 0.4**2)) for b in bars] for a in bars]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_sliced_wasserstein_of_gudhi():
    """They leave out the last of the lines, which matters little if there are many."""
    representations = pytest.importorskip("gudhi.representations")
    bars, X = diagrams(0)
    mine = SlicedWassersteinKernel(n_directions=4000, bandwidth=0.4).fit_transform(X)
    theirs = gram(representations.SlicedWassersteinKernel(num_directions=4000, bandwidth=2 * 0.4**2), bars)
    np.testing.assert_allclose(mine, theirs, rtol=2e-3)


def test_scale_space_of_gudhi():
    representations = pytest.importorskip("gudhi.representations")
    bars, X = diagrams(1)
    mine = PersistenceScaleSpaceKernel(sigma=0.05).fit_transform(X)
    width = np.sqrt(4 * 0.05)  # their Gaussians have a standard deviation and no second dimension
    theirs = gram(representations.PersistenceScaleSpaceKernel(bandwidth=width), bars)
    np.testing.assert_allclose(mine, theirs / (np.sqrt(2 * np.pi) * width), rtol=1e-12)


def test_weighted_gaussian_of_gudhi():
    representations = pytest.importorskip("gudhi.representations")
    bars, X = diagrams(2)
    mine = PersistenceWeightedGaussianKernel(bandwidth=0.3, scale=2, power=3).fit_transform(X)
    theirs = representations.PersistenceWeightedGaussianKernel(
        bandwidth=0.3, weight=lambda p: np.arctan(2 * (p[1] - p[0]) ** 3)
    )
    np.testing.assert_allclose(mine, gram(theirs, bars) * np.sqrt(2 * np.pi) * 0.3, rtol=1e-12)


def test_fisher_of_gudhi():
    representations = pytest.importorskip("gudhi.representations")
    bars, X = diagrams(3)
    mine = PersistenceFisherKernel(sigma=0.2, bandwidth=0.7).fit_transform(X)
    theirs = gram(representations.PersistenceFisherKernel(bandwidth_fisher=0.2, bandwidth=0.7), bars)
    np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)  # an angle near zero has half the digits


def test_sliced_wasserstein_tends_to_its_integral():
    """Of one bar against none the distance is an integral with a closed form."""
    X = np.array([[[0.0, 2, 0]], [[0, 0, 0]]])
    # The bar at (0, 2), its shadow at (1, 1): they are apart by (-1, 1), |sin t - cos t| on the line at the angle t
    mean = 2 * np.sqrt(2) / np.pi
    found = -2 * np.log(SlicedWassersteinKernel(n_directions=2000).fit_transform(X)[0, 1])
    assert found == pytest.approx(mean, rel=1e-5)


def test_heat_of_one_bar():
    X = np.array([[[0.0, 1, 0]]])
    expected = (1 - np.exp(-2 / (8 * 0.3))) / (8 * np.pi * 0.3)
    assert PersistenceScaleSpaceKernel(0.3).fit_transform(X)[0, 0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_what_makes_a_kernel(kernel):
    _, X = diagrams(4, n=25, dimensions=(0, 1))
    K = clone(kernel).fit_transform(X)
    np.testing.assert_allclose(K, K.T, rtol=1e-12)
    if not isinstance(kernel, PersistenceFisherKernel):  # its points differ from pair to pair
        assert np.linalg.eigvalsh(K).min() > -1e-9 * K.max()
    fitted = clone(kernel).fit(X)
    _, Y = diagrams(5, n=4, dimensions=(0, 1))
    found = fitted.transform(Y)
    assert found.shape == (4, 25)
    separate = clone(kernel).set_params(separate=True).fit(X).transform(Y)
    np.testing.assert_allclose(separate.sum(axis=2), found)
    padded = np.concatenate([Y[:, :, :], np.tile([0.3, 0.3, 1], (4, 5, 1))], axis=1)  # bars of length zero
    np.testing.assert_allclose(fitted.transform(padded), found, rtol=1e-12, atol=1e-12)
    shuffled = Y[:, np.random.default_rng(0).permutation(Y.shape[1])]
    np.testing.assert_allclose(fitted.transform(shuffled), found, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: type(k).__name__)
def test_empty_diagrams(kernel):
    X = np.array([[[0.0, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 0]]])
    K = clone(kernel).fit_transform(X)
    assert np.isfinite(K).all()
    assert K[1, 1] == (1 if isinstance(kernel, SlicedWassersteinKernel | PersistenceFisherKernel) else 0)


def test_a_support_vector_machine_takes_them():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    bars = [[np.column_stack([np.zeros(5), rng.random(5) + 2 * label])] for label in y]
    X = collect(bars, [0])
    for kernel in KERNELS:
        assert make_pipeline(clone(kernel), SVC(kernel="precomputed")).fit(X[:20], y[:20]).score(X[20:], y[20:]) == 1


@pytest.mark.parametrize("contrast", ["gaussian", "laplacian", "indicator"])
@pytest.mark.parametrize("weighting", ["cloud", "iidproba"])
@pytest.mark.parametrize("clusters", [1, 4])
def test_atol_of_gudhi(contrast, weighting, clusters):
    representations = pytest.importorskip("gudhi.representations")
    bars, X = diagrams(6, n=10, dimensions=(0, 1))
    quantiser = KMeans(clusters, random_state=0, n_init=3)
    mine = Atol(quantiser, weighting, contrast).fit(X)
    found = mine.transform(X)
    assert found.shape == (10, 2 * clusters)
    for q in (0, 1):
        theirs = representations.Atol(clone(quantiser), weighting_method=weighting, contrast=contrast)
        expected = theirs.fit([one[q] for one in bars]).transform([one[q] for one in bars])
        np.testing.assert_allclose(found[:, q * clusters : (q + 1) * clusters], expected, rtol=1e-9)
        np.testing.assert_allclose(mine.centers_[q], theirs.centers)
    np.testing.assert_allclose(clone(mine).set_params(n_jobs=2).fit(X).transform(X), found)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda X: SlicedWassersteinKernel(n_directions=0).fit(X), InputError, "n_directions"),
        (lambda X: SlicedWassersteinKernel(bandwidth=0).fit(X), InputError, "bandwidth"),
        (lambda X: PersistenceScaleSpaceKernel(sigma=-1).fit(X), InputError, "sigma"),
        (lambda X: PersistenceWeightedGaussianKernel(power="2").fit(X), InputError, "power"),
        (lambda X: PersistenceFisherKernel(sigma=np.inf).fit(X), InputError, "sigma"),
        (lambda X: PersistenceFisherKernel().fit(X[0]), ShapeError, "X[None]"),
        (lambda X: PersistenceFisherKernel().fit(X).transform([[[0, np.inf, 0]]]), InputError, "never end"),
        (lambda X: Atol(contrast="round").fit(X), InputError, "gaussian"),
        (lambda X: Atol(weighting_method="heavy").fit(X), InputError, "cloud"),
        (lambda X: Atol(KMeans(500)).fit(X), InputError, "500 centers"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call(diagrams(0)[1])
    assert words in str(caught.value)
