"""Ctrl-C at any moment and a disk that fills: what was whole stays whole, and one line says what happened."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager

import pytest

from erlangen.datasets import load_qm9
from erlangen.training import GraphRegressor


@contextmanager
def started(*command):
    """A real process, which is gone afterwards; `trained` before it has compiled what it needs."""
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def interrupt(process) -> tuple[int, str, str]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_ctrl_c_during_training_keeps_the_best_model(erlangen, trained, tmp_path):
    small = [*erlangen.small_training, "--validate-every", "3", "--budget", "100", "--output", tmp_path]
    with started(erlangen.script, "train", *small) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "checkpoint.pt").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        status, out, err = interrupt(process)
    assert (status, out) == (130, "")
    baseline, stopped = err.splitlines()
    assert baseline.startswith("composition baseline")
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["stopped"], metrics["steps"] > 0) == ("interrupted", True)
    assert stopped.startswith(f"erlangen: stopped after {metrics['steps']:,} steps in ")
    assert stopped.endswith(f"the best model so far: {tmp_path / 'model.erl'}")
    _, valid, _ = load_qm9("U0", 200, 40, 40)
    found = abs(GraphRegressor.load(tmp_path / "model.erl").predict(valid) - valid.graph["U0"]).mean()
    assert found == pytest.approx(min(error for _, _, error in metrics["validation"]), rel=1e-6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "metrics.json", "model.erl"]


def test_ctrl_c_during_the_quickstart_still_tests_what_was_learned(erlangen, trained, tmp_path):
    given = ["--model", "painn", "--budget", "100", "--n-train", "500", "--n-test", "50", "--output", tmp_path]
    with started(erlangen.script, "quickstart", *given) as process:
        assert process.stderr.readline().startswith("composition baseline")
        time.sleep(3)
        status, out, err = interrupt(process)
    assert (status, err) == (130, f"erlangen: stopped; the best model and its figures are in {tmp_path}\n")
    assert "interrupted: what was learned is tested" in out
    assert json.loads((tmp_path / "metrics.json").read_text())["stopped"] == "interrupted"
    assert GraphRegressor.load(tmp_path / "model.erl").predict(load_qm9("U0", 5, 5, 5)[0]).shape == (5,)


def test_ctrl_c_while_the_data_is_prepared_leaves_nothing(erlangen, tmp_path):
    given = ["--model", "density", "--n-train", "20000", "--budget", "100", "--output", tmp_path]
    with started(erlangen.script, "train", *given) as process:
        assert process.stderr.readline().startswith("composition baseline")
        time.sleep(0.2)
        assert interrupt(process) == (130, "", "erlangen: stopped\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", [0.08, 0.3, 1.0])
def test_ctrl_c_at_the_start_is_one_line(erlangen, tmp_path, seconds):
    with started(erlangen.script, "train", *erlangen.small_training, "--output", tmp_path) as process:
        time.sleep(seconds)
        assert interrupt(process) == (130, "", "erlangen: stopped\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of 64 kB; where none may be mounted, files may not grow beyond that."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "erlangen-test", str(folder)]
    if os.geteuid() == 0 and shutil.which("mount") and subprocess.run(mount, capture_output=True).returncode == 0:
        yield folder, "No space left on device"
        subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    yield folder, "File too large"
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said_and_nothing_half_written_stays(erlangen, trained, full_disk):
    folder, reason = full_disk
    run = ["train", *erlangen.small_training, "--set", "hidden=32", "--epochs", "1", "--output", folder / "run"]
    erlangen.refuses(*run, words=(f"cannot write {folder / 'run' / 'checkpoint.pt'}", reason), progress=1)
    assert list((folder / "run").iterdir()) == []


def test_a_full_disk_leaves_the_old_model(erlangen, trained, full_disk):
    folder, reason = full_disk
    path = folder / "model.erl"
    shutil.copy(trained / "model.erl", path)
    before = path.read_bytes()
    model = GraphRegressor.load(path)
    model.model_.head.register_buffer("ballast", model.model_.embedding.weight.new_zeros(64 * 1024))
    with pytest.raises(OSError, match=reason):
        model.save(path)
    assert path.read_bytes() == before
    assert list(folder.iterdir()) == [path]
