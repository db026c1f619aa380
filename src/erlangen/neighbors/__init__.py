"""Who is near whom, from arrays: cutoff, k nearest, complete; edges come sorted by receiver."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {"Neighbors": "cutoff", "neighbor_list": "cutoff", "knn_graph": "nearest", "complete_graph": "complete"},
)
