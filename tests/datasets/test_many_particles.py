"""Energies against plain loops, samples against quadrature and the virial theorem, ln Z against quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import ortho_group

from erlangen.datasets import MANY_PARTICLES, ManyParticles, load_many_particles, many_particles
from erlangen.datasets.many_particles import log_partition, walk
from erlangen.errors import InputError

every = pytest.mark.parametrize("name", MANY_PARTICLES)
PAIRS = {"two in the plane": ManyParticles(2, 2, 0), "two in space": ManyParticles(2, 3, 1, trap=1.0)}


def plain_energy(name, x):
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            d = np.linalg.norm(x[i] - x[j])
            total += 0.9 * (d - 4) ** 4 - 4 * (d - 4) ** 2 if name == "DW-4" else d**-12 - 2 * d**-6
    if name == "LJ-13":
        total += 0.5 * ((x - x.mean(0)) ** 2).sum()
    return total


@every
def test_energies_are_those_of_plain_loops_and_do_not_change_under_motions(name):
    target = MANY_PARTICLES[name]
    x = np.random.default_rng(0).normal(size=(5, target.particles, target.dimension))
    expected = [plain_energy(name, y) for y in x]
    np.testing.assert_allclose(target.energy(x), expected, rtol=1e-10)
    np.testing.assert_allclose(target.energy(torch.tensor(x)).numpy(), expected, rtol=1e-10)
    turn = ortho_group(target.dimension, seed=0).rvs()
    np.testing.assert_allclose(target.energy((x @ turn + 2.0)[:, ::-1]), expected, rtol=1e-9)


def test_the_kernel_has_the_same_pair_energies():
    from erlangen.datasets import _kernels

    for kind, target in ((0, PAIRS["two in the plane"]), (1, ManyParticles(2, 3, 1))):
        for d in (0.8, 1.0, 3.0, 5.5):
            x = np.zeros((2, target.dimension))
            x[1, 0] = d
            assert _kernels.pair_energy(kind, d * d) == pytest.approx(target.energy(x), rel=1e-12)


def boltzmann(target):
    """The unnormalised density of the distance of two particles, for the coordinate (x1 - x2) / sqrt 2."""
    sphere = 2 * math.pi ** (target.dimension / 2) / math.gamma(target.dimension / 2)

    def density(d):
        x = np.zeros((2, target.dimension))
        x[1, 0] = d
        return sphere * d ** (target.dimension - 1) * math.exp(-target.energy(x)) / 2 ** (target.dimension / 2)

    return density


@pytest.mark.parametrize("target", PAIRS.values(), ids=PAIRS)
def test_two_particles_have_the_distances_of_their_density(target):
    density = boltzmann(target)
    z, first, second = (quad(lambda d, k=k: d**k * density(d), 0.3, 14, limit=200)[0] for k in (0, 1, 2))
    samples = walk(target, chains=400, kept=20, burn=300, thin=10, seed=1)
    assert abs(samples.mean(2)).max() < 1e-12
    distance = np.linalg.norm(samples[:, :, 0] - samples[:, :, 1], axis=-1).mean(1)  # one number a walk
    error = distance.std(ddof=1) / math.sqrt(len(distance))
    assert abs(distance.mean() - first / z) < 4 * error
    assert error < 0.05 * math.sqrt(second / z)
    value, error = log_partition(target, nodes=20, chains=100, kept=30)
    assert abs(value - math.log(z)) < 4 * error + 0.01
    assert error < 0.05


@every
def test_the_virial_theorem(name):
    target = MANY_PARTICLES[name]
    x = torch.tensor(walk(target, chains=150, kept=8, burn=400, thin=20, seed=2), requires_grad=True)
    (slope,) = torch.autograd.grad(target.energy(x).sum(), x)
    virial = (slope * x).sum((2, 3)).detach().mean(1)
    error = virial.std() / math.sqrt(len(virial))
    assert abs(virial.mean() - (target.particles - 1) * target.dimension) < 4 * error


def test_samples_are_seeded_and_their_walks_do_not_depend_on_the_threads(monkeypatch):
    target = MANY_PARTICLES["DW-4"]
    x = walk(target, 40, 2, 50, 10, seed=3)
    monkeypatch.setattr("erlangen.kernels.MIN_WORK", 1)
    monkeypatch.setattr("erlangen.kernels.n_threads", lambda: 2)
    np.testing.assert_array_equal(walk(target, 40, 2, 50, 10, seed=3), x)
    assert not np.array_equal(walk(target, 40, 2, 50, 10, seed=4), x)


def test_parts_come_from_different_walks(monkeypatch, tmp_path):
    monkeypatch.setenv("ERLANGEN_CACHE", str(tmp_path))
    for name, value in {"_CHAINS": 8, "_KEPT": 5, "_BURN": 20, "_THIN": 5}.items():
        monkeypatch.setattr(many_particles, name, value)
    train, test = load_many_particles("DW-4", n_train=20, n_test=7)
    assert train.shape == (20, 4, 2)
    assert test.shape == (7, 4, 2)
    walks = walk(MANY_PARTICLES["DW-4"], 8, 5, 20, 5, seed=0)
    np.testing.assert_array_equal(train[:4], walks[:4, 0])
    np.testing.assert_array_equal(test[:4], walks[4:, 0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("DW-5",), "DW-4, LJ-13"), (("DW-4", 10_001), "10,000"), (("DW-4", 1, 1, None), "random_state")],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises(InputError, match=words):
        load_many_particles(*arguments)
