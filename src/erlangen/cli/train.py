"""``erlangen train``."""

import json
import logging
from pathlib import Path

import numpy as np
from rich.console import Console

from erlangen.cli import Interrupted
from erlangen.cli.output import screen, writable, write_json
from erlangen.datasets import QM9_TARGETS, load_qm9
from erlangen.errors import FileFormatError, InputError
from erlangen.models import create
from erlangen.structures import Structure, StructureSet, read_structures
from erlangen.training import GraphRegressor
from erlangen.training.baseline import check_parts
from erlangen.training.data import check_places
from erlangen.training.estimator import first_process
from erlangen.training.protocols import Protocol, protocol


def run(
    data: Path | None,
    model: str,
    target: str,
    budget: str | None,
    output: Path,
    preset: str | None,
    set_: list[str] | None,
    head: str | None,
    intensive: bool,
    n_train: int | None,
    n_valid: int | None,
    n_test: int,
    epochs: int | None,
    batch_size: int | None,
    optimizer: str,
    learning_rate: float | None,
    ema: float | None,
    devices: int,
    seed: int,
    **settings,
) -> None:
    """Train on a file or on QM9, test on what was held out, and write the model and its figures."""
    for greeter in ("lightning.fabric", "lightning.pytorch"):  # of every process
        logging.getLogger(greeter).setLevel(logging.WARNING)
    hyperparameters = _hyperparameters(model, preset or "paper", set_ or [], head)
    paper = protocol(model) if preset == "paper" else None
    if paper is not None:
        if budget is None and epochs is None:
            epochs = paper.epochs
        n_train, n_valid = n_train or paper.n_train, paper.n_valid if n_valid is None else n_valid
        batch_size, ema = batch_size or paper.batch_size, paper.ema if ema is None else ema
        if learning_rate is None and optimizer == "adamw":  # the others' rates mean something else
            learning_rate = paper.learning_rate
        settings |= {"clip": paper.clip, "warmup": paper.warmup, "loss": paper.loss}
    elif budget is None and epochs is None:
        budget = "00:10:00"
    writable(output)
    n_train, n_valid = n_train or 110_000, 1_000 if n_valid is None else n_valid
    train, valid, test = _parts(data, target, n_train, n_valid, n_test, seed)
    check_parts(train, valid, test)
    if data is None and target in QM9_TARGETS:
        intensive = not QM9_TARGETS[target].extensive
    regressor = GraphRegressor(
        model=model,
        target=target,
        hyperparameters=hyperparameters,
        extensive=not intensive,
        max_time=budget,
        max_epochs=epochs or 100_000,
        checkpoint=output,
        devices=devices,
        random_state=seed,
        batch_size=batch_size or 64,
        optimizer=optimizer,
        learning_rate=learning_rate,
        ema=ema,
        **settings,
    )
    if paper is not None and first_process():
        _say_how(paper, regressor, budget)
    regressor.fit(train, validation=valid if len(valid) else None)
    if not regressor.is_first_process_:
        return
    history = regressor.history_
    if not history.steps and not hasattr(regressor.model_, "fit_linear"):
        _nothing_learned(history, budget)
    regressor.save(output / "model.erl")
    metrics = {
        "model": model, "target": target, "steps": history.steps, "seconds": round(history.seconds, 2),
        "stopped": history.stopped, "n_train": len(train), "n_valid": len(valid), "n_test": len(test),
        "losses": history.losses, "validation": history.validation, "seed": seed,
    }  # fmt: skip
    line = f"{history.steps:,} steps in {history.seconds:.0f} s"
    if history.stopped == "interrupted":  # who presses Ctrl-C does not want to wait for the test
        write_json(output / "metrics.json", metrics)
        raise Interrupted(f"stopped after {line}; the best model so far: {output / 'model.erl'}")
    if len(test):
        reference = getattr(test, regressor.level_)[target]
        metrics["test_mae"] = float(np.abs(regressor.predict(test) - reference).mean())
        line += f", test MAE {metrics['test_mae']:.4g} on {len(test):,} structures"
    write_json(output / "metrics.json", metrics)
    screen().print(f"{line}; model: {output / 'model.erl'}")


def _say_how(paper: Protocol, regressor: GraphRegressor, budget: str | None) -> None:
    """Print what the paper's protocol came to, and where it is not the authors'."""
    epochs = regressor.max_epochs
    length = f"a budget of {budget}" if budget is not None else f"{epochs:,} epoch{'s' * (epochs > 1)}"
    optimizer = regressor.optimizer
    rate = f"{optimizer} from {regressor.learning_rate:g}" if regressor.learning_rate is not None else optimizer
    say = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True).print
    say(f"as in {paper.source}: batches of {regressor.batch_size}, {rate}, loss {regressor.loss}, {length}")
    for difference in paper.differences:
        say(f"unlike there: {difference}")


def _nothing_learned(history, budget: str | None) -> None:
    """Say why there is no model: with random weights it would be worse than none."""
    if history.stopped == "interrupted":
        raise Interrupted("stopped before the first step; there is no model")
    raise InputError(f"--budget {budget} was over after {history.seconds:.1f} s, before the first step; give it more")


def _parts(data: Path | None, target: str, n_train, n_valid, n_test, seed) -> tuple[StructureSet, ...]:
    """Return structures to train on, to validate and to test."""
    if data is None:
        return load_qm9(target if target in QM9_TARGETS else None, n_train, n_valid, n_test, random_state=seed)
    found = [_only(data, index, structure, target) for index, structure in enumerate(read_structures(data))]
    try:
        structures = StructureSet.from_structures(found)
        check_places(structures)
    except InputError as error:
        raise FileFormatError(f"{data}: {error}") from None
    order = np.random.default_rng(seed).permutation(len(structures))
    tenth = len(structures) // 10
    return structures[order[2 * tenth :]], structures[order[:tenth]], structures[order[tenth : 2 * tenth]]


def _only(data: Path, index: int, s: Structure, target: str) -> Structure:
    """Return a structure with nothing but its target: those of a file need not agree on what else they carry."""
    kept = {
        kind: {name: array for name, array in getattr(s, kind).items() if name == target} for kind in ("node", "graph")
    }
    if target in s.edge:
        kept["edge"] = {"index": s.bonds, target: s.edge[target]}
    elif not any(kept.values()):
        there = ", ".join(sorted({*s.graph, *s.node, *s.edge} - {"index"})) or "none"
        raise InputError(f"{data}: structures[{index}] has no target {target!r}; there are {there}")
    return Structure(s.positions, s.numbers, s.cell, s.pbc, s.charge, **kept)


def _hyperparameters(model: str, preset: str, given: list[str], head: str | None) -> dict:
    """Read what --set and --head say, and make the model once: better to know before the data is read than after."""
    hyperparameters = dict(map(_hyperparameter, given))
    for option in ("name", "preset"):
        if option in hyperparameters:
            raise InputError("--set takes hyperparameters; --model names the model, --preset its size")
    hyperparameters["preset"] = preset
    if head is not None:
        hyperparameters["head"] = head
    create(model, **hyperparameters)
    return hyperparameters


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
