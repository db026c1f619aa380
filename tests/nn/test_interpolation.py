"""Interpolation between grid points: exact for polynomials, as exact as rounding where it is used, differentiable."""

import numpy as np
import pytest
import torch

from erlangen.errors import InputError
from erlangen.models import SchNet
from erlangen.nn import interpolation
from erlangen.nn.interpolation import Grid, is_accurate
from erlangen.structures import Batch, Structure


def test_polynomials_of_degree_five_are_exact():
    d = torch.rand(50, dtype=torch.float64) * 4
    d[:2] = torch.tensor([0.0, 4.0])
    grid = Grid(d, cutoff=4.0, size=9)
    coefficients = torch.randn(6, 3, dtype=torch.float64)
    powers = torch.arange(6)
    values = grid.interpolate(grid.points.unsqueeze(1) ** powers @ coefficients)
    torch.testing.assert_close(values, d.unsqueeze(1) ** powers @ coefficients, rtol=1e-10, atol=1e-10)


def test_first_and_second_derivatives():
    grid = Grid(torch.rand(7, dtype=torch.float64) * 2, cutoff=2.0, size=8)
    table = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(grid.interpolate, table)
    assert torch.autograd.gradgradcheck(lambda t: grid.interpolate(t) ** 2, table)


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setattr("erlangen.kernels.MIN_WORK", 100)
    grid = Grid(torch.rand(500) * 3, cutoff=3.0, size=40)
    table, before, results = torch.randn(40, 16, requires_grad=True), torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        out = grid.interpolate(table)
        results.append((out.detach(), torch.autograd.grad((out**2).sum(), table)[0]))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_the_estimate_bounds_the_true_error():
    x = torch.linspace(0, 1, 100, dtype=torch.float64)
    for frequency in (3, 10, 30):
        d = torch.rand(1000, dtype=torch.float64) * 0.9 + 0.05  # inside: the ends are one-sided
        values = Grid(d, 1.0, 100).interpolate(torch.sin(frequency * x).unsqueeze(1))
        error = (values.squeeze(1) - torch.sin(frequency * d)).abs().max().item()
        worst, largest = interpolation._kernels.interpolation_error(torch.sin(frequency * x).unsqueeze(1).numpy())
        assert error <= 1.1 * worst / 64 + 1e-15
        assert largest == pytest.approx(1, abs=0.01) or frequency == 3
    rough = torch.randn(100, 4)
    assert not is_accurate(rough)
    assert not is_accurate(torch.full((100, 4), torch.nan))


def many_molecules():
    rng = np.random.default_rng(0)
    return [Structure(1.5 * rng.normal(size=(18, 3)), rng.choice([1, 6, 7, 8], 18)) for _ in range(6)]


def close_to_rounding(ours, exact, truth):
    """Our error against float64 is at most a few times that of plain float32."""
    largest = truth.abs().max()
    rounding = (exact.double() - truth).abs().max()
    assert (ours.double() - truth).abs().max() < 3 * rounding + 2e-6 * largest


def test_schnet_is_the_same_with_and_without(monkeypatch):
    torch.manual_seed(0)
    arguments = {"hidden": 32, "filters": 32, "layers": 3, "radial_size": 20}
    model, plain = SchNet(**arguments), SchNet(**arguments, interpolate=False)
    plain.load_state_dict(model.state_dict())
    batch = Batch.from_structures(many_molecules())
    used = []
    monkeypatch.setattr(Grid, "interpolate", lambda grid, table, f=Grid.interpolate: used.append(1) or f(grid, table))
    ours, exact = model(batch), plain(batch)
    assert len(used) == 3
    reference = SchNet(**arguments, interpolate=False).double()
    reference.load_state_dict(model.state_dict())
    truth = reference(batch.to(dtype=torch.float64))
    close_to_rounding(ours, exact, truth)
    slopes = [torch.autograd.grad((y**2).sum(), list(net.parameters())) for y, net in
              ((ours, model), (exact, plain), (truth, reference))]  # fmt: skip
    for single, rounded, double in zip(*slopes, strict=True):
        close_to_rounding(single, rounded, double)


@pytest.mark.parametrize("radial", ["gaussian", "bessel"])
def test_forces_and_what_trains_on_them_come_from_tables_of_derivatives(monkeypatch, radial):
    torch.manual_seed(0)
    arguments = {"hidden": 32, "filters": 32, "layers": 3, "radial_size": 20, "radial": radial, "head": "forces"}
    model, plain = SchNet(**arguments), SchNet(**arguments, interpolate=False)
    plain.load_state_dict(model.state_dict())
    reference = SchNet(**arguments, interpolate=False).double()
    reference.load_state_dict(model.state_dict())
    used = []
    monkeypatch.setattr(Grid, "interpolate", lambda grid, table, f=Grid.interpolate: used.append(1) or f(grid, table))
    batch = Batch.from_structures(many_molecules())
    results = []
    for net, given in ((model, batch), (plain, batch), (reference, batch.to(dtype=torch.float64))):
        forces = net(given)["forces"]
        weights = [p for name, p in net.named_parameters() if not name.endswith("head.energy.network.2.bias")]
        results.append([forces, *torch.autograd.grad((forces**2).sum(), weights)])
    assert used or radial == "bessel"  # whose slopes near zero are too steep for the grid
    for ours, exact, truth in zip(*results, strict=True):
        close_to_rounding(ours, exact, truth)


def test_a_third_derivative_is_refused():
    d = torch.rand(20, requires_grad=True)
    grid = Grid(d, 1.0, 12)
    (slope,) = torch.autograd.grad(grid.function(d, [grid.points.view(-1, 1)] * 2).sum(), d, create_graph=True)
    with pytest.raises(InputError, match="two derivatives"):
        torch.autograd.grad(slope.sum(), d)


def test_schnet_does_without_where_it_would_not_be_exact(monkeypatch):
    torch.manual_seed(0)
    model = SchNet(hidden=16, filters=16, layers=2, radial_size=20)
    with torch.no_grad():
        model.interactions[0].filter_first.weight *= 200  # a filter with kinks
    monkeypatch.setattr(Grid, "interpolate", lambda *_: pytest.fail("a table that is too rough was interpolated"))
    monkeypatch.setattr("erlangen.models.schnet.is_accurate", lambda table: False)
    assert torch.isfinite(model(Batch.from_structures(many_molecules()))).all()
    monkeypatch.undo()
    used = []
    monkeypatch.setattr(Grid, "interpolate", lambda grid, table, f=Grid.interpolate: used.append(1) or f(grid, table))
    batch = Batch.from_structures(many_molecules())
    single = model(batch)
    assert len(used) == 1  # the second layer's filter is smooth
    double = model.double()(batch.to(dtype=torch.float64))
    assert len(used) == 1  # never in double precision
    torch.testing.assert_close(single.double(), double, rtol=1e-4, atol=1e-4)
