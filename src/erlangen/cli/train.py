"""``erlangen train``."""

import json
from pathlib import Path

import numpy as np
from rich.console import Console

from erlangen.cli.output import writable, write_json
from erlangen.datasets import QM9_TARGETS, load_qm9
from erlangen.errors import InputError
from erlangen.structures import StructureSet, read_structures
from erlangen.training import GraphRegressor


def run(
    data: Path | None,
    target: str,
    budget: str | None,
    output: Path,
    set_: list[str] | None,
    head: str | None,
    intensive: bool,
    n_train: int,
    n_valid: int,
    n_test: int,
    epochs: int | None,
    devices: int,
    seed: int,
    **settings,
) -> None:
    """Train on a file or on QM9, test on what was held out, and write the model and its figures."""
    writable(output)
    if budget is None and epochs is None:
        budget = "00:10:00"
    hyperparameters = dict(map(_hyperparameter, set_ or ()))
    if head is not None:
        hyperparameters["head"] = head
    train, valid, test = _parts(data, target, n_train, n_valid, n_test, seed)
    regressor = GraphRegressor(
        target=target,
        hyperparameters=hyperparameters,
        extensive=not intensive,
        max_time=budget,
        max_epochs=epochs or 100_000,
        checkpoint=output,
        devices=devices,
        random_state=seed,
        **settings,
    )
    regressor.fit(train, validation=valid if len(valid) else None)
    if not regressor.is_first_process_:
        return
    regressor.save(output / "model.erl")
    history = regressor.history_
    metrics = {
        "model": settings["model"], "target": target, "steps": history.steps, "seconds": round(history.seconds, 2),
        "stopped": history.stopped, "n_train": len(train), "n_valid": len(valid), "n_test": len(test),
        "losses": history.losses, "validation": history.validation, "seed": seed,
    }  # fmt: skip
    line = f"{history.steps:,} steps in {history.seconds:.0f} s"
    if len(test):
        reference = getattr(test, regressor.level_)[target]
        metrics["test_mae"] = float(np.abs(regressor.predict(test) - reference).mean())
        line += f", test MAE {metrics['test_mae']:.4g} on {len(test):,} structures"
    write_json(output / "metrics.json", metrics)
    Console(highlight=False, soft_wrap=True).print(f"{line}; model: {output / 'model.erl'}")
    if history.stopped == "interrupted":
        raise KeyboardInterrupt


def _parts(data: Path | None, target: str, n_train, n_valid, n_test, seed) -> tuple[StructureSet, ...]:
    """Return structures to train on, to validate and to test."""
    if data is None:
        return load_qm9(target if target in QM9_TARGETS else None, n_train, n_valid, n_test, random_state=seed)
    structures = StructureSet.from_structures(read_structures(data))
    order = np.random.default_rng(seed).permutation(len(structures))
    tenth = len(structures) // 10
    return structures[order[2 * tenth :]], structures[order[:tenth]], structures[order[tenth : 2 * tenth]]


def _hyperparameter(text: str) -> tuple[str, object]:
    """Read ``name=value``; the value is JSON, or else text.

    Examples
    --------
    >>> _hyperparameter("hidden=64"), _hyperparameter("radial=bessel")
    (('hidden', 64), ('radial', 'bessel'))
    """
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise InputError(f"--set takes name=value, got {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
