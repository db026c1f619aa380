"""Random molecules to try a model's declared symmetry on."""

import copy

import numpy as np
import torch

from erlangen.structures import Batch, Structure
from erlangen.symmetry import Probe


def symmetry_probe(model, rng: np.random.Generator, dtype=np.float64) -> Probe:
    """Draw one molecule of random size, places and elements, and the model as a function of its arrays.

    A method of every `AtomisticModel`. The model is copied in the asked precision and keeps its mode.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the molecule.
    dtype : numpy.float32 or numpy.float64
        Of the positions and the computation.

    Returns
    -------
    Probe
        ``inputs`` positions (n, 3), numbers (n,), and what else the model takes; ``function`` returns its output for
        that one structure. Output on edges is laid out as (n, n, ...), zero where there is no edge.
    """
    n = int(rng.integers(1, 13))
    precision = torch.float32 if np.dtype(dtype) == np.float32 else torch.float64
    twin = copy.deepcopy(model).to(precision)
    inputs = {"positions": (1.5 * rng.normal(size=(n, 3))).astype(dtype), "numbers": rng.choice(model.probe_numbers, n)}
    for name in model.input_actions:
        if name not in inputs:
            inputs[name] = rng.normal(size=(n, 3)).astype(dtype)
    pairs = np.stack(np.triu_indices(n, 1))
    on = getattr(model.head, "on", None)

    def function(positions, numbers, **node):
        edge = {"index": pairs} if on == "bonds" else None
        structure = Structure(np.asarray(positions, np.float64), numbers, node=node, edge=edge)
        batch = twin.connect(Batch.from_structures([structure], dtype=precision))
        with torch.no_grad():
            output = twin(batch)
        if on is not None:
            output = _dense(output, batch.edge_index if on == "edges" else torch.from_numpy(pairs), n)
        if isinstance(output, dict):
            return {name: value.numpy() for name, value in output.items()}
        return output.numpy()

    return Probe(inputs, function)


def _dense(values: torch.Tensor, index: torch.Tensor, n: int) -> torch.Tensor:
    dense = values.new_zeros(n, n, *values.shape[1:])
    dense[index[0], index[1]] = values
    dense[index[1], index[0]] = values
    return dense
