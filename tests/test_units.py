"""Constants beside CODATA as scipy has it, and beside ASE."""

import pytest
from ase import units as ase_units
from scipy import constants

from erlangen import units
from erlangen.errors import InputError


@pytest.mark.parametrize(
    ("ours", "value"),
    [
        (units.HARTREE, constants.physical_constants["Hartree energy in eV"][0]),
        (units.BOHR, constants.physical_constants["Bohr radius"][0] * 1e10),
        (units.KCAL_PER_MOL, 1000 * constants.calorie / constants.N_A / constants.e),
        (units.KJ_PER_MOL, 1000 / constants.N_A / constants.e),
        (units.DEBYE, 1e-21 / constants.c / constants.e * 1e10),
        (units.INVERSE_CENTIMETER, constants.h * constants.c * 100 / constants.e),
        (units.COULOMB, constants.e / (4 * constants.pi * constants.epsilon_0) * 1e10),
    ],
)
def test_constants_are_codata(ours, value):
    assert ours == pytest.approx(value, rel=1e-8)  # the calorie of an older table is off by 3e-7: this catches it


@pytest.mark.parametrize(
    ("source", "target", "value"),
    [
        ("kcal/mol", "eV", ase_units.kcal / ase_units.mol),
        ("hartree", "eV", ase_units.Hartree),
        ("bohr", "angstrom", ase_units.Bohr),
        ("debye", "e angstrom", ase_units.Debye),
        ("hartree/bohr", "eV/angstrom", ase_units.Hartree / ase_units.Bohr),
        ("ps", "fs", 1000.0),
    ],
)
def test_conversions_are_those_of_ase_and_go_back(source, target, value):
    assert units.convert(1.0, source, target) == pytest.approx(value, rel=5e-8)  # ASE's table is of 2014
    assert units.convert(units.convert(3.0, source, target), target, source) == pytest.approx(3.0, rel=1e-14)


@pytest.mark.parametrize(("source", "target"), [("eV", "bohr"), ("parsec", "eV"), ("eV", "furlong")])
def test_what_cannot_be_converted_is_named(source, target):
    with pytest.raises(InputError, match=r"unknown|cannot convert"):
        units.convert(1.0, source, target)
