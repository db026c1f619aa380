"""Networks of atoms with scikit-learn's verbs."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from erlangen.errors import InputError, OutputError
from erlangen.models.registry import create
from erlangen.structures import Structure, StructureSet
from erlangen.symmetry import Probe, Symmetry
from erlangen.training.baseline import CompositionBaseline
from erlangen.training.data import DescriptionTask, StructureTask, in_batches
from erlangen.training.files import load_model, save_model
from erlangen.training.loop import Settings, read_checkpoint, run
from erlangen.training.optimizers import OPTIMIZERS, make_optimizers
from erlangen.training.progress import Progress

_SAMPLE = 4_000  # training structures from which a description's principal components are taken


class GraphRegressor(RegressorMixin, BaseEstimator):
    """Predict properties of structures with any network of `erlangen.models`.

    The composition's share (least squares on element counts, in float64) is taken off first; the network learns what
    is left, in units of its spread.

    Parameters
    ----------
    model : str
        One of `erlangen.models.names`.
    target : str, optional
        Name in the structures' ``graph`` (or ``node``) arrays; None for the only float there, or for ``y`` of `fit`.
    hyperparameters : dict, optional
        Of the model, with ``head`` among them. ``elements`` is filled in where the model asks for it.
    extensive : bool
        Whether the target grows with the structure; sets the pooling and the baseline.
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
    loss : {"mae", "mse"}
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

    Attributes
    ----------
    model_ : nn.Module
        The fitted network, in evaluation mode.
    baseline_ : CompositionBaseline or None
        None for targets that are not one number a structure.
    history_ : History
    is_first_process_ : bool
        Whether this process is the one that saves and prints, of several that trained together.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> distances = rng.uniform(1, 2, 64)
    >>> pairs = [Structure([[0, 0, 0], [0, 0, d]], ["C", "O"], graph={"E": (d - 1.1) ** 2}) for d in distances]
    >>> regressor = GraphRegressor("schnet", hyperparameters={"hidden": 16, "filters": 16, "layers": 1}, max_epochs=40)
    >>> regressor.set_params(batch_size=16, verbose=False).fit(pairs).score(pairs) > 0.5
    True
    """

    def __init__(
        self, model="painn", target=None, *, hyperparameters=None, extensive=True, optimizer="adamw",
        learning_rate=None, batch_size=64, max_epochs=100, max_time=None, patience=None, warmup=100, ema=None,
        clip=None, loss="mae", validate_every=None, checkpoint=None, resume=False, devices=1, random_state=0,
        verbose=True,
    ):  # fmt: skip
        self.model = model
        self.target = target
        self.hyperparameters = hyperparameters
        self.extensive = extensive
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_time = max_time
        self.patience = patience
        self.warmup = warmup
        self.ema = ema
        self.clip = clip
        self.loss = loss
        self.validate_every = validate_every
        self.checkpoint = checkpoint
        self.resume = resume
        self.devices = devices
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Sequence[Structure], y=None, validation: "Sequence[Structure] | None" = None) -> "GraphRegressor":
        """Train on structures.

        Parameters
        ----------
        X : sequence of Structure
        y : (S,) array, optional
            Targets; by default the structures' own.
        validation : sequence of Structure, optional
            With targets of their own; the weights that do best on them are kept.

        Raises
        ------
        InputError
            If an argument or a structure cannot be used.
        TrainingError
            If the loss is no longer finite.
        OutputError
            If the checkpoint folder cannot be written.
        """
        started = time.monotonic()
        limit = self._check()
        structures = _packed(X)
        name = self.target if y is not None else _target_name(structures, self.target)
        values, node_level = _targets(structures, name, y)
        seed = int(np.random.SeedSequence(self.random_state).generate_state(1)[0])
        torch.manual_seed(seed)
        fabric = _fabric(self.devices)
        with Progress(self.verbose and fabric.is_global_zero, len(structures)) as progress:
            self.target_, self.node_level_ = name, node_level
            scalar = values.ndim == 1 and not node_level
            baseline = CompositionBaseline.fit(structures, values, self.extensive) if scalar else None
            self.elements_ = np.unique(structures.numbers)
            if baseline is not None:
                progress.say(f"composition baseline: least squares on {len(baseline.elements)} element counts")
            self.baseline_ = baseline
            shift = baseline.predict(structures) if scalar else 0.0
            self.scale_ = baseline.scale if scalar else float(np.sqrt(np.mean(values**2))) or 1.0
            target = torch.from_numpy(((values - shift) / self.scale_).astype(np.float32))

            model = self._make_model()
            checkpoint = _checkpoint_file(self.checkpoint, fabric)
            resuming = self.resume and checkpoint is not None and checkpoint.exists()
            if resuming:
                model.load_state_dict(read_checkpoint(checkpoint)["model"])
                progress.say(f"going on from {checkpoint}")
            if getattr(model, "describes", False):
                task = _described(model, structures, target, resuming, seed, progress)
            else:
                task = StructureTask(model, structures, target, node_level)
            per_epoch = -(-len(structures) // self.batch_size)
            settings = Settings(
                batch_size=self.batch_size, max_steps=per_epoch * self.max_epochs, max_time=limit,
                patience=self.patience, warmup=max(self.warmup, 1), ema=self.ema, clip=self.clip, loss=self.loss,
                validate_every=self.validate_every or per_epoch, checkpoint=checkpoint, resume=self.resume, seed=seed,
            )  # fmt: skip
            validate = None if validation is None else self._validation(model, _packed(validation), name)
            optimizers = make_optimizers(model, self.optimizer, self.learning_rate)
            self.is_first_process_ = fabric.is_global_zero
            self.history_ = run(fabric, model, optimizers, task, settings, validate, started, progress.step)
        self.model_ = model
        return self

    def predict(self, X: Sequence[Structure], batch_size: int = 256) -> np.ndarray:
        """Return the predicted target of each structure, (S,), or of each atom, (n, ...), in the target's unit.

        Raises
        ------
        InputError
            If a structure has an element that was never seen in training, or the prediction is not finite.
        """
        check_is_fitted(self, "model_")
        structures = _packed(X)
        self._check_elements(structures)
        predicted = self._predict(self.model_, structures, batch_size)
        if not np.isfinite(predicted).all():
            raise InputError(f"the prediction for structures[{int(np.argmin(np.isfinite(predicted)))}] is not finite")
        return predicted

    def score(self, X: Sequence[Structure], y=None, sample_weight=None) -> float:
        """Return the coefficient of determination R^2 of the prediction; 1 is perfect."""
        structures = _packed(X)
        y = _targets(structures, self.target_, None)[0] if y is None else y
        return super().score(structures, y, sample_weight)

    def save(self, path: "str | Path") -> Path:
        """Write the fitted model to one file: safetensors and JSON, with a checksum."""
        check_is_fitted(self, "model_")
        baseline = self.baseline_
        description = {
            "hyperparameters": self.model_.hyperparameters, "target": self.target_, "node_level": self.node_level_,
            "scale": self.scale_, "elements": self.elements_.tolist(), "parameters": _plain(self.get_params()),
            "baseline": None if baseline is None else [list(baseline.elements), baseline.extensive],
        }  # fmt: skip
        tensors = {f"model.{k}": v for k, v in self.model_.state_dict().items()}
        if baseline is not None:
            tensors["baseline.weights"] = torch.from_numpy(baseline.weights)
        return save_model(path, tensors, description)

    @classmethod
    def load(cls, path: "str | Path") -> "GraphRegressor":
        """Read a fitted model; it predicts as the saved one did.

        Raises
        ------
        ModelFileError
            If the file is damaged, foreign or from a newer version.
        """
        tensors, description = load_model(path)
        regressor = cls(**description["parameters"])
        regressor.model_ = create(**description["hyperparameters"])
        regressor.model_.load_state_dict(
            {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        )
        regressor.model_.eval()
        regressor.target_, regressor.node_level_ = description["target"], description["node_level"]
        regressor.scale_, regressor.elements_ = description["scale"], np.array(description["elements"])
        regressor.baseline_ = None
        if description["baseline"] is not None:
            elements, extensive = description["baseline"]
            weights = tensors["baseline.weights"].numpy()
            regressor.baseline_ = CompositionBaseline(tuple(elements), weights, regressor.scale_, extensive)
        return regressor

    @property
    def symmetry(self) -> Symmetry:
        """What the fitted network declares; the baseline knows only element counts."""
        return self.model_.symmetry

    def symmetry_probe(self, rng: np.random.Generator, dtype=np.float64) -> Probe:
        """Offer the fitted network to `erlangen.symmetry.certify`, on the elements it was trained on.

        Without the baseline: thousands of eV that depend on the composition alone would hide an error of the network.
        """
        check_is_fitted(self, "model_")
        probe = self.model_.symmetry_probe(rng, dtype)
        numbers = rng.choice(self.elements_, len(probe.inputs["numbers"]))
        return Probe({**probe.inputs, "numbers": numbers}, probe.function)

    def _check(self) -> float | None:
        """Check the parameters; return ``max_time`` in seconds."""
        for name in ("batch_size", "max_epochs", "devices"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"{name} is a positive whole number, got {value!r}")
        if self.loss not in ("mae", "mse"):
            raise InputError(f"loss is 'mae' or 'mse', got {self.loss!r}")
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"optimizer is one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}")
        if self.ema is not None and not 0 < self.ema < 1:
            raise InputError(f"ema is between 0 and 1, got {self.ema!r}")
        return seconds(self.max_time)

    def _make_model(self) -> torch.nn.Module:
        given = dict(self.hyperparameters or {})
        if self.model == "density":
            given.setdefault("elements", self.elements_.tolist())
        if "head" not in given and not self.extensive:
            given.update(
                {"pooling": "mean"} if self.model == "density" else {"head": {"name": "graph", "pooling": "mean"}}
            )
        return create(self.model, **given)

    def _validation(self, model, structures: StructureSet, name):
        """Return a function: model -> mean absolute error on these structures, in the target's unit."""
        self._check_elements(structures)
        values, _ = _targets(structures, name, None)
        if getattr(model, "describes", False):
            task = DescriptionTask(model, structures, torch.from_numpy(values.astype(np.float32)))
            shift = self.baseline_.predict(structures)

            def described(model) -> float:
                model.eval()
                with torch.no_grad():
                    return float(
                        np.abs(shift + self.scale_ * model.readout(task.description).double().numpy() - values).mean()
                    )

            return described
        return lambda model: float(np.abs(self._predict(model, structures, 256) - values).mean())

    def _check_elements(self, structures: StructureSet) -> None:
        if self.baseline_ is not None:
            self.baseline_.check(structures)
        elif not np.isin(structures.numbers, self.elements_).all():
            unknown = sorted(set(structures.numbers.tolist()) - set(self.elements_.tolist()))
            raise InputError(f"the atomic numbers {unknown} were never seen in training")

    def _predict(self, model, structures: StructureSet, batch_size: int) -> np.ndarray:
        model.eval()
        dtype = next(model.parameters()).dtype
        with torch.no_grad():
            parts = [model(batch).double().numpy() for batch, _ in in_batches(structures, batch_size, dtype)]
        predicted = np.concatenate(parts) * self.scale_
        return predicted if self.baseline_ is None else predicted + self.baseline_.predict(structures)


def seconds(limit: "str | float | None") -> float | None:
    """Turn "HH:MM:SS" or a number into seconds.

    Examples
    --------
    >>> seconds("00:05:00"), seconds(90), seconds(None)
    (300.0, 90.0, None)
    """
    if limit is None:
        return None
    try:
        parts = [float(part) for part in str(limit).split(":")]
        total = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    except ValueError:
        total = 0.0
    if not 0 < total < float("inf"):
        raise InputError(f"max_time is seconds or 'HH:MM:SS', more than zero, got {limit!r}")
    return total


def _packed(structures) -> StructureSet:
    if isinstance(structures, Structure):
        raise InputError("structures are a list; for one structure write [structure]")
    if isinstance(structures, np.ndarray) and structures.dtype != object:
        raise InputError(f"X is a list of Structure, got an array of shape {structures.shape}")
    packed = StructureSet.from_structures(structures)
    if not len(packed):
        raise InputError("the list of structures is empty")
    if not packed.has_positions:
        raise InputError("the structures have no positions: make them with conformer=True")
    return packed


def _target_name(structures: StructureSet, target: str | None) -> str:
    if target is not None:
        return target
    floats = [name for name, array in structures.graph.items() if array.dtype.kind == "f"]
    if len(floats) != 1:
        raise InputError(f"say which target: the structures have {', '.join(sorted(floats)) or 'none'} in graph")
    return floats[0]


def _targets(structures: StructureSet, name: str | None, y) -> tuple[np.ndarray, bool]:
    """Return the targets in float64, and whether they belong to atoms."""
    if y is not None:
        values, node_level = np.asarray(y, np.float64), False
        if len(values) != len(structures):
            raise InputError(f"y has {len(values)} targets for {len(structures)} structures")
    elif name in structures.graph:
        values, node_level = np.asarray(structures.graph[name], np.float64), False
    elif name in structures.node:
        values, node_level = np.asarray(structures.node[name], np.float64), True
    else:
        there = ", ".join(sorted([*structures.graph, *structures.node])) or "none"
        raise InputError(f"the structures have no target {name!r}; there are {there}")
    if not np.isfinite(values).all():
        raise InputError(f"target {name!r} is not finite in row {int(np.argwhere(~np.isfinite(values))[0][0])}")
    return values, node_level


def _described(model, structures: StructureSet, target, resuming: bool, seed: int, progress) -> DescriptionTask:
    """Fit what has a closed form, and keep the descriptions."""
    if not resuming:
        sample = np.random.default_rng(seed).permutation(len(structures))[:_SAMPLE]
        with progress.phase("principal components of the invariants"):
            model.fit_description(batch for batch, _ in in_batches(structures[np.sort(sample)], 512, target.dtype))
    with progress.phase("describing the structures", shares=True) as share:
        task = DescriptionTask(model, structures, target, share)
    if not resuming:
        with progress.phase("ridge regression on the descriptions"):
            model.fit_linear(task.description, target)
    return task


def _fabric(devices: int) -> Fabric:
    """Return a launched Fabric on the CPU: alone, of ``devices`` processes, or of torchrun's."""
    torchrun = "TORCHELASTIC_RUN_ID" in os.environ
    devices = int(os.environ["LOCAL_WORLD_SIZE"]) if torchrun else devices
    if devices == 1:
        fabric = Fabric(accelerator="cpu", devices=1)
    else:
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(max(1, torch.get_num_threads() // devices))
        nodes = int(os.environ["WORLD_SIZE"]) // devices if torchrun else 1
        fabric = Fabric(accelerator="cpu", devices=devices, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    return fabric


def _checkpoint_file(folder, fabric: Fabric) -> Path | None:
    """Return the checkpoint's path in a folder that can be written: better to know before the training than after."""
    if folder is None:
        return None
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{fabric.global_rank}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"cannot write to the checkpoint folder {folder}: {error.strerror}") from None
    return folder / "checkpoint.pt"


def _plain(parameters: dict) -> dict:
    """Return the parameters that JSON can hold, paths as text."""
    return {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
