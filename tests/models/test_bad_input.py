"""What no model can work with is refused at its door, by the name of the argument, with what would do."""

import inspect
from dataclasses import replace

import pytest
import torch

from erlangen import models
from erlangen.errors import InputError, ModelFileError
from erlangen.models.registry import hyperparameters_of, model_class
from erlangen.nn.irreps import IrrepsLinear
from erlangen.nn.tensor_product import Coupling
from erlangen.structures import Batch, Structure
from erlangen.symmetry import Irreps

NAMES = models.names()
TINY = {
    "cormorant": {"hidden": 3, "layers": 2, "degree": 1},
    "density": {"radial": 5, "angular": 3, "components": 20, "hidden": 8},
    "dimenet++": {"hidden": 8, "layers": 1, "triplet_size": 6, "output_size": 8, "spherical_size": 3},
    "egnn": {"hidden": 8, "layers": 1, "cutoff": 4.0},
    "mace": {"hidden": 4, "degree": 2, "radial_hidden": [8]},
    "painn": {"hidden": 8, "layers": 1},
    "physnet": {"hidden": 8, "layers": 1},
    "radial_field": {"hidden": 8, "layers": 1, "cutoff": 4.0},
    "schnet": {"hidden": 8, "filters": 8, "layers": 1},
    "se3_transformer": {"hidden": 4, "layers": 1, "degree": 1, "heads": 2},
    "tensor_field": {"hidden": 4, "layers": 1, "degree": 1},
}
every = pytest.mark.parametrize("name", NAMES)


def tiny(name: str, **more) -> torch.nn.Module:
    return models.create(name, preset="small", **{**TINY[name], **more})


def water(**given) -> Batch:
    return Batch.from_structures([Structure([[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]], [8, 1, 1])], **given)


def test_every_model_is_here():
    assert sorted(TINY) == NAMES


# By argument: what is wrong, whichever model has it.
WRONG = {
    "hidden": [0, -1, 2.5, True, "wide"],
    "layers": [0, -1, 1.5, True],
    "cutoff": [0, 0.0, -1.0, float("nan"), float("inf"), "far", True],
    "angular_cutoff": [0.0, float("nan"), float("inf"), 7.0],
    "long_range_cutoff": [0.0, 1.0, float("nan"), float("inf")],
    "radial_size": [0, -1, 1.5],
    "degree": [-1, 11, 1.5, "two"],
    "hidden_degree": [-1, 3, 11],
    "correlation": [0, 4],
    "filters": [0],
    "heads": [0, 3, -1],
    "divisor": [0, 3],
    "triplet_size": [0],
    "basis_size": [0],
    "output_size": [0],
    "output_layers": [0],
    "spherical_size": [0, 1],
    "interaction_residuals": [-1],
    "atomic_residuals": [-1],
    "output_residuals": [-1],
    "radial": [0],
    "angular": [0, 1],
    "components": [0],
    "neighbors": [0, -1.0, float("nan")],
    "charge_power": [-1, 0.5],
    "charge_scale": [0.0],
    "radial_hidden": [[0], [8.0], "8"],
    "elements": [[], [200], [-1], ["C"], "CH"],
    "attention": [1],
    "velocities": ["no"],
    "mirror": ["False"],
    "interpolate": [None],
}
CASES = [(name, given, value) for name in NAMES for given in hyperparameters_of(name) for value in WRONG.get(given, ())]


def test_every_number_and_switch_has_a_case():
    switches = {"update_coordinates", "normalize", "tanh", "electrostatics", "dispersion"}  # as attention
    for name in NAMES:
        for argument, given in inspect.signature(model_class(name)).parameters.items():
            if isinstance(given.default, int | float):
                assert argument in WRONG.keys() | switches, (name, argument)


@pytest.mark.parametrize(("name", "argument", "value"), CASES, ids=str)
def test_hyperparameters_are_refused_by_name(name, argument, value):
    for make in (tiny, lambda name, **given: model_class(name)(**{**TINY[name], **given})):
        with pytest.raises(InputError, match=argument) as refused:
            make(name, **{argument: value})
        assert "cannot make" not in str(refused.value)  # which is what is said when nobody looked


@every
def test_odd_widths_are_no_contradiction(name):
    widths = {"se3_transformer": {"hidden": 3, "heads": 1, "divisor": 1}}
    batch = water()
    for hidden in (1, 3):
        model = tiny(name, **{**widths.get(name, {}), "hidden": hidden, "head": {"name": "graph"}})
        assert torch.isfinite(model(batch)).all()


def test_degrees_beyond_the_tables_are_refused():
    with pytest.raises(InputError, match="between 0 and 10, got degree_edge=11"):
        Coupling(1, 11, 1)
    with pytest.raises(InputError, match="degree is at most 5"):
        models.create("se3_transformer", degree=6, hidden=4, heads=2)  # it couples up to twice its degree


def test_wrong_irreps_are_refused():
    for text in ("3x", "1y", "2x1", "-1x0e", "0o1"):
        with pytest.raises(InputError, match=r"[Ii]rrep"):
            Irreps.parse(text)
    with pytest.raises(InputError, match="x has 4 columns, 3x0e has 3"):
        IrrepsLinear("3x0e", "3x0e")(torch.zeros(2, 4))


@every
def test_another_precision_is_refused_with_what_would_do(name):
    model = tiny(name)
    with pytest.raises(InputError, match=r"torch\.float64.* torch\.float32.*batch\.to\(dtype=torch\.float32\)"):
        model(water(dtype=torch.float64))
    with pytest.raises(InputError, match=r"torch\.float32.* torch\.float64.*model\.to\(torch\.float32\)"):
        tiny(name).double()(water())
    assert torch.isfinite(model(water(dtype=torch.float64).to(dtype=torch.float32))).all()


@every
@pytest.mark.parametrize("head", [None, "forces", "vector"])
def test_another_device_is_refused_with_what_would_do(name, head):
    model = tiny(name, head=head)
    with pytest.raises(InputError, match=r'batch is on meta, the model on cpu; .*batch\.to\("cpu"\)'):
        model(water().to("meta"))
    with pytest.raises(InputError, match=r'batch is on cpu, the model on meta; .*model\.to\("cpu"\)'):
        model.to("meta")(water())


# Water has six edges, sorted by receiver, then sender.
EDGES = {
    "far out": ([[1, 2, 0, 2, 0, 3], [0, 0, 1, 1, 2, 2]], r"names the atoms 0 to 2 of the batch; edge 5 is 3 -> 2"),
    "below zero": ([[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, -1]], "edge 5 is 1 -> -1"),
    "unsorted": ([[0, 1, 2, 0, 2, 1], [1, 0, 0, 2, 1, 2]], "edge 1 .1 -> 0. is out of place"),
    "one way": ([[1, 2, 0, 2, 0], [0, 0, 1, 1, 2]], "edge 1 .2 -> 0. is out of place or has no reverse"),
    "one row": ([[1, 2, 0, 2, 0, 1]], r"shape \(2, edges\)"),
}


@every
@pytest.mark.parametrize("case", EDGES)
def test_edges_made_by_hand_are_looked_at(name, case):
    index, words = EDGES[case]
    model = tiny(name)
    batch = water(cutoff=model.cutoff)
    if case == "far out":
        assert batch.edge_index.tolist() == [[1, 2, 0, 2, 0, 1], [0, 0, 1, 1, 2, 2]]
    with pytest.raises(InputError, match=words):
        model(replace(batch, edge_index=torch.tensor(index)))
    if case == "one row":
        with pytest.raises(InputError, match=r"int64, got .*torch\.int32"):
            model(replace(batch, edge_index=batch.edge_index.to(torch.int32)))
        with pytest.raises(InputError, match=r"shift has a row of 3 for each of 6 edges, got \(5, 3\)"):
            model(replace(batch, shift=torch.zeros(5, 3, dtype=torch.int64)))


PEERS = ("dimenet++", "egnn", "painn", "physnet", "radial_field", "schnet")


@every
def test_weights_of_another_model_are_refused(name):
    model = tiny(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    other = {"output_modules.1.outnet.7.weight": torch.zeros(3, 3)}
    with pytest.raises(ModelFileError, match=r"belongs to no model known here" if name in PEERS else "known: schnet"):
        models.load_peer_weights(model, other)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_schnets_weights_are_no_painns():
    schnet = {"embedding.weight": torch.zeros(100, 8), "interactions.0.mlp.0.weight": torch.zeros(8, 20)}
    with pytest.raises(ModelFileError, match=r"a weight 'embedding\.weight' that belongs to no model known here"):
        models.load_peer_weights(tiny("painn"), schnet)
    with pytest.raises(ModelFileError, match=r"embedding\.weight has shape \(50, 8\), this schnet needs \(100, 8\)"):
        models.load_peer_weights(tiny("schnet"), {"embedding.weight": torch.zeros(50, 8)})
    with pytest.raises(ModelFileError, match=r"weights of this schnet are not in the file"):
        models.load_peer_weights(tiny("schnet"), {"embedding.weight": torch.zeros(100, 8)})


def test_contradictions_are_refused():
    with pytest.raises(InputError, match="multiple of heads, got 6 / 2 and 2"):
        models.create("se3_transformer", hidden=6, heads=2)
    with pytest.raises(InputError, match="hidden_degree is between 0 and degree=1, got 2"):
        models.create("mace", degree=1, hidden_degree=2)
    with pytest.raises(InputError, match=r"angular_cutoff 5\.0 exceeds cutoff 4\.0"):
        models.create("density", cutoff=4.0, angular_cutoff=5.0)
    with pytest.raises(InputError, match="update_coordinates"):
        models.create("egnn", velocities=True)
    with pytest.raises(InputError, match="long_range_cutoff is above half the cutoff"):
        models.create("physnet", cutoff=8.0, long_range_cutoff=3.0)


@every
def test_the_signature_is_still_the_models_own(name):
    assert hyperparameters_of(name)[-1] == "head"
    with pytest.raises(TypeError, match="unexpected keyword argument 'widht'"):
        model_class(name)(widht=3)
