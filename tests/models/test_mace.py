"""MACE: a twin built of e3nn's modules and dense symmetric tensors."""

import math

import pytest
import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from tests.models.test_peers import PRECISIONS, agree, molecules
from tests.symmetry.test_symmetric import dense

from erlangen.models import MACE
from erlangen.structures import Batch


class Twin:
    """The same network from e3nn's modules, on dense edges, products as full contractions."""

    def __init__(self, model):
        self.model, self.given = model, model.hyperparameters

    def __call__(self, structure):
        model, given, dtype = self.model, self.given, self.model.embedding.dtype
        position = torch.tensor(structure.positions, dtype=dtype)
        difference = position[None] - position[:, None]
        i, j = ((difference.norm(dim=-1) < model.cutoff) & ~torch.eye(len(position), dtype=bool)).nonzero().T
        r = difference[i, j]
        d = r.norm(dim=-1, keepdim=True)
        x = d / model.cutoff
        bessel = math.sqrt(2 / model.cutoff) * torch.sin(torch.arange(1, given["radial_size"] + 1) * math.pi * x) / d
        basis = bessel * (1 - 21 * x**5 + 35 * x**6 - 15 * x**7)
        y = o3.spherical_harmonics(list(range(given["degree"] + 1)), r, normalize=True, normalization="component")
        one_hot = (torch.tensor(structure.numbers)[:, None] == torch.tensor(given["elements"])).to(dtype)
        h, scalars = (one_hot @ model.embedding).unsqueeze(2), []
        h = [h]  # (n, C, 2l + 1) by degree
        for interaction, product in zip(model.interactions, model.products, strict=True):
            a = self.interaction(interaction, h, i, j, y, basis)
            h = self.product(product, a, h, one_hot)
            scalars.append(h[0].squeeze(2))
        head = model.head.network
        last = torch.nn.functional.silu(scalars[-1] @ head.last[0].weight.T) * head.last[1].factor
        energy = torch.cat(scalars[:-1], 1) @ head.linear + last @ head.last[2].weight.T
        return (model.head.scale * energy + model.head.shift).sum(0)

    def linear(self, parts, weights, fan_in):
        irreps = [o3.Irreps([(p.shape[1], (l, (-1) ** l)) for l, p in enumerate(parts)]),
                  o3.Irreps([(self.given["hidden"], (l, (-1) ** l)) for l in range(len(parts))])]  # fmt: skip
        layer = o3.Linear(*irreps)
        with torch.no_grad():
            for view, weight, n in zip(layer.weight_views(), weights, fan_in, strict=True):
                view.copy_(weight * math.sqrt(n))
        out = layer(torch.cat([part.flatten(1) for part in parts], dim=1))
        return [out[:, s].unflatten(1, (self.given["hidden"], -1)) for s in irreps[1].slices()]

    def interaction(self, interaction, h, i, j, y, basis):
        hidden, paths = self.given["hidden"], interaction.coupling.paths
        u = self.linear(h, interaction.up.weights, [hidden] * len(h))
        net = e3nn_nn.FullyConnectedNet(
            [self.given["radial_size"], *self.given["radial_hidden"], hidden * len(paths)], torch.nn.functional.silu
        )
        with torch.no_grad():
            for layer, ours in zip(net, interaction.radial[::2], strict=True):
                layer.weight.copy_(ours.weight.T * math.sqrt(len(layer.weight)))
        u_irreps = o3.Irreps([(hidden, (l, (-1) ** l)) for l in range(len(u))])
        out = o3.Irreps([(hidden, (l3, (-1) ** l3)) for *_, l3 in paths])
        instructions = [(l1, l2, k, "uvu", True) for k, (l1, l2, _) in enumerate(paths)]
        product = o3.TensorProduct(
            u_irreps, o3.Irreps.spherical_harmonics(self.given["degree"]), out, instructions, shared_weights=False,
            internal_weights=False,
        )  # fmt: skip
        message = product(torch.cat([part.flatten(1) for part in u], dim=1)[j], y, net(basis))
        sums = message.new_zeros(len(h[0]), message.shape[1]).index_add(0, i, message)
        blocks = [sums[:, s].unflatten(1, (hidden, -1)) for s in out.slices()]
        parts = [
            torch.cat([b for b, (*_, l3) in zip(blocks, paths, strict=True) if l3 == degree], dim=1)
            for degree in range(self.given["degree"] + 1)
        ]
        mixed = self.linear(parts, interaction.mix.weights, [p.shape[1] for p in parts])
        return [part / self.given["neighbors"] for part in mixed]

    def product(self, product, a, h, one_hot):
        hidden = self.given["hidden"]
        a = torch.cat(a, dim=2)
        start, parts = 0, []
        for degree_out in range(len(product.mix.weights)):
            total = 0
            for order in range(self.given["correlation"], 0, -1):
                u = torch.from_numpy(dense(self.given["degree"], order, degree_out)).to(a)
                w = one_hot @ product.weights[:, start : start + len(u)].flatten(1)
                w = w.unflatten(1, (len(u), hidden))
                letters = "xyz"[:order]
                formula = f"npc,pm{letters}," + ",".join(f"nc{letter}" for letter in letters) + "->ncm"
                total = total + torch.einsum(formula, w, u, *[a] * order)
                start += len(u)
            parts.append(total)
        new = self.linear(parts, product.mix.weights, [hidden] * len(parts))
        kept = len(product.skip)
        irreps = o3.Irreps([(hidden, (l, (-1) ** l)) for l in range(kept)])
        skip = o3.FullyConnectedTensorProduct(irreps, o3.Irreps(f"{one_hot.shape[1]}x0e"), irreps)
        with torch.no_grad():
            for view, weight in zip(skip.weight_views(), product.skip, strict=True):
                view.copy_(weight.transpose(0, 1) * math.sqrt(hidden * one_hot.shape[1]))
        out = skip(torch.cat([part.flatten(1) for part in h[:kept]], dim=1), one_hot)
        for degree, s in enumerate(irreps.slices()):
            new[degree] = new[degree] + out[:, s].unflatten(1, (hidden, -1))
        return new


@PRECISIONS
@pytest.mark.parametrize("arguments", [{}, {"layers": 3, "hidden_degree": 2, "correlation": 2}], ids=str)
def test_mace_of_e3nn(dtype, arguments):
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        model = MACE(**{"hidden": 6, "degree": 2, "radial_hidden": [16, 16], **arguments})
        model.head.calibrate(shift=0.3, scale=1.7)
        structures = molecules()[:4]
        theirs = torch.cat([Twin(model)(s) for s in structures])
        agree(model(Batch.from_structures(structures, dtype=dtype)), theirs, dtype)
    finally:
        torch.set_default_dtype(before)


def test_coupled_products_are_as_many_as_the_paper_says():
    model = MACE()
    assert [len(product.terms.index[0]) for product in model.products] == [410, 94]
