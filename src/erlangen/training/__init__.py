"""Fitting networks: estimators with scikit-learn's verbs, their loop, optimizers, checkpoints, model files."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "CompositionBaseline": "baseline",
        "GraphClassifier": "classifier",
        "GraphRegressor": "regressor",
        "History": "loop",
        "Muon": "optimizers",
        "load": "estimator",
    },
)
