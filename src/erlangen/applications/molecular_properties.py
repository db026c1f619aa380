"""How well a network trained for some minutes predicts a property of molecules it has never seen (slides 13, 18)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from erlangen.applications.versions import versions
from erlangen.datasets import QM9_TARGETS, load_qm9
from erlangen.errors import InputError
from erlangen.models import names
from erlangen.structures import StructureSet
from erlangen.symmetry import Certificate, certify
from erlangen.training import GraphRegressor, History
from erlangen.training.baseline import check_parts

PACKAGES = ("torch", "lightning", "numpy", "scipy", "scikit-learn", "numba", "rdkit", "ase")
FASTEST = {"model": "density", "optimizer": "muon", "batch_size": 256, "validate_every": 200}
"""What learned most in a given time on two cores, by measurement: benchmarks/quickstart.py."""


@dataclass(frozen=True)
class MolecularPropertyConfig:
    """What to learn from QM9, and for how long.

    Attributes
    ----------
    target : str
        One of `erlangen.datasets.QM9_TARGETS`.
    budget : float
        Seconds of training, all preparation of the data for the network counted.
    model : str
        One of `erlangen.models.names`.
    n_train, n_valid, n_test : int
        Molecules of each part; ``n_test=None`` takes all that are left.
    random_state : int
        Of the split and of the network.
    """

    target: str = "U0"
    budget: float = 150.0
    model: str = "density"
    n_train: int = 110_000
    n_valid: int = 2_000
    n_test: int | None = 10_831
    random_state: int = 42
    settings: dict = field(default_factory=dict)

    def check(self) -> None:
        """Raise an InputError if this cannot be done; better to know before the data is read than after."""
        if self.target not in QM9_TARGETS:
            raise InputError(f"target {self.target!r} is not in QM9; there are {', '.join(QM9_TARGETS)}")
        if self.model not in names():
            raise InputError(f"model {self.model!r} is unknown; known are {', '.join(names())}")
        if not 0 < self.budget < math.inf:
            raise InputError(f"budget is seconds of training, more than zero, got {self.budget!r}")
        for name in ("n_train", "n_valid", "n_test"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise InputError(f"{name} is 1 or more molecules, got {getattr(self, name)!r}")

    def estimator(self, **changes) -> GraphRegressor:
        """Return the unfitted estimator that this record asks for."""
        given = {k: v for k, v in FASTEST.items() if self.model == "density" or k == "validate_every"}
        given |= {
            "model": self.model, "target": self.target, "extensive": QM9_TARGETS[self.target].extensive,
            "max_time": self.budget, "max_epochs": 100_000, "random_state": self.random_state,
        }  # fmt: skip
        return GraphRegressor(**(given | self.settings | changes))


@dataclass(frozen=True)
class MolecularPropertyResult:
    """What was learned.

    Attributes
    ----------
    config : MolecularPropertyConfig
    regressor : GraphRegressor
        Fitted.
    test : StructureSet
        Molecules never seen, with their targets.
    predicted, baseline : (n_test,) arrays
        By the network, and by the composition alone, in the target's unit.
    certificate : Certificate
        Of the fitted network's declared symmetry.
    inference_ms : float
        Milliseconds a molecule, neighbor lists included, in batches of 256.
    """

    config: MolecularPropertyConfig
    regressor: GraphRegressor
    test: StructureSet
    predicted: np.ndarray
    baseline: np.ndarray
    certificate: Certificate
    inference_ms: float

    @property
    def unit(self) -> str:
        """Unit of the target and of every error."""
        return QM9_TARGETS[self.config.target].unit

    @property
    def reference(self) -> np.ndarray:
        """The targets of the test molecules, (n_test,)."""
        return self.test.graph[self.config.target]

    @property
    def errors(self) -> np.ndarray:
        """Prediction minus reference, (n_test,)."""
        return self.predicted - self.reference

    @property
    def test_mae(self) -> float:
        """Mean absolute error on molecules never seen."""
        return float(np.abs(self.errors).mean())

    @property
    def baseline_mae(self) -> float:
        """Mean absolute error of the composition alone."""
        return float(np.abs(self.baseline - self.reference).mean())

    @property
    def history(self) -> History:
        """How the training went."""
        return self.regressor.history_

    def metrics(self) -> dict:
        """Return what ``metrics.json`` holds."""
        return {
            "target": self.config.target,
            "unit": self.unit,
            "model": self.config.model,
            "budget_s": self.config.budget,
            "training_s": round(self.history.seconds, 2),
            "steps": self.history.steps,
            "stopped": self.history.stopped,
            "n_train": self.config.n_train,
            "n_valid": self.config.n_valid,
            "n_test": len(self.test),
            "test_mae": self.test_mae,
            "baseline_mae": self.baseline_mae,
            "certificate": self.certificate.to_dict(),
            "inference_ms_per_molecule": self.inference_ms,
            "parameters": sum(p.numel() for p in self.regressor.model_.parameters()),
            "versions": versions(PACKAGES),
            "seed": self.config.random_state,
        }


def learn_molecular_property(
    config: MolecularPropertyConfig, say: Callable[[str], None] = lambda line: None
) -> MolecularPropertyResult:
    """Train on QM9, test on molecules never seen, certify the symmetry and time the inference.

    Parameters
    ----------
    config : MolecularPropertyConfig
    say : callable
        Gets one line after each step.

    Raises
    ------
    InputError
        If the target is unknown, or the budget or the sizes make no sense.
    """
    config.check()
    started = time.monotonic()
    train, valid, test = load_qm9(
        config.target, config.n_train, config.n_valid, config.n_test, random_state=config.random_state
    )
    check_parts(train, valid, test)
    say(
        f"data: {len(train):,} molecules to learn from, {len(valid):,} to watch, {len(test):,} never seen "
        f"({time.monotonic() - started:.1f} s)"
    )
    regressor = config.estimator().fit(train, validation=valid)
    history = regressor.history_
    stopped = ", then interrupted: what was learned is tested" if history.stopped == "interrupted" else ""
    say(f"training: {history.steps:,} steps of {regressor.batch_size} molecules in {history.seconds:.0f} s{stopped}")
    regressor.predict(test[:256])
    started = time.monotonic()
    predicted = regressor.predict(test)
    inference_ms = 1000 * (time.monotonic() - started) / len(test)
    say(f"test: predicted {len(test):,} molecules in {inference_ms * len(test) / 1000:.1f} s")
    certificate = certify(regressor, random_state=config.random_state)
    say(f"certificate: {regressor.symmetry} measured on random molecules and group elements")
    baseline = regressor.baseline_.predict(test)
    return MolecularPropertyResult(config, regressor, test, predicted, baseline, certificate, inference_ms)
