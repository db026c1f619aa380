"""Fitting networks: an estimator with scikit-learn's verbs, its loop, optimizers, checkpoints, model files."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {"CompositionBaseline": "baseline", "GraphRegressor": "regressor", "History": "loop", "Muon": "optimizers"},
)
