"""The record of the Erlangen programme, on NumPy arrays; its networks are tested with the models."""

import json
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from erlangen.errors import InputError
from erlangen.symmetry import (
    Blueprint,
    Break,
    Cyclic,
    Dihedral,
    GridShift,
    Invariant,
    Permutation,
    Permute,
    Roll,
    TurnImage,
    measure,
)
from erlangen.symmetry.blueprint import COLUMNS, table

EXAMPLE = Path(__file__).parents[2] / "examples" / "erlangen_programme.py"
CUT = Break("a cut", layer=lambda x: np.diff(x, prepend=0.0))
RING = Blueprint(
    "differences", "ring", GridShift(8), Roll(), Roll(), lambda x: x - np.roll(x, 1), lambda x: (x * x).sum(), (CUT,)
)


def swirl(x):
    """Turns with the image; its mirror image swirls the other way."""
    return x * np.rot90(x)


def test_both_claims_and_each_break_are_measured():
    measured = measure(RING)
    assert measured.holds
    assert measured.equivariance.claim == "Z(8): roll -> roll"
    assert measured.invariance.claim == "Z(8): roll -> invariant"
    assert [(where, certificate.verdict) for where, certificate in measured.breaks] == [("a cut", "BROKEN")]
    assert max(measured.equivariance.error, measured.invariance.error) < 1e-14
    assert measured.breaks[0][1].error > 0.1


def test_a_layer_a_pooling_or_a_break_that_is_not_what_it_is_said_to_be_is_marked():
    wrong_layer = measure(replace(RING, layer=CUT.layer))
    wrong_pooling = measure(replace(RING, pooling=lambda x: x[0]))
    wrong_break = measure(replace(RING, breaks=(Break("no break", layer=lambda x: 2 * RING.layer(x)),)))
    for column, measured in ((3, wrong_layer), (4, wrong_pooling), (5, wrong_break)):
        assert not measured.holds
        assert measured.row[column].endswith(" !")
    assert [cell.endswith("!") for cell in wrong_pooling.row].count(True) == 1
    assert not any("!" in cell for cell in measure(RING).row)


def test_a_break_is_a_larger_group_another_action_or_what_is_pooled():
    reflections = Break("reflections", group=Dihedral(4))
    listed = Break("listed", inputs=TurnImage(), features=Invariant())
    pooled = Break("pooled", layer=lambda x: x * np.arange(36).reshape(6, 6), pooled=True)
    turning = Blueprint(
        "swirl", "pixels", Cyclic(4), TurnImage(), TurnImage(), swirl, np.sum, (reflections, listed, pooled)
    )
    assert str(turning) == "swirl on pixels, C4: turnimage -> turnimage"
    measured = measure(turning)
    assert measured.holds
    assert [certificate.claim for _, certificate in measured.breaks] == [
        "D4: turnimage -> turnimage",
        "C4: turnimage -> invariant",
        "C4: turnimage -> invariant",
    ]
    assert not measure(replace(turning, breaks=(Break("turns", group=Cyclic(2)),))).holds  # a subgroup is no break


def test_several_inputs_and_sizes():
    weighted = Blueprint(
        "weighted", "set", Permutation(), {"x": Permute(0), "w": Permute(0)}, Permute(0),
        layer=lambda x, w: x * w[:, None], pooling=lambda x: x.sum(0), shape={"x": (None, 2), "w": (None,)},
    )  # fmt: skip
    assert measure(weighted).holds
    drawn = replace(weighted, draw=lambda rng: {"x": rng.normal(size=(5, 2)), "w": rng.random(5)})
    assert measure(drawn).equivariance.witness.inputs["w"].shape == (5,)
    assert measure(replace(weighted, sizes=(7, 7))).equivariance.witness.inputs["w"].shape == (7,)


def test_the_record_is_plain_and_the_table_has_a_row_for_each_family():
    measured = measure(RING, samples=4, random_state=3, precisions=("float64", "float32"))
    assert table([measured]) == table([measure(RING, 4, 3, ("float64", "float32"))])
    assert table([measured]) != table([measure(RING, samples=4, random_state=4)])
    header, row = table([measured]).splitlines()
    assert header.split("  ")[0].rstrip() == COLUMNS[0]
    assert row.startswith("differences  ring    Z(8)")
    record = json.loads(json.dumps(measured.to_dict(), allow_nan=False))
    assert (record["family"], record["holds"], record["breaks"][0]["where"]) == ("differences", True, "a cut")
    assert [m["precision"] for m in record["equivariance"]["measurements"]] == ["float64", "float32"]
    assert record["breaks"][0]["verdict"] == "BROKEN"


def test_what_is_no_layer_is_refused():
    with pytest.raises(InputError, match="layer and pooling of differences are functions"):
        replace(RING, pooling=None)
    with pytest.raises(InputError, match="samples is at least 1"):
        measure(RING, samples=0)


def test_the_record_needs_no_torch():
    code = "import sys, erlangen.symmetry.blueprint; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n", done.stderr


def test_the_example_prints_every_family(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    assert lines[-1].startswith("yours")
    assert "!" not in "".join(lines)
