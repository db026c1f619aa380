"""Targets of structures, atoms and pairs; numbers, vectors, tensors and classes: each finds its head and is learned."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.utils import estimator_checks

from erlangen.errors import InputError, ModelFileError
from erlangen.structures import Structure, StructureSet
from erlangen.symmetry import certify
from erlangen.training import GraphClassifier, GraphRegressor, load

SMALL = {"hidden": 16, "layers": 2, "cutoff": 4.0}
SHARED = {"model": "painn", "hyperparameters": SMALL, "batch_size": 16, "learning_rate": 3e-3, "verbose": False}
CORNERS = np.indices((2, 2, 2)).reshape(3, 8).T


def molecules(n: int, seed: int = 0) -> StructureSet:
    """Small clouds with targets of every kind, each a simple function of the geometry."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        k = int(rng.integers(3, 6))
        x = 1.4 * rng.permutation(CORNERS)[:k] + 0.2 * rng.normal(size=(k, 3))
        numbers = rng.choice([6, 7, 8], k)
        i, j = np.triu_indices(k, 1)
        length = np.linalg.norm(x[i] - x[j], axis=1)
        centered = x - x.mean(0)
        found.append(
            Structure(
                x,
                numbers,
                node={"charge": 0.1 * numbers + 0.2 * np.exp(-(centered**2).sum(1)), "oxygen": numbers == 8},
                edge={"index": np.stack([i, j]), "length": length, "near": np.where(length < 2, 7, 3)},
                graph={
                    "energy": np.exp(-length).sum(),
                    "dipole": ((numbers - 7.0)[:, None] * centered).sum(0),
                    "inertia": np.eye(3) * (centered**2).sum() - centered.T @ centered,
                    "kind": "has oxygen" if 8 in numbers else "none",
                },
            )
        )
    return StructureSet.from_structures(found)


@pytest.fixture(scope="module")
def train():
    return molecules(160)


@pytest.fixture(scope="module")
def test():
    return molecules(40, seed=1)


@pytest.mark.parametrize(
    ("target", "head", "rows"),
    [
        ("energy", "graph", "graph"), ("dipole", "vector", "graph"), ("inertia", "tensor", "graph"),
        ("charge", "node", "node"), ("length", "edge", "edge"),
    ],
)  # fmt: skip
def test_every_kind_of_number_is_learned_and_certified(train, test, target, head, rows, tmp_path):
    learned = GraphRegressor(target=target, max_epochs=40, loss="mse", **SHARED).fit(train, validation=test)
    reference = getattr(test, rows)[target]
    predicted = learned.predict(test)
    assert learned.level_ == rows
    assert learned.model_.hyperparameters["head"]["name"] == head
    assert predicted.shape == reference.shape
    assert learned.score(test) > 0.5
    errors = [error for _, _, error in learned.history_.validation]
    assert np.abs(predicted - reference).mean() == pytest.approx(min(errors), rel=1e-5)
    certificate = certify(learned, samples=6)
    assert certificate.holds, str(certificate)
    np.testing.assert_array_equal(load(learned.save(tmp_path / "model.erl")).predict(test), predicted)


@pytest.mark.parametrize(("target", "rows"), [("kind", "graph"), ("oxygen", "node"), ("near", "edge")])
def test_every_kind_of_class_is_learned_and_certified(train, test, target, rows, tmp_path):
    learned = GraphClassifier(target=target, max_epochs=30, **SHARED).fit(train, validation=test)
    reference = getattr(test, rows)[target]
    common = np.unique(reference, return_counts=True)[1].max() / len(reference)
    assert learned.score(test) == np.mean(learned.predict(test) == reference) > 0.5 + 0.5 * common
    probability = learned.predict_proba(test)
    assert probability.shape == (len(reference), 2)
    np.testing.assert_allclose(probability.sum(1), 1)
    assert certify(learned, samples=6).holds
    again = load(learned.save(tmp_path / "model.erl"))
    np.testing.assert_array_equal(again.predict_proba(test), probability)
    np.testing.assert_array_equal(again.classes_, learned.classes_)
    with pytest.raises(ModelFileError, match="holds a GraphClassifier, not a GraphRegressor"):
        GraphRegressor.load(tmp_path / "model.erl")


@pytest.mark.parametrize("target", ["energy", "charge", "inertia"])
def test_the_density_network_takes_every_head(train, test, target):
    small = {"hidden": 16, "components": 40, "cutoff": 4.0, "angular_cutoff": 4.0}
    given = SHARED | {"model": "density", "hyperparameters": small}
    learned = GraphRegressor(target=target, max_epochs=20, loss="mse", **given).fit(train)
    assert learned.score(test) > (0.5 if target == "energy" else 0.0)
    assert certify(learned, samples=6).holds


def test_a_classifier_in_scikit_learns_tools(train):
    given = GraphClassifier(max_epochs=5, **SHARED)
    bare = np.array([Structure(m.positions, m.numbers) for m in train], dtype=object)
    scores = cross_val_score(given, bare, train.graph["kind"], cv=3)
    assert scores.shape == (3,)
    assert clone(given).get_params() == given.get_params()


# What scikit-learn asks of every estimator and that needs no matrix of features; the other checks fit one, which a
# network of atoms cannot: its input is a list of structures.
@pytest.mark.parametrize("kind", [GraphRegressor, GraphClassifier])
@pytest.mark.parametrize(
    "check",
    [
        "estimator_cloneable", "estimator_tags_renamed", "valid_tag_types", "estimator_repr", "get_params_invariance",
        "no_attributes_set_in_init", "set_params", "mixin_order", "parameters_default_constructible",
    ],
)  # fmt: skip
def test_the_checks_of_scikit_learn_that_need_no_matrix(kind, check):
    getattr(estimator_checks, f"check_{check}")(kind.__name__, kind())


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        (GraphRegressor, "kind", "for classes use GraphClassifier"),
        (GraphClassifier, "energy", "one class a row"),
        (GraphClassifier, "dipole", "one class a row"),
        (GraphRegressor, "nothing", "no target 'nothing'; there are"),
        (GraphRegressor, None, "say which target"),
    ],
)
def test_targets_that_do_not_fit_are_named(train, kind, target, message):
    with pytest.raises(InputError, match=message):
        kind(target=target, max_epochs=1, **SHARED).fit(train)


def test_a_single_class_and_two_outputs_are_refused(train):
    with pytest.raises(InputError, match="a single class"):
        GraphClassifier(max_epochs=1, **SHARED).fit(train, np.ones(len(train), int))
    forces = SHARED | {"hyperparameters": {**SMALL, "head": "forces"}}
    with pytest.raises(InputError, match="two outputs"):
        GraphRegressor(target="energy", max_epochs=1, **forces).fit(train)


def test_bonds_of_some_structures(train):
    chosen = train[[5, 2]]
    assert chosen.bond_counts.tolist() == [train[5].bonds.shape[1], train[2].bonds.shape[1]]
    np.testing.assert_array_equal(
        chosen.edge["length"], np.concatenate([train[5].edge["length"], train[2].edge["length"]])
    )
    np.testing.assert_array_equal(chosen.edge["index"], np.concatenate([train[5].bonds, train[2].bonds], axis=1))
