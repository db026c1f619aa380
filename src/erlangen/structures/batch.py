"""Structures as one flat set of tensors: what every network takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from erlangen.errors import InputError, StructureError
from erlangen.neighbors.complete import complete_graph
from erlangen.neighbors.cutoff import checked_cutoff, displacements, neighbor_list, open_edges
from erlangen.structures.structure import Structure
from erlangen.structures.structure_set import StructureSet

EDGES = ("cutoff", "complete", "bonds")


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """Structures packed atom after atom, with the edges between them.

    Attributes
    ----------
    positions : (n, 3) float tensor
        In angstrom.
    numbers : (n,) int64 tensor
        Atomic numbers.
    offsets : (b + 1,) int64 tensor
        Where each structure begins.
    index : (n,) int64 tensor
        Structure of each atom.
    charge : (b,) float tensor
        Total charges in elementary charges.
    cell, pbc : (b, 3, 3) float and (b, 3) bool tensors, or None
        Cell vectors as rows, in angstrom, zeros for none; which of them repeat.
    edge_index : (2, e) int64 tensor or None
        Row 0 the sender, row 1 the receiver; sorted by receiver, then sender.
    shift : (e, 3) int64 tensor or None
        Cells by which the sender is moved; None if nothing is periodic.
    edges : {"cutoff", "complete", "bonds"} or None
        What the edges are; ``cutoff`` is their radius in angstrom.
    bond : (e,) int64 tensor or None
        For edges that are bonds: which column of ``edge["index"]`` each direction comes from.
    node, edge, graph : dict of tensors
        Features and targets of atoms, bonds and structures. ``edge["index"]`` (2, bonds) has each bond once. Floats
        have the dtype of the positions: take a large reference energy off before, in float64. Text stays behind.

    Examples
    --------
    >>> pair = Structure([[0, 0, 0], [0.74, 0, 0]], ["H", "H"])
    >>> batch = Batch.from_structures([pair, pair], cutoff=5.0)
    >>> batch
    Batch(2 structures, 4 atoms, 4 edges within 5 angstrom, float32)
    >>> batch.edge_index
    tensor([[1, 0, 3, 2],
            [0, 1, 2, 3]])
    """

    positions: torch.Tensor
    numbers: torch.Tensor
    offsets: torch.Tensor
    index: torch.Tensor
    charge: torch.Tensor
    cell: torch.Tensor | None = None
    pbc: torch.Tensor | None = None
    edge_index: torch.Tensor | None = None
    shift: torch.Tensor | None = None
    edges: str | None = None
    cutoff: float | None = None
    bond: torch.Tensor | None = None
    node: Mapping[str, torch.Tensor] = field(default_factory=dict)
    edge: Mapping[str, torch.Tensor] = field(default_factory=dict)
    graph: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @classmethod
    def from_structures(
        cls,
        structures: "Sequence[Structure] | StructureSet | Structure",
        cutoff: float | None = None,
        complete: bool = False,
        edges: str | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "Batch":
        """Pack structures, at most one kind of edges with them.

        Parameters
        ----------
        structures : sequence of Structure
            A StructureSet is packed by indexing alone.
        cutoff : float, optional
            Edges between atoms closer than this, in angstrom (periodic images included).
        complete : bool
            Edges between all atoms of a structure.
        edges : {"complete", "bonds"}, optional
            The same as ``complete``, or the bonds in both directions.
        dtype : torch.dtype
            Of everything that is a float.

        Raises
        ------
        StructureError
            If there is no structure, one has no positions, or features differ from structure to structure.
        InputError
            If two kinds of edges are asked for.
        """
        if edges is None and complete:
            edges = "complete"
        if (edges is not None and cutoff is not None) or (complete and edges != "complete"):
            raise InputError("edges are one of: cutoff=radius, complete=True, edges='bonds'; got more than one")
        if edges not in (None, "complete", "bonds"):
            raise InputError(f"edges is 'complete' or 'bonds' (for a radius use cutoff=), got {edges!r}")
        if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise InputError(f"dtype is a floating torch dtype, got {dtype!r}")
        if isinstance(structures, Structure):
            structures = [structures]
        packed = StructureSet.from_structures(structures).packed()
        batch = cls._from_packed(packed, dtype)
        if cutoff is not None:
            return batch._cut(checked_cutoff(cutoff), packed["positions"])
        if edges == "complete":
            edge_index = torch.from_numpy(complete_graph(packed["sizes"]))
            return replace(batch, edge_index=edge_index, edges="complete")
        return batch._bonded() if edges == "bonds" else batch

    @classmethod
    def _from_packed(cls, packed: dict, dtype: torch.dtype) -> "Batch":
        if len(packed["sizes"]) == 0:
            raise StructureError("the list of structures is empty")
        if packed["positions"] is None:
            raise StructureError("the structures have no positions: make them with conformer=True")
        sizes = packed["sizes"]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        edge = packed["edge"]
        if edge:
            edge["index"] = edge["index"] + np.repeat(offsets[:-1], packed["bonds"])
        periodic = packed["pbc"] is not None and packed["pbc"].any()
        return cls(
            positions=_tensor(packed["positions"], dtype),
            numbers=_tensor(packed["numbers"], dtype),
            offsets=torch.from_numpy(offsets),
            index=torch.from_numpy(np.repeat(np.arange(len(sizes)), sizes)),
            charge=torch.from_numpy(packed["charge"]).to(dtype),
            cell=_tensor(packed["cell"], dtype) if periodic else None,
            pbc=torch.from_numpy(packed["pbc"].astype(bool)) if periodic else None,
            **{kind: _tensors(packed[kind], dtype) for kind in ("node", "edge", "graph")},
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        words = [f"{len(self)} structures", f"{self.n_atoms} atoms"]
        if self.edges == "cutoff":
            words.append(f"{self.edge_index.shape[1]} edges within {self.cutoff:g} angstrom")
        elif self.edges is not None:
            words.append(f"{self.edge_index.shape[1]} edges ({self.edges})")
        words.append(str(self.positions.dtype).removeprefix("torch."))
        return f"Batch({', '.join(words)})"

    @property
    def n_atoms(self) -> int:
        """Atoms of all structures together."""
        return len(self.positions)

    @property
    def sizes(self) -> torch.Tensor:
        """Atoms of each structure, (b,)."""
        return self.offsets.diff()

    def to(self, device=None, dtype: torch.dtype | None = None) -> "Batch":
        """Move to a device and give every float another dtype; edges stay as they are."""

        def moved(value):
            if isinstance(value, torch.Tensor):
                return value.to(device=device, dtype=dtype if value.is_floating_point() else None)
            if isinstance(value, Mapping):
                return {name: moved(tensor) for name, tensor in value.items()}
            return value

        return replace(self, **{name: moved(getattr(self, name)) for name in self.__dataclass_fields__})

    def with_cutoff(self, cutoff: float) -> "Batch":
        """Return the batch with edges between atoms closer than a radius; itself if it has exactly those.

        Edges are found from the detached positions in float64; the positions keep their gradient.
        """
        if self.edges == "cutoff" and self.cutoff == cutoff:
            return self
        return self._cut(checked_cutoff(cutoff), self.positions.detach().cpu().numpy())

    def with_positions(self, positions: torch.Tensor) -> "Batch":
        """Return the batch with other positions (n, 3); edges by cutoff are dropped, complete and bonds are kept."""
        if positions.shape != self.positions.shape:
            raise InputError(f"positions have shape {tuple(self.positions.shape)}, got {tuple(positions.shape)}")
        if self.edges != "cutoff":
            return replace(self, positions=positions)
        return replace(self, positions=positions, edge_index=None, shift=None, edges=None, cutoff=None)

    def displacements(self) -> torch.Tensor:
        """Return r_sender + shift @ cell - r_receiver of every edge, (e, 3) in angstrom; differentiable."""
        if self.edge_index is None:
            raise InputError(
                "the batch has no edges: use with_cutoff(radius), or cutoff=, complete=, edges= when built"
            )
        if self.shift is None:
            return displacements(self.positions, self.edge_index)
        cell = self.cell.index_select(0, self.index.index_select(0, self.edge_index[1]))
        return displacements(self.positions, self.edge_index, self.shift, cell)

    def _cut(self, cutoff: float, positions: np.ndarray) -> "Batch":
        device = self.positions.device
        if self.pbc is None:
            edge_index, shift = torch.from_numpy(open_edges(positions, self.offsets.cpu().numpy(), cutoff)), None
        else:
            found = neighbor_list(positions, cutoff, self.cell.cpu(), self.pbc.cpu(), self.index.cpu())
            edge_index, shift = torch.from_numpy(found.edge_index), torch.from_numpy(found.shift).to(device)
        return replace(
            self, edge_index=edge_index.to(device), shift=shift, edges="cutoff", cutoff=cutoff, bond=None
        )  # fmt: skip

    def _bonded(self) -> "Batch":
        if "index" not in self.edge:
            raise StructureError("edges='bonds' needs structures with bonds, e.g. from_smiles or edge={'index': ...}")
        bonds = self.edge["index"]
        both = torch.cat([bonds, bonds.flip(0)], dim=1)
        order = torch.argsort(both[1] * self.n_atoms + both[0])
        return replace(
            self, edge_index=both[:, order].contiguous(), edges="bonds", bond=order % max(bonds.shape[1], 1)
        )  # fmt: skip


def _tensor(array: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Return floats in ``dtype``, integers in int64, bools as they are; the array is fresh and may be shared."""
    tensor = torch.from_numpy(array)
    if tensor.is_floating_point():
        return tensor.to(dtype)
    return tensor if tensor.dtype == torch.bool or tensor.is_complex() else tensor.to(torch.int64)


def _tensors(arrays: Mapping[str, np.ndarray], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    return {name: _tensor(array, dtype) for name, array in arrays.items() if array.dtype.kind != "U"}
