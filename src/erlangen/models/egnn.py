"""EGNN: E(n)-equivariant graph network (Satorras, Hoogeboom, Welling, 2102.09844).

::

    m_ij = phi_e([h_i; h_j; |x_i - x_j|^2; a_ij])               phi_e: two linear layers, silu after each
                                                                a_ij: q_i q_j and the first |x_i - x_j|^2, n-body only
    m_ij = m_ij sigmoid(w m_ij + b)                             attention: the inferred edge (eq. 8)
    x_i += phi_v(h_i) v_i + mean_j (x_i - x_j) phi_x(m_ij)      if coordinates are updated
    h_i += phi_h([h_i; sum_j m_ij])
    head:  Y = G2 silu(G1 sum_i (N2 silu(N1 h_i + n1) + n2) + g1) + g2

The paper has complete graphs. With a cutoff, messages are multiplied by the cosine cutoff, so that the output is smooth
when an atom leaves; the mean then divides by 1 + the sum of the cutoffs instead of the number of neighbors.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from erlangen.errors import InputError
from erlangen.nn.edges import Pairing, edges_of
from erlangen.nn.inputs import Species, node_input, pair_attributes, species_features
from erlangen.nn.model import AtomisticModel
from erlangen.nn.radial import CosineCutoff
from erlangen.nn.representation import Representation
from erlangen.nn.segments import gather_receiver, gather_sender, segment_sum
from erlangen.structures import Batch


class EGNN(AtomisticModel):
    """E(n)-equivariant network of complete graphs; the defaults have 745,224 parameters (the authors' QM9 model).

    Parameters
    ----------
    hidden : int
        Width of the features and messages.
    layers : int
        Graph convolutions.
    cutoff : float, optional
        In angstrom; all pairs of a structure without it.
    attention : bool
        Gate each message by an inferred edge weight.
    update_coordinates : bool
        Move the positions, too; the displacement is the representation's one vector feature. Off for QM9.
    velocities : bool
        Take velocities from ``batch.node["velocity"]``; needs ``update_coordinates``.
    normalize : bool
        Divide x_i - x_j by its length (detached).
    tanh : bool
        Bound phi_x.
    aggregation : {"mean", "sum"}
        Of the coordinate updates.
    elements : sequence of int
        Atomic numbers the one-hot input distinguishes; empty if only ``node_inputs`` count.
    charge_power, charge_scale
        The one-hot input is multiplied by (Z / scale)^0 ... (Z / scale)^power.
    node_inputs : dict of str to int, optional
        More input features: names in ``batch.node`` and their widths.
    edge_inputs : sequence of str
        Inputs a_ij of every message: for a name in ``batch.node``, the product of the two atoms' values (charges);
        for ``"square"`` and ``"approach"``, see `pair_attributes`, before any layer has moved the atoms.
    head : Head, str, dict or None
        The authors' QM9 head by default; see `erlangen.nn.head.build_head`.

    Examples
    --------
    >>> from erlangen.structures import Structure
    >>> batch = Batch.from_structures([Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "O"])])
    >>> EGNN(update_coordinates=True, head="positions")(batch).shape
    torch.Size([2, 3])
    """

    small: ClassVar[dict] = {"hidden": 64, "layers": 4}

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 7,
        cutoff: float | None = None,
        attention: bool = True,
        update_coordinates: bool = False,
        velocities: bool = False,
        normalize: bool = False,
        tanh: bool = False,
        aggregation: str = "mean",
        elements: Sequence[int] = (1, 6, 7, 8, 9),
        charge_power: int = 2,
        charge_scale: float = 9.0,
        node_inputs: Mapping[str, int] | None = None,
        edge_inputs: Sequence[str] = (),
        head=None,
    ) -> None:
        elements, node_inputs = [int(z) for z in elements], dict(node_inputs or {})
        edge_inputs = list(edge_inputs)
        hyperparameters = {
            "hidden": hidden, "layers": layers, "cutoff": cutoff, "attention": attention,
            "update_coordinates": update_coordinates, "velocities": velocities, "normalize": normalize, "tanh": tanh,
            "aggregation": aggregation, "elements": elements, "charge_power": charge_power,
            "charge_scale": charge_scale, "node_inputs": node_inputs, "edge_inputs": edge_inputs,
        }  # fmt: skip
        if aggregation not in ("mean", "sum"):
            raise InputError(f"aggregation is 'mean' or 'sum', got {aggregation!r}")
        if velocities and not update_coordinates:
            raise InputError("velocities=True moves the coordinates: it needs update_coordinates=True")
        default_head = {"name": "graph", "hidden": [hidden], "after": [hidden]}
        super().__init__(
            "egnn", hyperparameters, head, default_head, hidden, int(update_coordinates), "silu", cutoff
        )  # fmt: skip
        self.velocities, self.node_inputs, self.edge_inputs = velocities, node_inputs, edge_inputs
        self.envelope = None if cutoff is None else CosineCutoff(cutoff)
        self.charge_power, self.charge_scale = charge_power, float(charge_scale)
        self.species = Species(elements) if elements else None
        width = len(elements) * (charge_power + 1) + sum(node_inputs.values())
        if width == 0:
            raise InputError("an EGNN needs elements or node_inputs, got neither")
        self.embed = nn.Linear(width, hidden)
        self.layers = nn.ModuleList(
            GraphConvolution(
                hidden, attention, update_coordinates, velocities, normalize, tanh, aggregation, len(edge_inputs)
            )
            for _ in range(layers)
        )

    @property
    def probe_numbers(self) -> list[int]:
        """The elements that this model distinguishes."""
        return self.hyperparameters["elements"] or [1]

    def represent(self, batch: Batch) -> Representation:
        """Return scalars (n, hidden) and, with coordinate updates, the displacement (n, 3, 1) as a vector."""
        batch = self.connect(batch)
        edges = edges_of(batch)
        velocity = batch.node.get("velocity") if self.velocities else None
        if self.velocities and velocity is None:
            raise InputError('this model takes velocities: batch.node["velocity"] (n, 3) is missing')
        weight = None if self.envelope is None else self.envelope(edges.distance).unsqueeze(1)
        h = self.inputs(batch)
        attributes = pair_attributes(batch, edges, self.edge_inputs)
        if attributes is not None:
            attributes = attributes.index_select(0, edges.pairing.pair)
        h, moved = self.propagate(h, edges.displacement, edges.pairing, weight, velocity, attributes)
        return Representation(h, None if moved is None else moved.unsqueeze(-1), edges)

    def propagate(
        self,
        h: Tensor,
        displacement: Tensor,
        pairing: Pairing,
        weight: Tensor | None = None,
        velocity: Tensor | None = None,
        attributes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Run the layers on features (n, hidden) and displacements x_j - x_i (e, D) of any dimension D.

        Returns
        -------
        h : (n, hidden)
        moved : (n, D) or None
            How far each point has moved.
        """
        moved = None
        for layer in self.layers:
            current = displacement
            if moved is not None:
                current = displacement + gather_sender(moved, pairing) - gather_receiver(moved, pairing)
            h, step = layer(h, current, pairing, weight, velocity, attributes)
            if step is not None:
                moved = step if moved is None else moved + step
        return h, moved

    def inputs(self, batch: Batch) -> Tensor:
        """Return the embedded input features (n, hidden): a row of a table for the element, plus ``node_inputs``."""
        weight, h = self.embed.weight, self.embed.bias
        start = 0
        if self.species is not None:
            elements = torch.tensor(self.species.elements, device=weight.device)
            species = species_features(elements, self.charge_power, self.charge_scale, weight.dtype)
            start = species.shape[1]
            h = (species @ weight[:, :start].T + h).index_select(0, self.species(batch.numbers))
        for name, size in self.node_inputs.items():
            h = h + node_input(batch, name, size).to(weight.dtype) @ weight[:, start : start + size].T
            start += size
        return h


class GraphConvolution(nn.Module):
    """One equivariant graph convolution (eqs. 3 to 8), in any dimension."""

    def __init__(
        self,
        hidden: int,
        attention: bool,
        update_coordinates: bool,
        velocities: bool,
        normalize: bool,
        tanh: bool,
        aggregation: str,
        attributes: int = 0,
    ) -> None:
        super().__init__()
        self.normalize, self.mean = normalize, aggregation == "mean"
        self.edge_first = nn.Linear(2 * hidden + 1 + attributes, hidden)
        self.edge_last = nn.Linear(hidden, hidden)
        self.node = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.gate = nn.Linear(hidden, 1) if attention else None
        self.coordinate = self.velocity = None
        if update_coordinates:
            last = nn.Linear(hidden, 1, bias=False)
            nn.init.xavier_uniform_(last.weight, gain=0.001)
            self.coordinate = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), last, *([nn.Tanh()] if tanh else []))
        if velocities:
            self.velocity = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1))

    def forward(
        self,
        h: Tensor,
        displacement: Tensor,
        pairing: Pairing,
        weight: Tensor | None,
        velocity: Tensor | None,
        attributes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(n, F), x_j - x_i (e, D), cutoffs (e, 1), (n, D), a_ij -> (n, F) and the step of the coordinates (n, D)."""
        message = self.message(h, displacement, pairing, attributes)
        if weight is not None:
            message = message * weight
        step = None if self.coordinate is None else self.step(h, message, displacement, pairing, weight, velocity)
        return h + self.node(torch.cat([h, segment_sum(message, pairing)], dim=1)), step

    def message(self, h: Tensor, displacement: Tensor, pairing: Pairing, attributes: Tensor | None = None) -> Tensor:
        """Return the gated messages (e, F); the first linear layer is split into receiver, sender and edge."""
        width, weight = h.shape[1], self.edge_first.weight
        of_receiver, of_sender, of_edge = weight.split([width, width, weight.shape[1] - 2 * width], dim=1)
        square = (displacement * displacement).sum(1, keepdim=True)
        receiver = gather_receiver(nn.functional.linear(h, of_receiver, self.edge_first.bias), pairing)
        sender = gather_sender(nn.functional.linear(h, of_sender), pairing)
        inputs = square if attributes is None else torch.cat([square, attributes], dim=1)
        # a product of matrices even for one column: the gradient of addcmul would store another (e, F)
        hidden = nn.functional.silu(torch.addmm(receiver + sender, inputs, of_edge.T))
        message = nn.functional.silu(self.edge_last(hidden))
        return message if self.gate is None else message * torch.sigmoid(self.gate(message))

    def step(
        self,
        h: Tensor,
        message: Tensor,
        displacement: Tensor,
        pairing: Pairing,
        weight: Tensor | None,
        velocity: Tensor | None,
    ) -> Tensor:
        """Return the coordinate update (n, D)."""
        difference = -displacement  # x_i - x_j
        if self.normalize:
            length = (difference * difference).sum(1, keepdim=True).sqrt().detach()
            difference = difference / (length + 1e-8)
        factor = self.coordinate(message)
        if weight is not None:
            factor = factor * weight  # phi_x of a zero message is not zero
        step = segment_sum(difference * factor, pairing)
        if self.mean and weight is None:
            step = step / pairing.offsets.diff().clamp(min=1).unsqueeze(1)
        elif self.mean:
            step = step / (1 + segment_sum(weight, pairing))
        return step if velocity is None else step + self.velocity(h) * velocity
