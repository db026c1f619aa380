"""Pipelines whose steps may change the number of samples, as windows of a series do, and the targets with it."""

import time

import sklearn.pipeline
from sklearn.base import TransformerMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, check_memory

from erlangen.errors import InputError

_SKIPPED = None, "passthrough"


class TransformerResamplerMixin(TransformerMixin):
    """For transformers that change the number of samples: they have ``resample(y, X=None)`` beside ``transform(X)``."""

    def transform_resample(self, X, y):
        """Return the transformed samples and the targets that belong to them."""
        return self.transform(X), self.resample(y, X)

    def fit_transform_resample(self, X, y, **fit_params):
        """Fit, and return the transformed samples and the targets that belong to them."""
        return self.fit(X, y, **fit_params).transform_resample(X, y)


def _last_has(name: str):
    return available_if(lambda self: hasattr(self.steps[-1][1], name))


class Pipeline(sklearn.pipeline.Pipeline):
    """scikit-learn's pipeline, in which steps may also change the targets.

    A step with ``transform_resample(X, y)``, such as `SlidingWindow`, gives the next one both samples and targets, in
    `fit` and in `score`. Predictions belong to the samples that are left, whose targets `resample` returns.

    Parameters
    ----------
    steps : list of (str, estimator)
        All but the last are transformers; "passthrough" is a step that does nothing.
    memory : str or joblib.Memory, optional
        Where fitted transformers are kept, to be used again with equal input.
    verbose : bool
        Whether to print how long each step took to fit.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> import numpy as np
    >>> from erlangen.topology import SlidingWindow
    >>> pipeline = Pipeline([("windows", SlidingWindow(size=3)), ("model", Ridge(alpha=0.0))])
    >>> x = np.arange(10.0)
    >>> pipeline.fit(x, 2 * x).predict(x).round(6).tolist()
    [4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]
    >>> pipeline[:-1].resample(x, 2 * x).tolist()
    [4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]
    """

    transform_input = None  # what newer versions of scikit-learn's pipeline ask for

    def __init__(self, steps, *, memory=None, verbose=False):
        self.steps = steps
        self.memory = memory
        self.verbose = verbose

    def fit(self, X, y=None, **params):
        """Fit each step to what the ones before it make of samples and targets.

        Parameters
        ----------
        X : samples that the first step takes
        y : (n_samples,) array, optional
            Targets.
        **params
            Further arguments of the steps' ``fit``, as ``step__argument``.

        Raises
        ------
        InputError
            If a step cannot transform, or an argument is not that of a step.
        """
        own = self._by_step(params)
        X, y = self._fit_before(X, y, own)
        name, last = self.steps[-1]
        if last not in _SKIPPED:
            started = time.perf_counter()
            last.fit(X, y, **own[name])
            self._say(len(self.steps), name, started)
        return self

    @_last_has("fit_predict")
    def fit_predict(self, X, y=None, **params):
        """Fit all steps and return the last one's predictions."""
        own = self._by_step(params)
        X, y = self._fit_before(X, y, own)
        name, last = self.steps[-1]
        return last.fit_predict(X, y, **own[name])

    def fit_transform(self, X, y=None, **params):
        """Fit all steps and return the transformed samples."""
        return self.fit_transform_resample(X, y, **params)[0]

    def fit_transform_resample(self, X, y=None, **params):
        """Fit all steps and return the transformed samples and the targets that belong to them."""
        own = self._by_step(params)
        X, y = self._fit_before(X, y, own)
        name, last = self.steps[-1]
        return (X, y) if last in _SKIPPED else _fitted(last, X, y, own[name])[:2]

    def transform_resample(self, X, y):
        """Return the transformed samples and the targets that belong to them."""
        check_is_fitted(self)
        return _moved(self.steps, X, y)

    def resample(self, X, y):
        """Return the targets that belong to the transformed samples."""
        return self.transform_resample(X, y)[1]

    @_last_has("score")
    def score(self, X, y=None, **params):
        """Return the last step's score on what the others make of samples and targets."""
        check_is_fitted(self)
        X, y = _moved(self.steps[:-1], X, y)
        return self.steps[-1][1].score(X, y, **params)

    def _fit_before(self, X, y, own):
        """Fit all steps but the last; return what they make of samples and targets."""
        memory = check_memory(self.memory)
        cached = memory.cache(_fitted)
        for i, (name, step) in enumerate(self.steps[:-1]):
            if step in _SKIPPED:
                continue
            if not hasattr(step, "transform"):
                raise InputError(f"all steps but the last have to transform, {name} ({step!r}) does not")
            started = time.perf_counter()
            fresh = clone(step) if memory.location is not None else step
            X, y, fitted = cached(fresh, X, y, own[name])
            self.steps[i] = name, fitted
            self._say(i + 1, name, started)
        return X, y

    def _by_step(self, params: dict) -> dict[str, dict]:
        own = {name: {} for name, _ in self.steps}
        for key, value in params.items():
            name, mark, argument = key.partition("__")
            if not mark or name not in own:
                raise InputError(f"arguments are named step__argument with a step of {', '.join(own)}, got {key}")
            own[name][argument] = value
        return own

    def _say(self, number: int, name: str, started: float) -> None:
        if self.verbose:
            print(f"[{type(self).__name__}] step {number} of {len(self.steps)}, {name}: "
                  f"{time.perf_counter() - started:.1f} s")  # fmt: skip


def _fitted(step, X, y, params):
    """Fit a step; return what it makes of samples and targets, and itself."""
    if y is not None and hasattr(step, "fit_transform_resample"):
        return *step.fit_transform_resample(X, y, **params), step
    if hasattr(step, "fit_transform"):
        return step.fit_transform(X, y, **params), y, step
    return step.fit(X, y, **params).transform(X), y, step


def _moved(steps, X, y):
    """Return what fitted steps make of samples and targets."""
    for _, step in steps:
        if step in _SKIPPED:
            continue
        if y is not None and hasattr(step, "transform_resample"):
            X, y = step.transform_resample(X, y)
        else:
            X = step.transform(X)
    return X, y


def make_pipeline(*steps, memory=None, verbose=False) -> Pipeline:
    """Return a `Pipeline` whose steps are named after their classes.

    Parameters
    ----------
    *steps : estimators
    memory, verbose
        As in `Pipeline`.

    Examples
    --------
    >>> from erlangen.topology import Resampler, SlidingWindow
    >>> [name for name, _ in make_pipeline(Resampler(), SlidingWindow()).steps]
    ['resampler', 'slidingwindow']
    """
    return Pipeline(sklearn.pipeline.make_pipeline(*steps).steps, memory=memory, verbose=verbose)
