"""The estimator: scikit-learn's contract, targets of several kinds, files, and what a new user does wrong."""

import resource

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from erlangen.errors import InputError, ModelFileError, OutputError, TrainingError
from erlangen.structures import Structure, StructureSet
from erlangen.symmetry import certify
from erlangen.training import GraphRegressor
from erlangen.training.files import FORMAT

SMALL = {"hidden": 16, "layers": 1, "cutoff": 4.0}


def molecules(n: int, seed: int = 0) -> list[Structure]:
    """Bent triatomics with an energy that depends on their shape, and charges on their atoms."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        a, b, angle = rng.uniform(0.9, 1.5), rng.uniform(0.9, 1.5), rng.uniform(1.5, 3.0)
        positions = [[0, 0, 0], [a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0]]
        numbers = np.array([8, *rng.choice([6, 7], 2)])
        energy = -30.0 * numbers.sum() + (a - 1.2) ** 2 + (b - 1.2) ** 2 + 0.5 * np.cos(angle)
        charges = 0.1 * (numbers - numbers.mean())
        found.append(Structure(positions, numbers, graph={"energy": energy}, node={"charges": charges}))
    return found


def regressor(**changes) -> GraphRegressor:
    given = {"model": "schnet", "hyperparameters": {**SMALL, "filters": 16}, "max_epochs": 20, "batch_size": 16}
    return GraphRegressor(**(given | {"verbose": False} | changes))


@pytest.fixture(scope="module")
def train():
    return molecules(96)


@pytest.fixture(scope="module")
def fitted(train):
    return regressor().fit(train)


@pytest.mark.parametrize("model", ["schnet", "egnn", "painn", "density"])
def test_every_model_beats_the_composition(model, train):
    hyperparameters = (
        SMALL if model != "density" else {"hidden": 16, "components": 30, "cutoff": 4.0, "angular_cutoff": 4.0}
    )
    if model == "egnn":
        hyperparameters = {"hidden": 16, "layers": 2}
    learned = regressor(model=model, hyperparameters=hyperparameters, max_epochs=60, learning_rate=3e-3).fit(train)
    test = molecules(64, seed=1)
    reference = np.array([m.graph["energy"] for m in test])
    baseline = np.abs(learned.baseline_.predict(StructureSet.from_structures(test)) - reference).mean()
    assert np.abs(learned.predict(test) - reference).mean() < 0.7 * baseline


def test_it_follows_scikit_learn(train):
    given = regressor()
    assert clone(given).get_params() == given.get_params()
    before = given.get_params()
    assert given.fit(train[:32]) is given
    assert given.get_params() == before
    with pytest.raises(NotFittedError):
        regressor().predict(train)


def test_grid_search_works(train):
    y = [m.graph["energy"] for m in train]
    search = GridSearchCV(regressor(max_epochs=2), {"learning_rate": [1e-3, 1e-9]}, cv=2, error_score="raise")
    search.fit(train, y)
    assert search.best_params_["learning_rate"] in (1e-3, 1e-9)
    assert search.predict(train[:3]).shape == (3,)


def test_y_is_the_same_as_targets_of_the_structures(train, fitted):
    bare = [Structure(m.positions, m.numbers) for m in train]
    by_y = regressor().fit(bare, [m.graph["energy"] for m in train])
    np.testing.assert_array_equal(by_y.predict(train), fitted.predict(train))


def test_the_seed_decides(train, fitted):
    np.testing.assert_array_equal(regressor().fit(train).predict(train), fitted.predict(train))
    assert not np.array_equal(regressor(random_state=1).fit(train).predict(train), fitted.predict(train))


def test_charges_of_atoms(train):
    learned = regressor(target="charges", hyperparameters={**SMALL, "filters": 16, "head": "node"}, max_epochs=60).fit(
        train
    )
    reference = np.concatenate([m.node["charges"] for m in train])
    predicted = learned.predict(train)
    assert predicted.shape == reference.shape
    assert np.abs(predicted - reference).mean() < 0.5 * np.abs(reference).mean()


def test_validation_keeps_the_best_weights(train):
    valid = molecules(32, seed=2)
    learned = regressor(validate_every=5, max_epochs=10).fit(train, validation=valid)
    errors = [error for _, _, error in learned.history_.validation]
    reference = np.array([m.graph["energy"] for m in valid])
    assert np.abs(learned.predict(valid) - reference).mean() == pytest.approx(min(errors), rel=1e-6)


def test_early_stopping_and_the_clock_stop(train):
    patient = regressor(learning_rate=1e-12, patience=2, max_epochs=50).fit(train, validation=train)
    assert patient.history_.stopped == "patience"
    assert patient.history_.steps < 50 * 6
    hurried = regressor(max_epochs=10**6, max_time=0.5).fit(train)
    assert hurried.history_.stopped == "time"
    assert 0.5 <= hurried.history_.seconds < 5


def test_the_average_of_the_weights_predicts(train):
    averaged = regressor(ema=0.99, max_epochs=5).fit(train)
    plain = regressor(max_epochs=5).fit(train)
    assert not np.array_equal(averaged.predict(train), plain.predict(train))
    assert np.isfinite(averaged.predict(train)).all()


def test_the_certificate_of_a_fitted_model(fitted):
    certificate = certify(fitted, samples=8)
    assert certificate.holds, str(certificate)


def test_files_keep_the_model(tmp_path, train, fitted):
    path = fitted.save(tmp_path / "model.erl")
    again = GraphRegressor.load(path)
    np.testing.assert_array_equal(again.predict(train), fitted.predict(train))
    assert again.get_params() == fitted.get_params()
    assert again.score(train) == fitted.score(train)


def test_a_described_model_survives_its_file(tmp_path, train):
    learned = regressor(model="density", hyperparameters={"hidden": 8, "components": 20}, max_epochs=2).fit(train)
    again = GraphRegressor.load(learned.save(tmp_path / "density.erl"))
    np.testing.assert_array_equal(again.predict(train), learned.predict(train))


@pytest.mark.parametrize("damage", ["half", "flip early", "flip late", "empty", "text", "foreign"])
def test_damaged_files_are_refused(tmp_path, fitted, damage):
    path = fitted.save(tmp_path / "model.erl")
    data = bytearray(path.read_bytes())
    if damage == "half":
        data = data[: len(data) // 2]
    elif damage == "flip early":
        data[200] ^= 1
    elif damage == "flip late":
        data[-100] ^= 1
    elif damage == "empty":
        data = b""
    elif damage == "text":
        data = b"this is no model"
    path.write_bytes(data)
    if damage == "foreign":
        from safetensors.torch import save_file

        save_file({"a": torch.zeros(3)}, path)
    with pytest.raises(ModelFileError, match=r"model\.erl"):
        GraphRegressor.load(path)


@pytest.mark.parametrize(
    ("change", "words"), [(1, "newer erlangen .*upgrade"), (-1, "older erlangen .*train it again")]
)
def test_files_of_other_versions_are_refused(tmp_path, fitted, monkeypatch, change, words):
    monkeypatch.setattr("erlangen.training.files.FORMAT", FORMAT + change)
    path = fitted.save(tmp_path / "model.erl")
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match=words):
        GraphRegressor.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, fitted):
    path = fitted.save(tmp_path / "model.erl")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 1, limits[1]))  # a byte less than there has to be
    try:
        with pytest.raises(OutputError, match="File too large"):
            fitted.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.erl"]


def test_unknown_elements_are_named(fitted):
    methane = Structure([[0, 0, 0], [0, 0, 1.1]], ["C", "H"])
    with pytest.raises(InputError, match=r"structures\[1\] has H, which was never seen in training"):
        fitted.predict([Structure([[0.0, 0, 0]], ["C"]), methane])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "schnett"}, "unknown"),
        ({"batch_size": 0}, "batch_size"),
        ({"max_epochs": 0}, "max_epochs"),
        ({"max_time": "soon"}, "max_time"),
        ({"max_time": "1:2:3:4"}, "max_time"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"patience": 0}, "patience"),
        ({"validate_every": 1.5}, "validate_every"),
        ({"loss": "rmse"}, "loss"),
        ({"optimizer": "sgd"}, "optimizer"),
        ({"ema": 2.0}, "ema"),
        ({"target": "gap"}, "no target 'gap'"),
        ({"hyperparameters": {"hiden": 3}}, "hiden"),
        ({"hyperparameters": {"cutoff": 0.0}}, "cutoff"),
    ],
)
def test_bad_parameters_are_named(train, changes, message):
    with pytest.raises(InputError, match=message):
        regressor(**changes).fit(train)


def test_bad_structures_are_named(train, fitted):
    with pytest.raises(InputError, match="empty"):
        regressor().fit([])
    with pytest.raises(InputError, match="empty"):
        fitted.predict([])
    with pytest.raises(InputError, match="list of Structure"):
        regressor().fit(np.zeros((3, 4)))
    with pytest.raises(InputError, match="not finite in row 1"):
        regressor().fit(train[:3], [1.0, np.nan, 2.0])
    with pytest.raises(InputError, match="2 targets for 3"):
        regressor().fit(train[:3], [1.0, 2.0])


def test_a_loss_that_is_not_finite_stops_the_run(train, tmp_path):
    with pytest.raises(TrainingError, match=r"not finite at step \d+, on the training structures .*checkpoint"):
        regressor(learning_rate=1e30, warmup=1, max_epochs=50, checkpoint=tmp_path, validate_every=1).fit(train)


def test_single_atoms_and_a_single_structure():
    atoms = [
        Structure([[0.0, 0, 0]], ["C"], graph={"energy": -1.0}),
        Structure([[0.0, 0, 0]], ["N"], graph={"energy": -2.0}),
    ]
    learned = regressor(max_epochs=2).fit(atoms)
    assert np.isfinite(learned.predict(atoms)).all()
    assert np.isfinite(regressor(max_epochs=2).fit(atoms[:1]).predict(atoms[:1])).all()
