"""Layers on features of any irreps, laid out as e3nn lays them out: (..., irreps.dim), each term (copies, 2l + 1).

Weights have e3nn's order and normalisation, so that a flat weight of e3nn's is one of these layers'. The networks of
`erlangen.models` use the faster layout of `spherical` instead, where every degree has the same channels.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from erlangen.errors import InputError, ShapeError
from erlangen.nn.activations import Normalized
from erlangen.symmetry import Irreps, wigner_3j


def _check_width(x: Tensor, irreps: Irreps, name: str) -> None:
    if x.shape[-1] != irreps.dim:
        raise ShapeError(f"{name} has {x.shape[-1]} columns, {irreps} has {irreps.dim}")


class IrrepsLinear(nn.Module):
    """The linear maps that commute with O(3): the copies of equal kinds mixed, W / sqrt(inputs), W from N(0, 1).

    Parameters
    ----------
    irreps_in, irreps_out : Irreps or str

    Notes
    -----
    e3nn's ``o3.Linear`` with its defaults.

    Examples
    --------
    >>> IrrepsLinear("4x0e + 2x1o", "3x0e + 2x1o")(torch.zeros(5, 10)).shape
    torch.Size([5, 9])
    """

    def __init__(self, irreps_in: "Irreps | str", irreps_out: "Irreps | str") -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = Irreps.parse(irreps_in), Irreps.parse(irreps_out)
        self.paths = [
            (i, o)
            for i, source in enumerate(self.irreps_in)
            for o, target in enumerate(self.irreps_out)
            if (source.l, source.p) == (target.l, target.p)
        ]
        sizes = [self.irreps_in.terms[i].multiplicity * self.irreps_out.terms[o].multiplicity for i, o in self.paths]
        self.weight, self.sizes = nn.Parameter(torch.randn(sum(sizes))), sizes
        self.fan_in = [
            sum(self.irreps_in.terms[i].multiplicity for i, target in self.paths if target == o)
            for o in range(len(self.irreps_out))
        ]

    def forward(self, x: Tensor) -> Tensor:
        """(..., irreps_in.dim) -> (..., irreps_out.dim)."""
        _check_width(x, self.irreps_in, "x")
        inputs = [x[..., s].unflatten(-1, (term.multiplicity, 2 * term.l + 1)) for term, s in self.irreps_in.slices()]
        outputs = [x.new_zeros(*x.shape[:-1], term.multiplicity, 2 * term.l + 1) for term in self.irreps_out]
        for (i, o), weight in zip(self.paths, self.weight.split(self.sizes), strict=True):
            matrix = weight.view(inputs[i].shape[-2], outputs[o].shape[-2]) / math.sqrt(self.fan_in[o])
            outputs[o] = outputs[o] + matrix.T @ inputs[i]
        return torch.cat([part.flatten(-2) for part in outputs], dim=-1)


class FullyConnectedTensorProduct(nn.Module):
    """Every coupling of two features to the kinds asked for, each with a weight for every triple of copies.

    Parameters
    ----------
    irreps_1, irreps_2, irreps_out : Irreps or str

    Notes
    -----
    e3nn's ``o3.FullyConnectedTensorProduct`` with its defaults ("component", "element").

    Examples
    --------
    >>> product = FullyConnectedTensorProduct("2x1o", "2x1o", "3x0e + 1x1e")
    >>> product(torch.zeros(5, 6), torch.zeros(5, 6)).shape
    torch.Size([5, 6])
    """

    def __init__(self, irreps_1: "Irreps | str", irreps_2: "Irreps | str", irreps_out: "Irreps | str") -> None:
        super().__init__()
        self.irreps_1, self.irreps_2, self.irreps_out = map(Irreps.parse, (irreps_1, irreps_2, irreps_out))
        self.paths = [
            (i, j, o)
            for i, a in enumerate(self.irreps_1)
            for j, b in enumerate(self.irreps_2)
            for o, c in enumerate(self.irreps_out)
            if abs(a.l - b.l) <= c.l <= a.l + b.l and a.p * b.p == c.p
        ]
        self.sizes = [math.prod(self._copies(path)) for path in self.paths]
        self.weight = nn.Parameter(torch.randn(sum(self.sizes)))
        fan_in = [
            sum(math.prod(self._copies(path)[:2]) for path in self.paths if path[2] == o)
            for o in range(len(self.irreps_out))
        ]
        self.couplings = []  # in float64, whatever the module's precision
        for i, j, o in self.paths:
            degrees = self.irreps_1.terms[i].l, self.irreps_2.terms[j].l, self.irreps_out.terms[o].l
            self.couplings.append(math.sqrt((2 * degrees[2] + 1) / fan_in[o]) * wigner_3j(*degrees))

    def _copies(self, path: tuple[int, int, int]) -> list[int]:
        sides = (self.irreps_1, self.irreps_2, self.irreps_out)
        return [irreps.terms[k].multiplicity for irreps, k in zip(sides, path, strict=True)]

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(..., irreps_1.dim), (..., irreps_2.dim) -> (..., irreps_out.dim)."""
        _check_width(x, self.irreps_1, "x")
        _check_width(y, self.irreps_2, "y")
        xs = [x[..., s].unflatten(-1, (term.multiplicity, 2 * term.l + 1)) for term, s in self.irreps_1.slices()]
        ys = [y[..., s].unflatten(-1, (term.multiplicity, 2 * term.l + 1)) for term, s in self.irreps_2.slices()]
        outputs = [x.new_zeros(*x.shape[:-1], term.multiplicity, 2 * term.l + 1) for term in self.irreps_out]
        for (i, j, o), weight, coupling in zip(self.paths, self.weight.split(self.sizes), self.couplings, strict=True):
            matrix = weight.view(-1, outputs[o].shape[-2])
            coupled = torch.einsum("...ua,...vb,abc->...uvc", xs[i], ys[j], torch.from_numpy(coupling).to(x))
            outputs[o] = outputs[o] + matrix.T @ coupled.flatten(-3, -2)
        return torch.cat([part.flatten(-2) for part in outputs], dim=-1)


class Gate(nn.Module):
    """Scalars through activations, and other features multiplied by scalars through activations.

    Parameters
    ----------
    irreps_scalars, irreps_gates, irreps_gated : Irreps or str
        The first two of degree 0; as many gates as there are copies to gate.
    scalar_activations, gate_activations : sequence of str
        One name a term, see `Normalized`; "tanh" only for odd scalars.

    Attributes
    ----------
    irreps_in, irreps_out : Irreps
        The input is sorted and simplified, as e3nn's is.

    Notes
    -----
    e3nn's ``nn.Gate``.

    Examples
    --------
    >>> gate = Gate("8x0e", ["silu"], "2x0e", ["sigmoid"], "2x1o")
    >>> str(gate.irreps_in), str(gate.irreps_out)
    ('10x0e+2x1o', '8x0e+2x1o')
    """

    def __init__(
        self,
        irreps_scalars: "Irreps | str",
        scalar_activations: Sequence[str],
        irreps_gates: "Irreps | str",
        gate_activations: Sequence[str],
        irreps_gated: "Irreps | str",
    ) -> None:
        super().__init__()
        self.parts = [Irreps.parse(irreps) for irreps in (irreps_scalars, irreps_gates, irreps_gated)]
        scalars, gates, gated = self.parts
        if any(term.l for part in (scalars, gates) for term in part):
            raise InputError(f"scalars and gates have degree 0, got {scalars} and {gates}")
        if gates.num_irreps != gated.num_irreps:
            raise InputError(f"each gated copy needs one gate, got {gates} for {gated}")
        names = [*scalar_activations, *gate_activations]
        terms = [*scalars, *gates]
        if len(names) != len(terms):
            raise InputError(f"each term needs an activation, got {len(names)} for {scalars} and {gates}")
        for term, name in zip(terms, names, strict=True):
            if term.p < 0 and name != "tanh":
                raise InputError(f"an odd scalar needs an odd activation, tanh; got {name!r} for {term}")
        self.activations = nn.ModuleList(map(Normalized, names))
        together = scalars + gates + gated
        self.irreps_in = together.regroup()
        # where the columns of each term, in the order scalars, gates, gated, lie in the sorted input
        sorted_slices = dict(zip(together.order, together.sort().slices(), strict=True))
        columns = [torch.arange(together.dim)[sorted_slices[k][1]] for k in range(len(together))]
        self.register_buffer("columns", torch.cat(columns), persistent=False)
        kinds = [
            term.__class__(t.multiplicity, t.l, t.p * g) for t, g in zip(gated, self._gate_parities(), strict=True)
        ]
        self.irreps_out = scalars + Irreps(tuple(kinds))

    def _gate_parities(self) -> list[int]:
        _, gates, gated = self.parts
        parities = [term.p for term in gates for _ in range(term.multiplicity)]
        result, start = [], 0
        for term in gated:
            mine = set(parities[start : start + term.multiplicity])
            if len(mine) > 1:
                raise InputError(f"the gates of {term} have both parities; split it into two terms")
            result.append(mine.pop() if mine else 1)
            start += term.multiplicity
        return result

    def forward(self, x: Tensor) -> Tensor:
        """(..., irreps_in.dim) -> (..., irreps_out.dim)."""
        _check_width(x, self.irreps_in, "x")
        scalars, gates, gated = self.parts
        x = x.index_select(-1, self.columns)
        flat = x[..., : scalars.dim + gates.dim].split([term.dim for term in [*scalars, *gates]], dim=-1)
        flat = torch.cat([act(part) for act, part in zip(self.activations, flat, strict=True)], dim=-1)
        gates_of = flat[..., scalars.dim :].split([term.multiplicity for term in gated], dim=-1)
        rest = x[..., scalars.dim + gates.dim :]
        blocks = [rest[..., s].unflatten(-1, (term.multiplicity, -1)) for term, s in gated.slices()]
        blocks = [(block * gate.unsqueeze(-1)).flatten(-2) for block, gate in zip(blocks, gates_of, strict=True)]
        return torch.cat([flat[..., : scalars.dim], *blocks], dim=-1)
