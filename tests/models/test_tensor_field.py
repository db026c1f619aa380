"""Tensor Field Network: a twin built of e3nn's modules, and handedness that only all couplings see."""

import math

import pytest
import torch
from e3nn import o3
from tests.models.test_peers import PRECISIONS, agree, molecules
from torch.nn.functional import softplus

from erlangen.models import TensorFieldNetwork
from erlangen.structures import Batch, Structure
from erlangen.symmetry import Euclidean, Permutation, SpecialEuclidean, certify


def ssp(x):
    return softplus(x) - math.log(2)


class Twin:
    """The same network from e3nn's ``TensorProduct``, ``Linear`` and ``spherical_harmonics``, on dense edges."""

    def __init__(self, model):
        self.model = model

    def __call__(self, structure):
        model, dtype = self.model, self.model.basis.centers.dtype
        position = torch.tensor(structure.positions, dtype=dtype)
        difference = position[None] - position[:, None]  # [i, j] = r_j - r_i
        d = difference.norm(dim=-1)
        i, j = ((d < model.cutoff) & ~torch.eye(len(d), dtype=bool)).nonzero().T
        d, r = d[i, j], difference[i, j]
        mirror = model.hyperparameters["mirror"]
        irrep = lambda l: o3.Irrep(l, (-1) ** l if mirror else 1)  # noqa: E731
        y_irreps = o3.Irreps([(1, irrep(l)) for l in range(model.degree + 1)])
        y = o3.spherical_harmonics(list(range(model.degree + 1)), r, normalize=True, normalization="component")
        centers = torch.linspace(0, model.cutoff, len(model.basis.centers), dtype=dtype)
        basis = torch.exp(-0.5 * ((d[:, None] - centers) / centers[1]) ** 2)
        envelope = 0.5 * (torch.cos(math.pi * d / model.cutoff) + 1)
        hidden = model.hyperparameters["hidden"]
        x = [model.input.embedding.weight[torch.tensor(structure.numbers)].unsqueeze(2)]  # (n, C, 2l + 1) by degree
        for layer in model.layers:
            x = self.layer(layer, hidden, irrep, x, i, j, y, y_irreps, basis, envelope)
        net = model.head.network
        return net[2](torch.nn.functional.silu(net[0](x[0].squeeze(2)))).sum(0)

    def layer(self, layer, hidden, irrep, x, i, j, y, y_irreps, basis, envelope):
        paths = layer.coupling.paths
        x_irreps = o3.Irreps([(hidden, irrep(l)) for l in range(len(x))])
        before = o3.Linear(x_irreps, x_irreps).to(y.dtype)
        with torch.no_grad():
            for view, weight in zip(before.weight_views(), layer.before.weights, strict=True):
                view.copy_(weight * math.sqrt(hidden))
        u = before(torch.cat([part.flatten(1) for part in x], dim=1))
        out = o3.Irreps([(hidden, irrep(l3)) for *_, l3 in paths])
        instructions = [(l1, l2, k, "uvu", True) for k, (l1, l2, _) in enumerate(paths)]
        product = o3.TensorProduct(x_irreps, y_irreps, out, instructions, shared_weights=False, internal_weights=False)
        product = product.to(y.dtype)
        radial = layer.radial[2](ssp(layer.radial[0](basis)))
        message = product(u[j], y, radial * envelope[:, None] * layer.scale)
        sums = message.new_zeros(len(x[0]), message.shape[1]).index_add(0, i, message)
        blocks = [sums[:, s].unflatten(1, (hidden, -1)) for s in out.slices()]
        new = []
        for degree, weight in enumerate(layer.after.weights):
            parts = [b for b, (*_, l3) in zip(blocks, paths, strict=True) if l3 == degree] + x[degree : degree + 1]
            mixed = torch.einsum("ncm,cd->ndm", torch.cat(parts, dim=1), weight)
            if degree == 0:
                new.append(ssp(mixed + layer.after.bias[:, None] + layer.shift[0][:, None]))
                continue
            length = (mixed.square().sum(2, keepdim=True) + 1e-8).sqrt()
            new.append(mixed * ssp(length + layer.shift[degree][:, None]) / length)
        return new


@PRECISIONS
@pytest.mark.parametrize("mirror", [False, True])
def test_tensor_field_network_of_e3nn(dtype, mirror):
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        model = TensorFieldNetwork(hidden=8, layers=3, degree=3, radial_size=12, mirror=mirror)
        structures = molecules()[:4]
        theirs = torch.cat([Twin(model)(s) for s in structures])
        agree(model(Batch.from_structures(structures, dtype=dtype)), theirs, dtype)
    finally:
        torch.set_default_dtype(before)


def test_mirror_images_differ_unless_couplings_are_restricted():
    torch.manual_seed(0)
    arguments = {"hidden": 8, "layers": 3, "degree": 2, "radial_size": 8}
    chiral, blind = TensorFieldNetwork(**arguments), TensorFieldNetwork(**arguments, mirror=True)
    whole = Euclidean(3) * Permutation()
    assert certify(chiral, SpecialEuclidean(3) * Permutation(), samples=8).holds
    assert not certify(chiral, whole, samples=8).holds
    assert certify(blind, whole, samples=8).holds
    hand = Structure([[0, 0, 0], [1.1, 0, 0], [0, 1.3, 0], [0, 0, 1.6], [-0.8, -0.9, -0.7]], [6, 1, 7, 8, 9])
    other = Structure(hand.positions * [1, 1, -1], hand.numbers)
    batch = Batch.from_structures([hand, other], dtype=torch.float64)
    a, b = chiral.double()(batch).tolist()
    assert abs(a - b) > 1e-4 * abs(a)
    a, b = blind.double()(batch).tolist()
    assert a == pytest.approx(b, rel=1e-12)
