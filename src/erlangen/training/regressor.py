"""Numbers of structures, atoms or bonds, by any network, with scikit-learn's verbs."""

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from torch import Tensor

from erlangen.errors import InputError
from erlangen.structures import Structure, StructureSet
from erlangen.training.baseline import CompositionBaseline
from erlangen.training.estimator import StructureEstimator


class GraphRegressor(RegressorMixin, StructureEstimator):
    """Predict properties of structures with any network of `erlangen.models`.

    The composition's share (least squares on element counts, in float64; for atoms the mean of their element) is taken
    off first; the network learns what is left, in units of its spread. A target (S, 3) is a vector that turns with the
    structure and (S, 3, 3) a symmetric tensor; for unrelated numbers name the head, e.g. ``head={"name": "graph",
    "outputs": 3}``.

    Parameters
    ----------
    model : str
        One of `erlangen.models.names`.
    target : str, optional
        Name in the structures' ``graph``, ``node`` or ``edge`` arrays; None for the only one of its kind in ``graph``,
        or for ``y`` of `fit`. Where it is found decides whether structures, atoms or bonds are predicted.
    hyperparameters : dict, optional
        Of the model, with ``head`` among them; by default the head follows from the target's place and shape.
        ``elements`` is filled in where the model asks for it.
    optimizer : {"muon", "adamw"}
    learning_rate : float, optional
        0.02 for muon, 0.001 for adamw; falls linearly to zero over the budget, after ``warmup`` steps.
    batch_size : int
        Structures a step, over all processes.
    max_epochs : int
        Budget in passes over the training set.
    max_time : str or float, optional
        Budget in seconds or as "HH:MM:SS", all of `fit` counted; whichever budget ends first ends the run.
    patience : int, optional
        Stop after so many validations without a better one.
    warmup : int
        Steps over which the learning rate rises.
    ema : float, optional
        Decay of a running average of the weights, which then validates and predicts.
    clip : float, optional
        Bound on the gradient's norm.
    validate_every : int, optional
        Steps between validations and checkpoints; an epoch by default.
    checkpoint : path, optional
        Folder of a checkpoint that survives a kill at any moment.
    resume : bool
        Go on from that checkpoint, if there is one, to the same weights as an uninterrupted run.
    devices : int
        Processes on this machine. More than one starts this script again for each (Lightning's way); under
        ``torchrun`` its processes are used.
    random_state : int
    verbose : bool
        Show progress.
    extensive : bool
        Whether the target grows with the structure; sets the pooling and the baseline.
    loss : {"mae", "mse"}

    Attributes
    ----------
    model_ : nn.Module
        The fitted network, in evaluation mode.
    level_ : {"graph", "node", "edge"}
        What a row of the target belongs to: a structure, an atom or a bond.
    history_ : History
    is_first_process_ : bool
        Whether this process is the one that saves and prints, of several that trained together.
    baseline_ : CompositionBaseline or None
        None where the composition says nothing: vectors, bonds.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> distances = rng.uniform(1, 2, 64)
    >>> pairs = [Structure([[0, 0, 0], [0, 0, d]], ["C", "O"], graph={"E": (d - 1.1) ** 2}) for d in distances]
    >>> regressor = GraphRegressor("schnet", hyperparameters={"hidden": 16, "filters": 16, "layers": 1}, max_epochs=40)
    >>> regressor.set_params(batch_size=16, verbose=False).fit(pairs).score(pairs) > 0.5
    True
    """

    _target_kinds = "f"

    def __init__(
        self, model="painn", target=None, *, hyperparameters=None, extensive=True, optimizer="adamw",
        learning_rate=None, batch_size=64, max_epochs=100, max_time=None, patience=None, warmup=100, ema=None,
        clip=None, loss="mae", validate_every=None, checkpoint=None, resume=False, devices=1, random_state=0,
        verbose=True,
    ):  # fmt: skip
        super().__init__(
            model, target, hyperparameters=hyperparameters, optimizer=optimizer, learning_rate=learning_rate,
            batch_size=batch_size, max_epochs=max_epochs, max_time=max_time, patience=patience, warmup=warmup, ema=ema,
            clip=clip, validate_every=validate_every, checkpoint=checkpoint, resume=resume, devices=devices,
            random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.extensive = extensive
        self.loss = loss

    def predict(self, X: Sequence[Structure], batch_size: int = 256) -> np.ndarray:
        """Return the predicted target of each structure (S, ...), atom (n, ...) or bond (B, ...), in its unit.

        Raises
        ------
        InputError
            If a structure has an element that was never seen in training, or the prediction is not finite.
        """
        structures, outputs = self._predicted(X, batch_size)
        return self._decode(outputs, structures)

    def score(self, X: Sequence[Structure], y=None, sample_weight=None) -> float:
        """Return the coefficient of determination R^2; by default of the structures' own targets. 1 is perfect."""
        return self._score(r2_score, X, y, sample_weight)

    def _check(self) -> float | None:
        if self.loss not in ("mae", "mse"):
            raise InputError(f"loss is 'mae' or 'mse', got {self.loss!r}")
        return super()._check()

    def _loss(self) -> str:
        return self.loss

    def _encode(self, structures: StructureSet, values: np.ndarray, progress) -> Tensor:
        if values.dtype.kind not in "fiub":
            raise InputError(f"target {self.target_!r} is {values.dtype}, not numbers; for classes use GraphClassifier")
        values = values.astype(np.float64)
        kind = {("graph", ()): "number", ("graph", (3, 3)): "tensor", ("node", ()): "atom"}
        kind = kind.get((self.level_, values.shape[1:]))
        self.baseline_ = None
        if kind is not None:
            self.baseline_ = CompositionBaseline.fit(structures, values, self.extensive, kind)
            progress.say(f"composition baseline: least squares on {len(self.baseline_.elements)} element counts")
        left = values if kind is None else values - self.baseline_.predict(structures)
        self.scale_ = (float(np.sqrt(np.mean(left**2))) or 1.0) if kind is None else self.baseline_.scale
        return torch.from_numpy((left / self.scale_).astype(np.float32))

    def _decode(self, outputs: np.ndarray, structures: StructureSet) -> np.ndarray:
        outputs = outputs * self.scale_
        return outputs if self.baseline_ is None else outputs + self.baseline_.predict(structures)

    def _error(self, outputs: np.ndarray, structures: StructureSet, values: np.ndarray) -> float:
        return float(np.abs(self._decode(outputs, structures).reshape(values.shape) - values).mean())

    def _default_head(self, values: np.ndarray) -> "dict | str | None":
        shape, pooling = values.shape[1:], "sum" if self.extensive else "mean"
        if len(shape) > 1 and shape != (3, 3):
            raise InputError(f"target {self.target_!r} has {shape} numbers a row; only (), (k,) and (3, 3) have a head")
        outputs = shape[0] if shape else 1
        if self.level_ == "node":
            return {"name": "node", "outputs": outputs}
        if self.level_ == "edge":
            return {"name": "edge", "on": "bonds", "outputs": outputs}
        if shape == (3, 3) or shape == (3,):
            return "tensor" if len(shape) == 2 else "vector"
        if shape:
            return {"name": "graph", "outputs": outputs, "pooling": pooling}
        if self.model == "density":
            return {"name": "density", "pooling": pooling}
        return None if self.extensive else {"name": "graph", "pooling": "mean"}

    def _state(self) -> tuple[dict[str, Tensor], dict]:
        baseline = self.baseline_
        if baseline is None:
            return {}, {"scale": self.scale_, "baseline": None}
        kept = {"elements": list(baseline.elements), "extensive": baseline.extensive, "kind": baseline.kind}
        return {"baseline.weights": torch.from_numpy(baseline.weights)}, {"scale": self.scale_, "baseline": kept}

    def _set_state(self, tensors: dict[str, Tensor], description: dict) -> None:
        self.scale_, kept, self.baseline_ = description["scale"], description["baseline"], None
        if kept is not None:
            weights = tensors["baseline.weights"].numpy()
            elements = tuple(kept["elements"])
            self.baseline_ = CompositionBaseline(elements, weights, self.scale_, kept["extensive"], kept["kind"])
