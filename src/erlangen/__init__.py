"""erlangen: geometry for machine learning. Rooms load on first use; importing this loads none of them."""

from erlangen._lazy import lazy

__version__ = "0.1.0"

_ROOMS = (
    "applications", "arrays", "cli", "datasets", "errors", "kernels", "memory", "models", "neighbors", "nn", "plotting",
    "report", "structures", "symmetry", "topology", "training", "units",
)  # fmt: skip

__getattr__, __dir__, __all__ = lazy(__name__, {room: room for room in _ROOMS})
