"""Estimators made of another one."""

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError


class CollectionTransformer(TransformerMixin, BaseEstimator):
    """A transformer of one table applied to a collection of tables, fitted to each of them anew.

    Parameters
    ----------
    transformer : estimator with ``fit_transform``
        A copy of it is fitted to each sample; none is kept.
    n_jobs : int, optional
        How many samples are worked on at the same time, by joblib.
    parallel_backend_prefer, parallel_backend_require : str, optional
        joblib's ``prefer`` and ``require``, such as "threads" and "sharedmem".

    Examples
    --------
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> CollectionTransformer(MinMaxScaler()).fit_transform([[[1.0], [3.0]], [[0.0], [5.0]]]).tolist()
    [[[0.0], [1.0]], [[0.0], [1.0]]]
    """

    def __init__(self, transformer, n_jobs=None, parallel_backend_prefer=None, parallel_backend_require=None):
        self.transformer = transformer
        self.n_jobs = n_jobs
        self.parallel_backend_prefer = parallel_backend_prefer
        self.parallel_backend_require = parallel_backend_require

    def fit(self, X, y=None):
        """Check the transformer; nothing is learned.

        Parameters
        ----------
        X : collection of samples that the transformer takes
        y : None
        """
        if not hasattr(self.transformer, "fit_transform"):
            raise InputError(f"transformer has to have fit_transform, {self.transformer!r} has not")
        _samples(X)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        """Return the transformed samples, as one array if their shapes agree, else as a list."""
        check_is_fitted(self)
        options = {"prefer": self.parallel_backend_prefer, "require": self.parallel_backend_require}
        found = Parallel(n_jobs=self.n_jobs, **options)(delayed(self._transformed)(x) for x in _samples(X))
        same = all(isinstance(one, np.ndarray) for one in found) and len({one.shape for one in found}) == 1
        return np.stack(found) if same else found

    def _transformed(self, sample):
        return clone(self.transformer).fit_transform(sample)


def _samples(X):
    if not hasattr(X, "__len__") or not len(X):
        raise InputError("a collection of at least one sample is needed")
    return X
