"""What two networks share: radial functions, edges, convolutions, segment sums, heads."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AtomisticModel": "model",
        "BesselBasis": "radial",
        "CosineCutoff": "radial",
        "Coupling": "tensor_product",
        "EdgeHead": "heads",
        "Edges": "edges",
        "ForceHead": "heads",
        "FullyConnectedTensorProduct": "irreps",
        "Gate": "irreps",
        "GatedEquivariantBlock": "equivariant",
        "GaussianBasis": "radial",
        "GraphHead": "heads",
        "IrrepsLinear": "irreps",
        "NodeHead": "heads",
        "Pairing": "edges",
        "PolynomialCutoff": "radial",
        "PositionHead": "equivariant_heads",
        "Representation": "representation",
        "ShiftedSoftplus": "activations",
        "TensorHead": "equivariant_heads",
        "VectorHead": "equivariant_heads",
        "continuous_filter_convolution": "convolution",
        "edges_of": "edges",
        "pair_up": "edges",
        "segment_sum": "segments",
        "spherical_convolution": "tensor_product",
    },
)
