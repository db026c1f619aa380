"""One paper a file; ``create(name, **hyperparameters)`` makes any of them."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AtomicDensityNetwork": "atomic_density",
        "Cormorant": "cormorant",
        "DimeNetPlusPlus": "dimenet",
        "EGNN": "egnn",
        "MACE": "mace",
        "EquivariantFlow": "equivariant_flow",
        "PaiNN": "painn",
        "PhysNet": "physnet",
        "RadialField": "radial_field",
        "SE3Transformer": "se3_transformer",
        "SchNet": "schnet",
        "TensorFieldNetwork": "tensor_field",
        "UnconstrainedFlow": "equivariant_flow",
        "create": "registry",
        "families": "families",
        "load_peer_weights": "weights",
        "names": "registry",
    },
)
