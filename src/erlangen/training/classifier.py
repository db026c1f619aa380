"""Classes of structures, atoms or bonds, by any network, with scikit-learn's verbs."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from torch import Tensor

from erlangen.errors import InputError
from erlangen.structures import Structure, StructureSet
from erlangen.training.estimator import StructureEstimator


class GraphClassifier(ClassifierMixin, StructureEstimator):
    """Tell classes of structures, atoms or bonds apart with any network of `erlangen.models`.

    Learns by cross entropy. The parameters are those of `GraphRegressor`, which describes them, but ``extensive`` and
    ``loss``; the target is one class a row: whole numbers, booleans or, for structures, text.

    Attributes
    ----------
    classes_ : (C,) array
        The classes, sorted.
    model_, level_, history_, is_first_process_
        As of `GraphRegressor`.

    Examples
    --------
    >>> distances = np.linspace(1, 2, 64)
    >>> pairs = [Structure([[0, 0, 0], [0, 0, d]], ["C", "O"], graph={"long": d > 1.5}) for d in distances]
    >>> given = {"hidden": 16, "filters": 16, "layers": 1}
    >>> classifier = GraphClassifier("schnet", hyperparameters=given, max_epochs=40, batch_size=16, verbose=False)
    >>> classifier.fit(pairs).score(pairs) > 0.8
    True
    """

    _target_kinds = "biuSU"

    def predict_proba(self, X: Sequence[Structure], batch_size: int = 256) -> np.ndarray:
        """Return the probability of each class, in the order of ``classes_``, a row each.

        Raises
        ------
        InputError
            If a structure has an element that was never seen in training, or the prediction is not finite.
        """
        return softmax(self._predicted(X, batch_size)[1], axis=1)

    def predict(self, X: Sequence[Structure], batch_size: int = 256) -> np.ndarray:
        """Return the most probable class of each structure (S,), atom (n,) or bond (B,)."""
        return self.classes_[self.predict_proba(X, batch_size).argmax(1)]

    def score(self, X: Sequence[Structure], y=None, sample_weight=None) -> float:
        """Return the accuracy; by default on the structures' own classes."""
        return self._score(accuracy_score, X, y, sample_weight)

    def _loss(self) -> str:
        return "cross_entropy"

    def _encode(self, structures: StructureSet, values: np.ndarray, progress) -> Tensor:
        if values.ndim != 1 or values.dtype.kind not in self._target_kinds:
            raise InputError(f"target {self.target_!r} is one class a row, got {values.dtype} of shape {values.shape}")
        self.classes_, found = np.unique(values, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"target {self.target_!r} has a single class, {self.classes_.tolist()}: nothing to learn")
        return torch.from_numpy(found)

    def _default_head(self, values: np.ndarray) -> dict:
        head = {"name": self.level_, "outputs": len(self.classes_)}
        return head | {"graph": {"pooling": "mean"}, "node": {}, "edge": {"on": "bonds"}}[self.level_]

    def _error(self, outputs: np.ndarray, structures: StructureSet, values: np.ndarray) -> float:
        unknown = ~np.isin(values, self.classes_)
        if unknown.any():
            raise InputError(f"the validation structures have a class never seen in training, {values[unknown][0]!r}")
        likelihood = log_softmax(outputs, axis=1)
        return float(-likelihood[np.arange(len(values)), np.searchsorted(self.classes_, values)].mean())

    def _state(self) -> tuple[dict[str, Tensor], dict]:
        return {}, {"classes": self.classes_.tolist()}

    def _set_state(self, tensors: dict[str, Tensor], description: dict) -> None:
        self.classes_ = np.array(description["classes"])
