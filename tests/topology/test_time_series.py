"""Windows, embeddings and dissimilarities of time series against their definitions."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from erlangen.errors import InputError, ShapeError
from erlangen.topology import (
    Labeller,
    PearsonDissimilarity,
    PermutationEntropy,
    Resampler,
    SingleTakensEmbedding,
    SlidingWindow,
    Stationarizer,
    TakensEmbedding,
    VietorisRipsPersistence,
    takens_embedding_optimal_parameters,
)


@pytest.mark.parametrize(("n", "size", "stride"), [(10, 3, 1), (10, 3, 4), (11, 5, 3), (5, 5, 2)])
def test_windows_end_at_the_last_sample(n, size, stride):
    series = np.arange(2 * n).reshape(n, 2)
    window = SlidingWindow(size=size, stride=stride)
    found = window.fit_transform(series)
    spans = window.slice_windows(series)
    assert spans[-1, 1] == n
    assert spans[0, 0] < stride
    for (begin, end), one in zip(spans, found, strict=True):
        np.testing.assert_array_equal(one, series[begin:end])
    np.testing.assert_array_equal(window.resample(series[:, 0]), series[spans[:, 1] - 1, 0])


@pytest.mark.parametrize(("delay", "dimension", "stride"), [(1, 2, 1), (3, 2, 2), (2, 4, 3)])
def test_embeddings_are_delayed_copies(delay, dimension, stride):
    rng = np.random.default_rng(0)
    series = rng.random((4, 3, 20))
    takens = TakensEmbedding(time_delay=delay, dimension=dimension, stride=stride, flatten=False)
    for last in (True, False):
        found = clone(takens).set_params(ensure_last_value=last).fit_transform(series)
        reach = delay * (dimension - 1)
        starts = np.arange(0, 20 - reach, stride)
        if last:
            starts = starts + (20 - reach - 1) % stride
        assert found.shape == (4, 3, len(starts), dimension)
        for k, start in enumerate(starts):
            np.testing.assert_array_equal(found[:, :, k], series[:, :, start : start + reach + 1 : delay])
        assert (found[..., -1, -1] == series[..., -1]).all() or not last
    flat = clone(takens).set_params(flatten=True).fit_transform(series)
    several = takens.fit_transform(series)
    np.testing.assert_array_equal(flat, np.concatenate([several[:, v] for v in range(3)], axis=2))
    alone = TakensEmbedding(delay, dimension, stride).fit_transform(series[:, 0])
    np.testing.assert_array_equal(alone, several[:, 0])
    ragged = TakensEmbedding(delay, dimension, stride).fit_transform([series[0, 0], series[1, 0, 5:]])
    np.testing.assert_array_equal(ragged[0], alone[0])
    assert len(ragged[1]) < len(ragged[0])
    single = SingleTakensEmbedding("fixed", delay, dimension, stride).fit(series[0, 0])
    np.testing.assert_array_equal(single.transform(series[0, 0]), alone[0])
    np.testing.assert_array_equal(single.resample(series[0, 0]), alone[0][:, -1])


def test_delay_and_dimension_are_found():
    wave = np.sin(np.arange(2000) / 10)
    delay, dimension = takens_embedding_optimal_parameters(wave, 30, 5)
    assert 10 <= delay <= 22  # a quarter of the period is 15.7
    assert dimension in (2, 3)
    found = SingleTakensEmbedding(time_delay=30, dimension=5).fit(wave)
    assert (found.time_delay_, found.dimension_) == (delay, dimension)


def test_a_periodic_signal_has_a_loop_and_noise_has_none():
    t, rng = np.arange(120), np.random.default_rng(0)
    series = np.stack([np.sin(2 * np.pi * t / 40), rng.uniform(-1, 1, 120)])
    diagrams = make_pipeline(TakensEmbedding(time_delay=10, stride=2), VietorisRipsPersistence()).fit_transform(series)
    longest = [np.diff(d[d[:, 2] == 1, :2]).max() for d in diagrams]
    assert longest[0] > 3 * longest[1]


def test_permutation_entropy_of_equally_frequent_orders():
    clouds = np.array([[[0, 1, 2], [0, 2, 1], [2, 1, 0], [1, 0, 2]], [[0, 1, 2]] * 4])
    assert PermutationEntropy().fit_transform(clouds).tolist() == [[2.0], [0.0]]


def test_resampling_and_returns():
    x = np.array([[1.0], [2.0], [4.0], [2.0], [5.0]])
    assert Resampler(period=3).fit_transform(x).tolist() == [[1], [2]]
    assert Resampler(period=3).fit(x).resample(np.arange(5)).tolist() == [0, 3]
    np.testing.assert_allclose(Stationarizer().fit_transform(x)[:, 0], [1 / 2, 2 / 4, -2 / 2, 3 / 5])
    np.testing.assert_allclose(Stationarizer("log-return").fit_transform(x)[:, 0], np.log([2, 2, 0.5, 2.5]))
    assert Stationarizer().fit(x).resample(np.arange(5)).tolist() == [1, 2, 3, 4]


def test_pearson_is_that_of_numpy():
    series = np.random.default_rng(0).random((3, 20, 4))
    for absolute in (False, True):
        found = PearsonDissimilarity(absolute_value=absolute).fit_transform(series)
        for one, x in zip(found, series, strict=True):
            r = np.corrcoef(x.T)
            np.testing.assert_allclose(one, 1 - np.abs(r) if absolute else (1 - r) / 2, atol=1e-14)
            assert (np.diagonal(one) == 0).all()


def test_labels_are_functions_of_windows_ahead():
    x, y = np.arange(12), np.random.default_rng(0).normal(size=12)
    for ahead in (1, 3):
        found, labels = Labeller(size=4, func=np.ptp, n_steps_future=ahead).fit_transform_resample(x, y)
        assert len(found) == len(labels)
        for t, label in zip(found, labels, strict=True):
            assert label == np.ptp(y[t + ahead - 3 : t + ahead + 1])
    labeller = Labeller(size=4, func=np.std, percentiles=[25, 50]).fit(x, y)
    classes = labeller.resample(y)
    assert sorted(set(classes)) == [0, 1, 2]
    assert (classes == 0).sum() < (classes == 2).sum()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: SlidingWindow(size=5).fit([1, 2, 3]), InputError, "does not fit"),
        (lambda: SlidingWindow(size=0).fit([1, 2, 3]), InputError, "size"),
        (lambda: TakensEmbedding(time_delay=5).fit([[1, 2, 3]]), InputError, "does not fit"),
        (lambda: TakensEmbedding().fit(np.zeros(5)), ShapeError, "(n_samples, n)"),
        (lambda: SingleTakensEmbedding().fit(np.zeros((5, 2))), ShapeError, "TakensEmbedding"),
        (lambda: takens_embedding_optimal_parameters(np.arange(3.0), 5, 2), ShapeError, "max_time_delay"),
        (lambda: takens_embedding_optimal_parameters(np.arange(6.0), 1, 5), ShapeError, "8 samples"),
        (lambda: SingleTakensEmbedding("guess").fit(np.arange(5.0)), InputError, "search"),
        (lambda: Stationarizer("diff").fit([1.0]), InputError, "log-return"),
        (lambda: Stationarizer("log-return").fit_transform([1.0, -1.0]), InputError, "above 0"),
        (lambda: Stationarizer().fit_transform([1.0, 0.0]), InputError, "other than 0"),
        (lambda: PearsonDissimilarity().fit_transform(np.ones((1, 3, 2))), InputError, "never changes"),
        (lambda: PermutationEntropy().fit([1, 2]), ShapeError, "two axes"),
        (lambda: Labeller(size=2, n_steps_future=2).fit([1.0, 2.0, 3.0]), InputError, "n_steps_future"),
        (lambda: Labeller(size=2).fit(np.zeros((5, 2))), ShapeError, "(n,)"),
        (lambda: Resampler(period=0).fit([1]), InputError, "period"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
