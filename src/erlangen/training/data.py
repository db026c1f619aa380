"""What the loop draws batches from: structures as they are, or their descriptions kept in memory."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.neighbors.cutoff import open_edges
from erlangen.structures import Batch, StructureSet

SAME_PLACE = 1e-3
"""Atoms closer than this, in angstrom, are at the same place: the closest of real ones are 0.7 apart."""


class StructureTask:
    """Structures with standardised targets; edges are found batch by batch.

    Parameters
    ----------
    structures : StructureSet
    target : tensor
        A row for each structure, or for each of their atoms or bonds.
    level : {"graph", "node", "edge"}
        Which of these.
    dtype : torch.dtype
        Of the positions.
    """

    def __init__(self, structures: StructureSet, target: Tensor, level: str, dtype: torch.dtype) -> None:
        self.structures, self.target, self.dtype = structures, target, dtype
        rows = {"graph": None, "node": structures.sizes, "edge": structures.bond_counts}[level]
        self.bounds = None if rows is None else np.concatenate([[0], np.cumsum(rows)])

    def __len__(self) -> int:
        return len(self.structures)

    def predict(self, model: nn.Module, chosen: np.ndarray) -> Tensor:
        """Return the model's output for some structures."""
        return model(Batch.from_structures(self.structures[chosen], dtype=self.dtype))

    def targets(self, chosen: np.ndarray) -> Tensor:
        """Return the rows that `predict` should have given."""
        if self.bounds is None:
            return self.target[torch.from_numpy(chosen)]
        return torch.cat([self.target[self.bounds[c] : self.bounds[c + 1]] for c in chosen])


class DescriptionTask(StructureTask):
    """The same for a model whose first stage has no trainable weights: it is run once and its output kept."""

    def __init__(
        self,
        model: nn.Module,
        structures: StructureSet,
        target: Tensor,
        dtype: torch.dtype,
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        super().__init__(structures, target, "graph", dtype)
        parts = []
        for batch, share in in_batches(structures, 512, dtype):
            with torch.no_grad():
                parts.append(model.describe(batch))
            progress(share)
        self.description = type(parts[0]).join(parts)

    def predict(self, model: nn.Module, chosen: np.ndarray) -> Tensor:
        """Return the model's output for some structures."""
        return model.readout(self.description.take(torch.from_numpy(chosen)))


def check_places(structures: StructureSet) -> None:
    """Raise an InputError that names the first two atoms at the same place: a file gone wrong, or no structure.

    Models give such atoms a finite energy, but nothing to learn from, or to believe, is in it. Images of atoms in
    neighboring cells are not looked at.
    """
    positions, _, sizes = structures.gather()
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    pairs = open_edges(positions, offsets, SAME_PLACE)
    if pairs.size:
        second, first = pairs[:, 0]
        which = int(np.searchsorted(offsets, first, side="right")) - 1
        a, b = sorted((int(first - offsets[which]), int(second - offsets[which])))
        raise InputError(f"structures[{which}] has the atoms {a} and {b} at the same place")


def in_batches(structures: StructureSet, size: int, dtype: torch.dtype) -> Iterator[tuple[Batch, float]]:
    """Yield batches of consecutive structures, and the share of all that is then done."""
    for start in range(0, len(structures), size):
        stop = min(start + size, len(structures))
        yield Batch.from_structures(structures[start:stop], dtype=dtype), stop / len(structures)


def global_batch(n: int, batch_size: int, seed: int, step: int) -> tuple[np.ndarray, int]:
    """Return the structures of a step and its epoch; a function of its arguments alone, so that runs can resume.

    Examples
    --------
    >>> sorted(np.concatenate([global_batch(5, 2, 0, step)[0] for step in range(3)]).tolist())
    [0, 1, 2, 3, 4]
    """
    per_epoch = -(-n // batch_size)
    epoch, position = divmod(step, per_epoch)
    order = _order(n, seed, epoch)
    return order[position * batch_size : (position + 1) * batch_size], epoch


@lru_cache(maxsize=2)
def _order(n: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n)
