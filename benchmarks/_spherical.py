"""Spherical layers against e3nn and se3-transformer-pytorch, at equal weights and outputs.

The peers are used as their users use them: a radial network for every directed edge, gathered senders, e3nn's compiled
``TensorProduct`` and ``Linear``, ``index_add``. Forward and backward with respect to weights, features and harmonics.
"""

import copy
import math
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks._timing import Case, backward_of, same, training_step
from erlangen.models import Cormorant, TensorFieldNetwork
from erlangen.models.cormorant import level_invariants
from erlangen.models.se3_transformer import Kernel, both_ways
from erlangen.nn.edges import Edges, Pairing, edges_of
from erlangen.nn.spherical import by_degree
from erlangen.nn.tensor_product import Coupling, spherical_convolution
from erlangen.structures import Batch
from erlangen.symmetry import solid_harmonics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from e3nn import o3


def irreps(degree: int, channels: int) -> o3.Irreps:
    """SO(3) features; e3nn wants a parity, and all even ones leave every path open."""
    return o3.Irreps([(channels, (l, 1)) for l in range(degree + 1)])


def flat(x: Tensor) -> Tensor:
    """(n, (L + 1)^2, C) -> e3nn's layout."""
    return torch.cat([part.transpose(1, 2).flatten(1) for part in by_degree(x)], dim=1)


def blocks(x: Tensor, layout: o3.Irreps, channels: int) -> list[Tensor]:
    """e3nn's layout -> (n, C, 2l + 1) of each term."""
    return [x[:, s].unflatten(1, (channels, -1)) for s in layout.slices()]


class Product(nn.Module):
    """e3nn's tensor product of a `Coupling`, summed at receivers."""

    def __init__(self, coupling: Coupling, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.out = o3.Irreps([(channels, (l3, 1)) for *_, l3 in coupling.paths])
        self.product = o3.TensorProduct(
            irreps(coupling.degree_in, channels), irreps(coupling.degree_edge, 1), self.out,
            [(l1, l2, k, "uvu", True) for k, (l1, l2, _) in enumerate(coupling.paths)],
            shared_weights=False, internal_weights=False,
        )  # fmt: skip

    def forward(self, x: Tensor, harmonics: Tensor, weights: Tensor, pairing: Pairing) -> Tensor:
        message = self.product(x.index_select(0, pairing.sender), harmonics, weights)
        return message.new_zeros(len(x), message.shape[1]).index_add(0, pairing.receiver, message)


def linear_of(weights: nn.ParameterList, sizes: list[int], width: int) -> o3.Linear:
    """e3nn's linear layer with the weights of a `SphericalLinear`."""
    inputs = o3.Irreps([(size, (l, 1)) for l, size in enumerate(sizes)])
    layer = o3.Linear(inputs, irreps(len(sizes) - 1, width))
    with torch.no_grad():
        for view, weight, size in zip(layer.weight_views(), weights, sizes, strict=True):
            view.copy_(weight * math.sqrt(size))
    return layer


def directed(edges: Edges, degree: int) -> Tensor:
    return solid_harmonics(degree, nn.functional.normalize(edges.displacement, dim=1))


def convolution(molecules, degree: int, channels: int) -> tuple[Callable, Callable]:
    """Compare the tensor product of the convolution alone: gather, couple, sum."""
    batch = Batch.from_structures(molecules[np.arange(min(len(molecules), 16))], cutoff=5.0)
    edges = edges_of(batch)
    pairing, coupling = edges.pairing, Coupling(degree, degree, degree)
    x = torch.randn(batch.n_atoms, (degree + 1) ** 2, channels, requires_grad=True)
    weights = torch.randn(pairing.n_pairs, len(coupling.paths), channels, requires_grad=True)
    harmonics = solid_harmonics(degree, edges.pair_direction).requires_grad_()
    peer = Product(coupling, channels)
    peer_x, peer_y = flat(x).detach().requires_grad_(), directed(edges, degree).requires_grad_()
    peer_w = weights.detach()[pairing.pair].flatten(1).requires_grad_()

    def ours() -> Tensor:
        return spherical_convolution(x, coupling.matrices(harmonics), weights, pairing, coupling)

    def theirs() -> Tensor:
        return peer(peer_x, peer_y, peer_w, pairing)

    there = blocks(theirs(), peer.out, channels)
    mine = [
        torch.cat([b for b, (*_, l3) in zip(there, coupling.paths, strict=True) if l3 == l], dim=1).transpose(1, 2)
        for l in range(degree + 1)
    ]
    same(torch.cat([p.flatten() for p in coupling.split(ours())]), torch.cat([p.flatten() for p in mine]), "outputs")
    return (
        backward_of(lambda: ours().square().sum(), [x, harmonics, weights]),
        backward_of(lambda: theirs().square().sum(), [peer_x, peer_y, peer_w]),
    )


class TensorFieldTwin(nn.Module):
    """`TensorFieldNetwork` built of e3nn's modules."""

    def __init__(self, model: TensorFieldNetwork) -> None:
        super().__init__()
        self.model, self.hidden = copy.deepcopy(model), model.hyperparameters["hidden"]
        self.before, self.products, self.after = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for layer in model.layers:
            coupling = layer.coupling
            self.before.append(linear_of(layer.before.weights, [self.hidden] * (coupling.degree_in + 1), self.hidden))
            self.products.append(Product(coupling, self.hidden))
            self.after.append(linear_of(layer.after.weights, [len(w) for w in layer.after.weights], self.hidden))

    def forward(self, batch: Batch) -> Tensor:
        model, edges = self.model, edges_of(batch)
        basis, envelope = model.basis(edges.distance), model.envelope(edges.distance).unsqueeze(1)
        y = directed(edges, model.degree)
        x = [model.input(batch).transpose(1, 2)]  # (n, C, 2l + 1) by degree
        for layer, before, product, after in zip(model.layers, self.before, self.products, self.after, strict=True):
            u = before(torch.cat([part.flatten(1) for part in x], dim=1))
            sums = product(u, y, layer.radial(basis) * envelope * layer.scale, edges.pairing)
            parts = blocks(sums, product.out, self.hidden)
            paths = layer.coupling.paths
            joined = [
                torch.cat([b for b, (*_, l3) in zip(parts, paths, strict=True) if l3 == l] + x[l : l + 1], dim=1)
                for l in range(layer.coupling.degree_out + 1)
            ]
            mixed = after(torch.cat([part.flatten(1) for part in joined], dim=1))
            new = blocks(mixed, irreps(layer.coupling.degree_out, self.hidden), self.hidden)
            new[0] = layer.activation(new[0] + (layer.after.bias + layer.shift[0]).unsqueeze(1))
            for l in range(1, len(new)):
                length = (new[l].square().sum(2, keepdim=True) + 1e-8).sqrt()
                new[l] = new[l] * layer.activation(length + layer.shift[l].unsqueeze(1)) / length
            x = new
        return model.head.network(x[0].squeeze(2)).squeeze(1)


class CormorantTwin(nn.Module):
    """`Cormorant` with e3nn's tensor products, a number for every directed edge; the rest as it is."""

    def __init__(self, model: Cormorant) -> None:
        super().__init__()
        self.model, self.width = copy.deepcopy(model), 4 * model.hyperparameters["hidden"]
        self.products = nn.ModuleList(Product(level.coupling, self.width) for level in model.levels)
        self.itself, self.outs = nn.ModuleList(), []
        for level in model.levels:
            layout, paths = irreps(level.coupling.degree_in, self.width), level.itself.paths
            out = o3.Irreps([(self.width, (l3, 1)) for *_, l3 in paths])
            self.outs.append(out)
            instructions = [(l1, l2, k, "uuu", False) for k, (l1, l2, _) in enumerate(paths)]
            self.itself.append(o3.TensorProduct(layout, layout, out, instructions))

    def forward(self, batch: Batch) -> Tensor:
        model, edges = self.model, edges_of(batch)
        d = edges.distance
        basis, envelope = model.basis(d), model.envelope(d).unsqueeze(1)
        norm = [1 / math.sqrt(2 * l + 1) for l in range(model.degree + 1) for _ in range(2 * l + 1)]
        y = solid_harmonics(model.degree, edges.displacement) * d.new_tensor(norm)
        s = model.elements_of(batch.numbers, d.dtype)
        weight = model.rho(basis) * model.first_cut(d) * envelope
        receiver, sender = edges.pairing.receiver, edges.pairing.sender
        near = s.new_zeros(s.shape).index_add(0, receiver, s[sender] * weight)
        f, g = model.first(torch.cat([near, s], dim=1)).unsqueeze(1), None
        invariants = [level_invariants(f)]
        for level, product, itself, out in zip(model.levels, self.products, self.itself, self.outs, strict=True):
            g = level.edge_numbers(f[receiver], f[sender], g, basis, d, envelope)
            parts = [self.split(product, *self.stacked(level, f, g), y, edges, level.coupling.paths)]
            (re, im) = f.chunk(2, dim=2)
            x, z = torch.cat([re, im, re, im], dim=2), torch.cat([re, -im, im, re], dim=2)
            parts.append(self.by_paths(itself(flat(x), flat(z)), out, level.itself.paths, len(level.atom)))
            f = level.join(f, *parts)
            invariants.append(level_invariants(f))
        return model.head.network(torch.cat(invariants, dim=1)).squeeze(1)

    def stacked(self, level, f: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        (f_re, f_im), (g_re, g_im) = f.chunk(2, dim=2), g.index_select(1, level.edge_degree).chunk(2, dim=2)
        features, weights = torch.cat([f_re, f_im, f_im, f_re], dim=2), torch.cat([g_re, -g_im, g_re, g_im], dim=2)
        return flat(features), weights.flatten(1)

    def split(self, product, features, weights, y, edges, paths) -> list[Tensor]:
        return self.by_paths(product(features, y, weights, edges.pairing), product.out, paths, self.model.degree + 1)

    def by_paths(self, x: Tensor, out: o3.Irreps, paths, degrees: int) -> list[Tensor]:
        parts = blocks(x, out, self.width)
        empty = [x.new_zeros(len(x), 2 * l + 1, 0) for l in range(degrees)]
        return [
            torch.cat([e] + [b.transpose(1, 2) for b, (*_, l3) in zip(parts, paths, strict=True) if l3 == l], dim=2)
            for l, e in enumerate(empty)
        ]


def network(molecules, make: Callable, twin: Callable) -> tuple[Callable, Callable]:
    """Compare training steps of whole networks."""
    torch.manual_seed(0)
    model = make()
    batch = model.connect(Batch.from_structures(molecules))
    peer = twin(model)
    targets = torch.randn(len(batch), generator=torch.Generator().manual_seed(0))

    def ours() -> Tensor:
        return model(batch)

    def theirs() -> Tensor:
        atoms = peer(batch)
        return atoms.new_zeros(len(batch)).index_add(0, batch.index, atoms)

    same(ours(), theirs(), "energies", 2e-5)
    return (
        training_step(model, lambda: (ours() - targets).square().mean()),
        training_step(peer, lambda: (theirs() - targets).square().mean()),
    )


def se3_transformer(molecules, degree: int, channels: int) -> tuple[Callable, Callable]:
    """Compare the kernels W f, all degrees to all degrees, that lucidrains' ``ConvSE3`` has."""
    from se3_transformer_pytorch.basis import get_basis
    from se3_transformer_pytorch.se3_transformer_pytorch import ConvSE3, Fiber

    batch = Batch.from_structures(molecules, cutoff=3.0)
    edges = edges_of(batch)
    fiber = Fiber.create(degree + 1, channels)
    peer = ConvSE3(fiber, fiber, pool=False, self_interaction=False, splits=1)
    bases = {l: basis_change(l) for l in range(degree + 1)}
    kernels = nn.ModuleDict({
        f"{k},{l}": kernel_of(peer.kernel_unary[f"({k},{l})"], k, l, channels, bases, get_basis)
        for k in range(degree + 1) for l in range(degree + 1)
    })  # fmt: skip
    # the peer's layout: molecules padded to the largest, every atom with the largest number of neighbors
    n_max = int(batch.sizes.max())
    count = torch.bincount(edges.pairing.receiver, minlength=batch.n_atoms)
    k_max = int(count.max())
    place = torch.arange(batch.n_atoms) - torch.repeat_interleave(batch.offsets[:-1], batch.sizes)
    slot = torch.arange(len(edges.pairing.sender)) - (torch.cumsum(count, 0) - count)[edges.pairing.receiver]
    rows = batch.index[edges.pairing.receiver], place[edges.pairing.receiver], slot
    neighbor = torch.zeros(len(batch), n_max, k_max, dtype=torch.int64)
    neighbor[rows] = place[edges.pairing.sender]
    offset = torch.ones(len(batch), n_max, k_max, 3)
    offset[rows] = edges.displacement
    distance = offset.norm(dim=-1)
    x = torch.randn(batch.n_atoms, (degree + 1) ** 2, channels)
    padded = {}
    for l, part in enumerate(by_degree(x)):
        dense = x.new_zeros(len(batch), n_max, channels, 2 * l + 1)
        dense[batch.index, place] = part.transpose(1, 2) @ bases[l].T.float()
        padded[str(l)] = dense

    def theirs() -> list[Tensor]:
        basis = get_basis(offset, degree)
        out = peer(padded, (neighbor, None, None), rel_dist=distance, basis=basis)
        return [out[str(l)][rows] for l in range(degree + 1)]

    first = edges.pairing.first
    order = torch.stack([first, edges.pairing.reverse[first]], dim=1).flatten()

    def ours() -> list[Tensor]:
        ways = both_ways(edges, coupling, ones, edges.pair_distance.unsqueeze(1))
        result = []
        for l in range(degree + 1):
            coupled = ways.couple(x, l)
            result.append(sum(kernels[f"{k},{l}"](ways.radial_inputs, coupled[k]) for k in range(degree + 1)))
        return result

    coupling, ones = Coupling(degree, 2 * degree, degree), torch.ones(len(edges.pair_distance))
    for l, (a, b) in enumerate(zip(ours(), theirs(), strict=True)):
        same(a.transpose(1, 2) @ bases[l].T.float(), b[order], f"SE(3)-Transformer: degree {l}", 1e-4)
    return (
        backward_of(lambda: sum(part.square().sum() for part in ours()), kernels.parameters()),
        backward_of(lambda: sum(part.square().sum() for part in theirs()), peer.parameters()),
    )


def basis_change(degree: int) -> Tensor:
    """Return T with Y_peer(r) = c T Y_ours(r), orthogonal: the peer's basis of one degree in ours."""
    from se3_transformer_pytorch.basis import get_spherical_from_cartesian, precompute_sh

    r = torch.randn(200, 3, dtype=torch.float64)
    theirs = precompute_sh(get_spherical_from_cartesian(r), degree)[degree].double()
    ours = solid_harmonics(degree, nn.functional.normalize(r, dim=1))[:, degree**2 :]
    solution = torch.linalg.lstsq(ours, theirs).solution.T
    return solution / torch.linalg.matrix_norm(solution, 2)


def kernel_of(pairwise, k: int, l: int, channels: int, bases, basis_of) -> Kernel:
    """Return our kernel with the peer's radial network, its last weights scaled for our normalisation of each J."""
    kernel = Kernel(k, l, channels, channels)
    r = nn.functional.normalize(torch.randn(1, 3, dtype=torch.float64), dim=1)
    theirs = basis_of(r.float(), max(k, l))[f"{k},{l}"].double().reshape(2 * l + 1, 2 * k + 1, -1)
    coupling = Coupling(k, k + l, l)
    ours = coupling.matrices(solid_harmonics(k + l, r))[0]
    place, scales = 0, {}
    for l1, j, l3 in coupling.paths:
        size = (2 * l1 + 1) * (2 * l3 + 1)
        if (l1, l3) == (k, l):
            block = bases[l] @ ours[place : place + size].view(2 * l + 1, 2 * k + 1) @ bases[k].T
            other = theirs[:, :, j - abs(k - l)]
            scales[j - abs(k - l)] = float((block * other).sum() / (block * block).sum())
        place += size
    n_j = len(scales)
    last = pairwise.rp.net[-1]
    kernel.radial = copy.deepcopy(pairwise.rp.net)
    with torch.no_grad():
        for name in ("weight", "bias"):
            value = getattr(last, name)
            value = value.view(channels, channels, n_j, *value.shape[1:])  # (o, i, J)
            value = torch.stack([value[:, :, j] * scales[j] for j in range(n_j)])  # (J, o, i)
            getattr(kernel.radial[-1], name).copy_(value.transpose(1, 2).reshape(getattr(last, name).shape))
    return kernel


CASES = [
    *(
        Case(f"tensor product, degree {l}, {c} channels", "e3nn", partial(convolution, degree=l, channels=c))
        for l in (2, 3) for c in (32, 64, 128)
    ),
    Case("Tensor Field, 3 layers, degree 2, step", "e3nn", partial(
        network, make=partial(TensorFieldNetwork, hidden=32, layers=3, degree=2), twin=TensorFieldTwin), slow=True),
    Case("Tensor Field, 7 layers, degree 3, step", "e3nn", partial(
        network, make=TensorFieldNetwork, twin=TensorFieldTwin), slow=True),
    Case("Cormorant, 3 levels, degree 2, step", "e3nn", partial(
        network, make=partial(Cormorant, layers=3, degree=2), twin=CormorantTwin), slow=True),
    Case("Cormorant, 4 levels, degree 3, step", "e3nn", partial(
        network, make=Cormorant, twin=CormorantTwin), slow=True),
    Case("SE(3)-Transformer kernels, degree 2, 16 wide, step", "se3-transformer-pytorch",
         partial(se3_transformer, degree=2, channels=16), slow=True),
]  # fmt: skip
