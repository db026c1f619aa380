"""Muon for matrices, Adam for the rest."""

import torch
from torch import Tensor, nn

from erlangen.errors import InputError

OPTIMIZERS = {"muon": 0.02, "adamw": 1e-3}
"""Names, and the learning rate each starts from by default."""


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised: every step of a matrix has singular values near one (Jordan et al. 2024).

    PyTorch's own works in bfloat16, which processors without that arithmetic emulate: thirty times slower here.

    Parameters
    ----------
    params : iterable of (m, n) parameters
    lr : float
        Size of a step, as the spectral norm of a square matrix.
    momentum : float

    Examples
    --------
    >>> weight = nn.Parameter(torch.zeros(3, 3))
    >>> weight.grad = torch.diag(torch.tensor([1.0, 10.0, 100.0]))
    >>> Muon([weight], lr=0.1).step()
    >>> bool((weight.diag() < -0.05).all())
    True
    """

    def __init__(self, params, lr: float = 0.02, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Take one step."""
        for group in self.param_groups:
            for shape in {p.shape for p in group["params"] if p.grad is not None}:
                same = [p for p in group["params"] if p.grad is not None and p.shape == shape]
                for p in same:
                    momentum = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    momentum.lerp_(p.grad, 1 - group["momentum"])
                update = torch.stack([p.grad.lerp(self.state[p]["momentum"], group["momentum"]) for p in same])
                update = orthogonalize(update) * max(1.0, shape[0] / shape[1]) ** 0.5
                for p, u in zip(same, update, strict=True):
                    p.add_(u, alpha=-group["lr"])


def orthogonalize(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Push the singular values of matrices (k, m, n) towards one, by a quintic Newton-Schulz iteration."""
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    for _ in range(iterations):
        square = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x.transpose(1, 2) if tall else x


def make_optimizers(model: nn.Module, name: str, learning_rate: float | None) -> list[torch.optim.Optimizer]:
    """Return the optimizers of a model: with "muon", Adam takes vectors, embeddings and tables.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    if name not in OPTIMIZERS:
        raise InputError(f"optimizer is one of {', '.join(OPTIMIZERS)}, got {name!r}")
    rate = OPTIMIZERS[name] if learning_rate is None else learning_rate
    trained = [p for p in model.parameters() if p.requires_grad]
    if name == "adamw":
        return [torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)]
    linear = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear) and min(m.weight.shape) > 1}
    matrices = [p for p in trained if id(p) in linear]
    rest = [p for p in trained if id(p) not in linear]
    found = [Muon(matrices, lr=rate)] if matrices else []
    return found + ([torch.optim.Adam(rest, lr=0.1 * rate, betas=(0.9, 0.99))] if rest else [])
