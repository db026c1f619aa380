"""The loop: a run that is cut and resumed ends in the same weights, and a kill at any moment loses nothing."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from erlangen.errors import ModelFileError
from erlangen.structures import Structure
from erlangen.training import GraphRegressor
from erlangen.training.data import global_batch
from erlangen.training.loop import losses, read_checkpoint
from erlangen.training.optimizers import Muon, orthogonalize


def pairs_and_settings():
    rng = np.random.default_rng(0)
    pairs = [Structure([[0, 0, 0], [0, 0, d]], ["C", "O"], graph={"E": (d - 1.1) ** 2}) for d in rng.uniform(1, 2, 64)]
    return pairs, {"verbose": False, "batch_size": 16, "validate_every": 3, "warmup": 5}


MODELS = {
    "schnet": {"model": "schnet", "hyperparameters": {"hidden": 8, "filters": 8, "layers": 1}, "ema": 0.9},
    "density": {"model": "density", "hyperparameters": {"hidden": 8, "components": 10}, "optimizer": "muon"},
}


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_run_ends_in_the_same_weights(tmp_path, monkeypatch, name):
    pairs, settings = pairs_and_settings()
    settings |= MODELS[name] | {"max_epochs": 5, "checkpoint": tmp_path}
    whole = GraphRegressor(**(settings | {"checkpoint": None})).fit(pairs, validation=pairs[:8])

    import erlangen.training.estimator as room

    def cut(fabric, model, optimizers, task, given, validate, started, report):
        def stop(history, share):
            if history.steps == 8:
                raise KeyboardInterrupt

        return run(fabric, model, optimizers, task, given, validate, started, stop)

    run = room.run
    monkeypatch.setattr(room, "run", cut)
    first = GraphRegressor(**settings).fit(pairs, validation=pairs[:8])
    assert (first.history_.steps, first.history_.stopped) == (8, "interrupted")
    assert np.isfinite(first.predict(pairs)).all()  # stopped by hand, the best model is kept
    monkeypatch.undo()
    assert read_checkpoint(tmp_path / "checkpoint.pt")["history"]["steps"] == 6
    resumed = GraphRegressor(**settings, resume=True).fit(pairs, validation=pairs[:8])
    assert resumed.history_.steps == whole.history_.steps == 20
    assert resumed.history_.losses == whole.history_.losses
    for key, value in whole.model_.state_dict().items():
        assert torch.equal(value, resumed.model_.state_dict()[key]), key


SCRIPT = """
import sys
import numpy as np
from erlangen.structures import Structure
from erlangen.training import GraphRegressor

rng = np.random.default_rng(0)
pairs = [Structure([[0, 0, 0], [0, 0, d]], ["C", "O"], graph={"E": (d - 1.1) ** 2}) for d in rng.uniform(1, 2, 64)]
print("ready", flush=True)
GraphRegressor("schnet", hyperparameters={"hidden": 8, "filters": 8, "layers": 1}, verbose=False, batch_size=16,
               validate_every=1, max_epochs=100_000, checkpoint=sys.argv[1], resume=True).fit(pairs)
"""


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout.readline() == "ready\n"
            before = steps[-1] if steps else 0
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                time.sleep(rng.uniform(0.01, 0.1))
                path = tmp_path / "checkpoint.pt"
                if path.exists() and read_checkpoint(path)["history"]["steps"] > before + 3:
                    break
            process.send_signal(signal.SIGKILL)
        content = read_checkpoint(tmp_path / "checkpoint.pt")
        steps.append(content["history"]["steps"])
        assert all(torch.isfinite(value).all() for value in content["model"].values())
    assert steps[1] > steps[0] > 0  # the second run went on where the first was killed


def test_damaged_and_foreign_checkpoints_are_refused(tmp_path):
    pairs, settings = pairs_and_settings()
    settings |= MODELS["schnet"] | {"max_epochs": 1, "checkpoint": tmp_path}
    GraphRegressor(**settings).fit(pairs)
    for changes, what in (
        ({"random_state": 7}, "seed differ"),
        ({"optimizer": "muon"}, "optimizer differ"),
        ({"ema": 0.5}, "ema differ"),
        ({"hyperparameters": {"hidden": 16, "filters": 8, "layers": 1}}, "model differ"),
        ({"loss": "mse"}, "loss differ"),
    ):
        with pytest.raises(ModelFileError, match=f"another run: {what}"):
            GraphRegressor(**(settings | changes), resume=True).fit(pairs)
    with pytest.raises(ModelFileError, match=r"another run: .*targets differ"):
        GraphRegressor(**settings, resume=True).fit(pairs, [2 * pair.graph["E"] ** 2 for pair in pairs])
    assert GraphRegressor(**(settings | {"max_epochs": 2}), resume=True).fit(pairs).history_.steps == 8
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelFileError, match="damaged"):
        GraphRegressor(**settings, resume=True).fit(pairs)


def test_every_epoch_visits_every_structure_once_in_another_order():
    epochs = [np.concatenate([global_batch(10, 4, 3, step)[0] for step in range(3 * e, 3 * e + 3)]) for e in range(2)]
    assert all(sorted(order) == list(range(10)) for order in epochs)
    assert not np.array_equal(*epochs)
    assert global_batch(10, 4, 3, 4)[1] == 1


def test_the_losses():
    output, target = torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.0])
    assert losses(output, target, "mse").tolist() == [0.0, 4.0]
    assert losses(output, target, "mae").tolist() == pytest.approx([0.0, 2.0], abs=0.011)


def test_orthogonalized_matrices_have_singular_values_near_one():
    torch.manual_seed(0)
    for shape in ((2, 20, 20), (3, 8, 30), (1, 30, 8)):
        values = torch.linalg.svdvals(orthogonalize(torch.randn(shape)))
        assert values.min() > 0.3
        assert values.max() < 1.3


def test_muon_agrees_with_pytorch_in_bfloat16s_precision():
    torch.manual_seed(0)
    ours, theirs = torch.nn.Parameter(torch.zeros(6, 4)), torch.nn.Parameter(torch.zeros(6, 4))
    a = Muon([ours], lr=0.1)
    b = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.0)
    for _ in range(3):
        ours.grad = torch.randn(6, 4)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
    torch.testing.assert_close(ours, theirs, atol=0.03, rtol=0.0)
