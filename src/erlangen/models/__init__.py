"""One paper a file; ``create(name, **hyperparameters)`` makes any of them."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AtomicDensityNetwork": "atomic_density",
        "EGNN": "egnn",
        "PaiNN": "painn",
        "SchNet": "schnet",
        "create": "registry",
        "load_peer_weights": "weights",
        "names": "registry",
    },
)
