"""``erlangen certify``: prints, writes, and its exit status says whether the symmetry holds."""

import json
import sys
from dataclasses import replace
from types import ModuleType

from erlangen.models import PaiNN, registry


class Lopsided(PaiNN):
    """Declares what PaiNN does, and breaks it: what it sees depends on where the molecule is."""

    def __init__(self, hidden: int = 8, layers: int = 1, head=None) -> None:
        super().__init__(hidden, layers, 4.0, head=head)
        self.hyperparameters = {"name": "lopsided", "hidden": hidden, "layers": layers, "head": None}

    def represent(self, batch):
        seen = super().represent(batch)
        return replace(seen, scalars=seen.scalars * (1 + batch.positions[:, :1]))


def test_a_model_that_keeps_its_symmetry(erlangen, model, tmp_path):
    copy = tmp_path / "copy.erl"
    copy.write_bytes(model.read_bytes())
    path = tmp_path / "copy.certificate.json"  # beside the model, unless another place is named
    result = erlangen.runs("certify", copy, "--samples", "8")
    assert result.err == f"written to {path}\n"
    assert result.out.startswith("GraphRegressor: HOLDS  E(3) x S")
    written = json.loads(path.read_text())
    assert written["holds"] is True
    assert {m["precision"] for m in written["measurements"]} == {"float32", "float64"}
    assert all(m["error"] <= m["tolerance"] and m["samples"] == 8 for m in written["measurements"])


def test_a_broken_model_is_exit_status_1(erlangen, tmp_path, monkeypatch):
    room = ModuleType("erlangen.models.lopsided")
    room.Lopsided = Lopsided
    monkeypatch.setitem(sys.modules, "erlangen.models.lopsided", room)
    monkeypatch.setitem(registry.MODELS, "lopsided", "lopsided.Lopsided")
    sizes = ["--n-train", "50", "--n-valid", "0", "--n-test", "0", "--epochs", "1"]
    erlangen.runs("train", "--model", "lopsided", *sizes, "--output", tmp_path)
    path = tmp_path / "certificate.json"
    result = erlangen("certify", tmp_path / "model.erl", "--samples", "8", "--output", path)
    assert (result.status, result.err) == (1, f"written to {path}\n")
    assert result.out.startswith("GraphRegressor: BROKEN  E(3) x S")
    written = json.loads(path.read_text())
    assert written["holds"] is False
    assert any(m["error"] > m["tolerance"] for m in written["measurements"])


def test_the_seed_decides_what_is_drawn(erlangen, model, tmp_path):
    given = ["certify", model, "--samples", "4", "--output", tmp_path / "c.json", "--seed"]
    first = erlangen.runs(*given, "3").out
    assert erlangen.runs(*given, "3").out == first
    assert erlangen.runs(*given, "4").out != first


def test_what_cannot_be_used_is_named(erlangen, model, tmp_path):
    erlangen.refuses("certify", model, "--samples", "0", words="--samples")
    erlangen.refuses("certify", model, "--seed", "-1", words="--seed")
    erlangen.refuses("certify", tmp_path / "no.erl", words=f"there is no model file {tmp_path / 'no.erl'}")
    erlangen.refuses("certify", model, "--output", model / "c.json", words=f"{model} is a file")
    erlangen.refuses("certify", model, "--output", tmp_path, words="folder")
    erlangen.refuses("certify", words=("model file", "--blueprint"))
    erlangen.refuses("certify", model, "--blueprint", words=f"takes no model, got {model}")
    erlangen.refuses("certify", "--blueprint", "--output", model / "c.json", words=f"{model} is a file")
    assert list(tmp_path.iterdir()) == []


def test_the_blueprint_is_a_table_of_families(erlangen, tmp_path):
    path = tmp_path / "blueprint.json"
    result = erlangen.runs("certify", "--blueprint", "--samples", "8", "--output", path)
    assert result.err == f"written to {path}\n"
    for word in ("family", "where it breaks", "group CNN, D4", "Z(12) x Z(12)", "zero padding", "positional encoding"):
        assert word in result.out
    assert " ! " not in result.out.replace("; ! is not", "")
    written = json.loads(path.read_text())
    assert written["samples"] == 8
    assert [family["holds"] for family in written["families"]] == [True] * 10
    for family in written["families"]:
        assert all(m["error"] <= m["tolerance"] < 1e-10 for m in family["equivariance"]["measurements"])
        assert all(b["verdict"] == "BROKEN" for b in family["breaks"])


def test_a_family_that_fails_is_exit_status_1_and_no_file_unless_asked_for(erlangen, tmp_path, monkeypatch):
    from erlangen.models import families

    torus = families.convolutional()
    bordered = replace(torus, layer=torus.breaks[0].layer, breaks=())
    monkeypatch.setattr(families, "blueprints", lambda seed: (bordered,))
    monkeypatch.chdir(tmp_path)
    result = erlangen("certify", "--blueprint", "--samples", "4")
    assert (result.status, result.err) == (1, "")
    assert " ! " in result.out.replace("; ! is not", "")
    assert list(tmp_path.iterdir()) == []
