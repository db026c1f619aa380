"""Activations by name, and dense layers as the atomistic networks start them."""

import itertools
import math
from collections.abc import Sequence

from torch import Tensor, nn

from erlangen.errors import InputError


class ShiftedSoftplus(nn.Module):
    """ln(1 + e^x) - ln 2: smooth, and zero at zero (SchNet, 1706.08566).

    Examples
    --------
    >>> import torch
    >>> ShiftedSoftplus()(torch.zeros(1))
    tensor([0.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of every entry."""
        return nn.functional.softplus(x) - math.log(2.0)


_ACTIVATIONS = {"ssp": ShiftedSoftplus, "silu": nn.SiLU, "tanh": nn.Tanh, "relu": nn.ReLU, "sigmoid": nn.Sigmoid}


def activation(name: str) -> nn.Module:
    """Return a fresh activation module by its name: ssp, silu, tanh, relu or sigmoid.

    Examples
    --------
    >>> activation("silu")
    SiLU()
    """
    if name not in _ACTIVATIONS:
        raise InputError(f"activation {name!r} is unknown; known are {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


def xavier_linear(n_in: int, n_out: int, bias: bool = True) -> nn.Linear:
    """Return a linear layer with Xavier-uniform weights and zero bias.

    Examples
    --------
    >>> xavier_linear(3, 2).bias.tolist()
    [0.0, 0.0]
    """
    layer = nn.Linear(n_in, n_out, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def mlp(widths: Sequence[int], activation_name: str) -> nn.Sequential:
    """Return linear layers through ``widths`` with an activation between them; the last one is linear.

    Examples
    --------
    >>> len(mlp([4, 8, 1], "silu"))
    3
    """
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [xavier_linear(n_in, n_out), activation(activation_name)]
    return nn.Sequential(*layers[:-1])


_FACTORS = {"silu": 1.6791767923989418, "tanh": 1.5937334472592695, "sigmoid": 1.8467055342154763}


class Normalized(nn.Module):
    """An activation times the factor that makes its mean square 1 for inputs from N(0, 1).

    The factors are e3nn's, from a fixed draw of samples; for silu the integral gives 1.67653.

    Parameters
    ----------
    name : {"silu", "tanh", "sigmoid"}

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    >>> round(Normalized("silu")(x).square().mean().item(), 2)
    1.0
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in _FACTORS:
            raise InputError(f"a normalized activation is one of {', '.join(_FACTORS)}, got {name!r}")
        self.activation, self.factor = activation(name), _FACTORS[name]

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of every entry."""
        return self.activation(x) * self.factor


def normalized_mlp(widths: Sequence[int]) -> nn.Sequential:
    """Return linear layers without biases, weights from N(0, 1 / inputs), with `Normalized` silu between them.

    e3nn's ``FullyConnectedNet``, which divides by the root of the inputs when it runs.

    Examples
    --------
    >>> len(normalized_mlp([8, 64, 64, 10]))
    5
    """
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out, bias=False), Normalized("silu")]
        nn.init.normal_(layers[-2].weight, std=1 / math.sqrt(n_in))
    return nn.Sequential(*layers[:-1])
