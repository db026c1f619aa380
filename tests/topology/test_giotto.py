"""The same classes, parameters and inputs as giotto-tda 0.6.2, whose results `giotto_figures.py` has written down."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import erlangen.topology
from erlangen.topology import mapper

sys.path.insert(0, str(Path(__file__).parent))
from giotto_figures import CASES, inputs, mapper_graph

RESULTS = json.loads(Path(__file__).with_name("giotto.json").read_text())


def numbers(result):
    """Return the array, or the list of arrays, that was written down."""
    if isinstance(result[0][0], list):
        return [numbers(one) for one in result]
    values, shape = result
    return np.array([float(x) for x in values]).reshape(shape)


def in_order(bars: np.ndarray) -> np.ndarray:
    """Return a collection with the bars of each sample sorted: within a dimension their order is the engine's."""
    return np.stack([sample[np.lexsort(sample.T)] for sample in bars])


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda i: f"{CASES[i][1]}-{i}")
def test_giotto_finds_the_same(number):
    module, name, parameters, which = CASES[number]
    given = inputs()[which]
    if name == "make_mapper_pipeline":
        found = mapper_graph(mapper, parameters, given)
    else:
        room = mapper if module == "mapper" else erlangen.topology
        found = getattr(room, name)(**parameters).fit(given).transform(given)
    expected = numbers(RESULTS[number])
    if module in ("homology", "local_homology"):  # theirs are float32
        np.testing.assert_allclose(in_order(found), in_order(expected), rtol=2e-6, atol=1e-6)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            mine = mine.toarray() if hasattr(mine, "toarray") else mine
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-10)
    else:
        rough = name == "Scaler" or parameters.get("metric") in ("bottleneck", "wasserstein")
        np.testing.assert_allclose(np.asarray(found, float), expected, rtol=0.011 if rough else 1e-7, atol=1e-10)
