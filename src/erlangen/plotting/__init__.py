"""Figures: arrays and records in, plotly figure (or, for molecules in 3D, a scene of plain numbers) out."""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "certificate_errors": "certificates",
        "dimension_name": "diagrams",
        "error_by_size": "errors",
        "error_histogram": "errors",
        "learning_curve": "learning",
        "molecule_scene": "molecules",
        "parity": "errors",
        "plot_barcode": "cycles",
        "plot_betti_curves": "diagrams",
        "plot_betti_surfaces": "diagrams",
        "plot_cycles": "cycles",
        "plot_diagram": "diagrams",
        "plot_heatmap": "diagrams",
        "plot_lines": "diagrams",
        "plot_pixels": "cycles",
        "plot_point_cloud": "diagrams",
        "error_unit": "style",
        "template": "style",
    },
)
