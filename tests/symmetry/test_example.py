import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "certify_a_function.py"


def test_the_example_tells_what_holds(capsys):
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    output = capsys.readouterr().out
    assert "handedness: HOLDS  SE(3)" in output
    assert "handedness: BROKEN  E(3)" in output
    assert "pseudoscalar" in output
    assert "bounding_box: BROKEN" in output
    assert "symmetrized bounding_box: HOLDS" in output
