"""Every family keeps its group and fails where it is said to; layers agree with their equations in loops."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from erlangen.errors import InputError
from erlangen.models.families import (
    GatedRecurrence,
    GroupConvolution,
    Hold,
    MessagePassing,
    Recurrence,
    SetLayer,
    TimeWarps,
    TurnFeatures,
    blueprints,
    couplings,
    division_table,
    element_index,
)
from erlangen.symmetry import (
    Break,
    Cyclic,
    Dihedral,
    Euclidean,
    GridShift,
    Invariant,
    Permutation,
    Roll,
    TurnImage,
    certify,
    measure,
    symmetrize,
)

FAMILIES = {family.name: family for family in blueprints()}
D4 = Dihedral(4)


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.fixture(autouse=True)
def weights():
    torch.manual_seed(0)


# All of them --------------------------------------------------------------------------------------------------------


def test_the_families_of_the_deck_are_there():
    assert list(FAMILIES) == [
        "MLP", "CNN", "group CNN, C4", "group CNN, D4", "RNN", "gated RNN", "GNN", "DeepSets", "Transformer",
        "steerable",
    ]  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_keeps_its_group_and_breaks_where_it_is_said_to(name):
    measured = measure(FAMILIES[name], samples=12, random_state=1, precisions=("float64", "float32"))
    for certificate in (measured.equivariance, measured.invariance):
        assert certificate.holds, str(certificate)
        double, single = certificate.measurements
        assert double.error < 1e-12 > double.tolerance
        assert single.error < 1e-4 > single.tolerance
    assert measured.breaks
    for where, certificate in measured.breaks:
        assert certificate.verdict == "BROKEN", where
        assert 1e-4 < certificate.measurements[0].error < np.inf, where
    assert measured.holds


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_reach_every_weight(name):
    family = FAMILIES[name]
    drawn = measure(replace(family, breaks=()), samples=1).equivariance.witness.inputs
    arrays = {
        key: torch.from_numpy(x).float() if x.dtype.kind == "f" else torch.from_numpy(x) for key, x in drawn.items()
    }
    features = family.layer(**arrays) if isinstance(family.inputs, dict) else family.layer(arrays["x"])
    (family.pooling(features) ** 2).sum().backward()
    for weight in family.layer.parameters():
        assert weight.grad.isfinite().all()
        assert weight.grad.abs().max() > 0


def test_the_seed_decides_the_weights_and_torch_keeps_its_own():
    before = torch.get_rng_state()
    first, again, other = (blueprints(seed)[1].layer.state_dict()["0.weight"] for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_damaged_layer_is_caught():
    family = next(family for family in blueprints() if family.name == "group CNN, D4")
    assert measure(family, samples=8).holds
    source = family.layer[2].source
    source[5, :2] = source[5, :2].flip(0)  # two entries of one turned filter in each other's place
    measured = measure(family, samples=8)
    assert measured.equivariance.verdict == measured.invariance.verdict == "BROKEN"
    assert not measured.holds


# Group convolution --------------------------------------------------------------------------------------------------


def correlated(group, weight, bias, x):
    """Equations 10 and 11 of Cohen and Welling on a torus, a loop for each index; filters turn by matrices."""
    elements, (n_out, n_in, sheets, size, _) = list(group.elements()), weight.shape
    n, half = x.shape[-1], size // 2
    result = np.tile(bias[:, None, None, None], (1, len(elements), n, n))
    for o, s, row, column in np.ndindex(n_out, len(elements), n, n):
        g = elements[s]
        back = np.rint(g.linear(2).T).astype(int)
        for k, h in np.ndindex(n_in, sheets):
            sheet = elements.index(group.compose(group.inverse(g), elements[h])) if sheets > 1 else 0
            for y in np.ndindex(size, size):
                at = back @ (np.array(y) - half) + half
                signal = x[k, h, (row + y[0] - half) % n, (column + y[1] - half) % n]
                result[o, s, row, column] += signal * weight[o, k, sheet, at[0], at[1]]
    return result


@pytest.mark.parametrize("group", [Cyclic(2), Cyclic(4), Dihedral(1), D4], ids=str)
@pytest.mark.parametrize("lifting", [True, False], ids=["lifting", "group"])
def test_group_convolution_is_the_sum_of_the_paper(group, lifting):
    layer = GroupConvolution(group, 2, 2, lifting=lifting).double()
    torch.nn.init.normal_(layer.bias)
    x = normal(2, 1 if lifting else group.order, 4, 4)
    with torch.no_grad():
        found = layer(x[None, :, 0] if lifting else x[None])[0]
    want = correlated(group, layer.weight.detach().numpy(), layer.bias.detach().numpy(), x.numpy())
    np.testing.assert_allclose(found, want, atol=1e-12)


@pytest.mark.parametrize("group", [Cyclic(4), D4], ids=str)
def test_a_lifted_and_pooled_image_is_the_average_over_the_group(group):
    lift, x = GroupConvolution(group, 2, 3, lifting=True, padding="zeros").double(), normal(1, 2, 6, 6)

    def plain(image):
        return torch.nn.functional.silu(torch.conv2d(image, lift.weight[:, :, 0], padding=1)).mean((2, 3))

    averaged = symmetrize(plain, group, TurnImage(), Invariant())
    torch.testing.assert_close(torch.nn.functional.silu(lift(x)).mean((2, 3, 4)), averaged(x), rtol=0, atol=1e-14)
    assert not torch.allclose(plain(x), averaged(x), atol=1e-4)


def test_padding_changes_the_border_only_and_none_shrinks():
    layers = {
        padding: GroupConvolution(D4, 1, 2, lifting=True, padding=padding) for padding in ("circular", "zeros", "none")
    }
    for layer in layers.values():
        layer.load_state_dict(layers["none"].state_dict())
    x = normal(1, 1, 6, 6).float()
    inner = layers["none"](x)
    assert inner.shape == (1, 2, 8, 4, 4)
    for padding in ("circular", "zeros"):
        torch.testing.assert_close(layers[padding](x)[..., 1:-1, 1:-1], inner)
        certificate = certify(layers[padding], D4, TurnImage(), TurnFeatures(D4), samples=4, shape=(1, 1, 6, 6))
        assert certificate.holds, str(certificate)
    assert not torch.allclose(layers["circular"](x), layers["zeros"](x))
    assert GroupConvolution(D4, 1, 2, 4, padding="none")(torch.zeros(1, 1, 8, 4, 4)).shape == (1, 2, 8, 1, 1)


def test_a_group_cnn_keeps_shifts_of_the_torus_too():
    family = FAMILIES["group CNN, D4"]
    assert certify(family.layer, GridShift((8, 8)), Roll(-2, -1), Roll(-2, -1), samples=8, shape=(1, 2, 8, 8)).holds


def test_the_group_decides_which_turns_and_mirrors_are_kept():
    c4, d4 = (replace(FAMILIES[f"group CNN, {group}"], breaks=()) for group in ("C4", "D4"))
    mirrored = measure(replace(c4, breaks=(Break("mirror", group=Dihedral(1), pooled=True),)), samples=8)
    assert mirrored.breaks[0][1].error > 1e-2
    for smaller in (Cyclic(4), Cyclic(2), Dihedral(2), Dihedral(1)):
        assert measure(replace(d4, group=smaller), samples=8).holds
    with pytest.raises(InputError, match="is no element of C4"):
        measure(replace(c4, group=D4), samples=8)


@pytest.mark.parametrize("group", [Cyclic(4), D4, Dihedral(2)], ids=str)
def test_turned_features_are_an_action(group):
    act, x = TurnFeatures(group), np.random.default_rng(0).normal(size=(2, group.order, 3, 3))
    for g in group.elements():
        np.testing.assert_array_equal(act(group.inverse(g), act(g, x)), x)
        np.testing.assert_array_equal(act(g, torch.from_numpy(x)).numpy(), act(g, x))
        for h in group.elements():
            np.testing.assert_array_equal(act(group.compose(g, h), x), act(g, act(h, x)))
        assert division_table(group)[element_index(group, g)][element_index(group, g)] == 0


def test_filters_that_cannot_turn_are_refused():
    for arguments, words in (
        ((Cyclic(3), 1, 1), "n of 1, 2 or 4"),
        ((Permutation(4), 1, 1), "group is Cyclic"),
        ((D4, 1, 1, 4), "even size"),
    ):
        with pytest.raises(InputError, match=words):
            GroupConvolution(*arguments)
    with pytest.raises(InputError, match="got 'reflect'"):
        GroupConvolution(D4, 1, 1, padding="reflect")


# Time ---------------------------------------------------------------------------------------------------------------


def test_the_past_before_the_loop_is_forgotten():
    cell = Recurrence(2, 6).double()
    patient = Recurrence(2, 6, memory=1000).double()
    patient.load_state_dict(cell.state_dict())
    x = normal(10, 2)
    torch.testing.assert_close(cell(x), patient(x), rtol=0, atol=1e-15)
    started = Recurrence(2, 6, from_rest=True).double()
    started.load_state_dict(cell.state_dict())
    difference = (started(x) - cell(x)).detach().abs().amax(1)
    assert difference[0] > 1e-2
    assert difference[-1] < difference[0] / 2**8  # it fades by half a step


@pytest.mark.parametrize("what", ["signal", "clock", "mark"])
def test_holding_is_an_action_of_the_warps(what):
    group, act = TimeWarps(), Hold(what)
    x = np.array([True, False, True, True]) if what == "mark" else np.random.default_rng(0).uniform(1, 2, 4)
    for seed in range(5):
        g, h = group.sample(seed), group.sample(seed + 100)
        np.testing.assert_allclose(act(group.compose(g, h), x), act(g, act(h, x)), rtol=1e-15)
        np.testing.assert_array_equal(act(g, torch.from_numpy(x)).numpy(), act(g, x))
        if what != "signal":
            assert act(g, x).sum() == pytest.approx(x.sum())  # as much time, as many marks
    np.testing.assert_array_equal(act(group.identity, x), x)
    with pytest.raises(InputError, match="no inverse"):
        group.inverse(group.sample(0))


def test_a_gate_that_runs_slower_is_the_gate_of_slower_time():
    """Tallec and Ollivier: c times slower is a smaller rate, and nothing else; here c = 3."""
    cell = GatedRecurrence(2, 5).double()
    x, every = normal(6, 2), torch.ones(6, dtype=torch.bool)
    third = torch.arange(18) % 3 == 2
    slow = cell(x.repeat_interleave(3, 0), torch.full((18,), 1 / 3, dtype=torch.float64), third)
    torch.testing.assert_close(slow, cell(x, torch.ones(6, dtype=torch.float64), every), rtol=0, atol=1e-15)
    rates, targets = (
        y.detach().numpy() for y in (torch.nn.functional.softplus(cell.gate(x)), cell.candidate(x).tanh())
    )
    h = np.zeros(5)
    for rate, target in zip(rates, targets, strict=True):  # the differential equation, in small steps
        for _ in range(2000):
            h = h + rate / 2000 * (target - h)
    np.testing.assert_allclose(slow[-1].detach(), h, atol=1e-3)


def test_a_candidate_that_reads_the_state_knows_warps_in_the_limit_only():
    cell = GatedRecurrence(2, 5, reads_state=True).double()
    x, last = normal(4, 2), []
    for parts in (8, 16, 32, 64):
        clock, marks = (
            torch.full((4 * parts,), 1 / parts, dtype=torch.float64),
            torch.zeros(4 * parts, dtype=torch.bool),
        )
        marks[-1] = True
        last.append(cell(x.repeat_interleave(parts, 0), clock, marks).detach())
    steps = [float((b - a).abs().max()) for a, b in itertools.pairwise(last)]
    assert steps[0] > 1e-5
    assert steps[0] / steps[1] == pytest.approx(2, rel=0.2)  # first order: half the step, half the error
    assert steps[1] / steps[2] == pytest.approx(2, rel=0.2)


# Graphs, sets, space ------------------------------------------------------------------------------------------------


def test_messages_are_summed_over_neighbors():
    layer = MessagePassing(3).double()
    x, adjacency = normal(5, 3), (normal(5, 5, seed=1) > 0).double()
    want = [
        layer.update(torch.cat([x[i], sum(adjacency[i, j] * layer.message(torch.cat([x[i], x[j]])) for j in range(5))]))
        for i in range(5)
    ]
    torch.testing.assert_close(layer(x, adjacency), torch.stack(want))


def test_a_set_layer_is_one_matrix_and_the_matrix_of_ones():
    layer = SetLayer(1, 1).double()
    x = normal(6, 1)
    matrix = layer.own.weight.item() * np.eye(6) + layer.shared.weight.item() / 6 * np.ones((6, 6))
    np.testing.assert_allclose(layer(x).detach(), matrix @ x.numpy() + layer.own.bias.item(), atol=1e-14)


def test_without_the_couplings_of_odd_degree_a_steerable_network_keeps_reflections():
    family = next(family for family in blueprints() if family.name == "steerable")
    degree = np.array([0, 1, 1, 1, 2, 2, 2, 2, 2])
    for layer in family.layer.layers:
        for block in layer.coupling:
            a, b, d = (degree[places[0]] for places in np.nonzero(block.numpy()))
            block *= (a + b + d) % 2 == 0
    measured = measure(replace(family, group=Euclidean(3) * Permutation(), breaks=()))
    assert measured.holds, measured.equivariance


def test_every_coupling_is_there_once():
    blocks = couplings()
    assert len(blocks) == 15
    np.testing.assert_allclose(
        torch.einsum("pabd,qabd->pq", blocks, blocks), np.diag((blocks**2).sum((1, 2, 3))), atol=1e-14
    )
