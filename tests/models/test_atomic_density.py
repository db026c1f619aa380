"""The atomic-density network beside its equations: invariants by angles instead of harmonics, and closed-form fits."""

import math

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre

from erlangen.errors import InputError, TooLargeError
from erlangen.models import create
from erlangen.structures import Batch, Structure, StructureSet
from erlangen.training.data import in_batches

SIZES = {"elements": [1, 6, 8], "radial": 4, "angular": 3, "degree": 3, "cutoff": 4.0, "angular_cutoff": 3.0}


def network(**more):
    torch.manual_seed(0)
    return create("density", **{**SIZES, "components": 20, "hidden": 8, **more}).double()


def molecules(n: int, seed: int = 0) -> list[Structure]:
    rng = np.random.default_rng(seed)
    return [
        Structure(1.3 * rng.normal(size=(k, 3)), rng.choice([1, 6, 8], k), graph={"y": rng.normal()})
        for k in rng.integers(1, 9, n)
    ]


def plain_invariants(structure: Structure, center: int) -> np.ndarray:
    """The equations of the module's docstring, by the addition theorem: sum_m Y_lm(u) Y_lm(v) = P_l(u . v)."""
    elements, cutoff, near = SIZES["elements"], SIZES["cutoff"], SIZES["angular_cutoff"]

    def basis(distance, n, reach):
        centers = np.linspace(math.exp(-reach / 2), math.exp(-0.35), n)
        width = 0.5 / (centers[1] - centers[0]) ** 2
        return (
            np.exp(-width * (math.exp(-distance / 2) - centers) ** 2) * 0.5 * (1 + math.cos(math.pi * distance / reach))
        )

    radial = np.zeros((len(elements), SIZES["radial"]))
    neighbors = []
    for j, number in enumerate(structure.numbers):
        r = structure.positions[j] - structure.positions[center]
        d = np.linalg.norm(r)
        if j == center or d >= cutoff:
            continue
        species = elements.index(number)
        radial[species] += basis(d, SIZES["radial"], cutoff)
        if d < near:
            weights = np.zeros((len(elements), SIZES["angular"]))
            weights[species] = basis(d, SIZES["angular"], near) / (d * d + 0.25)
            neighbors.append((r / d, weights.ravel()))
    found = [radial.ravel()]
    channels = len(elements) * SIZES["angular"]
    for l in range(SIZES["degree"] + 1):
        spectrum = np.zeros((channels, channels))
        for u, a in neighbors:
            for v, b in neighbors:
                spectrum += eval_legendre(l, u @ v) * np.outer(a, b)
        found.append(spectrum[np.triu_indices(channels)])
    return np.concatenate(found)


@pytest.mark.parametrize("differentiable", [False, True], ids=["kernel", "autograd"])
@pytest.mark.parametrize("centers", ["heavy", "all"])
def test_invariants_are_those_of_the_equations(differentiable, centers):
    structures = molecules(12)
    batch = Batch.from_structures(structures, dtype=torch.float64)
    if differentiable:
        batch = batch.with_positions(batch.positions.requires_grad_())
    raw, species, sizes = network(centers=centers).raw_invariants(batch)
    expected = [
        (plain_invariants(s, i), SIZES["elements"].index(s.numbers[i]))
        for s in structures
        for i in range(s.n_atoms)
        if centers == "all" or s.numbers[i] > 1 or (s.numbers == 1).all()
    ]
    np.testing.assert_allclose(raw.detach(), np.array([row for row, _ in expected]), rtol=1e-10, atol=1e-12)
    assert species.tolist() == [index for _, index in expected]
    assert sizes.sum() == len(expected)


def test_components_are_whitened_principal_components():
    model, structures = network(components=6), StructureSet.from_structures(molecules(60))
    model.fit_description(batch for batch, _ in in_batches(structures, 16, torch.float64))
    whole = Batch.from_structures(structures, dtype=torch.float64)
    x = model.describe(whole).invariants.numpy()
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-8)
    np.testing.assert_allclose(x.T @ x / len(x), np.eye(6), atol=1e-6)
    raw = model.raw_invariants(whole)[0].numpy()
    values = np.linalg.svd(raw - raw.mean(0), compute_uv=False)[:6]
    directions = model.projection.numpy() / np.linalg.norm(model.projection.numpy(), axis=0)
    np.testing.assert_allclose(np.linalg.norm((raw - raw.mean(0)) @ directions, axis=0), values, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_the_linear_part_is_ridge_regression(pooling):
    from sklearn.linear_model import Ridge

    model, structures = network(components=5, pooling=pooling), StructureSet.from_structures(molecules(80))
    batch = Batch.from_structures(structures, dtype=torch.float64)
    description, y = model.describe(batch), torch.tensor(structures.graph["y"])
    model.fit_linear(description, y, ridge=0.3)
    rows = np.zeros((80, 3, 6))
    for row, z, s in zip(description.invariants.numpy(), description.species, description.index, strict=True):
        rows[s, z] += np.append(row, 1.0) / (float(description.sizes[s]) if pooling == "mean" else 1.0)
    peer = Ridge(alpha=0.3, fit_intercept=False).fit(rows.reshape(80, -1), y)
    np.testing.assert_allclose(model.head.linear.numpy().ravel(), peer.coef_, rtol=1e-4, atol=1e-6)
    predicted = model(batch).detach().numpy()  # the network's own part starts at zero
    np.testing.assert_allclose(predicted, peer.predict(rows.reshape(80, -1)), rtol=1e-4, atol=1e-6)


def test_a_description_taken_apart_is_that_of_the_parts():
    model, structures = network(), molecules(9)
    whole = model.describe(Batch.from_structures(structures, dtype=torch.float64))
    chosen = [7, 2, 2, 0]
    part = model.describe(Batch.from_structures([structures[i] for i in chosen], dtype=torch.float64))
    taken = whole.take(torch.tensor(chosen))
    torch.testing.assert_close(taken.invariants, part.invariants)
    assert torch.equal(taken.species, part.species)
    assert torch.equal(taken.sizes, part.sizes)
    assert len(type(whole).join([whole, part])) == 13


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"cutoff": -1.0}, InputError, "cutoff is a positive radius"),
        ({"angular_cutoff": 9.0}, InputError, "exceeds cutoff"),
        ({"degree": 4}, InputError, "degree is 0, 1, 2 or 3"),
        ({"radial": 1}, InputError, "radial is at least 2"),
        ({"pooling": "max"}, InputError, "pooling"),
        ({"centers": "some"}, InputError, "centers"),
        ({"elements": range(1, 60), "angular": 8}, TooLargeError, "59 elements need"),
    ],
)
def test_bad_hyperparameters_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        network(**changes)


def test_unknown_elements_are_named():
    with pytest.raises(InputError, match=r"knows the elements \[1, 6, 8\], not \[16\]"):
        network()(Batch.from_structures([Structure([[0.0, 0, 0]], ["S"])], dtype=torch.float64))
