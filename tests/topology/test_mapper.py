"""Mapper's parts against their definitions, scikit-learn and networkx; giotto-tda's graphs are in test_giotto."""

import pickle
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from erlangen.errors import InputError, ShapeError
from erlangen.topology.mapper import (
    CubicalCover,
    Eccentricity,
    Entropy,
    FirstHistogramGap,
    FirstSimpleGap,
    MapperGraph,
    MapperInteractivePlotter,
    MapperPipeline,
    Nerve,
    OneDimensionalCover,
    ParallelClustering,
    Projection,
    make_mapper_pipeline,
    method_to_transform,
    plot_interactive_mapper_graph,
    plot_static_mapper_graph,
    transformer_from_callable_on_rows,
)
from erlangen.topology.mapper.plots import spread_nodes

RNG = np.random.default_rng(0)
CLOUD = RNG.normal(size=(70, 3))


def excused(estimator) -> dict[str, str]:
    """What scikit-learn's checks ask that an estimator cannot give, with the reason."""
    if isinstance(estimator, Eccentricity):
        return {"check_methods_subset_invariance": "how far a sample is from the others depends on these"}
    if isinstance(estimator, Entropy):
        return {"check_estimators_dtypes": "integers make rows of zeros, which have no shares"}
    if isinstance(estimator, CubicalCover):
        return {"check_methods_subset_invariance": "boxes without a sample are left out, so shapes differ"}
    return {}


# OneDimensionalCover takes one column, which the checks do not know; it shares all but this with CubicalCover.
@pytest.mark.filterwarnings("ignore:some entries are negative")
@parametrize_with_checks(
    [Projection(), Eccentricity(), Entropy(), CubicalCover(n_intervals=3), FirstSimpleGap(), FirstHistogramGap()],
    expected_failed_checks=excused,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def circle(n: int = 200, noise: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(1)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]) + noise * rng.normal(size=(n, 2))


def euler_loops(graph: MapperGraph) -> int:
    g = graph.to_networkx()
    return g.number_of_edges() - g.number_of_nodes() + nx.number_connected_components(g)


# filters


def test_filters_are_their_definitions():
    np.testing.assert_array_equal(Projection(columns=[2, 0]).fit_transform(CLOUD), CLOUD[:, [2, 0]])
    for metric, p in (("euclidean", 2), ("cityblock", 1), ("euclidean", np.inf)):
        distances = squareform(pdist(CLOUD, metric))
        expected = np.linalg.norm(distances, ord=p, axis=1)[:, None]
        np.testing.assert_allclose(Eccentricity(exponent=p, metric=metric).fit_transform(CLOUD), expected, rtol=1e-7)
        given = Eccentricity(exponent=p, metric="precomputed").fit_transform(distances)
        np.testing.assert_allclose(given, expected)
    minkowski = Eccentricity(metric="minkowski", metric_params={"p": 3}).fit_transform(CLOUD)
    np.testing.assert_allclose(minkowski[:, 0], np.linalg.norm(squareform(pdist(CLOUD, "minkowski", p=3)), axis=1))
    with pytest.warns(UserWarning, match="negative"):
        found = Entropy().fit_transform(CLOUD)
    np.testing.assert_allclose(found[:, 0], entropy(np.abs(CLOUD), base=2, axis=1))


def test_projection_knows_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"height": [1.0, 2.0], "name": ["a", "b"], "width": [3, 4]})
    assert Projection(columns="width").fit_transform(frame).tolist() == [[3], [4]]
    assert Projection(columns=["width", "height"]).fit_transform(frame).tolist() == [[3, 1], [4, 2]]
    with pytest.raises(ValueError, match="could not convert"):
        Projection(columns="name").fit(frame)


def test_functions_and_methods_become_transformers():
    rows = transformer_from_callable_on_rows(lambda row: row[:2] * 2)
    np.testing.assert_array_equal(rows.fit_transform(CLOUD), CLOUD[:, :2] * 2)
    np.testing.assert_array_equal(transformer_from_callable_on_rows(None).fit_transform(CLOUD), CLOUD)
    density = method_to_transform(KernelDensity, "score_samples")(bandwidth=0.7)
    expected = KernelDensity(bandwidth=0.7).fit(CLOUD).score_samples(CLOUD)
    np.testing.assert_array_equal(density.fit_transform(CLOUD), expected[:, None])
    again = pickle.loads(pickle.dumps(clone(density).fit(CLOUD)))
    np.testing.assert_array_equal(again.transform(CLOUD), expected[:, None])
    assert again.get_params()["bandwidth"] == 0.7


# covers


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("overlap", [0.1, 0.5, 0.9])
def test_intervals_overlap_by_their_share(n, overlap):
    values = CLOUD[:, :1]
    cover = OneDimensionalCover(n_intervals=n, overlap_frac=overlap).fit(values)
    left, right = cover.left_limits_[1:].copy(), cover.right_limits_[:-1].copy()
    ends = np.concatenate([[values.min()], left]), np.concatenate([right, [values.max()]])
    lengths = ends[1] - ends[0]
    np.testing.assert_allclose(lengths, lengths[0])
    np.testing.assert_allclose((right - left) / lengths[0], overlap)
    masks = cover.transform(values)
    for column, (a, b) in zip(masks.T, cover.get_fitted_intervals(), strict=False):
        if masks.shape[1] == n:  # none was empty or a repetition
            np.testing.assert_array_equal(column, (values[:, 0] > a) & (values[:, 0] < b))
    assert masks.any(axis=1).all()


def test_balanced_intervals_hold_as_many_values():
    values = np.exp(3 * CLOUD[:, :1])
    counts = OneDimensionalCover("balanced", n_intervals=5, overlap_frac=1e-9).fit_transform(values).sum(axis=0)
    assert counts.tolist() == [14] * 5
    fitted = OneDimensionalCover("balanced", n_intervals=5, overlap_frac=0.3)
    np.testing.assert_array_equal(fitted.fit_transform(values), OneDimensionalCover("balanced", 5, 0.3).fit(
        np.log(values)).transform(np.log(values)))  # fmt: skip


@pytest.mark.parametrize("kind", ["uniform", "balanced"])
def test_boxes_are_products_of_intervals(kind):
    found = CubicalCover(kind, n_intervals=3, overlap_frac=0.4).fit_transform(CLOUD)
    columns = [OneDimensionalCover(kind, 3, 0.4).fit_transform(CLOUD[:, [k]]) for k in range(3)]
    products = [a & b & c for a in columns[0].T for b in columns[1].T for c in columns[2].T]
    kept = []
    for box in products:
        if box.any() and not any((box == other).all() for other in kept):
            kept.append(box)
    np.testing.assert_array_equal(found, np.array(kept).T)


def test_new_values_outside_lie_in_the_outer_intervals():
    cover = OneDimensionalCover(n_intervals=3).fit([[0.0], [1.0]])
    assert cover.transform([[-9.0], [9.0], [0.5]]).astype(int).tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert OneDimensionalCover(n_intervals=1).fit_transform([[2.0], [2.0]]).tolist() == [[True], [True]]


# clusterings


@pytest.mark.parametrize("linkage", ["single", "complete", "average", "ward"])
@pytest.mark.parametrize("make", [FirstSimpleGap, FirstHistogramGap])
def test_cuts_are_those_of_scikit_learns_tree(make, linkage):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = np.concatenate([rng.normal(size=(25, 2)), 6 + 0.5 * rng.normal(size=(8, 2))])
        found = make(linkage=linkage).fit(X)
        tree = AgglomerativeClustering(found.n_clusters_, linkage=linkage, compute_distances=True).fit(X)
        np.testing.assert_allclose(found.distances_, tree.distances_, rtol=1e-6)
        same = found.labels_[:, None] == found.labels_
        np.testing.assert_array_equal(same, tree.labels_[:, None] == tree.labels_)
        assert set(found.labels_) == set(range(found.n_clusters_))
        if linkage != "ward":
            given = make(linkage=linkage, metric="precomputed").fit(squareform(pdist(X)))
            np.testing.assert_array_equal(given.labels_, found.labels_)
            city = make(linkage=linkage, metric="cityblock").fit(X)
            np.testing.assert_array_equal(city.distances_, make(linkage=linkage, metric="precomputed").fit(
                cdist(X, X, "cityblock")).distances_)  # fmt: skip


def test_the_first_gap_that_is_wide_enough():
    line = np.array([[0.0], [1.0], [3.0], [6.0], [20.0]])  # merges at 1, 2, 3, 14
    assert FirstSimpleGap(relative_gap_size=0.3).fit(line).n_clusters_ == 2
    assert FirstSimpleGap(relative_gap_size=0.05).fit(line).n_clusters_ == 5  # the gap below the first merge
    assert FirstSimpleGap(relative_gap_size=0.05, max_fraction=0.6).fit(line).n_clusters_ == 3
    assert FirstSimpleGap(relative_gap_size=1.0).fit(line).n_clusters_ == 1
    assert FirstHistogramGap().fit(line).n_clusters_ == 2
    assert FirstHistogramGap(max_fraction=0.2).fit(line).n_clusters_ == 1


@pytest.mark.parametrize("make", [FirstSimpleGap, FirstHistogramGap])
def test_samples_that_coincide_stay_together(make):
    assert make().fit(np.ones((1, 2))).labels_.tolist() == [0]
    assert make().fit(np.ones((4, 2))).labels_.tolist() == [0] * 4
    twins = make().fit([[0.0], [0.0], [0.0], [5.0], [5.0]])
    assert twins.labels_.tolist() == [0, 0, 0, 1, 1]


def test_merges_at_equal_heights_are_all_undone():
    for spacing in (1.0, 0.1):  # tenths differ by rounding
        grid = spacing * np.stack(np.meshgrid(np.arange(4.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
        assert FirstHistogramGap(n_bins_start=9).fit(grid).n_clusters_ == 20
        assert FirstSimpleGap().fit(grid).n_clusters_ == 20


def test_trees_are_kept(tmp_path):
    for _ in range(2):
        found = FirstSimpleGap(memory=str(tmp_path)).fit(CLOUD)
    np.testing.assert_array_equal(found.labels_, FirstSimpleGap().fit(CLOUD).labels_)
    assert list(tmp_path.rglob("output.pkl"))


def test_sets_are_clustered_one_by_one():
    masks = CubicalCover(n_intervals=3, overlap_frac=0.3).fit_transform(CLOUD[:, :2])
    clusterer = DBSCAN(eps=0.8, min_samples=3)
    found = ParallelClustering(clusterer, n_jobs=2, parallel_backend_prefer="threads").fit_transform([CLOUD, masks])
    expected = [[] for _ in CLOUD]
    for number, mask in enumerate(masks.T):
        inside = np.flatnonzero(mask)
        for sample, label in zip(inside, DBSCAN(eps=0.8, min_samples=3).fit_predict(CLOUD[inside]), strict=True):
            expected[sample].append((number, int(label)))
    assert found.tolist() == [tuple(pairs) for pairs in expected]
    assert any(label == -1 for pairs in found for _, label in pairs)
    precomputed = DBSCAN(eps=0.8, min_samples=3, metric="precomputed")
    distances = squareform(pdist(CLOUD))
    assert ParallelClustering(precomputed).fit_predict([distances, masks]).tolist() == found.tolist()
    weights = ParallelClustering(clusterer).fit([CLOUD, masks], sample_weight=np.full(70, 5.0)).labels_
    assert all(label >= 0 for pairs in weights for _, label in pairs)
    with pytest.raises(NotImplementedError):
        ParallelClustering(clusterer).transform([CLOUD, masks])
    similar = SpectralClustering(2, affinity="precomputed", random_state=0)
    whole = np.ones((70, 1), bool)
    labels = ParallelClustering(similar).fit_predict([np.exp(-distances), whole])
    assert {pairs[0][1] for pairs in labels} == {0, 1}


# nerve


def random_labels(n: int = 60, sets: int = 5, seed: int = 0) -> list[tuple]:
    rng = np.random.default_rng(seed)
    return [tuple((s, int(rng.integers(-1, 2))) for s in range(sets) if rng.random() < 0.4) for _ in range(n)]


@pytest.mark.parametrize("least", [1, 3])
def test_nodes_are_joined_where_they_share_samples(least):
    for seed in range(4):
        labels = random_labels(seed=seed)
        graph = Nerve(min_intersection=least, store_edge_elements=True).fit_transform(labels)
        members = {}
        for sample, pairs in enumerate(labels):
            for pair in pairs:
                members.setdefault(pair, []).append(sample)
        named = list(zip(graph.pullback_set_label.tolist(), graph.partial_cluster_label.tolist(), strict=True))
        assert named == list(members)
        assert [samples.tolist() for samples in graph.node_elements] == list(members.values())
        shared = [sorted(set(a) & set(b)) for a, b in combinations(members.values(), 2)]
        pairs = list(combinations(range(len(members)), 2))
        kept = [k for k, samples in enumerate(shared) if len(samples) >= least]
        assert graph.edges.tolist() == [list(pairs[k]) for k in kept]
        assert graph.weight.tolist() == [len(shared[k]) for k in kept]
        assert [samples.tolist() for samples in graph.edge_elements] == [shared[k] for k in kept]


def test_contracted_graphs_hold_the_largest_clusters():
    labels = random_labels(n=12, sets=8)
    full, few = (Nerve(contract_nodes=c).fit_transform(labels) for c in (False, True))
    sets = [frozenset(samples.tolist()) for samples in full.node_elements]
    largest = [k for k, a in enumerate(sets) if not any(a < b for b in sets) and a not in sets[:k]]
    assert 0 < few.n_nodes < full.n_nodes
    assert [frozenset(samples.tolist()) for samples in few.node_elements] == [sets[k] for k in largest]
    again = full.to_networkx().subgraph(largest)
    assert len(few.edges) == again.number_of_edges()
    assert few.weight.sum() == sum(w for *_, w in again.edges(data="weight"))


def test_graphs_for_networkx_carry_everything():
    graph = Nerve(store_edge_elements=True).fit_transform(random_labels())
    other = graph.to_networkx()
    np.testing.assert_array_equal(nx.to_numpy_array(other), graph.adjacency().toarray())
    assert other.nodes[3]["node_elements"].tolist() == graph.node_elements[3].tolist()
    i, j = graph.edges[5].tolist()
    assert other.edges[i, j]["edge_elements"].tolist() == graph.edge_elements[5].tolist()
    assert "edge_elements" not in next(iter(Nerve().fit_transform(random_labels()).to_networkx().edges.values()))


def test_a_nerve_of_nothing():
    for labels in ([], [(), ()]):
        graph = Nerve(store_edge_elements=True, contract_nodes=True).fit_transform(labels)
        assert (graph.n_nodes, graph.edges.shape, graph.edge_elements) == (0, (0, 2), ())
        assert graph.to_networkx().number_of_nodes() == 0


# pipeline


def test_the_shape_of_circles():
    X = circle()
    cover = CubicalCover(n_intervals=6, overlap_frac=0.3)
    pipeline = make_mapper_pipeline(filter_func=Projection(columns=0), cover=cover, clusterer=DBSCAN(eps=0.3))
    graph = pipeline.fit_transform(X)
    assert (euler_loops(graph), nx.number_connected_components(graph.to_networkx())) == (1, 1)
    two = np.concatenate([X, X + np.array([5, 0])])
    again = (
        clone(pipeline)
        .set_params(cover__n_intervals=20, clusterer__eps=0.5, clusterer__min_samples=1)
        .fit_transform(two)
    )
    assert (euler_loops(again), nx.number_connected_components(again.to_networkx())) == (2, 2)
    line = np.column_stack([np.linspace(0, 1, 50), np.zeros(50)])
    assert euler_loops(clone(pipeline).set_params(clusterer=DBSCAN(eps=0.5, min_samples=1)).fit_transform(line)) == 0


def test_a_pipeline_is_its_steps():
    pipeline = make_mapper_pipeline(
        scaler=StandardScaler(), clustering_preprocessing=PCA(2), clusterer=KMeans(2, n_init=1)
    )
    pipeline.set_params(
        clusterer__random_state=0, cover__n_intervals=2, min_intersection=2, n_jobs=2, parallel_backend_prefer="threads"
    )
    scaled = StandardScaler().fit_transform(CLOUD)
    masks = CubicalCover(n_intervals=2).fit_transform(PCA(2).fit_transform(scaled))
    found = ParallelClustering(KMeans(2, n_init=1, random_state=0)).fit_transform([PCA(2).fit_transform(CLOUD), masks])
    expected = Nerve(min_intersection=2).fit_transform(found)
    graph = pipeline.fit_transform(CLOUD)
    assert [a.tolist() for a in graph.node_elements] == [a.tolist() for a in expected.node_elements]
    assert graph.edges.tolist() == expected.edges.tolist()
    without = make_mapper_pipeline(graph_step=False, clusterer=DBSCAN()).fit_transform(CLOUD)
    assert without.shape == (70,)
    assert isinstance(without[0], tuple)


def test_parameters_by_short_and_long_names(tmp_path):
    pipeline = make_mapper_pipeline(memory=str(tmp_path))
    pipeline.set_params(cover__n_intervals=4, clusterer__eps=0.7, contract_nodes=True, verbose=False)
    short = pipeline.get_mapper_params()
    assert (short["cover__n_intervals"], short["clusterer__eps"], short["contract_nodes"]) == (4, 0.7, True)
    assert set(pipeline.get_mapper_params(deep=False)) == {
        "memory", "verbose", "scaler", "filter_func", "cover", "clustering_preprocessing", "clusterer", "n_jobs",
        "parallel_backend_prefer", "min_intersection", "store_edge_elements", "contract_nodes",
    }  # fmt: skip
    long = pipeline.get_params()
    assert long["pullback_cover__map_and_cover__cover__n_intervals"] == 4
    pipeline.set_params(pullback_cover__map_and_cover__cover__n_intervals=6, cover__kind="balanced")
    assert pipeline.get_mapper_params()["cover__n_intervals"] == 6
    copy = clone(pipeline)
    assert isinstance(copy, MapperPipeline)
    first, second = copy.fit_transform(CLOUD), copy.fit_transform(CLOUD)  # the second from memory
    assert first.edges.tolist() == second.edges.tolist()
    rows = make_mapper_pipeline(filter_func=np.sum, cover=OneDimensionalCover(), clusterer=FirstSimpleGap())
    expected = make_mapper_pipeline(filter_func=transformer_from_callable_on_rows(np.sum), clusterer=FirstSimpleGap())
    assert rows.fit_transform(CLOUD).edges.tolist() == expected.fit_transform(CLOUD).edges.tolist()


# figures


def mapper(**parameters) -> MapperPipeline:
    cover = CubicalCover(n_intervals=4, overlap_frac=0.3)
    return make_mapper_pipeline(filter_func=Projection(), cover=cover, clusterer=FirstSimpleGap(), **parameters)


def test_nodes_and_edges_are_drawn_where_they_are():
    X, pipeline = circle(), mapper()
    graph = clone(pipeline).fit_transform(X)
    edges, nodes = plot_static_mapper_graph(pipeline, X).data
    assert len(nodes.x) == graph.n_nodes
    places = np.column_stack([nodes.x, nodes.y])
    drawn = np.column_stack([edges.x, edges.y]).reshape(-1, 3, 2)
    np.testing.assert_array_equal(drawn[:, :2], places[graph.edges])
    assert np.isnan(drawn[:, 2]).all()
    np.testing.assert_allclose(nodes.marker.color, [X[samples, 0].mean() for samples in graph.node_elements])
    np.testing.assert_array_equal(nodes.marker.size, [len(samples) for samples in graph.node_elements])
    assert nodes.hovertext[0].startswith(f"node 0: {len(graph.node_elements[0])} samples")
    assert not hasattr(pipeline.steps[0][1].map_and_cover.named_steps["cover"], "left_limits_")
    plot_static_mapper_graph(pipeline, X, clone_pipeline=False)
    assert hasattr(pipeline.steps[0][1].map_and_cover.named_steps["cover"], "left_limits_")


def test_colours_are_chosen_from_a_menu():
    X, pandas = circle(), pytest.importorskip("pandas")
    graph = mapper().fit_transform(X)

    def values(k, statistic=np.mean):
        return [statistic(X[samples, k]) for samples in graph.node_elements]

    frame = pandas.DataFrame(X, columns=["x", "y"])
    for options, labels in (
        ({}, ["column 0", "column 1"]),
        ({"color_data": frame}, ["x", "y"]),
        ({"color_data": frame, "color_features": ["y", "x"]}, ["y", "x"]),
        ({"color_features": StandardScaler()}, ["feature 0", "feature 1"]),
        ({"color_features": lambda table: table**2}, ["feature 0", "feature 1"]),
    ):
        figure = plot_static_mapper_graph(mapper(), X, **options)
        (menu,) = figure.layout.updatemenus
        assert [button.label for button in menu.buttons] == labels
        changes, traces = menu.buttons[0].args
        assert list(traces) == [1]
        np.testing.assert_allclose(changes["marker.color"][0], figure.data[1].marker.color)
    one = plot_static_mapper_graph(mapper(), X, color_data=frame, color_features="y", node_color_statistic=np.max)
    np.testing.assert_allclose(one.data[1].marker.color, values(1, np.max))
    assert not one.layout.updatemenus
    given = np.arange(graph.n_nodes)
    ready = plot_static_mapper_graph(mapper(), X, node_color_statistic=given, n_sig_figs=None)
    np.testing.assert_array_equal(ready.data[1].marker.color, given)
    assert ready.data[1].hovertext[2].endswith("column 0: 2.0")


def test_sliders_show_one_graph_at_a_time():
    X = circle()
    plotter = MapperInteractivePlotter(mapper(), X)
    figure = plotter.plot(values=[2, 4, 9])
    assert figure is plotter.figure_
    assert [t.visible for t in figure.data] == [False, False, True, True, False, False]
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == ["2", "4", "9"]
    assert steps[2].args[0]["visible"] == [False] * 4 + [True] * 2
    for k, n in enumerate((2, 4, 9)):
        graph = mapper().set_params(cover__n_intervals=n).fit_transform(X)
        assert len(figure.data[2 * k + 1].x) == graph.n_nodes
    assert plotter.graph_.n_nodes == len(figure.data[3].x)
    np.testing.assert_allclose(plotter.node_summaries_[:, 0], figure.data[3].marker.color)
    np.testing.assert_array_equal(plotter.color_features_, X)
    assert plotter.pipeline_.get_mapper_params()["cover__n_intervals"] == 4
    (menu,) = figure.layout.updatemenus
    assert list(menu.buttons[1].args[1]) == [1, 3, 5]
    around = plot_interactive_mapper_graph(mapper(), X)
    assert [step.label for step in around.layout.sliders[0].steps] == ["2", "3", "4", "6", "8"]
    other = plot_interactive_mapper_graph(mapper(), X, parameter="clusterer__linkage", values=["average"], layout_dim=3)
    assert [step.label for step in other.layout.sliders[0].steps] == ["single", "average"]
    assert {t.type for t in other.data} == {"scatter3d"}


def test_own_layouts_and_settings():
    X = circle()

    def in_a_ring(graph, dimension):
        return np.array(list(nx.circular_layout(graph.to_networkx(), dim=dimension).values()))

    settings = {"node_trace": {"opacity": 0.4}, "edge_trace": {"line": {"width": 3}}, "layout": {"width": 99}}
    figure = plot_static_mapper_graph(mapper(), X, layout=in_a_ring, plotly_params=settings)
    np.testing.assert_allclose(np.hypot(figure.data[1].x, figure.data[1].y), 1, rtol=1e-5)
    assert (figure.data[1].opacity, figure.data[0].line.width, figure.layout.width) == (0.4, 3, 99)


@pytest.mark.parametrize("make", [lambda: nx.cycle_graph(12), lambda: nx.star_graph(9), lambda: nx.grid_2d_graph(4, 5)])
def test_layouts_are_as_relaxed_as_networkx(make):
    other = nx.convert_node_labels_to_integers(make())
    edges = np.array(sorted(map(sorted, other.edges)))
    n = other.number_of_nodes()
    elements = tuple(np.array([k]) for k in range(n))
    graph = MapperGraph(np.arange(n), np.zeros(n, int), elements, edges, np.ones(len(edges), int), None)
    paths = np.array(nx.floyd_warshall_numpy(other))[np.triu_indices(n, 1)]

    def energy(places):
        apart = pdist(places)
        apart = apart * (apart / paths).sum() / ((apart / paths) ** 2).sum()
        return ((apart / paths - 1) ** 2).sum()

    theirs = np.array(list(nx.kamada_kawai_layout(other).values()))
    assert energy(spread_nodes(graph)) < 1.1 * energy(theirs) + 1e-6
    assert spread_nodes(graph, 3).shape == (n, 3)


def test_nodes_that_nothing_joins_are_apart():
    elements = tuple(np.array([k]) for k in range(5))
    none = np.empty((0, 2), int)
    graph = MapperGraph(np.arange(5), np.zeros(5, int), elements, none, np.empty(0, int), None)
    assert pdist(spread_nodes(graph)).min() > 0.4
    alone = MapperGraph(np.arange(1), np.zeros(1, int), elements[:1], none, np.empty(0, int), None)
    assert spread_nodes(alone).tolist() == [[0, 0]]


# bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Projection(columns=3).fit(CLOUD), InputError, "below 3"),
        (lambda: Projection(columns="x").fit(CLOUD), InputError, "'x'"),
        (lambda: Eccentricity(exponent=0.5).fit(CLOUD), InputError, "exponent"),
        (lambda: Eccentricity(metric="precomputed").fit_transform(CLOUD), ShapeError, "(n, n)"),
        (lambda: Entropy().fit_transform([[1.0, 2.0], [0.0, 0.0]]), InputError, "at 1"),
        (lambda: transformer_from_callable_on_rows(3), InputError, "callable"),
        (lambda: method_to_transform(PCA, "guess"), InputError, "'guess'"),
        (lambda: OneDimensionalCover().fit(CLOUD), ShapeError, "CubicalCover"),
        (lambda: OneDimensionalCover(kind="other").fit(CLOUD[:, :1]), InputError, "balanced"),
        (lambda: OneDimensionalCover(n_intervals=0).fit(CLOUD[:, :1]), InputError, "n_intervals"),
        (lambda: OneDimensionalCover(overlap_frac=1.0).fit(CLOUD[:, :1]), InputError, "overlap_frac"),
        (lambda: CubicalCover().fit(np.ones((5, 2))), InputError, "n_intervals=1"),
        (lambda: FirstSimpleGap(linkage="median").fit(CLOUD), InputError, "ward"),
        (lambda: FirstSimpleGap(linkage="ward", metric="cosine").fit(CLOUD), InputError, "euclidean"),
        (lambda: FirstSimpleGap(relative_gap_size=0).fit(CLOUD), InputError, "relative_gap_size"),
        (lambda: FirstSimpleGap(max_fraction=2).fit(CLOUD), InputError, "max_fraction"),
        (lambda: FirstSimpleGap(metric="precomputed").fit(CLOUD), ShapeError, "(n, n)"),
        (lambda: FirstHistogramGap(freq_threshold=-1).fit(CLOUD), InputError, "freq_threshold"),
        (lambda: FirstHistogramGap(n_bins_start=0).fit(CLOUD), InputError, "n_bins_start"),
        (lambda: ParallelClustering(DBSCAN()).fit(CLOUD), InputError, "pair"),
        (lambda: ParallelClustering(DBSCAN()).fit([CLOUD, np.ones((3, 2), bool)]), ShapeError, "(70, n_sets)"),
        (lambda: ParallelClustering(DBSCAN()).fit([CLOUD, np.ones((70, 2))]), ShapeError, "float64"),
        (lambda: ParallelClustering(PCA()).fit([CLOUD, np.ones((70, 2), bool)]), InputError, "fit_predict"),
        (lambda: Nerve(min_intersection=0).fit([((0, 0),)]), InputError, "min_intersection"),
        (lambda: Nerve().fit([0, 1]), InputError, "ParallelClustering"),
        (lambda: Nerve().fit([((0, 0, 1),)]), InputError, "pairs"),
        (lambda: plot_static_mapper_graph(make_mapper_pipeline(graph_step=False), CLOUD), InputError, "graph_step"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, layout="ring"), InputError, "kamada_kawai"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, layout=lambda g, d: np.zeros(3)), ShapeError, "positions"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, layout_dim=4), InputError, "layout_dim"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, color_data=CLOUD[:5]), ShapeError, "5 rows"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, color_data=["a"] * 70), InputError, "numbers"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, color_features="z"), InputError, "'z'"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, node_color_statistic=[1, 2]), ShapeError, "nodes"),
        (lambda: plot_static_mapper_graph(mapper(), CLOUD, plotly_params={"traces": {}}), InputError, "node_trace"),
        (lambda: plot_interactive_mapper_graph(mapper(), CLOUD, parameter="size"), InputError, "'size'"),
        (lambda: plot_interactive_mapper_graph(mapper(), CLOUD, parameter="cover__kind"), InputError, "values"),
        (
            lambda: plot_interactive_mapper_graph(mapper(), CLOUD, node_color_statistic=np.ones(9)),
            InputError,
            "callable",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
