"""What giotto-tda 0.6.2 computes from seeded input, written to giotto.json beside this file.

Run with its own environment (Python 3.11, ``pip install giotto-tda==0.6.2 "numpy<2"``); `test_giotto.py` compares.
Names and parameters are the same in both libraries, so each case is a class, its parameters and the name of an input.
"""

import importlib
import json
from pathlib import Path

import numpy as np


def inputs() -> dict[str, np.ndarray]:
    """Return the seeded inputs."""
    rng = np.random.default_rng(0)
    birth = rng.random((4, 14))
    death = birth + rng.random((4, 14)) ** 2
    death[1, 4:7] = birth[1, 4:7]
    dimension = np.tile(np.repeat([0.0, 1.0], 7), (4, 1))
    angle = rng.uniform(0, 2 * np.pi, (3, 25))
    circles = np.stack([np.cos(angle), np.sin(angle)], axis=2) + rng.normal(0, 0.1, (3, 25, 2))
    return {
        "diagrams": np.stack([birth, death, dimension], axis=2),
        "clouds": rng.normal(size=(3, 12, 3)),
        "circles": circles,
        "grey": rng.random((3, 6, 7)),
        "grey_volumes": rng.random((2, 4, 5, 3)),
        "binary": rng.random((3, 7, 9)) < 0.4,
        "binary_volumes": rng.random((2, 4, 5, 6)) < 0.4,
        "series": rng.normal(size=(3, 40)),
        "several": rng.normal(size=(3, 2, 40)),
        "walks": rng.normal(size=(3, 30, 4)),
        "single": np.sin(np.arange(300) / 7.3) + 0.1 * rng.normal(size=300),
        "positive": 1 + rng.random((30, 1)),
        "weights": np.where(np.eye(8) > 0, 0, np.where(rng.random((3, 8, 8)) < 0.4, rng.random((3, 8, 8)), np.inf)),
        "states": rng.integers(0, 2, (3, 30, 2)),
    } | mapper_inputs()


def mapper_inputs() -> dict[str, np.ndarray]:
    """Return the seeded tables of Mapper and of local homology."""
    rng = np.random.default_rng(1)
    cloud, angle = rng.normal(size=(60, 3)), rng.uniform(0, 2 * np.pi, 80)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.05, (80, 2))
    return {
        "cloud": cloud,
        "rounded_cloud": np.round(cloud, 1),
        "few": cloud[:20],
        "plane": cloud[:, :2],
        "rounded_plane": np.round(cloud[:, :2], 1),
        "single_column": cloud[:, :1],
        "rounded_column": np.round(cloud[:, :1], 1),
        "positive_rows": rng.random((20, 5)),
        "circle": circle,
        "moons": np.concatenate([circle, circle[circle[:, 1] > 0] * [1, -0.5] + [1, 0]]),
    }


HOMOLOGY = [
    *(("homology", "VietorisRipsPersistence", p, name)
      for name in ("clouds", "circles")
      for p in ({}, {"homology_dimensions": [0, 1, 2]}, {"coeff": 3}, {"max_edge_length": 0.9},
                {"max_edge_length": 0.9, "infinity_values": 7.0, "reduced_homology": False})),
    *(("homology", "WeightedRipsPersistence", {"weight_params": p}, "circles")
      for p in ({}, {"p": 2}, {"p": 2, "r": 1, "n_neighbors": 5}, {"n_neighbors": 2})),
    *(("homology", "WeakAlphaPersistence", p, name)
      for p, name in (({}, "clouds"), ({"homology_dimensions": [0, 1, 2]}, "clouds"), ({}, "circles"))),
    *(("homology", "EuclideanCechPersistence", p, name)
      for name in ("clouds", "circles")
      for p in ({"homology_dimensions": [0]},  # its loops are not those of the Čech complex, a circle's is not there
                {"homology_dimensions": [0], "max_edge_length": 0.4, "infinity_values": 7.0, "coeff": 3})),
    *(("homology", "SparseRipsPersistence", p, name)
      for name in ("clouds", "circles")
      for p in ({}, {"homology_dimensions": [0, 1, 2]}, {"coeff": 3, "max_edge_length": 0.9})),
    *(("homology", "FlagserPersistence", p, "weights")
      for p in ({}, {"directed": False}, {"homology_dimensions": [0, 1, 2]}, {"coeff": 3}, {"max_edge_weight": 0.6},
                {"max_edge_weight": 0.6, "infinity_values": 7.0, "reduced_homology": False},
                *({"filtration": f, "homology_dimensions": [0, 1, 2]}
                  for f in ("dimension", "zero", "max_plus_one", "sum", "pmean", "pmoment")))),
    ("homology", "CubicalPersistence", {}, "grey"),
    ("homology", "CubicalPersistence", {"reduced_homology": False}, "grey"),
    ("homology", "CubicalPersistence", {"periodic_dimensions": [True, False]}, "grey"),
    ("homology", "CubicalPersistence", {"homology_dimensions": [0, 1, 2], "coeff": 3}, "grey_volumes"),
]  # fmt: skip
DIAGRAMS = [
    ("diagrams", "BettiCurve", {"n_bins": 20}, "diagrams"),
    ("diagrams", "PersistenceLandscape", {"n_bins": 20, "n_layers": 3}, "diagrams"),
    ("diagrams", "Silhouette", {"n_bins": 20, "power": 2.0}, "diagrams"),
    ("diagrams", "HeatKernel", {"n_bins": 12, "sigma": 0.2}, "diagrams"),
    ("diagrams", "PersistenceImage", {"n_bins": 12, "sigma": 0.2}, "diagrams"),
    ("diagrams", "PersistenceEntropy", {}, "diagrams"),
    ("diagrams", "PersistenceEntropy", {"normalize": True}, "diagrams"),
    ("diagrams", "NumberOfPoints", {}, "diagrams"),
    *(("diagrams", "ComplexPolynomial", {"polynomial_type": t, "n_coefficients": 5}, "diagrams") for t in "RST"),
    ("diagrams", "Filtering", {"epsilon": 0.3}, "diagrams"),
    ("diagrams", "Filtering", {"epsilon": 0.3, "homology_dimensions": [1]}, "diagrams"),
    ("diagrams", "Scaler", {}, "diagrams"),
    ("diagrams", "Scaler", {"metric": "wasserstein"}, "diagrams"),
    *(("diagrams", name, {"metric": metric, "metric_params": p, "order": order}, "diagrams")
      for name in ("Amplitude", "PairwiseDistance")
      for order in (None, 2.0)
      for metric, p in (("betti", {"p": 1, "n_bins": 20}), ("landscape", {"n_bins": 20, "n_layers": 2}),
                        ("silhouette", {"n_bins": 20}), ("heat", {"n_bins": 12}), ("bottleneck", {}),
                        ("persistence_image", {"n_bins": 12, "p": 3}), ("wasserstein", {"p": 1}))),
]  # fmt: skip
IMAGES = [
    *(("images", name, p, which)
      for which in ("binary", "binary_volumes")
      for name, p in (("ImageToPointCloud", {}), ("HeightFiltration", {}), ("RadialFiltration", {}),
                      ("RadialFiltration", {"radius": 4.0}), ("RadialFiltration", {"metric": "cityblock"}),
                      ("DilationFiltration", {}), ("DilationFiltration", {"n_iterations": 2}),
                      ("ErosionFiltration", {}), ("ErosionFiltration", {"n_iterations": 1}),
                      ("SignedDistanceFiltration", {}),
                      ("SignedDistanceFiltration", {"n_iterations": 1}), ("DensityFiltration", {}),
                      ("DensityFiltration", {"radius": 2}), ("Padder", {}), ("Inverter", {}))),
    ("images", "HeightFiltration", {"direction": [1.0, -2.0]}, "binary"),
    ("images", "HeightFiltration", {"direction": [-1.0, 0.5, 2.0]}, "binary_volumes"),
    ("images", "RadialFiltration", {"center": [3, 5], "radius": 3.5}, "binary"),
    ("images", "RadialFiltration", {"center": [1, 2, 3]}, "binary_volumes"),
    ("images", "Binarizer", {"threshold": 0.3}, "grey"),
    ("images", "Inverter", {}, "grey"),
    ("images", "Padder", {"padding": [1, 2], "value": 3}, "grey"),
]  # fmt: skip
SERIES = [
    ("time_series", "SlidingWindow", {"size": 7, "stride": 3}, "positive"),
    ("time_series", "SingleTakensEmbedding", {"parameters_type": "fixed", "time_delay": 3, "dimension": 4, "stride": 2},
     "single"),
    *(("time_series", "TakensEmbedding", {"time_delay": 2, "dimension": 3, "stride": 4, **p}, name)
      for name in ("series", "several")
      for p in ({}, {"flatten": False}, {"ensure_last_value": False})),
    ("time_series", "PermutationEntropy", {}, "walks"),
    ("time_series", "Resampler", {"period": 3}, "positive"),
    ("time_series", "Stationarizer", {}, "positive"),
    ("time_series", "Stationarizer", {"operation": "log-return"}, "positive"),
    ("time_series", "PearsonDissimilarity", {}, "walks"),
    ("time_series", "PearsonDissimilarity", {"absolute_value": True}, "walks"),
]  # fmt: skip
GRAPHS = [
    ("graphs", "KNeighborsGraph", {}, "clouds"),
    ("graphs", "KNeighborsGraph", {"n_neighbors": 2, "mode": "distance", "metric": "cityblock"}, "clouds"),
    *(("graphs", "GraphGeodesicDistance", p, "weights")
      for p in ({}, {"directed": True}, {"unweighted": True}, {"method": "D", "directed": True})),
    ("graphs", "TransitionGraph", {}, "walks"),
    ("graphs", "TransitionGraph", {"func": None}, "states"),
    *(("point_clouds", "ConsistentRescaling", p, "clouds")
      for p in ({}, {"neighbor_rank": 3}, {"metric": "cityblock"})),
    *(("point_clouds", "ConsecutiveRescaling", p, "clouds") for p in ({}, {"factor": 0.4, "metric": "cityblock"})),
    *(("curves", "Derivative", {"order": k}, "several") for k in (1, 3)),
    *(("curves", "StandardFeatures", {"function": f}, "several")
      for f in ("identity", "argmin", "argmax", "min", "max", "mean", "std", "median", ["std", None])),
]  # fmt: skip
ARRAYS = "periodic_dimensions", "direction", "center", "padding"  # parameters that giotto-tda wants as arrays
LOCAL = [
    *(("local_homology", "KNeighborsLocalVietorisRips", p, "few")
      for p in ({"n_neighbors": (3, 10), "homology_dimensions": [0, 1, 2]}, {"n_neighbors": (5, 30)})),
    *(("local_homology", "RadiusLocalVietorisRips", p, "few")
      for p in ({"radii": (0.8, 2.0), "homology_dimensions": [0, 1]}, {"radii": (0.5, 3.0), "metric": "cityblock"})),
]  # fmt: skip
SIMPLE, HISTOGRAM, SCAN = "FirstSimpleGap", "FirstHistogramGap", "DBSCAN"
MAPPER = [
    *(("mapper", "OneDimensionalCover", {"kind": kind, "n_intervals": n, "overlap_frac": f}, name)
      for name in ("single_column", "rounded_column")
      for kind in ("uniform", "balanced")
      for n, f in ((1, 0.1), (4, 0.3), (30, 0.1), (7, 0.6))),
    *(("mapper", "CubicalCover", {"kind": kind, "n_intervals": n, "overlap_frac": f}, name)
      for name in ("plane", "rounded_plane")
      for kind in ("uniform", "balanced")
      for n, f in ((3, 0.3), (6, 0.51))),
    *(("mapper", "Eccentricity", p, "cloud")
      for p in ({}, {"exponent": 1, "metric": "cityblock"}, {"exponent": float("inf")})),
    ("mapper", "Entropy", {}, "positive_rows"),
    ("mapper", "Projection", {"columns": [0, 2]}, "cloud"),
    *(("mapper", "make_mapper_pipeline", p, name)
      for name in ("cloud", "rounded_cloud", "circle", "moons")
      for p in ({"cover": {"n_intervals": 3, "overlap_frac": 0.3}, "clusterer": (SCAN, {"eps": 0.6})},
                {"cover": {"n_intervals": 4, "overlap_frac": 0.4}, "clusterer": (SIMPLE, {}), "min_intersection": 2},
                {"cover": {"kind": "balanced", "n_intervals": 4, "overlap_frac": 0.3}, "clusterer": (HISTOGRAM, {})},
                {"cover": {"n_intervals": 4, "overlap_frac": 0.4}, "clusterer": (SIMPLE, {"max_fraction": 0.2,
                 "relative_gap_size": 0.1, "linkage": "average"})},
                {"cover": {"n_intervals": 4, "overlap_frac": 0.4}, "clusterer": (HISTOGRAM, {"freq_threshold": 2,
                 "linkage": "ward", "max_fraction": 0.5})})),
]  # fmt: skip
CASES = HOMOLOGY + DIAGRAMS + IMAGES + SERIES + GRAPHS + LOCAL + MAPPER


def mapper_graph(mapper, parameters: dict, X) -> list[np.ndarray]:
    """Return the samples of each node of a Mapper graph, and edges with weights (n_edges, 3), by either library."""
    from sklearn.cluster import DBSCAN

    name, options = parameters["clusterer"]
    clusterer = DBSCAN(**options) if name == "DBSCAN" else getattr(mapper, name)(**options)
    cover = mapper.CubicalCover(**parameters["cover"])
    rest = {k: v for k, v in parameters.items() if k not in ("cover", "clusterer")}
    filters = mapper.Projection(columns=[0, 1])  # principal components differ in sign with scikit-learn's version
    graph = mapper.make_mapper_pipeline(filter_func=filters, cover=cover, clusterer=clusterer, **rest).fit_transform(X)
    if hasattr(graph, "vs"):  # igraph
        nodes, edges = graph.vs["node_elements"], [(*edge.tuple, edge["weight"]) for edge in graph.es]
    else:
        nodes, edges = graph.node_elements, np.column_stack([graph.edges, graph.weight])
    return [*nodes, np.reshape(edges, (-1, 3))]


def plain(array) -> list:
    """Return nested lists, numbers to twelve digits, nothing infinite."""
    if isinstance(array, list):
        return [plain(one) for one in array]
    if hasattr(array, "toarray"):
        array = array.toarray()
    array = np.asarray(array, dtype=float)
    return [[x if np.isfinite(x) else str(x) for x in np.round(array, 12).ravel().tolist()], list(array.shape)]


def main() -> None:
    """Write the file."""
    given, results = inputs(), []
    for module, name, parameters, which in CASES:
        if name == "make_mapper_pipeline":
            results.append(plain(mapper_graph(importlib.import_module("gtda.mapper"), parameters, given[which])))
            continue
        arrays = {k: np.array(v) for k, v in parameters.items() if isinstance(v, list) and k in ARRAYS}
        estimator = getattr(importlib.import_module(f"gtda.{module}"), name)(**parameters | arrays)
        results.append(plain(estimator.fit(given[which]).transform(given[which])))
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in results)
    Path(__file__).with_name("giotto.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
