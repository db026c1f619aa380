"""The atomic-density network: closed-form regression and a small network on invariants of atomic densities.

Ours, after the atomic cluster expansion (Drautz 2019) and SOAP (Bartok et al. 2013), made for a laptop: everything that
training does not change is computed once, and what least squares can solve is solved. For a center i with neighbors j:

    t_ij    = exp(-d_ij / 2)                                              resolves bonds finely, the far side coarsely
    rho_ick = sum over j of species c:  exp(-beta (t_ij - mu_k)^2) f_c(d_ij)                    radial densities
    A_icklm = sum over j of species c:  exp(-b (t_ij - m_k)^2) f_a(d_ij) / (d_ij^2 + 1/4)  Y_lm(r_ij / d_ij)
    p_i     = [rho_i,  sum_m A_ipm A_iqm  for channels p <= q = (c, k), for each l]             invariants under O(3)
    x_i     = P (p_i - mean)                                              whitened principal components, fitted once
    h_i     = silu(g_Z * (W x_i + b) + e_Z);   h_i <- h_i + silu(V h_i + v),  some times over
    y       = sum or mean over centers of   a_Z . x_i + a0_Z  +  o_Z . h_i
                                            `----------------'   `--------'
                                            ridge regression      gradient descent on what is left

Z is the species of the center. Centers are all atoms but hydrogens (hydrogens are seen as neighbors), or all atoms
where a structure has nothing else. f is the cosine cutoff, Y_lm are real harmonics with sum_m Y_lm^2 = 1.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from erlangen.errors import InputError, TooLargeError
from erlangen.kernels import over_rows
from erlangen.models._density_kernels import invariants as invariants_kernel
from erlangen.nn.edges import edges_of, length, nonzero, pair_up
from erlangen.nn.head import Head
from erlangen.nn.heads import ForceHead
from erlangen.nn.model import AtomisticModel
from erlangen.nn.representation import Representation
from erlangen.structures import Batch
from erlangen.symmetry import Invariant

_DECAY = 0.5  # per angstrom
_NEAREST = 0.7  # angstrom: the radial functions resolve distances from here to the cutoff


@dataclass(frozen=True)
class Description:
    """What the network sees of each structure and training never changes.

    Attributes
    ----------
    invariants : (m, p) tensor
        Whitened invariants of the centers, structure after structure.
    species : (m,) int64 tensor
        Index of each center's element among the model's.
    sizes : (b,) int64 tensor
        Centers of each structure.
    """

    invariants: Tensor
    species: Tensor
    sizes: Tensor

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def index(self) -> Tensor:
        """Structure of each center, (m,)."""
        return torch.repeat_interleave(self.sizes)

    def take(self, chosen: Tensor) -> "Description":
        """Return the description of some structures, by their indices (k,)."""
        sizes = self.sizes[chosen]
        starts = (torch.cumsum(self.sizes, 0) - self.sizes)[chosen]
        shift = torch.repeat_interleave(starts - (torch.cumsum(sizes, 0) - sizes), sizes)
        rows = shift + torch.arange(len(shift))
        return Description(self.invariants.index_select(0, rows), self.species[rows], sizes)

    @staticmethod
    def join(parts: "Iterable[Description]") -> "Description":
        """Put descriptions one after the other."""
        parts = list(parts)
        return Description(
            *(torch.cat([getattr(part, name) for part in parts]) for name in ("invariants", "species", "sizes"))
        )


class DensityReadout(Head):
    """A linear function of each center's invariants, solved by `fit_linear`, plus one of its hidden features.

    Parameters
    ----------
    n_species, components, hidden : int
        Elements of the model, and the widths of its invariants and features.
    pooling : {"sum", "mean"}
        Over the centers of a structure.
    """

    action = Invariant() * Invariant()
    outputs = 1

    def __init__(self, n_species: int, components: int, hidden: int, pooling: str = "sum") -> None:
        super().__init__("density", pooling=pooling)
        self.pooling = pooling
        self.register_buffer("linear", torch.zeros(n_species, components + 1))
        self.register_buffer("scale", torch.ones(()))
        self.output = nn.Parameter(torch.zeros(n_species, hidden))

    def forward(self, representation: "DensityRepresentation", batch: Batch) -> Tensor:
        """Return the property of each structure, (b,)."""
        return self.read(representation.description, representation.features)

    def read(self, description: Description, features: Tensor) -> Tensor:
        """Return the property of each described structure, (b,)."""
        z = description.species
        linear = (description.invariants * self.linear[z, :-1]).sum(1) + self.linear[z, -1]
        value = linear + self.scale * (features * self.output[z]).sum(1)
        total = value.new_zeros(len(description)).index_add(0, description.index, value)
        return total / description.sizes if self.pooling == "mean" else total


@dataclass(frozen=True)
class DensityRepresentation(Representation):
    """A `Representation` with the description it came from and the features (m, hidden) of the centers alone."""

    description: Description
    features: Tensor


class AtomicDensityNetwork(AtomisticModel):
    """Energy-like property from invariants of element-resolved atomic densities; E(3)-invariant.

    Parameters
    ----------
    elements : sequence of int
        Atomic numbers it can see; the invariants grow with their square.
    cutoff, angular_cutoff : float
        Radii of the radial and the angular densities, in angstrom.
    radial, angular : int
        Radial functions of each.
    degree : int
        Highest degree of the harmonics, 0 to 3.
    components : int
        Principal components kept of the invariants.
    hidden, layers : int
        Width of the network, and its residual layers.
    pooling : {"sum", "mean"}
        Sum for properties that grow with the molecule, mean for those that do not.
    centers : {"heavy", "all"}
        Which atoms have a description; other heads than the model's own want all of them.
    head : Head, str, dict or None
        `DensityReadout` by default; see `erlangen.nn.head.build_head`.

    Raises
    ------
    InputError
        If a hyperparameter makes no sense.
    TooLargeError
        If that many elements and radial functions would need too many invariants.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> model = AtomicDensityNetwork(components=20, hidden=16)
    >>> water = Structure([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], ["O", "H", "H"])
    >>> model(Batch.from_structures([water, water])).shape
    torch.Size([2])
    """

    def __init__(
        self, elements=(1, 6, 7, 8, 9), cutoff=6.0, angular_cutoff=4.5, radial=24, angular=5, degree=3, components=400,
        hidden=256, layers=2, pooling="sum", centers="heavy", head=None,
    ):  # fmt: skip
        elements = sorted({int(z) for z in elements})
        hyperparameters = {
            "elements": elements, "cutoff": cutoff, "angular_cutoff": angular_cutoff, "radial": radial,
            "angular": angular, "degree": degree, "components": components, "hidden": hidden, "layers": layers,
            "pooling": pooling, "centers": centers,
        }  # fmt: skip
        n_species, n_channels = len(elements), len(elements) * angular
        n_raw = n_species * radial + (degree + 1) * n_channels * (n_channels + 1) // 2
        _check(hyperparameters, n_raw)
        components = min(components, n_raw)
        head = _own_head(head, n_species, components, hidden, pooling)
        super().__init__(
            "density", hyperparameters, head, {"name": "graph", "pooling": pooling}, hidden, 0, "silu", cutoff
        )
        self.elements, self.centers, self.degree = elements, centers, degree
        self.angular_cutoff = float(angular_cutoff)

        lookup = torch.full((119,), -1)
        lookup[self.elements] = torch.arange(n_species)
        self.register_buffer("species_of", lookup, persistent=False)
        radial_centers, self.radial_width = _radial_centers(cutoff, radial)
        angular_centers, self.angular_width = _radial_centers(angular_cutoff, angular)
        self.register_buffer("radial_centers", radial_centers, persistent=False)
        self.register_buffer("angular_centers", angular_centers, persistent=False)
        self.register_buffer("pairs", torch.triu_indices(n_channels, n_channels), persistent=False)
        # Until `fit_description` has seen data, a random projection stands in for the principal components.
        self.register_buffer("mean", torch.zeros(n_raw))
        self.register_buffer("projection", torch.randn(n_raw, components) / math.sqrt(n_raw))

        self.first = nn.Linear(components, hidden)
        self.species_scale = nn.Parameter(torch.ones(n_species, hidden))
        self.species_shift = nn.Parameter(0.5 * torch.randn(n_species, hidden))
        self.residual = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(layers)])

    @property
    def probe_numbers(self) -> list[int]:
        """Atomic numbers that `symmetry_probe` draws from."""
        return self.elements

    @property
    def describes(self) -> bool:
        """Whether `readout(describe(batch))` is the whole model, so that descriptions can be kept while training."""
        return isinstance(self.head, DensityReadout)

    def forward(self, batch: Batch) -> Tensor:
        """Return the head's output."""
        if not self.describes:
            return super().forward(batch)
        self.check(batch)
        if batch.edge_index is not None:  # describing alone would not notice a missing edge
            pair_up(batch.edge_index, batch.n_atoms, batch.shift)
        return self.readout(self.describe(batch))

    def represent(self, batch: Batch) -> "DensityRepresentation":
        """Return the features of the atoms (n, hidden), zeros where an atom is no center."""
        description = self.describe(batch)
        features = self.features(description)
        is_center = self._centers(batch)
        scalars = features.new_zeros(batch.n_atoms, features.shape[1])
        scalars = scalars.index_add(0, torch.nonzero(is_center).squeeze(1), features)
        return DensityRepresentation(scalars, None, edges_of(self.connect(batch)), description, features)

    def readout(self, description: Description) -> Tensor:
        """Return the property of each described structure, (b,)."""
        return self.head.read(description, self.features(description))

    def features(self, description: Description) -> Tensor:
        """Return the hidden features of each described center, (m, hidden)."""
        z = description.species
        h = functional.silu(self.first(description.invariants) * self.species_scale[z] + self.species_shift[z])
        for layer in self.residual:
            h = h + functional.silu(layer(h))
        return h

    def describe(self, batch: Batch) -> Description:
        """Return the whitened invariants of the batch's centers; differentiable in the positions.

        Raises
        ------
        InputError
            If the batch has an element that the model does not know.
        """
        raw, species, sizes = self.raw_invariants(batch)
        return Description((raw - self.mean) @ self.projection, species, sizes)

    def raw_invariants(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the invariants (m, D) of the centers, their species (m,) and the centers of each structure (b,)."""
        species = self.species_of[batch.numbers]
        if (species < 0).any():
            unknown = sorted(set(batch.numbers[species < 0].tolist()))
            raise InputError(f"the model knows the elements {self.elements}, not {unknown}")
        is_center = self._centers(batch)
        batch = self.connect(batch)
        wanted = is_center[batch.edge_index[1]]
        sender, receiver = batch.edge_index[:, wanted]
        displacement = batch.displacements()[wanted]
        rank = torch.cumsum(is_center, 0) - 1
        sizes = torch.zeros(len(batch), dtype=torch.int64).index_add(0, batch.index, is_center.long())
        n_centers = int(is_center.sum())
        if displacement.requires_grad or displacement.device.type != "cpu":
            raw = self._invariants(displacement, species[sender], rank[receiver], n_centers)
        else:
            raw = self._fast_invariants(displacement, species[sender], rank[receiver], n_centers)
        return raw, species[is_center], sizes

    def _centers(self, batch: Batch) -> Tensor:
        """Tell which atoms are centers, (n,)."""
        heavy = batch.numbers > 1
        if self.centers == "all":
            return torch.ones_like(heavy)
        n_heavy = torch.zeros(len(batch), dtype=torch.int64, device=heavy.device)
        return heavy | (n_heavy.index_add(0, batch.index, heavy.long()) == 0)[batch.index]

    def _invariants(self, displacement: Tensor, species: Tensor, center: Tensor, n_centers: int) -> Tensor:
        n_species = len(self.elements)
        distance = length(displacement)
        slot, n_slots = center * n_species + species, n_centers * n_species
        radial = _radial(distance, self.radial_centers, self.radial_width) * _envelope(distance, self.cutoff)[:, None]
        radial = radial.new_zeros(n_slots, radial.shape[1]).index_add(0, slot, radial)

        near = distance < self.angular_cutoff
        distance, displacement, slot = distance[near], displacement[near], slot[near]
        weight = _envelope(distance, self.angular_cutoff) / (distance**2 + 0.25)
        angular = _radial(distance, self.angular_centers, self.angular_width) * weight[:, None]
        harmonics = _harmonics(displacement / nonzero(distance)[:, None], self.degree)
        products = (angular[:, :, None] * harmonics[:, None, :]).flatten(1)
        density = products.new_zeros(n_slots, products.shape[1]).index_add(0, slot, products)
        density = density.view(n_centers, -1, harmonics.shape[1])
        spectrum = []
        for l in range(self.degree + 1):
            part = density[:, :, l * l : (l + 1) ** 2]
            spectrum.append((part @ part.transpose(1, 2))[:, self.pairs[0], self.pairs[1]])
        return torch.cat([radial.view(n_centers, -1), *spectrum], dim=1)

    def _fast_invariants(self, displacement: Tensor, species: Tensor, center: Tensor, n_centers: int) -> Tensor:
        offsets = np.zeros(n_centers + 1, np.int64)
        np.cumsum(np.bincount(center.numpy(), minlength=n_centers), out=offsets[1:])
        raw = displacement.new_empty(n_centers, len(self.mean))
        over_rows(
            invariants_kernel, displacement.contiguous().numpy(), species.numpy(), offsets, len(self.elements), _DECAY,
            self.cutoff, self.radial_centers.double().numpy(), self.radial_width, self.angular_cutoff,
            self.angular_centers.double().numpy(), self.angular_width, self.degree, raw.numpy(),
            rows=n_centers, work=100 * len(species),
        )  # fmt: skip
        return raw

    @torch.no_grad()
    def fit_description(self, batches: Iterable[Batch]) -> None:
        """Fit the principal components to the centers of some training structures (a few thousand are enough)."""
        raw = torch.cat([self.raw_invariants(batch)[0].double() for batch in batches])
        mean = raw.mean(0)
        covariance = (raw - mean).T @ (raw - mean) / len(raw)
        variance, axes = torch.linalg.eigh(covariance)
        kept = slice(-self.projection.shape[1], None)
        # Directions in which the data does not vary get no weight instead of amplified rounding.
        floor = 1e-12 * variance[-1]
        inverse = torch.where(variance > floor, variance.clamp(min=1e-300).rsqrt(), torch.zeros_like(variance))
        self.mean.copy_(mean)
        self.projection.copy_((axes * inverse)[:, kept].flip(1))

    @torch.no_grad()
    def fit_linear(self, description: Description, target: Tensor, ridge: float = 1.0) -> None:
        """Solve the linear part by ridge regression on described structures and their targets (b,)."""
        n_species, width = self.head.linear.shape
        gram = torch.zeros(n_species * width, n_species * width, dtype=torch.float64)
        moment = torch.zeros(n_species * width, dtype=torch.float64)

        def chunks() -> Iterator[tuple[Tensor, Tensor]]:
            for chosen in torch.arange(len(description)).split(4096):
                yield self._pooled(description.take(chosen)), target[chosen].double()

        for pooled, y in chunks():
            gram += (pooled.T @ pooled).double()
            moment += pooled.double().T @ y
        weights = torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=torch.float64), moment)
        self.head.linear.copy_(weights.view(n_species, width))
        left = torch.cat([y - pooled.double() @ weights for pooled, y in chunks()])
        self.head.scale.copy_(left.std())

    def _pooled(self, description: Description) -> Tensor:
        """Return the sums (or means) of invariants and counts for each species of center, (b, species * (p + 1))."""
        n_species = len(self.elements)
        x = functional.pad(description.invariants, (0, 1), value=1.0)
        if self.head.pooling == "mean":
            x = x / description.sizes[description.index][:, None]
        total = x.new_zeros(len(description) * n_species, x.shape[1])
        return total.index_add(0, description.index * n_species + description.species, x).view(len(description), -1)


def _own_head(head, n_species: int, components: int, hidden: int, pooling: str):
    """Put the model's own readout where no head, or none under the forces, is named."""
    named = {"name": head or "density"} if head is None or isinstance(head, str) else head
    if not isinstance(named, dict):
        return head
    if named["name"] == "density":
        return DensityReadout(n_species, components, hidden, named.get("pooling", pooling))
    energy = named.get("energy", "density") if named["name"] == "forces" else None
    if energy == "density" or (isinstance(energy, dict) and energy["name"] == "density"):
        return ForceHead(_own_head(energy, n_species, components, hidden, pooling))
    return head


def _check(given: dict, n_raw: int) -> None:
    if not given["elements"]:
        raise InputError("elements are atomic numbers from 0 to 118, at least one, got []")
    for name in ("cutoff", "angular_cutoff"):
        if not given[name] > 0:
            raise InputError(f"{name} is a positive radius in angstrom, got {given[name]!r}")
    if given["angular_cutoff"] > given["cutoff"]:
        raise InputError(f"angular_cutoff {given['angular_cutoff']} exceeds cutoff {given['cutoff']}")
    for name in ("radial", "angular"):
        if given[name] < 2:
            raise InputError(f"{name} is at least 2, got {given[name]!r}")
    if given["degree"] not in (0, 1, 2, 3):
        raise InputError(f"degree is 0, 1, 2 or 3, got {given['degree']!r}")
    if given["pooling"] not in ("sum", "mean"):
        raise InputError(f"pooling is 'sum' or 'mean', got {given['pooling']!r}")
    if given["centers"] not in ("heavy", "all"):
        raise InputError(f"centers is 'heavy' or 'all', got {given['centers']!r}")
    if n_raw > 20_000:
        raise TooLargeError(
            f"{len(given['elements'])} elements need {n_raw:,} invariants an atom; lower `angular` or `degree`"
        )


def _radial_centers(cutoff: float, n: int) -> tuple[Tensor, float]:
    """Return Gaussian centers (n,) in exp(-d/2) and their width parameter, neighbors overlapping at exp(-1/8)."""
    centers = torch.linspace(math.exp(-_DECAY * cutoff), math.exp(-_DECAY * _NEAREST), n, dtype=torch.float64)
    return centers, float(0.5 / (centers[1] - centers[0]) ** 2)


def _radial(distance: Tensor, centers: Tensor, width: float) -> Tensor:
    return torch.exp(-width * (torch.exp(-_DECAY * distance)[:, None] - centers) ** 2)


def _envelope(distance: Tensor, cutoff: float) -> Tensor:
    return 0.5 * (torch.cos(math.pi * distance / cutoff) + 1)


def _harmonics(u: Tensor, degree: int) -> Tensor:
    """Real harmonics of unit vectors, (e, (degree + 1)^2), whose squares sum to 1 within each degree."""
    x, y, z = u.unbind(-1)
    one = torch.ones_like(x)
    parts = [one, x, y, z]
    s, a, b, c = math.sqrt(3), math.sqrt(0.625), math.sqrt(15), math.sqrt(0.375)
    parts += [s * x * y, s * y * z, 1.5 * z * z - 0.5, s * x * z, 0.5 * s * (x * x - y * y)]
    parts += [a * y * (3 * x * x - y * y), b * x * y * z, c * y * (5 * z * z - 1), 0.5 * z * (5 * z * z - 3)]
    parts += [c * x * (5 * z * z - 1), 0.5 * b * z * (x * x - y * y), a * x * (x * x - 3 * y * y)]
    return torch.stack(parts[: (degree + 1) ** 2], dim=-1)
