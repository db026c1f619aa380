"""The papers' protocols: of every network but ours, within QM9, and such as the loop can follow."""

import pytest

from erlangen.datasets import load_qm9
from erlangen.errors import InputError
from erlangen.models import names
from erlangen.training import GraphRegressor
from erlangen.training.protocols import PROTOCOLS, protocol


def test_every_network_but_ours_has_one():
    assert sorted([*PROTOCOLS, "density"]) == names()
    with pytest.raises(InputError, match=r"no paper says how to train 'density'; .*schnet"):
        protocol("density")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_loop_can_follow_it(name):
    paper = protocol(name)
    assert paper.source
    assert paper.differences
    given = {"loss": paper.loss, "ema": paper.ema, "clip": paper.clip, "warmup": paper.warmup}
    given |= {"batch_size": paper.batch_size, "learning_rate": paper.learning_rate, "max_epochs": paper.epochs}
    GraphRegressor(name, **given)._check()
    load_qm9("U0", paper.n_train, paper.n_valid, 10_000)


def test_steps_that_the_authors_count_are_passes_over_their_molecules():
    for name, steps in (("physnet", 10_000_000), ("dimenet++", 3_000_000)):
        paper = protocol(name)
        per_epoch = -(-paper.n_train // paper.batch_size)
        assert abs(paper.epochs * per_epoch - steps) < per_epoch
