"""What a network hands to a head."""

from dataclasses import dataclass

from torch import Tensor

from erlangen.nn.edges import Edges


@dataclass(frozen=True)
class Representation:
    """Features of the atoms of a batch after the last layer, and the edges they were computed on.

    Attributes
    ----------
    scalars : (n, F) tensor
        Invariant features.
    vectors : (n, 3, V) tensor or None
        Equivariant features, if the network has them.
    edges : Edges
        Paired edges with their geometry.
    """

    scalars: Tensor
    vectors: Tensor | None
    edges: Edges

    @property
    def edge_index(self) -> Tensor:
        """Sender and receiver of each edge, (2, e)."""
        return self.edges.edge_index

    @property
    def displacement(self) -> Tensor:
        """r_sender - r_receiver of each edge, (e, 3), in angstrom."""
        return self.edges.displacement

    @property
    def distance(self) -> Tensor:
        """Length of each edge, (e,), in angstrom."""
        return self.edges.distance
