"""The things studied: structures of atoms or points, sets and batches of them, molecular graphs, files."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Batch": "batch",
        "MolecularGraph": "graph",
        "Structure": "structure",
        "StructureSet": "structure_set",
        "molecular_graph": "graph",
        "read_structures": "files",
        "write_structures": "files",
    },
)
