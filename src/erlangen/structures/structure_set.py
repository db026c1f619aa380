"""Many structures in a few packed arrays: a sequence of Structure that can stay on disk."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from erlangen.errors import InputError, ShapeError, StructureError
from erlangen.structures.structure import Structure, sealed


class StructureSet(Sequence):
    """An immutable sequence of structures, packed atom after atom.

    A slice or an index array gives another StructureSet on the same arrays: nothing is copied, memory-mapped arrays
    stay mapped.

    Parameters
    ----------
    positions : (N, 3) array or None
        Of all atoms, in angstrom.
    numbers : (N,) int array
        Atomic numbers of all atoms.
    offsets : (S + 1,) int array
        Where each structure begins.
    node, graph : mapping of str to array, optional
        Features and targets of atoms (first axis N) and of structures (first axis S).
    charge : (S,) int array, optional
    cell, pbc : (S, 3, 3) and (S, 3) arrays, optional
        A cell of zeros is none.
    edge : mapping of str to array, optional
        ``index`` (2, B) with atoms numbered within their structure, others with first axis B.
    edge_offsets : (S + 1,) int array, optional
        Where the bonds of each structure begin.

    Raises
    ------
    ShapeError
        If the arrays do not fit together.

    Examples
    --------
    >>> pair = Structure([[0, 0, 0], [0.74, 0, 0]], ["H", "H"], graph={"energy": -31.7})
    >>> atom = Structure([[0, 0, 0]], ["He"], graph={"energy": -79.0})
    >>> chosen = StructureSet.from_structures([pair, atom, pair])[[1, 2]]
    >>> chosen.sizes, chosen.graph["energy"]
    (array([1, 2]), array([-79. , -31.7]))
    """

    def __init__(
        self, positions, numbers, offsets, node=None, graph=None, charge=None, cell=None, pbc=None, edge=None,
        edge_offsets=None,
    ):  # fmt: skip
        self._numbers, self._offsets = np.asarray(numbers), np.asarray(offsets)
        n_atoms, n_structures = len(self._numbers), len(self._offsets) - 1
        _check_offsets("offsets", self._offsets, n_atoms)
        self._positions = None if positions is None else _fit("positions", positions, n_atoms, (3,))
        self._node = {name: _fit(f"node[{name!r}]", array, n_atoms) for name, array in (node or {}).items()}
        self._graph = {name: _fit(f"graph[{name!r}]", array, n_structures) for name, array in (graph or {}).items()}
        self._charge = None if charge is None else _fit("charge", charge, n_structures, ())
        self._cell = None if cell is None else _fit("cell", cell, n_structures, (3, 3))
        self._pbc = None if pbc is None else _fit("pbc", pbc, n_structures, (3,))
        self._edge = {name: np.asarray(array) for name, array in (edge or {}).items()}
        self._edge_offsets = None if edge_offsets is None else np.asarray(edge_offsets)
        if self._edge:
            if "index" not in self._edge or self._edge_offsets is None or len(self._edge_offsets) != n_structures + 1:
                raise ShapeError('edge needs edge["index"] (2, B) and edge_offsets (S + 1,)')
            n_bonds = self._edge["index"].shape[-1]
            _check_offsets("edge_offsets", self._edge_offsets, n_bonds)
            for name, array in self._edge.items():
                _fit(f"edge[{name!r}]", array.T if name == "index" else array, n_bonds)
        self._selection = None

    @classmethod
    def from_structures(cls, structures: Iterable[Structure]) -> "StructureSet":
        """Pack structures that share the names of their node, edge and graph arrays.

        Raises
        ------
        StructureError
            If the list is empty, or a structure lacks a name or a conformer that others have.
        """
        if isinstance(structures, StructureSet):
            return structures
        structures = list(structures)
        _check_alike(structures)
        sizes = np.array([structure.n_atoms for structure in structures])
        has_cell = any(structure.cell is not None for structure in structures)
        bonded = structures[0].bonds is not None
        edge = {
            name: np.concatenate([s.edge[name] for s in structures], axis=int(name == "index"))
            for name in structures[0].edge
        }
        return cls(
            positions=np.concatenate([s.positions for s in structures]) if structures[0].has_positions else None,
            numbers=np.concatenate([s.numbers for s in structures]),
            offsets=_offsets(sizes),
            node={name: np.concatenate([s.node[name] for s in structures]) for name in structures[0].node},
            graph={name: np.stack([s.graph[name] for s in structures]) for name in structures[0].graph},
            charge=np.array([s.charge for s in structures]),
            cell=np.stack([np.zeros((3, 3)) if s.cell is None else s.cell for s in structures]) if has_cell else None,
            pbc=np.stack([s.pbc for s in structures]) if has_cell else None,
            edge=edge,
            edge_offsets=_offsets(np.array([s.bonds.shape[1] for s in structures])) if bonded else None,
        )

    def __len__(self) -> int:
        return len(self._offsets) - 1 if self._selection is None else len(self._selection)

    def __getitem__(self, key):
        if isinstance(key, int | np.integer):
            if not -len(self) <= key < len(self):
                raise IndexError(f"structure {key} of a set of {len(self)}")
            return self._structure(int(self._selected(key % len(self))))
        chosen = object.__new__(StructureSet)
        chosen.__dict__.update(self.__dict__)
        chosen._selection = self._selected(key if isinstance(key, slice) else np.asarray(key))
        if chosen._selection.ndim != 1 or chosen._selection.dtype.kind not in "iu":
            raise InputError(f"a set is indexed by an int, a slice, or an array (m,) of ints or bools, got {key!r}")
        return chosen

    def __iter__(self) -> Iterator[Structure]:
        return (self._structure(int(index)) for index in self.selection)

    def __repr__(self) -> str:
        names = ", ".join([*self._node, *self._graph])
        return f"StructureSet({len(self):,} structures, {int(self.sizes.sum()):,} atoms{names and ': ' + names})"

    @property
    def selection(self) -> np.ndarray:
        """Which of the packed structures these are, (len,)."""
        return np.arange(len(self)) if self._selection is None else self._selection

    @property
    def sizes(self) -> np.ndarray:
        """Atoms of each structure, (len,)."""
        return np.diff(self._offsets)[self.selection]

    @property
    def has_positions(self) -> bool:
        """Whether the geometries are known."""
        return self._positions is not None

    @property
    def numbers(self) -> np.ndarray:
        """Atomic numbers of all atoms of these structures, (sum of sizes,)."""
        return self._numbers if self._selection is None else self._numbers[self._atoms(self.selection)[0]]

    @property
    def graph(self) -> Mapping[str, np.ndarray]:
        """Features and targets of the structures, (len, ...); gathered when asked for."""
        return _Gathered(self._graph, None if self._selection is None else lambda: self._selection)

    @property
    def node(self) -> Mapping[str, np.ndarray]:
        """Features and targets of their atoms, (sum of sizes, ...); gathered when asked for."""
        return _Gathered(self._node, None if self._selection is None else lambda: self._atoms(self._selection)[0])

    @property
    def edge(self) -> Mapping[str, np.ndarray]:
        """Features and targets of their bonds, (sum of bond_counts, ...), and ``index`` (2, ...); gathered likewise."""
        whole = self._selection is None or not self._edge
        return _Gathered(self._edge, None if whole else lambda: _ranges(self._edge_offsets, self._selection)[0])

    @property
    def bond_counts(self) -> np.ndarray:
        """Bonds of each structure, (len,); zeros if bonds are not known."""
        if not self._edge:
            return np.zeros(len(self), np.int64)
        return np.diff(self._edge_offsets)[self.selection]

    def gather(self, indices=None) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """Return positions (n, 3), numbers (n,) and sizes (m,) of chosen structures (all by default), as copies."""
        packed = self.packed(indices)
        return packed["positions"], packed["numbers"], packed["sizes"]

    def packed(self, indices=None) -> dict:
        """Return everything about chosen structures (all by default), as fresh arrays, by pure indexing.

        The keys are the constructor's, with ``sizes`` and ``bonds`` (bonds of each, or None) in place of offsets.
        """
        chosen = self.selection if indices is None else np.atleast_1d(self._selected(np.asarray(indices)))
        atoms, sizes = self._atoms(chosen)
        bonds, bond_sizes = _ranges(self._edge_offsets, chosen) if self._edge else (None, None)
        return {
            "positions": None if self._positions is None else np.take(self._positions, atoms, axis=0),
            "numbers": np.take(self._numbers, atoms),
            "sizes": sizes,
            "node": {name: np.take(array, atoms, axis=0) for name, array in self._node.items()},
            "graph": {name: np.take(array, chosen, axis=0) for name, array in self._graph.items()},
            "charge": np.zeros(len(chosen), np.int64) if self._charge is None else np.take(self._charge, chosen),
            "cell": None if self._cell is None else np.take(self._cell, chosen, axis=0),
            "pbc": None if self._pbc is None else np.take(self._pbc, chosen, axis=0),
            "edge": {name: np.take(a, bonds, axis=-1 if name == "index" else 0) for name, a in self._edge.items()},
            "bonds": bond_sizes,
        }

    def _selected(self, key):
        """Translate positions in this set to positions in the packed arrays."""
        if isinstance(key, np.ndarray) and key.size == 0:
            key = key.astype(np.int64)
        try:
            return self.selection[key]
        except IndexError as error:
            raise InputError(f"cannot choose from {len(self)} structures: {error}") from None

    def _atoms(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _ranges(self._offsets, chosen)

    def _structure(self, s: int) -> Structure:
        rows = slice(int(self._offsets[s]), int(self._offsets[s + 1]))
        bonds = slice(int(self._edge_offsets[s]), int(self._edge_offsets[s + 1])) if self._edge else None
        cell = None if self._cell is None or not self._cell[s].any() else np.asarray(self._cell[s], np.float64)
        return Structure.trusted(
            positions=None if self._positions is None else np.asarray(self._positions[rows], np.float64),
            numbers=np.asarray(self._numbers[rows], np.int64),
            cell=cell,
            pbc=np.zeros(3, bool) if self._pbc is None else np.asarray(self._pbc[s], bool),
            charge=0 if self._charge is None else int(self._charge[s]),
            node={name: array[rows] for name, array in self._node.items()},
            edge={name: array[..., bonds] if name == "index" else array[bonds] for name, array in self._edge.items()},
            graph={name: np.asarray(array[s]) for name, array in self._graph.items()},
        )


class _Gathered(Mapping):
    """Named arrays of which the selected rows are gathered when a name is asked for."""

    def __init__(self, arrays, rows):
        self._arrays, self._rows = arrays, rows

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            raise KeyError(f"{name!r} is not there; there are {sorted(self._arrays)}")
        array = self._arrays[name]
        if self._rows is not None:
            array = array[:, self._rows()] if name == "index" else array[self._rows()]
        return sealed(array)

    def __iter__(self):
        return iter(self._arrays)

    def __len__(self):
        return len(self._arrays)


def _offsets(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _ranges(offsets: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the chosen structures one after the other, and how many each has."""
    starts = np.take(offsets, chosen).astype(np.int64)
    sizes = np.take(offsets, chosen + 1).astype(np.int64) - starts
    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0), sizes


def _fit(name: str, array, length: int, rest: tuple | None = None) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim == 0 or len(array) != length or (rest is not None and array.shape[1:] != rest):
        wanted = f"({length}, ...)" if rest is None else str((length, *rest))
        raise ShapeError(f"{name} has shape {wanted}, got {array.shape}")
    return array


def _check_offsets(name: str, offsets: np.ndarray, total: int) -> None:
    fits = (
        offsets.ndim == 1 and len(offsets) and offsets.dtype.kind in "iu" and offsets[0] == 0 and offsets[-1] == total
    )
    if not fits or (np.diff(offsets) < 0).any():
        raise ShapeError(f"{name} is (S + 1,) ascending integers from 0 to {total}")


def _check_alike(structures: list) -> None:
    """Say which structure lacks what the first one has, or has what it lacks."""
    if not structures:
        raise StructureError("the list of structures is empty")
    for index, structure in enumerate(structures):
        if not isinstance(structure, Structure):
            raise InputError(f"structures[{index}] is a {type(structure).__name__}, not a Structure")
    first = structures[0]
    for index, structure in enumerate(structures):
        if structure.has_positions != first.has_positions:
            without = 0 if structure.has_positions else index
            raise StructureError(f"structures[{without}] has no positions (a molecule without conformer), others have")
        for kind in ("node", "edge", "graph"):
            ours, theirs = getattr(structure, kind), getattr(first, kind)
            for name in theirs.keys() - ours.keys():
                raise StructureError(f"structures[{index}] lacks {kind}[{name!r}], which structures[0] has")
            for name in ours.keys() - theirs.keys():
                raise StructureError(f"structures[0] lacks {kind}[{name!r}], which structures[{index}] has")
            skip = 0 if kind == "graph" else 1
            for name in ours:
                if name != "index" and ours[name].shape[skip:] != theirs[name].shape[skip:]:
                    shapes = f"{ours[name].shape}, that of structures[0] {theirs[name].shape}"
                    raise ShapeError(f"structures[{index}].{kind}[{name!r}] has shape {shapes}")
