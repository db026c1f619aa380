"""PhysNet: atomic energies and partial charges, with the physics at long range (Unke and Meuwly, 1902.08408).

::

    g_k(d) = phi(d) exp(-beta_k (exp(-d) - mu_k)^2),    phi = 1 - 6 x^5 + 15 x^4 - 10 x^3,  x = d / c
    Res(x) = x + R2 ssp(R1 ssp(x) + r1) + r2
    x_i = Emb[Z_i];   in each block, with a_i = ssp(x_i):
        m_i = ssp(W_I a_i + b_I) + sum_j (G g(d_ij)) * ssp(W_J a_j + b_J);   m_i = Res(m_i), thrice
        x_i = u * x_i + V ssp(m_i) + v;                                      x_i = Res(x_i), twice
    head:   o_i   = O ssp(Res(x_i)) in each block,    (E_i, p_i) = S_Z * sum over blocks of o_i + t_Z
            q_i   = p_i + (Q - sum_j p_j) / N                                charges that sum to Q
            E     = sum_i E_i + k sum over pairs of q_i q_j chi(d_ij) [+ D3(BJ) dispersion],    k = 14.3996 eV angstrom
            chi   = (1 - s) C(sqrt(d^2 + 1)) + s C(d),    s = 6 y^5 - 15 y^4 + 10 y^3,  y = d / (c / 2) up to 1
            C(D)  = 1/D,   or  1/D + D / l^2 - 2 / l  up to a long-range cutoff l
            mu    = sum_i q_i r_i
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

from erlangen.errors import InputError, require
from erlangen.neighbors import complete_graph
from erlangen.nn.activations import ShiftedSoftplus
from erlangen.nn.convolution import continuous_filter_convolution
from erlangen.nn.edges import Edges, Pairing, edges_of, nonzero
from erlangen.nn.heads import GraphHead, conserve
from erlangen.nn.initialization import orthogonal_linear
from erlangen.nn.model import AtomisticModel, check_numbers
from erlangen.nn.radial import PolynomialCutoff
from erlangen.nn.representation import Representation
from erlangen.nn.segments import pool
from erlangen.structures import Batch
from erlangen.symmetry import Invariant, Permute, Vector
from erlangen.units import BOHR, HARTREE

N_ELEMENTS = 95
COULOMB = 2 * 7.199822675975274
"""e^2 / (4 pi epsilon_0) in eV angstrom, with the authors' digits."""
HARTREE_FOCK = {"s6": 1.0, "s8": 0.9171, "a1": 0.3385, "a2": 2.8830}
"""D3(BJ) parameters for Hartree-Fock, from which the authors start; a2 in bohr."""

_ssp = ShiftedSoftplus()


def unsoftplus(y: Tensor) -> Tensor:
    """Return x with softplus(x) = y.

    Examples
    --------
    >>> softplus(unsoftplus(torch.tensor([0.5, 30.0])))
    tensor([ 0.5000, 30.0000])
    """
    return y + torch.log(-torch.expm1(-y))


class Residual(nn.Module):
    """x + R2 ssp(R1 ssp(x) + r1) + r2."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.first = orthogonal_linear(hidden, hidden)
        self.last = orthogonal_linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(n, F) -> (n, F)."""
        return x + self.last(_ssp(self.first(_ssp(x))))


@dataclass(frozen=True)
class PhysNetRepresentation(Representation):
    """A `Representation` with the features (n, F) after each block, of which the scalars are the last."""

    blocks: tuple[Tensor, ...]


class PhysNetHead(GraphHead):
    """Energy, partial charges and dipole moment from the features of every block.

    Parameters
    ----------
    features, blocks : int
        Width of the features, and how many blocks there are.
    residuals : int
        Residual layers before the output of each block.
    cutoff : float
        Of the model, in angstrom: the charges of nearer pairs than half of it are shielded.
    output : {"energy", "charges", "dipole", "all"}
        (b,) in eV, (n,) in e, (b, 3) in e angstrom, or a dict of the three. The dipole is that about the mean position,
        which for a neutral structure is any other's.
    electrostatics : bool
        Add the energy between the partial charges.
    long_range_cutoff : float, optional
        In angstrom, where that energy vanishes with its slope; without it all pairs of a structure interact, and
        periodic structures are refused.
    dispersion : bool
        Add the D3(BJ) energy, of open structures, with damping parameters that are learned. Needs the extra
        ``dispersion``.

    Raises
    ------
    InputError
        If a value makes no sense.
    MissingExtraError
        If dispersion is asked for and tad-dftd3 is not installed.

    Examples
    --------
    >>> PhysNetHead(features=8, output="dipole").hyperparameters["output"]
    'dipole'
    """

    def __init__(
        self, features: int, blocks: int = 5, residuals: int = 1, cutoff: float = 10.0, output: str = "energy",
        electrostatics: bool = True, long_range_cutoff: float | None = None, dispersion: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(features, hidden=[])
        actions = {
            "energy": Invariant() * Invariant(), "charges": Invariant() * Permute(0), "dipole": Vector() * Invariant(),
        }  # fmt: skip
        if output not in (*actions, "all"):
            raise InputError(f"output is 'energy', 'charges', 'dipole' or 'all', got {output!r}")
        if long_range_cutoff is not None and not long_range_cutoff > cutoff / 2:
            raise InputError(
                f"long_range_cutoff is above half the cutoff, where shielding ends: more than {cutoff / 2:g} angstrom, "
                f"got {long_range_cutoff!r}"
            )
        self.hyperparameters = {
            "name": "physnet", "features": features, "blocks": blocks, "residuals": residuals, "cutoff": cutoff,
            "output": output, "electrostatics": electrostatics, "long_range_cutoff": long_range_cutoff,
            "dispersion": dispersion,
        }  # fmt: skip
        self.action = actions if output == "all" else actions[output]
        self.outputs = 1 if output == "energy" else 3  # forces are the slope of one energy
        self.output, self.cutoff, self.long_range_cutoff = output, float(cutoff), long_range_cutoff
        self.electrostatics, self.dispersion = electrostatics, dispersion
        self.network = nn.ModuleList(BlockOutput(features, residuals) for _ in range(blocks))
        self.energy_scale, self.charge_scale = (nn.Parameter(torch.ones(N_ELEMENTS)) for _ in range(2))
        self.energy_shift, self.charge_shift = (nn.Parameter(torch.zeros(N_ELEMENTS)) for _ in range(2))
        # As with the authors, these are there without dispersion too: one set of names for both.
        self.damping = nn.ParameterDict({name: unsoftplus(torch.tensor(x)) for name, x in HARTREE_FOCK.items()})
        if dispersion:
            require("tad_dftd3", "dispersion")

    @classmethod
    def from_model(cls, arguments: Mapping, default: Mapping, given: Mapping) -> "PhysNetHead":
        """Make the head with what the model knows, unless the arguments say otherwise."""
        own = {name: value for name, value in default.items() if name != "name"}
        return cls(**{"features": given["features"], "cutoff": given["cutoff"], **own, **arguments})

    def forward(self, representation: PhysNetRepresentation, batch: Batch) -> Tensor | dict[str, Tensor]:
        """Return the output, or the dict of all."""
        atomic, charges = self.atomic_outputs(representation, batch)
        if self.output == "charges":
            return charges
        if self.output == "dipole":
            return dipole(charges, batch)
        energy = pool(atomic, batch.index, len(batch))
        if self.electrostatics:
            energy = energy + self.electrostatic_energy(charges, batch)
        if self.dispersion:
            energy = energy + self.dispersion_energy(batch)
        if self.output == "energy":
            return energy
        return {"energy": energy, "charges": charges, "dipole": dipole(charges, batch)}

    def atomic_outputs(self, representation: PhysNetRepresentation, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the energies (n,) in eV and charges (n,) of the atoms; the charges sum to those of the structures."""
        energy, charge = sum(self.block_outputs(representation)).unbind(1)
        z = batch.numbers
        energy = self.energy_scale.index_select(0, z) * energy + self.energy_shift.index_select(0, z)
        energy = self.scale * energy + self.shift + self.references.index_select(0, z).squeeze(1)
        charge = self.charge_scale.index_select(0, z) * charge + self.charge_shift.index_select(0, z)
        return energy, conserve(charge.unsqueeze(1), batch).squeeze(1)

    def block_outputs(self, representation: PhysNetRepresentation) -> list[Tensor]:
        """Return each block's contribution to energies and charges, (n, 2)."""
        return [output(x) for output, x in zip(self.network, representation.blocks, strict=True)]

    def non_hierarchicality(self, representation: PhysNetRepresentation) -> Tensor:
        """Return what the loss is charged for later blocks that contribute more than earlier ones, a scalar.

        sum over b > 1 of the mean of o_b^2 / (o_b^2 + o_{b-1}^2 + 1e-7); the authors weigh it by 0.01.
        """
        squares = [output**2 for output in self.block_outputs(representation)]
        terms = [(b / (b + a + 1e-7)).mean() for a, b in itertools.pairwise(squares)]
        return sum(terms, squares[0].new_zeros(()))

    def electrostatic_energy(self, charges: Tensor, batch: Batch) -> Tensor:
        """Return the energy between the charges (n,) of each structure, (b,) in eV."""
        edges = self._pairs(batch)
        first = edges.pairing.first
        i, j = edges.pairing.receiver.index_select(0, first), edges.pairing.sender.index_select(0, first)
        factor = shielded_coulomb(edges.pair_distance, self.cutoff, self.long_range_cutoff)
        energy = COULOMB * charges.index_select(0, i) * charges.index_select(0, j) * factor
        return pool(energy, batch.index.index_select(0, i), len(batch))

    def _pairs(self, batch: Batch) -> Edges:
        if self.long_range_cutoff is not None:
            return edges_of(batch.with_cutoff(self.long_range_cutoff))
        if batch.pbc is not None:
            raise InputError(
                "the charges of a periodic structure interact without end; give PhysNet a long_range_cutoff in "
                "angstrom, or electrostatics=False"
            )
        edge_index = complete_graph(batch.sizes)
        return edges_of(
            replace(batch, edge_index=edge_index, shift=None, edges="complete", cutoff=None, bond=None)
        )  # fmt: skip

    def dispersion_energy(self, batch: Batch) -> Tensor:
        """Return the D3(BJ) energy of each structure, (b,) in eV."""
        if batch.pbc is not None:
            raise InputError("dispersion is for open structures; use dispersion=False for periodic ones")
        d3 = require("tad_dftd3", "dispersion")
        n, most = len(batch), int(batch.sizes.max())
        place = batch.index * most + torch.arange(batch.n_atoms, device=batch.index.device)
        place = place - batch.offsets[:-1].index_select(0, batch.index)
        numbers = batch.numbers.new_zeros(n * most).index_copy(0, place, batch.numbers).view(n, most)
        positions = batch.positions.new_zeros(n * most, 3).index_copy(0, place, batch.positions / BOHR)
        parameters = {name: softplus(raw).to(positions.dtype) for name, raw in self.damping.items()}
        reference = _reference(positions.dtype, positions.device)
        return HARTREE * d3.dftd3(numbers, positions.view(n, most, 3), parameters, ref=reference).sum(1)


@cache
def _reference(dtype: torch.dtype, device: torch.device):
    """Return D3's reference coefficients, which lie in a file."""
    return require("tad_dftd3", "dispersion").reference.Reference(dtype=dtype, device=device)


class BlockOutput(nn.Module):
    """O ssp(Res(x)): energy and charge of each atom; O starts at zero."""

    def __init__(self, features: int, residuals: int) -> None:
        super().__init__()
        self.residuals = nn.ModuleList(Residual(features) for _ in range(residuals))
        self.last = nn.Linear(features, 2, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(n, F) -> (n, 2)."""
        for residual in self.residuals:
            x = residual(x)
        return self.last(_ssp(x))


def dipole(charges: Tensor, batch: Batch) -> Tensor:
    """Return sum_i q_i (r_i - mean of r), (b, 3) in e angstrom.

    Raises
    ------
    InputError
        If a structure is periodic: its dipole moment depends on where the cell is cut.
    """
    if batch.pbc is not None:
        raise InputError("the dipole moment needs open structures, got periodic ones")
    center = pool(batch.positions, batch.index, len(batch), mean=True)
    relative = batch.positions - center.index_select(0, batch.index)
    return pool(charges.unsqueeze(1) * relative, batch.index, len(batch))


def shielded_coulomb(d: Tensor, cutoff: float, long_range_cutoff: float | None = None) -> Tensor:
    """Return chi(d), (p,) in 1/angstrom: Coulomb's 1/d, made finite where the network sees the pair anyway.

    Examples
    --------
    >>> shielded_coulomb(torch.tensor([0.0, 8.0]), cutoff=10.0)
    tensor([1.0000, 0.1250])
    """
    y = (d / (cutoff / 2)).clamp(max=1)
    s = y**3 * (10 - 15 * y + 6 * y * y)
    shielded = torch.sqrt(d * d + 1)
    chi = (1 - s) / shielded + s / nonzero(d)
    if long_range_cutoff is None:
        return chi
    shift = ((1 - s) * shielded + s * d) / long_range_cutoff**2 - 2 / long_range_cutoff
    return torch.where(d < long_range_cutoff, chi + shift, 0)


class PhysNet(AtomisticModel):
    """E(3)-invariant network of distances with charges; the defaults have 1,293,952 parameters.

    Parameters
    ----------
    hidden : int
        Width F of the features.
    layers : int
        Blocks.
    cutoff : float
        In angstrom; all neighbors within it count.
    radial_size : int
        How many radial functions.
    interaction_residuals, atomic_residuals, output_residuals : int
        Residual layers on the messages, on the atoms, and before each output.
    electrostatics, long_range_cutoff, dispersion
        Of the model's own head, see `PhysNetHead`.
    head : Head, str, dict or None
        `PhysNetHead` with the energy by default; ``{"name": "physnet", "output": "dipole"}`` for its other outputs.

    Notes
    -----
    Tested against a dense reference written from the paper's equations. The authors' TensorFlow variables load through
    `erlangen.models.load_peer_weights`, as a dict of tensors with the matrices W transposed.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> water = Structure([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], ["O", "H", "H"])
    >>> PhysNet(head={"name": "physnet", "output": "dipole"})(Batch.from_structures([water])).shape
    torch.Size([1, 3])
    """

    own_heads: ClassVar[dict] = {"physnet": PhysNetHead}
    small: ClassVar[dict] = {
        "hidden": 64, "layers": 3, "cutoff": 5.0, "radial_size": 32, "interaction_residuals": 1, "atomic_residuals": 1,
    }  # fmt: skip

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 5,
        cutoff: float = 10.0,
        radial_size: int = 64,
        interaction_residuals: int = 3,
        atomic_residuals: int = 2,
        output_residuals: int = 1,
        electrostatics: bool = True,
        long_range_cutoff: float | None = None,
        dispersion: bool = False,
        head=None,
    ) -> None:
        hyperparameters = {
            "hidden": hidden, "layers": layers, "cutoff": cutoff, "radial_size": radial_size,
            "interaction_residuals": interaction_residuals, "atomic_residuals": atomic_residuals,
            "output_residuals": output_residuals, "electrostatics": electrostatics,
            "long_range_cutoff": long_range_cutoff, "dispersion": dispersion,
        }  # fmt: skip
        own_head = {
            "name": "physnet", "blocks": layers, "residuals": output_residuals, "electrostatics": electrostatics,
            "long_range_cutoff": long_range_cutoff, "dispersion": dispersion,
        }  # fmt: skip
        super().__init__("physnet", hyperparameters, head, own_head, hidden, 0, "ssp", cutoff)
        self.embedding = nn.Embedding(N_ELEMENTS, hidden)
        nn.init.uniform_(self.embedding.weight, -math.sqrt(3), math.sqrt(3))
        self.basis = ExponentialGaussians(radial_size, cutoff)
        self.envelope = PolynomialCutoff(cutoff, p=3)
        self.interactions = nn.ModuleList(
            Interaction(hidden, radial_size, interaction_residuals, atomic_residuals) for _ in range(layers)
        )

    def represent(self, batch: Batch) -> PhysNetRepresentation:
        """Return the features (n, hidden) after each block."""
        batch = self.connect(batch)
        check_numbers(batch.numbers, N_ELEMENTS)
        edges = edges_of(batch)
        basis, envelope = self.basis(edges.pair_distance), self.envelope(edges.pair_distance)
        x, blocks = self.embedding(batch.numbers), []
        for interaction in self.interactions:
            x = interaction(x, basis, envelope, edges.pairing)
            blocks.append(x)
        return PhysNetRepresentation(x, None, edges, tuple(blocks))


class ExponentialGaussians(nn.Module):
    """exp(-beta_k (exp(-d) - mu_k)^2), learned beta and mu, stored before a softplus.

    The start spreads mu evenly over exp(-d), from d = 0 to the cutoff.

    Examples
    --------
    >>> ExponentialGaussians(3, cutoff=10.0)(torch.tensor([0.0])).detach()
    tensor([[1.0000, 0.5698, 0.1054]])
    """

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        if size < 1 or not cutoff > 0:
            raise InputError(f"the radial functions need radial_size >= 1 and cutoff > 0, got {size} and {cutoff}")
        end = math.exp(-cutoff)
        centers = torch.linspace(1, end, size, dtype=torch.float64)
        widths = torch.full((size,), (size / (2 * (1 - end))) ** 2, dtype=torch.float64)
        self.centers = nn.Parameter(unsoftplus(centers).to(torch.get_default_dtype()))
        self.widths = nn.Parameter(unsoftplus(widths).to(torch.get_default_dtype()))

    def forward(self, distance: Tensor) -> Tensor:
        """(p,) distances in angstrom -> (p, size)."""
        z = torch.exp(-distance).unsqueeze(1) - softplus(self.centers)
        return torch.exp(-softplus(self.widths) * z * z)


class Interaction(nn.Module):
    """One block: messages, refined by residual layers, into the features of the atoms."""

    def __init__(self, hidden: int, radial_size: int, interaction_residuals: int, atomic_residuals: int) -> None:
        super().__init__()
        self.filters = nn.Linear(radial_size, hidden, bias=False)  # G
        nn.init.zeros_(self.filters.weight)
        self.own = orthogonal_linear(hidden, hidden)  # W_I
        self.neighbor = orthogonal_linear(hidden, hidden)  # W_J
        self.messages = nn.ModuleList(Residual(hidden) for _ in range(interaction_residuals))
        self.gate = nn.Parameter(torch.ones(hidden))  # u
        self.mix = orthogonal_linear(hidden, hidden)  # V
        self.atoms = nn.ModuleList(Residual(hidden) for _ in range(atomic_residuals))

    def forward(self, x: Tensor, basis: Tensor, envelope: Tensor, pairing: Pairing) -> Tensor:
        """(n, F), (p, K), (p,) -> (n, F)."""
        a = _ssp(x)
        # The cutoff is a factor of every g_k, so it multiplies the filters as it does in SchNet.
        filters = linear(basis, self.filters.weight)
        m = _ssp(self.own(a)) + continuous_filter_convolution(_ssp(self.neighbor(a)), filters, envelope, pairing)
        for residual in self.messages:
            m = residual(m)
        x = self.gate * x + self.mix(_ssp(m))
        for residual in self.atoms:
            x = residual(x)
        return x
