"""What the estimators of structures share: from a list of structures to a fitted network, and back from its file."""

import json
import os
import time
import zlib
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from erlangen.errors import InputError, ModelFileError, OutputError
from erlangen.models.registry import create, hyperparameters_of
from erlangen.structures import Structure, StructureSet
from erlangen.symmetry import Probe, Symmetry
from erlangen.training.baseline import check_elements
from erlangen.training.data import DescriptionTask, StructureTask, check_places, in_batches
from erlangen.training.files import load_model, save_model
from erlangen.training.loop import Settings, read_checkpoint, run
from erlangen.training.optimizers import OPTIMIZERS, make_optimizers
from erlangen.training.progress import Progress

_SAMPLE = 4_000  # training structures from which a description's principal components are taken


class StructureEstimator(BaseEstimator, metaclass=ABCMeta):
    """The parameters, the fit and the files of `GraphRegressor` and `GraphClassifier`.

    A subclass says how targets become numbers to learn (`_encode`), which head reads them (`_default_head`), how far
    outputs are from values (`_error`), and what a file has to keep of it (`_state`, `_set_state`).
    """

    def __init__(
        self, model="painn", target=None, *, hyperparameters=None, optimizer="adamw",
        learning_rate=None, batch_size=64, max_epochs=100, max_time=None, patience=None, warmup=100, ema=None,
        clip=None, validate_every=None, checkpoint=None, resume=False, devices=1, random_state=0,
        verbose=True,
    ):  # fmt: skip
        self.model = model
        self.target = target
        self.hyperparameters = hyperparameters
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_time = max_time
        self.patience = patience
        self.warmup = warmup
        self.ema = ema
        self.clip = clip
        self.validate_every = validate_every
        self.checkpoint = checkpoint
        self.resume = resume
        self.devices = devices
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _encode(self, structures: StructureSet, values: np.ndarray, progress: Progress) -> Tensor:
        """Learn what the encoding needs and return the encoded targets, a row each."""

    @abstractmethod
    def _default_head(self, values: np.ndarray) -> "dict | str | None":
        """Return the head for targets of this level and shape; None for the model's own."""

    @abstractmethod
    def _loss(self) -> str:
        """Return the loss of `erlangen.training.loop.losses`."""

    @abstractmethod
    def _error(self, outputs: np.ndarray, structures: StructureSet, values: np.ndarray) -> float:
        """Return what validation makes small."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Tensor], dict]:
        """Return tensors and JSON-able values of what was learned beside the network."""

    @abstractmethod
    def _set_state(self, tensors: dict[str, Tensor], description: dict) -> None:
        """Take back what `_state` gave."""

    def fit(self, X: Sequence[Structure], y=None, validation: "Sequence[Structure] | None" = None):
        """Train on structures.

        Parameters
        ----------
        X : sequence of Structure
        y : (S, ...) array, optional
            Targets of structures; by default the structures' own.
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
        structures = packed(X)
        name = self.target if y is not None else self._target_name(structures)
        values, level = targets(structures, name, y)
        seed = int(np.random.SeedSequence(self.random_state).generate_state(1)[0])
        torch.manual_seed(seed)
        fabric = _fabric(self.devices)
        with Progress(self.verbose and fabric.is_global_zero, len(structures)) as progress:
            self.target_, self.level_, self.elements_ = name, level, np.unique(structures.numbers)
            target = self._encode(structures, values, progress)
            model = self._make_model(values)
            checkpoint = _checkpoint_file(self.checkpoint, fabric)
            identity = self._identity(model, target, seed)
            resuming = self.resume and checkpoint is not None and checkpoint.exists()
            if resuming:
                model.load_state_dict(read_checkpoint(checkpoint, identity)["model"])
                progress.say(f"going on from {checkpoint}")
            task = _task(model, structures, target, level, resuming, seed, progress)
            per_epoch = -(-len(structures) // self.batch_size)
            settings = Settings(
                batch_size=self.batch_size, max_steps=per_epoch * self.max_epochs, max_time=limit,
                patience=self.patience, warmup=max(self.warmup, 1), ema=self.ema, clip=self.clip, loss=self._loss(),
                validate_every=self.validate_every or per_epoch, checkpoint=checkpoint, resume=self.resume, seed=seed,
                identity=identity,
            )  # fmt: skip
            validate = None if validation is None else self._validation(model, packed(validation), name)
            optimizers = make_optimizers(model, self.optimizer, self.learning_rate)
            self.is_first_process_ = fabric.is_global_zero
            self.history_ = run(fabric, model, optimizers, task, settings, validate, started, progress.step)
        self.model_ = model
        return self

    def _score(self, metric: Callable[..., float], X, y, sample_weight) -> float:
        check_is_fitted(self, "model_")
        structures = packed(X)
        y = targets(structures, self.target_, None)[0] if y is None else np.asarray(y)
        predicted = self.predict(structures)
        return metric(y.reshape(len(y), -1), predicted.reshape(len(y), -1), sample_weight=sample_weight)

    def save(self, path: "str | Path") -> Path:
        """Write the fitted model to one file: safetensors and JSON, with a checksum."""
        check_is_fitted(self, "model_")
        tensors, state = self._state()
        description = {
            "estimator": type(self).__name__, "hyperparameters": self.model_.hyperparameters, "target": self.target_,
            "level": self.level_, "elements": self.elements_.tolist(), "parameters": _plain(self.get_params()),
        }  # fmt: skip
        tensors |= {f"model.{k}": v for k, v in self.model_.state_dict().items()}
        return save_model(path, tensors, description | state)

    @classmethod
    def load(cls, path: "str | Path"):
        """Read a fitted model; it predicts as the saved one did.

        Raises
        ------
        ModelFileError
            If the file is damaged, foreign, from a newer version, or of another estimator.
        """
        tensors, description = load_model(path)
        if description["estimator"] != cls.__name__:
            raise ModelFileError(f"{path} holds a {description['estimator']}, not a {cls.__name__}")
        return cls._from_file(path, tensors, description)

    @classmethod
    def _from_file(cls, path, tensors: dict[str, Tensor], description: dict):
        weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        try:
            estimator = cls(**description["parameters"])
            estimator.model_ = create(**description["hyperparameters"])
            estimator.model_.load_state_dict(weights)
        except (InputError, TypeError, RuntimeError) as error:  # the format is ours, the network's parts are not
            name, reason = description["hyperparameters"].get("name"), " ".join(str(error).split())
            raise ModelFileError(
                f"{path} is of another version of erlangen, whose {name} differs: {reason}; train it again"
            ) from error
        estimator.model_.eval()
        estimator.target_, estimator.level_ = description["target"], description["level"]
        estimator.elements_ = np.array(description["elements"])
        estimator._set_state(tensors, description)
        return estimator

    @property
    def symmetry(self) -> Symmetry:
        """What the fitted network declares; what is added to it knows only the composition."""
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
        for name in ("patience", "validate_every"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int | np.integer) or value < 1):
                raise InputError(f"{name} is a positive whole number or None, got {value!r}")
        if self.learning_rate is not None and not 0 < self.learning_rate < np.inf:
            raise InputError(f"learning_rate is more than zero, got {self.learning_rate!r}")
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"optimizer is one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}")
        if self.ema is not None and not 0 < self.ema < 1:
            raise InputError(f"ema is between 0 and 1, got {self.ema!r}")
        return seconds(self.max_time)

    def _identity(self, model, target: Tensor, seed: int) -> dict:
        """Return what a continued run must share with the one before, as JSON has it; only the budget may change."""
        names = ("optimizer", "learning_rate", "batch_size", "warmup", "ema", "clip", "validate_every")
        given = {
            "seed": seed, "target": self.target_, "loss": self._loss(), "structures": len(target),
            "targets": zlib.crc32(target.numpy().tobytes()), "model": getattr(model, "hyperparameters", None),
            **{name: getattr(self, name) for name in names},
        }  # fmt: skip
        return json.loads(json.dumps(given, default=float))

    def _target_name(self, structures: StructureSet) -> str:
        if self.target is not None:
            return self.target
        fitting = [name for name, array in structures.graph.items() if array.dtype.kind in self._target_kinds]
        if len(fitting) != 1:
            there = ", ".join(sorted(fitting)) or "none"
            raise InputError(f"say which target: of its kind the structures have {there} in graph")
        return fitting[0]

    def _make_model(self, values: np.ndarray) -> torch.nn.Module:
        given = dict(self.hyperparameters or {})
        if "elements" in hyperparameters_of(self.model):
            given.setdefault("elements", self.elements_.tolist())
        head = self._default_head(values)
        if head is not None:
            given.setdefault("head", head)
        if self.model == "density" and "density" not in str(given.get("head", "density")):
            given.setdefault("centers", "all")  # hydrogens, too, have a charge, and a place in a dipole
        model = create(self.model, **given)
        if model.head.needs_gradient:
            raise InputError(f"a head of {model.head.hyperparameters['name']} has two outputs; this learns one target")
        return model

    def _validation(self, model, structures: StructureSet, name) -> Callable[[torch.nn.Module], float]:
        """Return a function: model -> error on these structures."""
        check_elements(structures, self.elements_)
        values, level = targets(structures, name, None)
        if level != self.level_:
            raise InputError(f"the target {name!r} of the validation structures belongs to a {level}")
        outputs = self._outputs
        if getattr(model, "describes", False):
            task = DescriptionTask(model, structures, torch.empty(0), _dtype(model))

            def outputs(model, structures):
                return model.readout(task.description).double().numpy()

        def error(model) -> float:
            model.eval()
            with torch.no_grad():
                return self._error(outputs(model, structures), structures, values)

        return error

    def _outputs(self, model, structures: StructureSet, batch_size: int = 256) -> np.ndarray:
        """Return what the network says, in float64."""
        model.eval()
        with torch.no_grad():
            parts = [model(batch).double().numpy() for batch, _ in in_batches(structures, batch_size, _dtype(model))]
        return np.concatenate(parts)

    def _predicted(self, X, batch_size: int) -> tuple[StructureSet, np.ndarray]:
        """Return the structures, checked, and what the fitted network says of them."""
        check_is_fitted(self, "model_")
        structures = packed(X)
        check_elements(structures, self.elements_)
        outputs = self._outputs(self.model_, structures, batch_size)
        rows = np.isfinite(outputs.reshape(len(outputs), -1)).all(1)
        if not rows.all():
            row = {"graph": "structure", "node": "atom", "edge": "bond"}[self.level_]
            raise InputError(f"the prediction for {row} {int(np.argmin(rows))} is not finite")
        return structures, outputs


def load(path: "str | Path") -> StructureEstimator:
    """Read any fitted estimator from its file.

    Raises
    ------
    ModelFileError
        If the file is damaged, foreign or from a newer version.

    Examples
    --------
    >>> load("nowhere.erl")
    Traceback (most recent call last):
    ...
    erlangen.errors.ModelFileError: there is no model file nowhere.erl
    """
    from erlangen.training import classifier, regressor

    tensors, description = load_model(path)
    kinds = {"GraphRegressor": regressor.GraphRegressor, "GraphClassifier": classifier.GraphClassifier}
    if description["estimator"] not in kinds:
        raise ModelFileError(f"{path} holds an unknown estimator, {description['estimator']}")
    return kinds[description["estimator"]]._from_file(path, tensors, description)


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
        total = sum(part * 60**power for power, part in enumerate(reversed(parts))) if len(parts) < 4 else 0.0
    except ValueError:
        total = 0.0
    if not 0 < total < float("inf"):
        raise InputError(f"max_time is seconds or 'HH:MM:SS', more than zero, got {limit!r}")
    return total


def packed(structures) -> StructureSet:
    """Pack a list of structures with positions; say what is wrong with anything else."""
    if isinstance(structures, Structure):
        raise InputError("structures are a list; for one structure write [structure]")
    if isinstance(structures, np.ndarray) and structures.dtype != object:
        raise InputError(f"X is a list of Structure, got an array of shape {structures.shape}")
    found = StructureSet.from_structures(structures)
    if not len(found):
        raise InputError("the list of structures is empty")
    if not found.has_positions:
        raise InputError("the structures have no positions: make them with conformer=True")
    check_places(found)
    return found


def targets(structures: StructureSet, name: str | None, y) -> tuple[np.ndarray, str]:
    """Return the targets, a row each, and what a row belongs to: "graph", "node" or "edge"."""
    level = "graph"
    if y is not None:
        values = np.asarray(y)
        if values.ndim == 0 or len(values) != len(structures):
            raise InputError(f"y has {len(values) if values.ndim else 1} targets for {len(structures)} structures")
    else:
        arrays = {level: getattr(structures, level) for level in ("graph", "node", "edge")}
        level = next((level for level, found in arrays.items() if name in found), None)
        if level is None:
            there = ", ".join(sorted({*arrays["graph"], *arrays["node"], *arrays["edge"]} - {"index"})) or "none"
            raise InputError(f"the structures have no target {name!r}; there are {there}")
        values = arrays[level][name]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"target {name!r} is not finite in row {int(np.argwhere(~np.isfinite(values))[0][0])}")
    return values, level


def _task(model, structures, target, level: str, resuming: bool, seed: int, progress: Progress) -> StructureTask:
    """Fit what has a closed form, and keep the descriptions of a model that can work from them."""
    dtype = _dtype(model)
    if hasattr(model, "fit_description") and not resuming:
        sample = np.random.default_rng(seed).permutation(len(structures))[:_SAMPLE]
        with progress.phase("principal components of the invariants"):
            model.fit_description(batch for batch, _ in in_batches(structures[np.sort(sample)], 512, dtype))
    if not getattr(model, "describes", False):
        return StructureTask(structures, target, level, dtype)
    with progress.phase("describing the structures", shares=True) as share:
        task = DescriptionTask(model, structures, target, dtype, share)
    if not resuming:
        with progress.phase("ridge regression on the descriptions"):
            model.fit_linear(task.description, target)
    return task


def _dtype(model: torch.nn.Module) -> torch.dtype:
    return next(model.parameters()).dtype


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


def first_process() -> bool:
    """Return whether this is the first of torchrun's or Lightning's processes, or the only one."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


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
