"""Every network of the registry is trained, kept in a file and read again: nothing but its name has to be given."""

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from erlangen.errors import ModelFileError, TrainingError
from erlangen.models import names
from erlangen.structures import Structure, StructureSet
from erlangen.training import GraphClassifier, GraphRegressor, load
from erlangen.training.files import load_model, save_model
from erlangen.training.loop import read_checkpoint

# Smaller than small: seconds for all of them together.
TINY = {
    "cormorant": {"hidden": 4, "layers": 2, "degree": 1},
    "density": {"components": 30, "hidden": 16},
    "dimenet++": {"hidden": 16, "layers": 1, "triplet_size": 8, "output_size": 16},
    "egnn": {"hidden": 16, "layers": 2},
    "mace": {"hidden": 8, "radial_hidden": [16]},
    "painn": {"hidden": 16, "layers": 1},
    "physnet": {"hidden": 16, "layers": 2},
    "radial_field": {"hidden": 16, "layers": 1},
    "schnet": {"hidden": 16, "filters": 16, "layers": 1},
    "se3_transformer": {"hidden": 8, "layers": 2, "degree": 1, "heads": 2},
    "tensor_field": {"hidden": 8, "layers": 2, "degree": 1},
}
every = pytest.mark.parametrize("name", names())


def molecules(n: int, seed: int = 0) -> list[Structure]:
    """Bent triatomics, some with sulfur, which is no default element of any network; the energy is in their shape."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        a, b, angle = *rng.uniform(0.9, 1.5, 2), rng.uniform(1.5, 3.0)
        positions = [[0, 0, 0], [a, 0, 0], [b * np.cos(angle), b * np.sin(angle), 0]]
        numbers = np.array([16, *rng.choice([6, 7], 2)])
        energy = -30.0 * numbers.sum() + (a - 1.2) ** 2 + (b - 1.2) ** 2 + 0.5 * np.cos(angle)
        found.append(Structure(positions, numbers, graph={"energy": energy}))
    return found


def regressor(name: str, **changes) -> GraphRegressor:
    given = {"hyperparameters": {"preset": "small", **TINY[name]}, "batch_size": 16, "warmup": 10, "verbose": False}
    return GraphRegressor(name, **(given | {"max_epochs": 2} | changes))


def test_every_model_is_here():
    assert sorted(TINY) == names()


@every
def test_it_learns_and_its_file_predicts_the_same(name, tmp_path):
    train, test = molecules(64), molecules(32, seed=1)
    learned = regressor(name, max_epochs=60, learning_rate=1e-2).fit(train)
    reference = np.array([m.graph["energy"] for m in test])
    predicted = learned.predict(test)
    baseline = np.abs(learned.baseline_.predict(StructureSet.from_structures(test)) - reference).mean()
    assert np.abs(predicted - reference).mean() < 0.8 * baseline
    path = learned.save(tmp_path / "model.erl")
    for again in (GraphRegressor.load(path), load(path)):
        np.testing.assert_array_equal(again.predict(test), predicted)
        assert again.model_.hyperparameters == learned.model_.hyperparameters
    elements = learned.model_.hyperparameters.get("elements")
    assert elements in (None, [6, 7, 16])


def test_a_loss_that_is_not_finite_names_the_step_the_structures_and_the_checkpoint(tmp_path):
    train = molecules(8)
    given = {"batch_size": 4, "checkpoint": tmp_path, "validate_every": 1, "warmup": 1, "max_epochs": 50}
    with pytest.raises(TrainingError) as stopped:
        regressor("mace", learning_rate=1e30, **given).fit(train)
    step = int(str(stopped.value).split("at step ")[1].split(",")[0])
    assert step > 1
    assert f"the last good checkpoint is {tmp_path / 'checkpoint.pt'}" in str(stopped.value)
    content = read_checkpoint(tmp_path / "checkpoint.pt")
    assert content["history"]["steps"] == step - 1
    assert np.isfinite(content["history"]["losses"]).all()
    shown = str(stopped.value).split("structures ")[1].split(";")[0]
    assert {int(word) for word in shown.split(", ")} < set(range(8))
    assert len(shown.split(", ")) == 4
    with pytest.raises(TrainingError, match="there is no checkpoint"):
        regressor("mace", learning_rate=1e30, **given | {"checkpoint": None}).fit(train)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "painter"}, "model 'painter' is unknown"),
        ({"widht": 3}, "no hyperparameter 'widht'"),
        ({"hidden": 24}, "size mismatch"),
        ({"layers": 3}, "Missing key"),
        ({"hidden": -1}, "hidden is a positive integer"),
    ],
)
def test_a_file_whose_network_has_changed_since_is_refused(tmp_path, change, words):
    path = regressor("painn", max_epochs=1).fit(molecules(4)).save(tmp_path / "model.erl")
    tensors, description = load_model(path)
    description["hyperparameters"] |= change
    save_model(path, tensors, {k: v for k, v in description.items() if k != "format"})
    for read in (GraphRegressor.load, load):
        with pytest.raises(ModelFileError, match=rf"model\.erl is of another version of erlangen.*{words}.*train it"):
            read(path)


def test_a_file_of_another_estimator_or_program_is_refused(tmp_path):
    path = regressor("painn", max_epochs=1).fit(molecules(4)).save(tmp_path / "model.erl")
    with pytest.raises(ModelFileError, match=r"model\.erl holds a GraphRegressor, not a GraphClassifier"):
        GraphClassifier.load(path)
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in ("model.embedding.weight",)}
    save_file(weights, tmp_path / "foreign.safetensors")
    with pytest.raises(ModelFileError, match="was not written by erlangen"):
        load(tmp_path / "foreign.safetensors")
    torch.save(weights, tmp_path / "weights.pt")
    with pytest.raises(ModelFileError, match="damaged or no model of erlangen"):
        load(tmp_path / "weights.pt")
