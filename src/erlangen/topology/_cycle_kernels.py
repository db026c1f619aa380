"""Compiled loops of the first homology of a Vietoris-Rips filtration modulo 2: every edge carries the cycle it closes.

In the blocks of `erlangen.topology._rips_kernels`, an edge of the relative neighborhood graph either joins two
components or begins a class; every other edge stands for the two edges from its ends to its apex, as the triangle of
the three is a pair of length zero. So an edge's *label*, the classes that it closes, is the sum of two older ones: one
bit for each class, few words for an edge, no coboundary (the gradient flow of discrete Morse theory; R. Forman, 1998).
Only the critical triangles are left to end classes: the labels of one's edges are added up, and the youngest class in
the sum that is alive ends, as a sum of older ones.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import append
from erlangen.topology._edge_kernels import ABSENT
from erlangen.topology._rips_kernels import count_strangers, place, vertex_at

announce_compilation()

_STRIDE = 64
"""Vertices that are looked at before asking whether one of them was what is looked for."""

_WITNESSES = 12
"""Neighbors of a vertex that are asked first whether they are in the lunes of its edges."""


@njit(cache=True, nogil=True)
def lune_is_empty(p, q, rank):
    """Whether no vertex is nearer to the ends of an edge, given by their rows of ranks, than these to each other."""
    for begin in range(0, len(p), _STRIDE):
        near, far = p[begin : begin + _STRIDE], q[begin : begin + _STRIDE]  # slices, for vectors
        best = rank
        for w in range(len(near)):
            best = min(best, max(near[w], far[w]))
        if best < rank:
            return False
    return True


@njit(cache=True, nogil=True)
def is_lowest(p, q, row, rank):
    """Whether no vertex of a lune, given by the rows of ranks up to some vertex, is next to that vertex, the third."""
    for begin in range(0, len(p), _STRIDE):
        one, two, three = p[begin : begin + _STRIDE], q[begin : begin + _STRIDE], row[begin : begin + _STRIDE]
        best = rank
        for w in range(len(one)):
            best = min(best, max(max(one[w], two[w]), three[w]))
        if best < rank:
            return False
    return True


@njit(cache=True, nogil=True)
def lonely_edges(ranks, start, stop):
    """Return edges whose lune is empty, from vertices start to stop to later ones: the relative neighborhood graph."""
    n = len(ranks)
    found, size = np.empty(64, np.int64), 0
    least, nearest = np.empty(_WITNESSES, np.int32), np.empty(_WITNESSES, np.int64)
    lonely = np.empty(n, np.int32)
    for i in range(start, stop):
        p, count = ranks[i], 0
        for w in range(n):
            if p[w] < ABSENT and (count < _WITNESSES or p[w] < least[count - 1]):
                count = min(count + 1, _WITNESSES)
                k = count - 1
                while k > 0 and least[k - 1] > p[w]:
                    least[k], nearest[k] = least[k - 1], nearest[k - 1]
                    k -= 1
                least[k], nearest[k] = p[w], w
        lonely[:] = 1
        for k in range(count):
            q = ranks[nearest[k]]
            for j in range(n):
                lonely[j] &= np.int32(max(least[k], q[j]) >= p[j])
        for j in range(i + 1, n):
            if lonely[j] and p[j] < ABSENT and lune_is_empty(p, ranks[j], p[j]):
                found = append(found, size, p[j])
                size += 1
    return found[:size]


@njit(cache=True, nogil=True)
def critical_triangles(ranks, a, b, apex, crowded, start, stop):
    """Return the ascending keys of critical triangles whose longest edge has a rank from start to stop.

    Their third vertex is not next to the apex, and next to no lower vertex of the lune.
    """
    n = len(ranks)
    found, size = np.empty(64, np.int64), 0
    for r in range(start, stop):
        if not crowded[r]:
            continue
        top = apex[r]
        p, q, t, rank = ranks[a[r]], ranks[b[r]], ranks[top], np.int32(r)
        first = size
        for begin in range(0, n, _STRIDE):
            if not count_strangers(
                p[begin : begin + _STRIDE], q[begin : begin + _STRIDE], t[begin : begin + _STRIDE], rank
            ):
                continue
            for w in range(begin, min(n, begin + _STRIDE)):
                if max(p[w], q[w]) < rank and t[w] >= rank and w != top and is_lowest(p[:w], q[:w], ranks[w, :w], rank):
                    found = append(found, size, r * n + place(w, top))
                    size += 1
        found[first:size].sort()  # the places of vertices below the apex are one higher
    return found[:size]


@njit(cache=True, nogil=True)
def add_relations(label, relations, dead):
    """Reduce a label by the classes that ended, from the youngest; return the youngest living one, -1 if none is."""
    for word in range(len(label) - 1, -1, -1):
        while label[word]:
            x, bit = label[word], 63
            while not (x >> np.uint64(bit)) & np.uint64(1):
                bit -= 1
            s = 64 * word + bit
            if not dead[s]:
                return s
            for i in range(word + 1):
                label[i] ^= relations[s, i]
    return -1


@njit(cache=True, nogil=True)
def translate(labels, table, size):
    """Return labels, space for ``size``, in which each class is replaced by a sum of others: its row of the table."""
    width = table.shape[1]
    new = np.zeros((size, width), np.uint64)
    for e in range(len(labels)):
        for word in range(labels.shape[1]):
            x, s = labels[e, word], 64 * word
            while x:
                if x & np.uint64(1):
                    for i in range(width):
                        new[e, i] ^= table[s, i]
                x >>= np.uint64(1)
                s += 1
    return new


@njit(cache=True, nogil=True)
def survivors(relations, dead, alive, width):
    """Return for each class the sum of living ones, numbered by ``alive``, that it is."""
    table = np.zeros((len(dead), width), np.uint64)
    for i in range(len(alive)):
        table[alive[i], i // 64] = np.uint64(1) << np.uint64(i % 64)
    for s in range(len(dead)):  # a relation has its own class and older ones
        if dead[s]:
            for t in range(s):
                if (relations[s, t // 64] >> np.uint64(t % 64)) & np.uint64(1):
                    for i in range(width):
                        table[s, i] ^= table[t, i]
    return table


@njit(cache=True, nogil=True)
def label_edges(ranks, a, b, apex, triangles, begun, labels, relations, dead, ended, start, stop):
    """Label the edges of rank start to stop, and end classes by the critical triangles among them, given by key.

    ``begun`` has the ranks of the edges that begin a class, ascending; ``ended`` gets the key that ends one. Edges
    without an apex that begin none join components.
    """
    n, width = len(ranks), labels.shape[1]
    label = np.empty(width, np.uint64)
    t, s = 0, np.searchsorted(begun, start)
    for r in range(start, stop):
        top = apex[r]
        if top < 0:
            labels[r] = 0
            if s < len(begun) and begun[s] == r:
                labels[r, s // 64] = np.uint64(1) << np.uint64(s % 64)
                s += 1
            continue
        x, y = labels[ranks[a[r], top]], labels[ranks[b[r], top]]
        for i in range(width):
            labels[r, i] = x[i] ^ y[i]
        while t < len(triangles) and triangles[t] // n == r:
            w = vertex_at(triangles[t] - r * n, top)
            x, y = labels[ranks[a[r], w]], labels[ranks[b[r], w]]
            for i in range(width):
                label[i] = labels[r, i] ^ x[i] ^ y[i]
            youngest = add_relations(label, relations, dead)
            if youngest >= 0:
                relations[youngest], dead[youngest], ended[youngest] = label, True, triangles[t]
            t += 1
