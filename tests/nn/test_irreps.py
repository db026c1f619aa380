"""Layers on irreps have e3nn's weights and values."""

import pytest
import torch
from e3nn import nn as e3nn_nn
from e3nn import o3

from erlangen.errors import InputError, ShapeError
from erlangen.nn import FullyConnectedTensorProduct, Gate, IrrepsLinear
from erlangen.symmetry import Irreps, Orthogonal, Steerable, certify

MANY = ["8x0e + 4x1o", "2x1e+3x0o+1o+2x2e+0e+1o", "5x2o + 1e + 3x1e", "0x1o + 2x0e + 2x0e"]


@pytest.fixture(autouse=True)
def _double_precision():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("text", MANY)
def test_arithmetic_is_that_of_e3nn(text):
    ours, theirs = Irreps.parse(text), o3.Irreps(text)
    assert (str(ours), ours.dim, ours.lmax, ours.num_irreps) == (
        str(theirs),
        theirs.dim,
        theirs.lmax,
        theirs.num_irreps,
    )
    assert str(ours + "2x1o") == str(theirs + o3.Irreps("2x1o"))
    assert str(ours * 3) == str(theirs * 3)
    assert str(ours.sort()) == str(theirs.sort().irreps)
    assert str(ours.simplify()) == str(theirs.simplify())
    assert str(ours.regroup()) == str(theirs.regroup())
    assert [s for _, s in ours.slices()] == list(theirs.slices())
    for kind in ("0e", "1o", "1e", "2e"):
        assert ours.count(kind) == theirs.count(o3.Irrep(kind))
    for a in ours:
        for b in ours:
            assert [(c.l, c.p) for c in a.couple(b)] == [(c.l, c.p) for c in o3.Irrep(a.l, a.p) * o3.Irrep(b.l, b.p)]
    assert str(Irreps.spherical_harmonics(4)) == str(o3.Irreps.spherical_harmonics(4))


PAIRS = [
    ("8x0e + 4x1o", "3x0e + 2x1o"),
    ("2x1e+3x0o+1o+0e+1o", "1o + 2x0o + 4x1o + 2x2e"),
    ("2x2e + 3x2e", "2x2e + 1x2e"),
]


@pytest.mark.parametrize(("irreps_in", "irreps_out"), PAIRS)
def test_linear_is_that_of_e3nn(irreps_in, irreps_out):
    ours, theirs = IrrepsLinear(irreps_in, irreps_out), o3.Linear(irreps_in, irreps_out)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
    x = torch.randn(3, 2, ours.irreps_in.dim)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


TRIPLES = [
    ("4x0e + 3x1o", "2x0e + 1x1o + 2x2e", "3x0e + 2x1o + 1x1e + 2x2e"),
    ("2x1e + 1x0o", "1x1o + 2x3e", "2x0o + 1x2o + 2x1o + 1x4o"),
    ("3x1o", "2x0e", "1x2e + 2x1o"),
]


@pytest.mark.parametrize(("one", "two", "out"), TRIPLES)
def test_fully_connected_tensor_product_is_that_of_e3nn(one, two, out):
    ours, theirs = FullyConnectedTensorProduct(one, two, out), o3.FullyConnectedTensorProduct(one, two, out)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight)
    x, y = torch.randn(7, ours.irreps_1.dim), torch.randn(7, ours.irreps_2.dim)
    torch.testing.assert_close(ours(x, y), theirs(x, y), rtol=1e-12, atol=1e-12)


GATES = [
    ("8x0e", ["silu"], "2x0e", ["sigmoid"], "2x1o"),
    ("16x0e + 3x0o", ["silu", "tanh"], "4x0e + 2x0o", ["sigmoid", "tanh"], "4x1o + 2x2e"),
    ("3x0o", ["tanh"], "3x0e + 2x0e", ["sigmoid", "silu"], "2x1o + 3x1e"),
]
FUNCTIONS = {"silu": torch.nn.functional.silu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}


@pytest.mark.parametrize("given", GATES, ids=str)
def test_gate_is_that_of_e3nn(given):
    ours = Gate(*given)
    theirs = e3nn_nn.Gate(*([FUNCTIONS[name] for name in part] if isinstance(part, list) else part for part in given))
    assert str(ours.irreps_in) == str(theirs.irreps_in)
    assert str(ours.irreps_out) == str(theirs.irreps_out)
    x = torch.randn(5, 2, ours.irreps_in.dim)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def test_their_symmetry_is_measured():
    gate = Gate(*GATES[1])
    layer = IrrepsLinear("4x0e + 4x1o + 2x2e + 1x1e", gate.irreps_in)
    product = FullyConnectedTensorProduct(gate.irreps_out, gate.irreps_out, "2x0e + 2x1o + 1x2e")

    def function(x):
        y = gate(layer(torch.as_tensor(x, dtype=torch.float64)))
        return product(y, y).detach().numpy()

    inputs, outputs = Steerable(layer.irreps_in), Steerable(product.irreps_out)
    arguments = {"input": inputs, "output": outputs, "samples": 8}
    assert certify(function, Orthogonal(3), **arguments).holds
    assert not certify(lambda x: function(abs(x)), Orthogonal(3), **arguments).holds


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Gate("2x1o", ["silu"], "1x0e", ["sigmoid"], "1x1o"), "degree 0"),
        (lambda: Gate("2x0e", ["silu"], "3x0e", ["sigmoid"], "1x1o"), "one gate"),
        (lambda: Gate("2x0e", [], "1x0e", ["sigmoid"], "1x1o"), "needs an activation"),
        (lambda: Gate("2x0o", ["silu"], "1x0e", ["sigmoid"], "1x1o"), "odd"),
        (lambda: Gate("2x0e", ["relu"], "1x0e", ["sigmoid"], "1x1o"), "one of silu"),
        (lambda: Gate("2x0e", ["silu"], "1x0e + 1x0o", ["sigmoid", "tanh"], "2x1o"), "both parities"),
        (lambda: IrrepsLinear("2x1z", "1x0e"), "written like"),
    ],
)
def test_wrong_irreps_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()
    with pytest.raises(ShapeError, match="5 columns, 2x1o has 6"):
        IrrepsLinear("2x1o", "1x1o")(torch.zeros(1, 5))
