"""A scene is the molecule: same distances, same hand, same bonds."""

import json

import numpy as np
import pytest
from ase.data import covalent_radii
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from erlangen.errors import StructureError
from erlangen.plotting import molecule_scene
from erlangen.plotting.molecules import COVALENT_RADII
from erlangen.structures import Structure


def hand(points):
    return np.sign(np.linalg.det(points[1:4] - points[0]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_scene_is_turned_never_mirrored(seed):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(7, 3)) * [3, 2, 1] + 10
    shown = np.array(molecule_scene(Structure(positions, ["C"] * 7))["positions"])
    np.testing.assert_allclose(pdist(shown), pdist(positions), atol=3e-3)
    assert hand(shown) == hand(positions)
    spread = shown.var(axis=0)
    assert spread[0] >= spread[1] >= spread[2]


@pytest.mark.parametrize("positions", [[[1.0, 2.0, 3.0]], [[0, 0, 0], [0, 0, 1.1]], [[0, 0, 0], [1, 0, 0], [0, 1, 0]]])
def test_points_lines_and_planes_can_be_shown(positions):
    scene = molecule_scene(Structure(positions, ["N"] * len(positions)))
    assert np.isfinite(scene["positions"]).all()
    assert scene["positions"] == json.loads(json.dumps(scene))["positions"]


@pytest.mark.parametrize("smiles", ["CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C1CC1C#N", "FC(F)(F)C(=O)NC=O", "O=C=O"])
def test_bonds_from_geometry_are_the_chemists(smiles):
    known = Structure.from_smiles(smiles, conformer=True, hydrogens=True)
    bare = Structure(known.positions @ Rotation.random(random_state=0).as_matrix().T, known.numbers)
    found = {frozenset(bond) for bond in molecule_scene(bare)["bonds"]}
    assert found == {frozenset(bond) for bond in known.bonds.T.tolist()}
    assert {frozenset(bond) for bond in molecule_scene(known)["bonds"]} == found


def test_radii_are_those_of_cordero():
    np.testing.assert_array_equal(COVALENT_RADII, covalent_radii[: len(COVALENT_RADII)])


def test_every_element_can_be_drawn():
    scene = molecule_scene(Structure(10.0 * np.eye(3), [0, 1, 118]))
    assert len(scene["colours"]) == len(scene["radii"]) == 3
    assert scene["bonds"] == []


def test_a_structure_without_positions_is_refused():
    with pytest.raises(StructureError, match="no positions"):
        molecule_scene(Structure.from_smiles("CCO"))
