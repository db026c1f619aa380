"""Pipelines that change the number of samples, against the same steps by hand and against scikit-learn's."""

import pickle

import numpy as np
import pytest
import sklearn.pipeline
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit, cross_val_score
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from erlangen.errors import InputError
from erlangen.topology import (
    Amplitude,
    CollectionTransformer,
    Labeller,
    PearsonDissimilarity,
    Pipeline,
    Resampler,
    SingleTakensEmbedding,
    SlidingWindow,
    Stationarizer,
    TransformerResamplerMixin,
    VietorisRipsPersistence,
    make_pipeline,
)

RNG = np.random.default_rng(0)
SERIES, TARGET = np.cumsum(RNG.normal(size=60)), RNG.normal(size=60)


def test_steps_pass_samples_and_targets_on():
    windows, every_other = SlidingWindow(size=5), Resampler(period=2)
    X, y = windows.fit_transform_resample(SERIES, TARGET)
    X, y = every_other.fit_transform_resample(X, y)
    model = Ridge().fit(X, y)
    pipeline = make_pipeline(SlidingWindow(size=5), Resampler(period=2), Ridge())
    assert pipeline.fit(SERIES, TARGET) is pipeline
    np.testing.assert_array_equal(pipeline.predict(SERIES), model.predict(X))
    assert pipeline.score(SERIES, TARGET) == model.score(X, y)
    before = pipeline[:-1]
    assert isinstance(before, Pipeline)
    np.testing.assert_array_equal(before.transform(SERIES), X)
    np.testing.assert_array_equal(before.resample(SERIES, TARGET), y)
    for found in (before.transform_resample(SERIES, TARGET), clone(before).fit_transform_resample(SERIES, TARGET)):
        np.testing.assert_array_equal(found[0], X)
        np.testing.assert_array_equal(found[1], y)
    np.testing.assert_array_equal(clone(before).fit_transform(SERIES, TARGET), X)
    np.testing.assert_array_equal(clone(before).fit_transform(SERIES), X)
    assert len(X) == len(y) == 28


def test_targets_reach_the_model_that_labels_make():
    pipeline = make_pipeline(Labeller(size=6, percentiles=[50]), SlidingWindow(size=4), LogisticRegression())
    pipeline.fit(SERIES, SERIES)
    X, y = Labeller(size=6, percentiles=[50]).fit_transform_resample(SERIES, SERIES)
    X, y = SlidingWindow(size=4).fit_transform_resample(X, y)
    by_hand = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(pipeline.predict_proba(SERIES), by_hand.predict_proba(X))
    np.testing.assert_array_equal(pipeline.classes_, [0, 1])


def test_a_pipeline_is_a_step_of_another():
    inner = make_pipeline(SlidingWindow(size=5), Resampler(period=2))
    nested = make_pipeline(inner, Ridge()).fit(SERIES, TARGET)
    flat = make_pipeline(SlidingWindow(size=5), Resampler(period=2), Ridge()).fit(SERIES, TARGET)
    np.testing.assert_array_equal(nested.predict(SERIES), flat.predict(SERIES))
    assert nested.score(SERIES, TARGET) == flat.score(SERIES, TARGET)


def test_without_resampling_it_is_scikit_learns():
    X = RNG.normal(size=(40, 6))
    y = X @ RNG.normal(size=6) + RNG.normal(size=40)
    steps = [("scale", StandardScaler()), ("none", "passthrough"), ("reduce", PCA(3)), ("model", Ridge())]
    ours, theirs = Pipeline(clone_steps(steps)).fit(X, y), sklearn.pipeline.Pipeline(clone_steps(steps)).fit(X, y)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, y) == theirs.score(X, y)
    assert ours.n_features_in_ == 6
    weights = RNG.random(40)
    ours.fit(X, y, model__sample_weight=weights)
    theirs.fit(X, y, model__sample_weight=weights)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, y, sample_weight=weights) == theirs.score(X, y, sample_weight=weights)
    np.testing.assert_allclose(ours[:2].inverse_transform(ours[:2].transform(X)), X)
    reduced = Pipeline(clone_steps(steps[:3])).fit_transform(X)
    np.testing.assert_allclose(reduced, theirs[:3].transform(X))
    assert Pipeline([("scale", StandardScaler()), ("end", "passthrough")]).fit_transform(X, y).shape == X.shape


def clone_steps(steps):
    return [(name, step if isinstance(step, str) else clone(step)) for name, step in steps]


def test_clusters_and_searches():
    labels = make_pipeline(SlidingWindow(size=5), KMeans(2, random_state=0, n_init=1)).fit_predict(SERIES)
    assert labels.shape == (56,)
    assert not hasattr(make_pipeline(SlidingWindow()), "fit_predict")
    pipeline = make_pipeline(SlidingWindow(size=3), Ridge())
    scores = cross_val_score(pipeline, SERIES, TARGET, cv=TimeSeriesSplit(3))
    assert np.isfinite(scores).all()
    search = GridSearchCV(pipeline, {"slidingwindow__size": [2, 4]}, cv=TimeSeriesSplit(2)).fit(SERIES, TARGET)
    assert search.best_params_["slidingwindow__size"] in (2, 4)


def test_series_to_features():
    y = np.arange(60.0)
    pipeline = make_pipeline(
        SlidingWindow(size=10, stride=5),
        PearsonDissimilarity(),
        VietorisRipsPersistence(metric="precomputed"),
        Amplitude(),
        Ridge(),
    )
    X = np.cumsum(RNG.normal(size=(60, 4)), axis=0)
    assert pipeline.fit(X, y).predict(X).shape == (11,)
    np.testing.assert_array_equal(pipeline[:-1].resample(X, y), y[9::5])


class Counted(TransformerMixin, BaseEstimator):
    fits = 0

    def fit(self, X, y=None):
        Counted.fits += 1
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return X


def test_memory_and_words(tmp_path, capsys):
    Counted.fits = 0
    for _ in range(2):
        pipeline = make_pipeline(Counted(), SlidingWindow(size=5), Ridge(), memory=str(tmp_path), verbose=True)
        pipeline.fit(SERIES, TARGET)
        assert pipeline.steps[0][1].is_fitted_
    assert Counted.fits == 1
    assert capsys.readouterr().out.count("step 3 of 3, ridge") == 2
    assert pickle.loads(pickle.dumps(pipeline)).get_params()["slidingwindow__size"] == 5


@pytest.mark.parametrize(
    "step",
    [SlidingWindow(4), Resampler(3), Stationarizer(), Labeller(4), SingleTakensEmbedding("fixed", dimension=2)],
    ids=lambda step: type(step).__name__,
)
def test_every_resampler_keeps_samples_and_targets_together(step):
    assert isinstance(step, TransformerResamplerMixin)
    series = 1 + RNG.random(30)
    X, y = step.fit_transform_resample(series, series)
    assert len(X) == len(y)
    again = step.transform_resample(series, series)
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(y, again[1])
    if not isinstance(step, Labeller | Stationarizer):
        np.testing.assert_array_equal(X[:, -1] if X.ndim == 2 else X, y)


def test_collections_are_transformed_one_by_one():
    X = RNG.normal(size=(4, 10, 3))
    found = CollectionTransformer(PCA(2), n_jobs=2, parallel_backend_prefer="threads").fit_transform(X)
    assert found.shape == (4, 10, 2)
    for one, given in zip(found, X, strict=True):
        np.testing.assert_array_equal(one, PCA(2).fit_transform(given))
    scaler = MinMaxScaler()
    ragged = CollectionTransformer(scaler).fit_transform([X[0], X[1, :4]])
    assert [one.shape for one in ragged] == [(10, 3), (4, 3)]
    assert not hasattr(scaler, "scale_")
    assert CollectionTransformer(PCA()).set_params(transformer__n_components=1).fit_transform(X).shape == (4, 10, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make_pipeline(Ridge(), Ridge()).fit(SERIES[:, None], TARGET), "ridge-1"),
        (lambda: make_pipeline(StandardScaler(), Ridge()).fit(SERIES[:, None], TARGET, alpha=1), "step__argument"),
        (lambda: make_pipeline(StandardScaler(), Ridge()).fit(SERIES[:, None], TARGET, svc__alpha=1), "svc__alpha"),
        (lambda: CollectionTransformer(LogisticRegression()).fit(SERIES), "fit_transform"),
        (lambda: CollectionTransformer(PCA()).fit([]), "at least one"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)
