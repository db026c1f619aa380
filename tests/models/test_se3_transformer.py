"""SE(3)-Transformer: a plain reference on ``wigner_3j``, invariant attention, handedness."""

import math

import numpy as np
import pytest
import torch
from tests.models.test_peers import PRECISIONS, agree, molecules
from torch.nn.functional import layer_norm, silu

from erlangen.errors import InputError
from erlangen.models import SE3Transformer
from erlangen.models.se3_transformer import Attention
from erlangen.structures import Batch, Structure
from erlangen.symmetry import (
    Euclidean,
    Permutation,
    SpecialEuclidean,
    SpecialOrthogonal,
    certify,
    solid_harmonics,
    wigner_3j,
)


class Reference:
    """The equations on one molecule: one kernel W_ij^lk at a time, as full matrices for every ordered pair."""

    def __init__(self, model):
        self.model, self.degree = model, model.hyperparameters["degree"]

    def __call__(self, structure):
        model = self.model
        dtype = model.own.weight.dtype
        x = torch.tensor(structure.positions, dtype=dtype)
        r = x[None] - x[:, None]  # [i, j] = r_j - r_i
        n = len(x)
        self.d = r.norm(dim=-1)
        self.f = (
            0.5 * (torch.cos(math.pi * self.d / model.cutoff) + 1) * (self.d < model.cutoff) * ~torch.eye(n, dtype=bool)
        )
        self.radial_inputs = torch.stack([self.d, *[self.d**2] * len(model.edge_inputs)], dim=-1)
        unit = r / self.d.masked_fill(self.d == 0, 1.0)[..., None]
        self.y = solid_harmonics(2 * self.degree, unit)
        f = [model.input.embedding.weight[torch.tensor(structure.numbers)].unsqueeze(1)]
        for layer in model.layers:
            f = self.attend(layer, f)
        sums = sum(self.kernel(kernel, f[k], k, 0) for k, kernel in enumerate(model.last)).squeeze(2)
        mean = (self.f[..., None] * sums).sum(1) / (1 + self.f.sum(1, keepdim=True))
        scalars = mean + model.own(f[0].squeeze(1))
        net = model.head.network
        return net[2](silu(net[0](scalars))).sum(0)

    def kernel(self, kernel, f, k, l):
        """[i, j, m, o] = W_ij^lk f_j^k."""
        radial = kernel.radial(self.radial_inputs.flatten(0, 1)).reshape(
            *self.d.shape, -1, f.shape[-1], kernel.shape[1]
        )
        out = 0
        for index, degree in enumerate(range(abs(l - k), l + k + 1)):
            q = math.sqrt(2 * l + 1) * torch.tensor(np.array(wigner_3j(k, degree, l))).to(f)
            y = self.y[..., degree**2 : (degree + 1) ** 2]
            out = out + torch.einsum("ijco,amb,ijm,jac->ijbo", radial[:, :, index], q, y, f)
        return out

    def attend(self, layer, f):
        value = [
            sum(self.kernel(kernel, f[k], k, l) for k, kernel in enumerate(row)) for l, row in enumerate(layer.values)
        ]
        key = [sum(self.kernel(kernel, f[k], k, l) for k, kernel in enumerate(row)) for l, row in enumerate(layer.keys)]
        query = [part @ weight for part, weight in zip(f, layer.query.weights, strict=True)]
        heads, width = layer.heads, value[0].shape[-1]
        size = sum(part.shape[1] * width for part in query)
        logits = sum(
            torch.einsum("imhc,ijmhc->ijh", q.unflatten(2, (heads, -1)), k.unflatten(3, (heads, -1)))
            for q, k in zip(query, key, strict=True)
        ) / math.sqrt(size)
        logits = logits.masked_fill(self.f[..., None] == 0, -1e4)
        weight = self.f[..., None] * (logits - logits.amax(1, keepdim=True)).exp()
        attention = weight / weight.sum(1, keepdim=True).clamp(min=1e-300 if weight.dtype == torch.float64 else 1e-30)
        new = []
        for l, (part, weights) in enumerate(zip(value, layer.join.weights, strict=True)):
            z = torch.einsum("ijh,ij,ijmhc->imhc", attention, self.f, part.unflatten(3, (heads, -1))).flatten(2)
            y = (torch.cat([z, f[l]], dim=2) if l < len(f) else z) @ weights
            if l == 0:
                new.append(silu(self.normalize(layer.normalize[l], y)))
                continue
            length = ((y * y).sum(1) + 0.01).sqrt()
            new.append(y * (silu(self.normalize(layer.normalize[l], length)) / length).unsqueeze(1))
        return new

    def normalize(self, layer, x):
        if self.model.hyperparameters["normalize"]:
            return layer_norm(x, x.shape[-1:], layer.weight, layer.bias)
        return x + layer.bias


def randomised(**arguments):
    torch.manual_seed(0)
    model = SE3Transformer(**arguments)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, mean=0.5, std=0.3)  # biases start at zero, where nothing would test them
    return model


@PRECISIONS
@pytest.mark.parametrize(
    "arguments",
    [{}, {"degree": 3, "layers": 2, "divisor": 1}, {"normalize": False, "edge_inputs": ["square"]}],
    ids=str,
)
def test_se3_transformer_of_the_equations(dtype, arguments):
    model = randomised(**{"hidden": 8, "layers": 3, "degree": 2, "heads": 2, **arguments}).to(dtype)
    structures = molecules()[:4]
    theirs = torch.cat([Reference(model)(s) for s in structures])
    agree(model(Batch.from_structures(structures, dtype=dtype)), theirs, dtype)


def test_the_attention_is_invariant_and_sums_to_one(monkeypatch):
    model = randomised(hidden=8, layers=3, degree=2, heads=4).double()
    seen = []
    original = Attention.attention
    monkeypatch.setattr(Attention, "attention", lambda *given: seen.append(original(*given)) or seen[-1])
    structure = molecules()[2]
    rng = np.random.default_rng(0)
    turned = Structure(
        structure.positions @ SpecialOrthogonal(3).sample(rng).matrix.T + rng.normal(size=3), structure.numbers
    )
    for s in (structure, turned):
        model(Batch.from_structures([s], dtype=torch.float64))
    for here, there in zip(seen[:3], seen[3:], strict=True):
        assert here.std() > 1e-3
        torch.testing.assert_close(here, there, rtol=1e-10, atol=1e-12)
    batch = Batch.from_structures([structure], dtype=torch.float64).with_cutoff(model.cutoff)
    assert len(seen[0]) == batch.edge_index.shape[1]
    total = seen[2].sum(0).tolist()
    assert total == pytest.approx([len(torch.unique(batch.edge_index[1]))] * 4, rel=1e-12)


def test_mirror_images_differ():
    model = randomised(hidden=4, layers=3, degree=1, heads=2)
    assert certify(model, SpecialEuclidean(3) * Permutation(), samples=8).holds
    assert not certify(model, Euclidean(3) * Permutation(), samples=4, modes=("eval",)).holds


def test_heads_share_the_channels():
    with pytest.raises(InputError, match="multiple of heads"):
        SE3Transformer(hidden=32, heads=5)
