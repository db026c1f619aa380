"""The deck's worked uses, one file a question: each a function from a config record to a result record."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "MolecularPropertyConfig": "molecular_properties",
        "MolecularPropertyResult": "molecular_properties",
        "learn_molecular_property": "molecular_properties",
        "TopologyConfig": "shape_of_data",
        "TopologyResult": "shape_of_data",
        "find_shape": "shape_of_data",
    },
)
