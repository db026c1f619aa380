"""PhysNet gives the numbers of a plain reference, written from the paper's equations on dense (n, n) arrays.

The reference has the names of the authors' TensorFlow variables (MMunibas/PhysNet), one molecule at a time.
"""

import math
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from erlangen import models
from erlangen.errors import InputError, MissingExtraError, ModelFileError
from erlangen.models import load_peer_weights
from erlangen.models.physnet import COULOMB, HARTREE_FOCK, shielded_coulomb
from erlangen.structures import Batch, Structure
from erlangen.symmetry import certify
from erlangen.units import BOHR, HARTREE

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
PRECISIONS = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
OWN = {"name": "physnet", "output": "all"}


def molecules():
    rng = np.random.default_rng(0)
    return [
        Structure(2.0 * rng.normal(size=(n, 3)), rng.choice([1, 6, 7, 8, 9], n), charge=charge)
        for n, charge in ((1, 0), (2, 1), (7, 0), (23, -2))
    ]


def agree(ours, theirs, tolerance):
    error = (ours - theirs).abs().max() / theirs.abs().max()
    assert error < tolerance, f"relative error {error:.1e}"


def variables(width=128, size=64, blocks=5, interaction=3, atomic=2, output=1, dtype=torch.float64):
    """Random values for every variable of the authors, none left at zero; matrices are (out, in)."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape, mean=0.0, std=1.0):
        return mean + std * torch.randn(shape, generator=generator, dtype=torch.float64)

    w = {"embeddings": draw(95, width)}
    w["rbf_layer/centers"], w["rbf_layer/widths"] = draw(size, mean=-0.5), draw(size, mean=40.0, std=10.0)
    for name in "EQ":
        w[f"{name}shift"], w[f"{name}scale"] = draw(95, std=0.3), draw(95, mean=1.0, std=0.3)
    w |= {name: draw() for name in HARTREE_FOCK}

    def dense(name, n_out=width, n_in=width, bias=True):
        w[f"{name}/W"] = draw(n_out, n_in, std=(0.7 / n_in) ** 0.5)
        if bias:
            w[f"{name}/b"] = draw(n_out, std=0.1)

    for b in range(blocks):
        inside = f"interaction_block{b}/interaction_layer"
        dense(f"{inside}/k2f", n_in=size, bias=False)
        w[f"{inside}/u"] = draw(width, mean=1.0, std=0.1)
        names = [f"{inside}/{name}" for name in ("dense_i", "dense_j", "dense")]
        residuals = [f"{inside}/residual_layer{n}" for n in range(interaction)]
        residuals += [f"interaction_block{b}/residual_layer{n}" for n in range(atomic)]
        residuals += [f"output_block{b}/residual_layer{n}" for n in range(output)]
        for name in names + [f"{name}/{part}" for name in residuals for part in ("dense", "residual")]:
            dense(name)
        dense(f"output_block{b}/dense_layer", n_out=2, bias=False)
    return {name: value.to(dtype) for name, value in w.items()}


def ssp(x):
    return softplus(x) - math.log(2.0)


def reference(w, positions, structure, cutoff, long_range=None, blocks=5):
    """Energy without dispersion, charges, dipole and outputs of the blocks of one molecule."""
    z, r = torch.tensor(structure.numbers), positions
    off = torch.eye(len(z), dtype=bool)
    d = (((r[:, None] - r[None]) ** 2).sum(-1) + off).sqrt()
    x = d / cutoff
    phi = torch.where((x < 1) & ~off, 1 - 6 * x**5 + 15 * x**4 - 10 * x**3, 0.0)
    mu, beta = softplus(w["rbf_layer/centers"]), softplus(w["rbf_layer/widths"])
    g = phi[..., None] * torch.exp(-beta * (torch.exp(-d)[..., None] - mu) ** 2)

    def dense(name, y):
        return y @ w[f"{name}/W"].T + w.get(f"{name}/b", 0.0)

    def residual(name, y):
        return y + dense(f"{name}/residual", ssp(dense(f"{name}/dense", ssp(y))))

    def residuals(name, y):
        n = 0
        while f"{name}/residual_layer{n}/dense/W" in w:
            y, n = residual(f"{name}/residual_layer{n}", y), n + 1
        return y

    x, outputs = w["embeddings"][z], []
    for b in range(blocks):
        inside = f"interaction_block{b}/interaction_layer"
        a = ssp(x)
        neighbors = ssp(dense(f"{inside}/dense_j", a))
        m = ssp(dense(f"{inside}/dense_i", a)) + (dense(f"{inside}/k2f", g) * neighbors[None]).sum(1)
        x = w[f"{inside}/u"] * x + dense(f"{inside}/dense", ssp(residuals(inside, m)))
        x = residuals(f"interaction_block{b}", x)
        outputs.append(dense(f"output_block{b}/dense_layer", ssp(residuals(f"output_block{b}", x))))
    energy, q = sum(outputs).unbind(1)
    energy, q = w["Escale"][z] * energy + w["Eshift"][z], w["Qscale"][z] * q + w["Qshift"][z]
    q = q + (structure.charge - q.sum()) / len(z)

    y = d / (cutoff / 2)
    s = torch.where(y < 1, 6 * y**5 - 15 * y**4 + 10 * y**3, 1.0)
    if long_range is None:
        chi = (1 - s) / (d**2 + 1).sqrt() + s / d
    else:
        near, far = ((1 / e + e / long_range**2 - 2 / long_range) for e in ((d**2 + 1).sqrt(), d))
        chi = torch.where(d < long_range, (1 - s) * near + s * far, 0.0)
    coulomb = 7.199822675975274 * (q[:, None] * q[None] * chi * ~off).sum()
    dipole = (q[:, None] * (r - r.mean(0))).sum(0)
    return energy.sum() + coulomb, q, dipole, outputs


@PRECISIONS
@pytest.mark.parametrize("long_range", [None, 8.0])
def test_the_numbers_of_the_paper(dtype, long_range):
    w = variables(dtype=dtype)
    model = models.PhysNet(long_range_cutoff=long_range, head=OWN).to(dtype)
    load_peer_weights(model, w)
    structures = molecules()
    batch = Batch.from_structures(structures, dtype=dtype)
    positions = batch.positions.clone().requires_grad_()
    out = model(batch.with_positions(positions))
    w = {name: value.requires_grad_() for name, value in w.items()}
    parts = positions.split(batch.sizes.tolist())
    energy, charges, dipole, _ = zip(
        *(reference(w, r, s, 10.0, long_range) for r, s in zip(parts, structures, strict=True)), strict=True
    )
    agree(out["energy"], torch.stack(energy), TOLERANCE[dtype])
    agree(out["charges"], torch.cat(charges), TOLERANCE[dtype])
    agree(out["dipole"], torch.stack(dipole), TOLERANCE[dtype])
    names = {
        "basis.centers": "rbf_layer/centers",
        "interactions.2.filters.weight": "interaction_block2/interaction_layer/k2f/W",
        "head.charge_scale": "Qscale",
    }
    ours = torch.autograd.grad(out["energy"].sum(), [positions, *map(model.get_parameter, names)])
    theirs = torch.autograd.grad(sum(energy), [positions, *(w[name] for name in names.values())])
    for a, b in zip(ours, theirs, strict=True):
        agree(a, b, 10 * TOLERANCE[dtype])


def small(**more):
    w = variables(width=8, size=6, blocks=2, interaction=1, atomic=1)
    arguments = {
        "hidden": 8, "layers": 2, "radial_size": 6, "interaction_residuals": 1, "atomic_residuals": 1, "cutoff": 5.0,
    }  # fmt: skip
    return load_peer_weights(models.PhysNet(**{**arguments, **more}).double(), w), w


def test_each_output_alone_and_forces():
    batch = Batch.from_structures(molecules(), dtype=torch.float64)
    every = small(head=OWN)[0](batch)
    for output in ("energy", "charges", "dipole"):
        model, _ = small(head={"name": "physnet", "output": output})
        assert torch.equal(model(batch), every[output])
        assert certify(model, samples=4, modes=("eval",)).holds
    assert certify(small(head=OWN)[0], samples=4, modes=("eval",)).holds
    charges = torch.zeros(4, dtype=torch.float64).index_add(0, batch.index, every["charges"])
    torch.testing.assert_close(charges, batch.charge)
    out = small(head="forces")[0](batch)
    torch.testing.assert_close(out["energy"], every["energy"])
    assert out["forces"].shape == (33, 3)


def test_statistics_of_the_target_are_added_to_the_atoms_energies():
    model, _ = small(electrostatics=False)
    batch = Batch.from_structures(molecules(), dtype=torch.float64)
    before = model(batch)
    model.head.calibrate(shift=-1.5, scale=2.0, references={6: -30.0})
    carbon = torch.zeros(4, dtype=torch.float64).index_add(0, batch.index, (batch.numbers == 6).double())
    torch.testing.assert_close(model(batch), 2 * before - 1.5 * batch.sizes - 30.0 * carbon)


def test_later_blocks_that_say_more_cost():
    model, w = small()
    structure = molecules()[2]
    positions = torch.tensor(structure.positions)
    first, second = reference(w, positions, structure, 5.0, blocks=2)[3]
    expected = (second**2 / (second**2 + first**2 + 1e-7)).mean()
    representation = model.represent(Batch.from_structures([structure], dtype=torch.float64))
    torch.testing.assert_close(model.head.non_hierarchicality(representation), expected)


def test_a_fresh_model_starts_as_the_authors_do():
    model = models.PhysNet().double()
    centers = torch.linspace(1, math.exp(-10.0), 64, dtype=torch.float64)
    torch.testing.assert_close(softplus(model.basis.centers), centers, rtol=1e-5, atol=1e-6)
    width = (64 / (2 * (1 - math.exp(-10.0)))) ** 2
    torch.testing.assert_close(softplus(model.basis.widths), torch.full((64,), width).double(), rtol=1e-6, atol=0)
    assert (model(Batch.from_structures(molecules(), dtype=torch.float64))[[0, 2]] == 0).all()
    for name, value in HARTREE_FOCK.items():
        assert softplus(model.head.damping[name]).item() == pytest.approx(value, rel=1e-6)


def test_the_shielded_coulomb_law():
    d = torch.tensor([0.0, 1e-9, 4.999999, 5.000001, 7.0], dtype=torch.float64, requires_grad=True)
    chi = shielded_coulomb(d, 10.0)
    torch.testing.assert_close(chi, torch.tensor([1, 1, 0.2, 0.2, 1 / 7], dtype=torch.float64), rtol=1e-6, atol=1e-9)
    (slope,) = torch.autograd.grad(chi.sum(), d)
    torch.testing.assert_close(slope[2:], -1 / d[2:].detach() ** 2, rtol=1e-5, atol=1e-9)
    cut = shielded_coulomb(d, 10.0, 7.0)
    assert cut[-1] == 0
    nearly = torch.tensor([7.0 - 1e-6], dtype=torch.float64, requires_grad=True)
    value = shielded_coulomb(nearly, 10.0, 7.0)
    assert abs(value.item()) < 1e-12
    assert abs(torch.autograd.grad(value.sum(), nearly)[0].item()) < 1e-6
    assert pytest.approx(14.399645, rel=1e-6) == COULOMB


def test_charges_of_a_periodic_cell_are_a_piece_of_its_supercell():
    model, _ = small(long_range_cutoff=6.0, head="forces")
    rng = np.random.default_rng(0)
    cell = np.array([[3.1, 0, 0], [0.7, 3.3, 0], [-0.4, 0.5, 2.9]])
    positions, numbers = rng.normal(size=(3, 3)), [6, 8, 1]
    one = model(Batch.from_structures([Structure(positions, numbers, cell=cell, pbc=True)], dtype=torch.float64))
    shifts = np.array([[i, j, k] for i in range(2) for j in range(1) for k in range(2)]) @ cell
    many = np.concatenate([positions + shift for shift in shifts])
    big = Structure(many, numbers * 4, cell=np.diag([2, 1, 2]) @ cell, pbc=True)
    big = model(Batch.from_structures([big], dtype=torch.float64))
    torch.testing.assert_close(big["energy"], 4 * one["energy"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(big["forces"], one["forces"].repeat(4, 1), rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------------------------------------------------------------
# Dispersion


def test_dispersion_is_that_of_tad_dftd3_molecule_by_molecule():
    d3 = pytest.importorskip("tad_dftd3")
    model, w = small(dispersion=True)
    without, _ = small()
    structures = molecules()
    batch = Batch.from_structures(structures, dtype=torch.float64)
    ours = model(batch) - without(batch)
    parameters = {name: softplus(w[name]) for name in HARTREE_FOCK}
    for energy, s in zip(ours, structures, strict=True):
        alone = d3.dftd3(torch.tensor(s.numbers), torch.tensor(s.positions) / BOHR, parameters).sum() * HARTREE
        torch.testing.assert_close(energy, alone, rtol=1e-9, atol=1e-12)
    gradients = torch.autograd.grad(model(batch).sum(), list(model.head.damping.values()))
    assert all(g.abs() > 0 for g in gradients)


def test_dispersion_of_two_distant_argon_atoms_is_their_c6():
    pytest.importorskip("tad_dftd3")
    model = models.PhysNet(dispersion=True).double()
    far = Structure([[0, 0, 0], [0, 0, 20.0]], [18, 18])
    energy = model(Batch.from_structures([far], dtype=torch.float64)).item()
    c6 = 64.6462  # Grimme's, in hartree bohr^6; the next term, C8, is some percent at this distance
    assert energy == pytest.approx(-c6 * HARTREE / (20.0 / BOHR) ** 6, rel=0.05)


def test_dispersion_has_first_and_second_derivatives_and_forces():
    pytest.importorskip("tad_dftd3")
    model, _ = small(dispersion=True, electrostatics=False)
    rng = np.random.default_rng(1)
    structures = [Structure(1.6 * rng.normal(size=(n, 3)), rng.choice([1, 6, 8], n)) for n in (4, 1, 2)]
    batch = Batch.from_structures(structures, dtype=torch.float64)

    def energy(positions):
        return model.head.dispersion_energy(batch.with_positions(positions))

    positions = batch.positions.clone().requires_grad_()
    assert torch.autograd.gradcheck(energy, positions)
    assert torch.autograd.gradgradcheck(energy, positions)
    assert certify(small(dispersion=True, head="forces")[0], samples=4, modes=("eval",)).holds
    coincident = Structure([[0, 0, 0], [0, 0, 0], [1, 0, 0]], [1, 1, 8])
    out = small(dispersion=True, head="forces")[0](Batch.from_structures([coincident], dtype=torch.float64))
    assert torch.isfinite(out["forces"]).all()


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tad_dftd3", None)
    with pytest.raises(MissingExtraError, match=r"erlangen\[dispersion\]"):
        models.PhysNet(dispersion=True)


CRYSTAL = Structure(np.eye(3), [1, 1, 1], cell=4 * np.eye(3), pbc=True)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: models.PhysNet(head={"name": "physnet", "output": "force"}), "'energy', 'charges', 'dipole' or 'all'"),
        (lambda: models.PhysNet(long_range_cutoff=4.0), "more than 5 angstrom"),
        (lambda: models.PhysNet(radial_size=0), "radial_size is a positive integer"),
        (lambda: models.PhysNet(head={"name": "forces", "energy": OWN}), "one output"),
        (lambda: small()[0](Batch.from_structures([CRYSTAL], dtype=torch.float64)), "long_range_cutoff"),
        (
            lambda: small(long_range_cutoff=6.0, head=OWN)[0](Batch.from_structures([CRYSTAL], dtype=torch.float64)),
            "dipole moment needs open",
        ),
        (
            lambda: small(long_range_cutoff=6.0, dispersion=True)[0](
                Batch.from_structures([CRYSTAL], dtype=torch.float64)
            ),
            "dispersion is for open",
        ),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_variables_of_another_size_are_refused():
    w = variables(width=8, size=6, blocks=2, interaction=1, atomic=1)
    with pytest.raises(ModelFileError, match="shape"):
        load_peer_weights(models.PhysNet(), w)
