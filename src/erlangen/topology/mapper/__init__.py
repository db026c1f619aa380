"""Mapper: the shape of data as a graph of overlapping clusters, under giotto-tda's names.

A filter maps samples to few numbers, a cover puts these into overlapping boxes, samples of each box are clustered, and
clusters that share samples are joined.

Source: G. Singh, F. Memoli, G. Carlsson, Eurographics Symposium on Point-Based Graphics 91 (2007).
"""

from erlangen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Projection": "filters",
        "Eccentricity": "filters",
        "Entropy": "filters",
        "method_to_transform": "filters",
        "transformer_from_callable_on_rows": "filters",
        "OneDimensionalCover": "cover",
        "CubicalCover": "cover",
        "ParallelClustering": "clustering",
        "FirstSimpleGap": "clustering",
        "FirstHistogramGap": "clustering",
        "MapperGraph": "nerve",
        "Nerve": "nerve",
        "MapperPipeline": "pipeline",
        "make_mapper_pipeline": "pipeline",
        "MapperInteractivePlotter": "plots",
        "plot_static_mapper_graph": "plots",
        "plot_interactive_mapper_graph": "plots",
    },
)
