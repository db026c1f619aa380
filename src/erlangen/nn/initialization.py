"""Orthogonal starting weights, as DimeNet and PhysNet have them."""

import torch
from torch import nn


def orthogonal_linear(n_in: int, n_out: int, bias: bool = True) -> nn.Linear:
    """Return a linear layer with random semi-orthogonal weights of Glorot's variance, and zero bias.

    The weights are scaled to the variance 2 / (n_in + n_out); a layer with a single weight has no variance and keeps
    its orthogonal start, 1 or -1.

    Examples
    --------
    >>> layer = orthogonal_linear(64, 64)
    >>> round(layer.weight.var().item() * 64, 3)
    1.0
    """
    layer = nn.Linear(n_in, n_out, bias=bias)
    with torch.no_grad():
        nn.init.orthogonal_(layer.weight)
        variance = layer.weight.var() if layer.weight.numel() > 1 else torch.zeros(())
        if variance > 0:
            layer.weight.mul_((2 / ((n_in + n_out) * variance)).sqrt())
        if bias:
            layer.bias.zero_()
    return layer
