"""``erlangen features``: the table of slide 14, to the digit."""

import pytest

CAFFEINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C"
ATOMS = """
 1 C 6 4 3 0 12.011 0     6 C 6 3 0 0 12.011 1    11 O 8 1 0 0 15.999 0
 2 N 7 3 0 0 14.007 1     7 C 6 3 0 0 12.011 1    12 N 7 3 0 0 14.007 1
 3 C 6 3 1 0 12.011 1     8 O 8 1 0 0 15.999 0    13 C 6 4 3 0 12.011 0
 4 N 7 2 0 0 14.007 1     9 N 7 3 0 0 14.007 1    14 C 6 4 3 0 12.011 0
 5 C 6 3 0 0 12.011 1    10 C 6 3 0 0 12.011 1
"""
BONDS = """
1 2 1 0 | 2 3 12 0 | 3 4 12 0 | 4 5 12 0 | 5 6 12 0 | 6 7 12 0 | 7 8 2 0 | 7 9 12 0 | 9 10 12 0
10 11 2 0 | 10 12 12 0 | 12 13 1 0 | 9 14 1 0 | 6 2 12 0 | 12 5 12 0
"""


def test_caffeine_of_slide_14(erlangen):
    words = ATOMS.split()
    atoms = sorted((words[k : k + 8] for k in range(0, len(words), 8)), key=lambda row: int(row[0]))
    bonds = [row.split() for line in BONDS.strip().splitlines() for row in line.split("|")]
    printed = erlangen.runs("features", CAFFEINE).out
    upper, lower = ([line.split() for line in table.splitlines()] for table in printed.split("\n\n"))
    assert upper[1:] == atoms
    assert lower[1:] == [[str(b + 1), f"{i}-{j}", kind, stereo] for b, (i, j, kind, stereo) in enumerate(bonds)]
    names = ["atomic_number", "neighbors", "hydrogens", "formal_charge", "mass", "in_ring"]
    assert upper[0] == ["atom", "element", *names]
    assert lower[0] == ["bond", "atoms", "type", "stereo"]


def test_hydrogens_become_atoms_when_asked_for(erlangen):
    with_hydrogens = erlangen.runs("features", "CCO", "--hydrogens").out.split("\n\n")[0].splitlines()
    assert [line.split()[1] for line in with_hydrogens[1:]] == ["C", "C", "O"] + 6 * ["H"]
    assert len(erlangen.runs("features", "CCO").out.split("\n\n")[0].splitlines()) == 1 + 3


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("C(C", ("'C(C'", "extra open parentheses")),
        ("C1CC", ("'C1CC'", "unclosed ring")),
        ("CC(C)(C)(C)C", "valence for atom # 1 C, 5"),
        ("C[N](C)(C)C", "valence for atom # 1 N, 4"),  # what it lacks is its charge
        ("c1cccc1", "kekulize"),
        ("Xy", "'Xy'"),
        ("", "holds no atoms"),
    ],
)
def test_a_broken_smiles_is_refused_in_rdkits_words(erlangen, smiles, words):
    erlangen.refuses("features", smiles, words=words)
