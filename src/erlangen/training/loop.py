"""The training loop, on Lightning's Fabric: one page, resumable to the bit, safe to kill at any moment.

Fabric rather than Lightning's Trainer, because a run that resumes to the same weights, a schedule over a budget of
seconds, and checkpoints that a kill cannot destroy each need the loop itself to be in plain sight.
"""

import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from erlangen.arrays import write_atomically
from erlangen.errors import InputError, ModelFileError, TrainingError
from erlangen.training.data import StructureTask, global_batch


@dataclass(frozen=True)
class Settings:
    """How a run goes; see `erlangen.training.GraphRegressor` for each."""

    batch_size: int
    max_steps: int
    max_time: float | None
    patience: int | None
    warmup: int
    ema: float | None
    clip: float | None
    loss: str
    validate_every: int
    checkpoint: Path | None
    resume: bool
    seed: int
    identity: dict
    """What must be the same for a run to be continued, by name."""


@dataclass
class History:
    """What happened during a run.

    Attributes
    ----------
    steps, seconds : int, float
        How far it went, and how long it took, resumed runs added up.
    losses : list of float
        Mean loss of each step's batch, in standardised units.
    validation : list of (step, seconds, error)
        Mean absolute errors in the target's unit.
    stopped : str
        Why it ended: "steps", "time", "patience" or "interrupted".
    """

    steps: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    validation: list[tuple[int, float, float]] = field(default_factory=list)
    stopped: str = ""


def run(
    fabric: Fabric,
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    task: StructureTask,
    settings: Settings,
    validate: Callable[[nn.Module], float] | None = None,
    started: float | None = None,
    report: Callable[[History, float], None] = lambda history, share: None,
) -> History:
    """Train a model in place and leave the best weights in it.

    Parameters
    ----------
    fabric : Fabric
        Launched; with several processes each takes its share of every batch.
    model : nn.Module
        Not yet set up.
    optimizers : list of Optimizer
    task : StructureTask
        What to learn.
    settings : Settings
    validate : callable, optional
        Model -> error; the weights with the lowest one are kept. Without it, the last ones are.
    started : float, optional
        `time.monotonic()` from which ``max_time`` counts.
    report : callable
        Called after every step with the history and the share of the budget that is used.

    Raises
    ------
    TrainingError
        If the loss is no longer finite; names the step, the structures and the last good checkpoint.
    """
    started = time.monotonic() if started is None else started
    if fabric.world_size > 1:
        _freeze_unreached(model, task)
    wrapped, *optimizers = fabric.setup(model, *optimizers)
    if hasattr(model, "readout"):
        wrapped.mark_forward_method("readout")
    rates = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    trained = [p for p in model.parameters() if p.requires_grad]
    average = [p.detach().clone() for p in trained] if settings.ema else None
    best: dict = {"error": math.inf, "weights": None}
    history = History()
    state = {"optimizers": optimizers, "average": average, "best": best, "history": history, "rates": rates}
    if settings.resume and settings.checkpoint is not None and settings.checkpoint.exists():
        _restore(settings, model, trained, state)
        started -= history.seconds
    stale = 0

    def finish_validation() -> None:
        nonlocal stale
        with _averaged(trained, average):
            error = validate(model)
            history.validation.append((history.steps, time.monotonic() - started, error))
            stale = 0 if error < best["error"] else stale + 1
            if error < best["error"]:
                best.update(error=error, weights={k: v.detach().clone() for k, v in model.state_dict().items()})

    model.train()
    share = 0.0
    try:
        while True:
            share = _share(fabric, settings, history.steps, started)
            if share >= 1 or (settings.patience is not None and stale >= settings.patience):
                history.stopped = (
                    "patience" if share < 1 else "steps" if history.steps >= settings.max_steps else "time"
                )
                break
            chosen, _ = global_batch(len(task), settings.batch_size, settings.seed, history.steps)
            factor = min(1.0, (history.steps + 1) / settings.warmup) * (1 - share)
            for optimizer, initial in zip(optimizers, rates, strict=True):
                for group, rate in zip(optimizer.param_groups, initial, strict=True):
                    group["lr"] = rate * factor
            loss = _step(fabric, wrapped, optimizers, task, settings, chosen)
            if not math.isfinite(loss):
                _not_finite(history.steps, chosen, settings)
            history.steps += 1
            history.seconds = time.monotonic() - started
            history.losses.append(loss)
            if average is not None:
                decay = min(settings.ema, (1 + history.steps) / (10 + history.steps))
                torch._foreach_lerp_(average, [p.detach() for p in trained], 1 - decay)
            if history.steps % settings.validate_every == 0:
                if validate is not None:
                    finish_validation()
                    model.train()
                if settings.checkpoint is not None and fabric.is_global_zero:
                    save_checkpoint(settings, model, state)
            report(history, share)
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    history.seconds = time.monotonic() - started
    if validate is not None and (not history.validation or history.validation[-1][0] != history.steps):
        finish_validation()
    if settings.checkpoint is not None and fabric.is_global_zero and history.stopped != "interrupted":
        save_checkpoint(settings, model, state)
    if best["weights"] is not None:
        model.load_state_dict(best["weights"])
    elif average is not None:
        with torch.no_grad():
            torch._foreach_copy_(trained, average)
    model.eval()
    return history


def losses(output: Tensor, target: Tensor, kind: str) -> Tensor:
    """Return the loss of every row, (rows,): "mae" (rounded off within 0.01), "mse" or "cross_entropy"."""
    if kind == "cross_entropy":
        return nn.functional.cross_entropy(output, target, reduction="none")
    if output.numel() != target.numel():
        raise InputError(
            f"the head gives {tuple(output.shape)} numbers where the target has {tuple(target.shape)}; leave it out, "
            "and it follows from the target"
        )
    error = (output.reshape(target.shape) - target).reshape(len(target), -1)
    return ((error * error + 1e-4).sqrt() - 1e-2 if kind == "mae" else error * error).mean(1)


def _step(fabric, wrapped, optimizers, task: StructureTask, settings: Settings, chosen: np.ndarray) -> float:
    """Take one step on a batch that the processes share; return its mean loss."""
    mine = chosen[fabric.global_rank :: fabric.world_size]
    rows = max(len(task.targets(chosen)), 1)  # molecules without a single bond have no rows
    for optimizer in optimizers:
        optimizer.zero_grad()
    if len(mine):
        total = losses(task.predict(wrapped, mine), task.targets(mine), settings.loss).sum() / rows
    else:  # more processes than structures: this one still has to take part in the sum of gradients
        total = 0.0 * task.predict(wrapped, chosen[:1]).sum()
    # DDP averages gradients over processes; the loss is a sum over them.
    fabric.backward(total * fabric.world_size)
    if settings.clip is not None:
        nn.utils.clip_grad_norm_([p for p in wrapped.parameters() if p.grad is not None], settings.clip)
    loss = float(fabric.all_reduce(total.detach(), reduce_op="sum")) if fabric.world_size > 1 else total.item()
    if math.isfinite(loss):
        for optimizer in optimizers:
            optimizer.step()
    return loss


def _freeze_unreached(model: nn.Module, task: StructureTask) -> None:
    """Freeze the parameters that the head does not reach: DDP waits for a gradient of every other one."""
    task.predict(model, np.arange(1)).sum().backward()
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.grad is not None)
    model.zero_grad()


def _share(fabric: Fabric, settings: Settings, step: int, started: float) -> float:
    """Return how much of the budget is used; every process gets the first one's answer."""
    share = step / settings.max_steps
    if settings.max_time is None:
        return share
    share = max(share, (time.monotonic() - started) / settings.max_time)
    if fabric.world_size == 1:
        return share
    first = torch.tensor(share if fabric.is_global_zero else 0.0, dtype=torch.float64)
    return float(fabric.all_reduce(first, reduce_op="sum"))


class _averaged:
    """Within this block the parameters are their running average."""

    def __init__(self, trained: list[Tensor], average: list[Tensor] | None) -> None:
        self.trained, self.average = trained, average

    @torch.no_grad()
    def __enter__(self) -> None:
        if self.average is not None:
            self.own = [p.clone() for p in self.trained]
            torch._foreach_copy_(self.trained, self.average)

    @torch.no_grad()
    def __exit__(self, *error) -> None:
        if self.average is not None:
            torch._foreach_copy_(self.trained, self.own)


def save_checkpoint(settings: Settings, model: nn.Module, state: dict) -> None:
    """Write all that a run needs to go on, in one piece."""
    history = state["history"]
    content = {
        "run": settings.identity,
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state["optimizers"]],
        "average": state["average"],
        "best": state["best"],
        "history": {name: getattr(history, name) for name in ("steps", "seconds", "losses", "validation")},
        "random": torch.get_rng_state(),
    }
    buffer = io.BytesIO()  # torch.save itself says RuntimeError where the disk is full
    torch.save(content, buffer)
    write_atomically(settings.checkpoint, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def _restore(settings: Settings, model, trained, state: dict) -> None:
    content = read_checkpoint(settings.checkpoint, settings.identity)
    model.load_state_dict(content["model"])
    for optimizer, stored in zip(state["optimizers"], content["optimizers"], strict=True):
        optimizer.load_state_dict(stored)
    if state["average"] is not None:
        torch._foreach_copy_(state["average"], content["average"])
    state["best"].update(content["best"])
    for name, value in content["history"].items():
        setattr(state["history"], name, value)
    torch.set_rng_state(content["random"])


def read_checkpoint(path: Path, identity: dict | None = None) -> dict:
    """Read a trainer's own checkpoint.

    Raises
    ------
    ModelFileError
        If it is damaged or something else, or of a run with another identity.
    """
    try:
        content = torch.load(path, weights_only=True)
        content["run"], content["history"]
    except Exception as error:  # torch.load raises whatever it stumbles over
        raise ModelFileError(f"{path} is no checkpoint of erlangen, or damaged: {str(error).splitlines()[0]}") from None
    if identity is not None and content["run"] != identity:
        changed = [name for name, value in identity.items() if content["run"].get(name) != value]
        raise ModelFileError(f"{path} is of another run: {', '.join(changed)} differ; choose another checkpoint folder")
    return content


def _not_finite(step: int, chosen: np.ndarray, settings: Settings) -> None:
    shown = ", ".join(map(str, chosen[:5].tolist())) + (", ..." if len(chosen) > 5 else "")
    last = settings.checkpoint
    kept = f"the last good checkpoint is {last}" if last is not None and last.exists() else "there is no checkpoint"
    raise TrainingError(
        f"the loss is not finite at step {step + 1}, on the training structures {shown}; {kept}; a lower learning_rate "
        "or a look at those structures may help"
    )
