"""Figures: arrays and records in, plotly figure (or, for molecules in 3D, a scene of plain numbers) out."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "certificate_errors": "certificates",
        "error_by_size": "errors",
        "error_histogram": "errors",
        "learning_curve": "learning",
        "molecule_scene": "molecules",
        "parity": "errors",
        "error_unit": "style",
        "template": "style",
    },
)
