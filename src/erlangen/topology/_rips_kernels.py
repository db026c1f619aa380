"""Compiled loops of Vietoris-Rips persistent cohomology, in blocks of simplices with the same longest edge.

The edges are numbered by length (ties as they come), so every simplex of dimension 1 or more has one longest edge, of
rank r; those that share it are its *block*. Beside the edge they have vertices of its *lune*, the vertices nearer to
both of its ends than these to each other (all by rank). The filtration adds block after block; within a block any
order will do that puts faces first. Ours numbers vertices by *place*: the block's *apex* is first, then come all
others as they are given, and simplices of one dimension are ordered by the combinatorial number of their places. So one
has the key ``r * binomial(n, k) + number``, k the vertices beside the edge, and keys compare as the filtration does.

A simplex and its oldest cofacet, if this lies in the same block and has no younger facet, are an *apparent pair*: a bar
of length zero, found by looking and never stored (U. Bauer, Ripser, 2021, arXiv:1908.02518). In these blocks

- an edge is in an apparent pair if its lune is not empty; the other edges are the relative neighborhood graph;
- a simplex next to the apex is in one. If the apex is next to all the lune (a dominated edge, arXiv:2105.13812), as it
  mostly is where it lies in the middle, nothing of the block is left.

What is left are *critical* simplices, a few in a thousand. Their coboundaries are reduced, youngest first, with
clearing (those that end a bar of a lower dimension are skipped), emergent pairs (a pivot that nobody has needs no
heap), and a window: only cofacets up to some rank are looked at, a wider window is opened when none is left.

Cofacets are filed by block. When a column reaches a block, all older ones are empty, so what it has there is a cocycle
of the block; hence those of its simplices that are next to the apex, all of which it could shed in apparent pairs, are
known from those that have the apex itself. The others of them are not even filed, which leaves one in ten.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import append, combine, find_root, inverses, longer, new_table, pop_pivot, push, slot
from erlangen.topology._edge_kernels import ABSENT

announce_compilation()

_TRIES = 4
"""How often a more central apex is looked for."""


@njit(cache=True, nogil=True)
def count_strangers(p, q, t, rank):
    """Return how many vertices of a lune have no edge below this rank to a vertex, given by its row t: with itself."""
    count = np.int32(0)  # 32 bits, for vectors
    for w in range(len(p)):
        count += np.int32(max(p[w], q[w]) < rank) & np.int32(t[w] >= rank)
    return count


@njit(cache=True, nogil=True)
def farthest(p, q, t, rank):
    """Return the largest rank from a vertex, given by its row t, to another of the lune; 0 if it is alone there."""
    most = np.int32(0)
    for w in range(len(p)):
        most = max(most, t[w] if (max(p[w], q[w]) < rank) & (t[w] < ABSENT) else np.int32(0))
    return most


@njit(cache=True, nogil=True)
def other_end(a, b, rank, vertex):
    """Return the end of an edge that is not this vertex."""
    return b[rank] if a[rank] == vertex else a[rank]


@njit(cache=True, nogil=True)
def find_apexes(ranks, a, b, apex, crowded, start, stop):
    """Write, for edges of rank start to stop, a central vertex of the lune, -1 if it is empty.

    The first is that of the shortest triangle. If it is not next to all of the lune, the next is the one nearest to
    both ends and to the vertex farthest from the first, and so on, a few times; the one next to most is taken.
    ``crowded`` tells where there are vertices left that the apex is not next to.
    """
    n = len(ranks)
    worst = np.empty(n, np.int32)
    for r in range(start, stop):
        p, q, rank = ranks[a[r]], ranks[b[r]], np.int32(r)
        best = rank
        for w in range(n):
            best = min(best, max(p[w], q[w]))
        apex[r], crowded[r] = -1, False
        if best == rank:
            continue
        # the rank of an edge from the vertex to one of the ends
        top = b[best] if a[best] == a[r] or a[best] == b[r] else a[best]
        apex[r], fewest = top, count_strangers(p, q, ranks[top], rank)
        if fewest > 1:
            for w in range(n):
                worst[w] = max(p[w], q[w])
        for _ in range(_TRIES if fewest > 1 else 0):
            far = farthest(p, q, ranks[top], rank)
            if far < rank:
                break
            row = ranks[other_end(a, b, far, top)]
            best = rank
            for w in range(n):
                worst[w] = max(worst[w], row[w])
                best = min(best, worst[w])
            if best == rank:
                break
            x, y = a[best], b[best]
            top = x if worst[x] == best else y
            count = count_strangers(p, q, ranks[top], rank)
            if count < fewest:
                apex[r], fewest = top, count
        crowded[r] = fewest > 1  # the apex is not next to itself


@njit(cache=True, nogil=True)
def merge_components(births, a, b, candidates):
    """Return the edges (ranks) that join two components and the vertex whose component ends, by the elder rule.

    The candidates are all edges, or those with an empty lune: the ends of another are joined by two shorter ones.
    """
    n = len(births)
    root = np.arange(n)
    edges, vertices = np.empty(max(n - 1, 0), np.int64), np.empty(max(n - 1, 0), np.int64)
    k = 0
    for r in candidates:
        i, j = find_root(root, np.int64(a[r])), find_root(root, np.int64(b[r]))
        if i == j:
            continue
        if births[i] > births[j] or (births[i] == births[j] and i > j):
            i, j = j, i
        root[j] = i
        edges[k], vertices[k] = r, j
        k += 1
    return edges[:k], vertices[:k]


@njit(cache=True, nogil=True)
def without(keys, gone):
    """Return ascending keys without some of them; -1 is none."""
    kept = np.ones(len(keys), np.bool_)
    for key in gone:
        if key >= 0:
            kept[np.searchsorted(keys, key)] = False
    return keys[kept]


@njit(cache=True, nogil=True)
def place(vertex, top):
    """Return the place of a vertex in a block with the apex ``top``."""
    if vertex == top:
        return 0
    return vertex + 1 if vertex < top else vertex


@njit(cache=True, nogil=True)
def vertex_at(position, top):
    """Return the vertex at a place."""
    if position == 0:
        return top
    return position - 1 if position <= top else position


@njit(cache=True, nogil=True)
def next_to_all(row, r, vertices, start, stop):
    """Whether a vertex, given by its row of ranks, has edges below r to vertices[start:stop]."""
    for i in range(start, stop):  # noqa: SIM110 (Numba has no all() of a generator)
        if row[vertices[i]] >= r:
            return False
    return True


@njit(cache=True, nogil=True)
def is_critical(ranks, lune, top, r, chosen):
    """Whether a clique of the lune, ascending and not all next to the apex, is in no apparent pair within its block."""
    lowest, k = chosen[0], len(chosen)
    ends_a_pair = True  # unless a lower vertex is next to all but the lowest
    if k > 1 and next_to_all(ranks[top], r, chosen, 1, k):
        ends_a_pair = False
    for w in lune:
        if w >= lowest:
            break
        if w != top and next_to_all(ranks[w], r, chosen, 1, k):
            if ranks[w, lowest] < r:
                return False  # and its oldest cofacet has this vertex too
            ends_a_pair = False
    return k == 1 or not ends_a_pair  # of single vertices only the apex ends a pair


@njit(cache=True, nogil=True)
def critical_simplices(ranks, a, b, apex, crowded, binomials, k, start, stop):
    """Return the ascending keys of critical simplices with k >= 1 vertices beside a longest edge of rank start to stop.

    The cliques of each lune are walked through depth first; those next to the apex are in pairs, and left out early.
    """
    n = len(ranks)
    found, size = np.empty(64, np.int64), 0
    lune, near = np.empty(n, np.int32), np.empty(n, np.bool_)
    candidates, counts, at = np.empty((k, n), np.int32), np.empty(k, np.int64), np.empty(k, np.int64)
    chosen, far = np.empty(k, np.int64), np.zeros(k + 1, np.bool_)
    for r in range(start, stop):
        if not crowded[r]:
            continue
        top = apex[r]
        p, q, t = ranks[a[r]], ranks[b[r]], ranks[top]
        members, level = 0, 0
        for w in range(n):
            lune[members] = w
            members += max(p[w], q[w]) < r
        at[0], counts[0] = 0, 0
        for w in lune[:members]:
            near[w] = t[w] < r
            if w != top:
                candidates[0, counts[0]] = w
                counts[0] += 1
        while level >= 0:
            if at[level] == counts[level]:
                level -= 1
                continue
            w = candidates[level, at[level]]
            at[level] += 1
            chosen[level] = w
            stranger = far[level] or not near[w]
            if level == k - 1:
                if stranger and is_critical(ranks, lune[:members], top, r, chosen):
                    number = 0
                    for i in range(k):
                        number += binomials[i + 1, place(chosen[i], top)]
                    found = append(found, size, r * binomials[k, n] + number)
                    size += 1
                continue
            far[level + 1], row, c = stranger, ranks[w], 0
            for v in candidates[level, at[level] : counts[level]]:
                if row[v] < r:
                    candidates[level + 1, c] = v
                    c += 1
                    stranger |= not near[v]
            if stranger and c:
                level += 1
                at[level], counts[level] = 0, c
    return np.sort(found[:size])


@njit(cache=True, nogil=True)
def decode(key, k, a, b, apex, binomials, vertices):
    """Write a simplex's vertices, its longest edge first, then the k others from the last place to the first.

    Returns the edge's rank.
    """
    n = binomials.shape[1] - 1
    r = key // binomials[k, n]
    number = key - r * binomials[k, n]
    vertices[0], vertices[1] = a[r], b[r]
    above = n
    for i in range(k, 0, -1):
        low, high = i - 1, above - 1
        while low < high:  # the last place with binomial(place, i) <= number
            middle = (low + high + 1) // 2
            if binomials[i, middle] <= number:
                low = middle
            else:
                high = middle - 1
        number -= binomials[i, low]
        above = low
        vertices[2 + k - i] = vertex_at(low, apex[r])
    return r


@njit(cache=True, nogil=True)
def decode_chain(chain, bits, k, a, b, apex, binomials):
    """Return the vertices (m, k + 2) of a chain's simplices, ascending, and their coefficients (m,)."""
    vertices = np.empty((len(chain), k + 2), np.int64)
    for i in range(len(chain)):
        decode(chain[i] >> bits, k, a, b, apex, binomials, vertices[i])
        vertices[i].sort()
    return vertices, chain & ((1 << bits) - 1)


@njit(cache=True, nogil=True)
def worst_ranks(ranks, vertices, k, worst):
    """Write for every vertex the largest rank of its edges to a simplex's; ABSENT for the simplex's own."""
    p, q = ranks[vertices[0]], ranks[vertices[1]]
    for w in range(len(p)):
        worst[w] = max(p[w], q[w])
    for i in range(2, k + 2):
        p = ranks[vertices[i]]
        for w in range(len(p)):
            worst[w] = max(worst[w], p[w])


@njit(cache=True, nogil=True)
def cofacet(ranks, apex, binomials, r, vertices, k, w, rank, places):
    """Return the key of the simplex with the vertex w added, whose worst edge to it has this rank."""
    count = 0
    if rank < r:
        top = apex[r]
        for i in range(2, k + 2):
            places[i - 2] = place(vertices[i], top)
        places[k] = place(w, top)
    else:
        r, top, row = rank, apex[rank], ranks[w]
        for i in range(k + 2):
            places[count] = place(vertices[i], top)
            count += row[vertices[i]] != rank
    number = 0
    for i in range(k + 1):
        order = 1
        for j in range(k + 1):
            order += places[j] < places[i]
        number += binomials[order, places[i]]
    return r * binomials[k + 1, binomials.shape[1] - 1] + number


@njit(cache=True, nogil=True)
def sign(vertices, k, w):
    """Return the sign of a simplex in the boundary of the one with the vertex w added: +1 or -1."""
    lower = 0
    for i in range(k + 2):
        lower += vertices[i] < w
    return 1 - 2 * (lower & 1)


@njit(cache=True, nogil=True)
def oldest_cofacet(ranks, apex, binomials, r, vertices, k, worst, places):
    """Return the key of the oldest cofacet and the vertex that it adds; -1, -1 if there is none."""
    first, rank, inside = -1, np.int32(ABSENT), -1
    for w in range(len(worst)):
        if worst[w] < r and (inside < 0 or w == apex[r]):
            inside = w
        if worst[w] < rank:
            first, rank = w, worst[w]
    if inside >= 0:
        first, rank = inside, worst[inside]
    if first < 0:
        return np.int64(-1), np.int64(-1)
    return cofacet(ranks, apex, binomials, r, vertices, k, first, rank, places), np.int64(first)


@njit(cache=True, nogil=True)
def apparent_facet(ranks, a, b, apex, binomials, key, k, vertices):
    """Return the key of the facet that a simplex (k >= 1 vertices beside its edge) is in an apparent pair with.

    -1 if there is none. Writes the facet's vertices.
    """
    r = decode(key, k, a, b, apex, binomials, vertices)
    lowest, top = vertices[k + 1], apex[r]
    if lowest != top:  # a lower vertex next to the others would be a younger facet's
        if next_to_all(ranks[top], r, vertices, 2, k + 1):
            return np.int64(-1)
        p, q = ranks[vertices[0]], ranks[vertices[1]]
        for w in range(lowest):
            if max(p[w], q[w]) < r and next_to_all(ranks[w], r, vertices, 2, k + 1):
                return np.int64(-1)
    number = 0
    for i in range(2, k + 1):
        number += binomials[k + 1 - i, place(vertices[i], top)]
    return r * binomials[k - 1, binomials.shape[1] - 1] + number


@njit(cache=True, nogil=True)
def file_coboundary(
    ranks, apex, binomials, r, vertices, k, coefficient, modulus, bits, low, high, now, scratch, heap, size,
    lists, filed,
):  # fmt: skip
    """File the cofacets whose longest edge has a rank in (low, high], with coefficients.

    Only those that can be left over: with the apex of their block, or with a vertex that this is not next to. Those of
    the block ``now`` go on the heap, those of later blocks into the lists. Returns both with their sizes.
    """
    worst, picked, places = scratch
    worst_ranks(ranks, vertices, k, worst)
    count, least = 0, -1 if r > low else low
    for w in range(len(worst)):  # without branches: few are picked, and nobody could guess which
        picked[count] = w
        count += (worst[w] <= high) & (worst[w] > least)
    if filed + count > len(lists[1]):
        lists = lists[0], longer(lists[1], filed + count), longer(lists[2], filed + count)
    heads, items, links = lists
    v0, v1, v2 = vertices[0], vertices[1], vertices[min(2, k + 1)]  # loops of unknown length are slow
    for w in picked[:count]:
        rank = worst[w]
        block = max(rank, r)
        top = apex[block]
        row = ranks[top]
        left_over = (w == top) | (v0 == top) | (v1 == top) | (v2 == top) | (top < 0)
        left_over |= (row[w] >= block) | (row[v0] >= block) | (row[v1] >= block) | (row[v2] >= block)
        for i in range(3, k + 2):
            left_over |= (vertices[i] == top) | (row[vertices[i]] >= block)
        if not left_over:
            continue
        key = cofacet(ranks, apex, binomials, r, vertices, k, w, rank, places)
        value = coefficient if modulus == 2 or sign(vertices, k, w) > 0 else modulus - coefficient
        if block == now:
            heap = push(heap, size, (key << bits) | value)
            size += 1
        else:
            items[filed], links[filed] = (key << bits) | value, heads[block]
            heads[block] = filed
            filed += 1
    return heap, size, lists, filed


@njit(cache=True, nogil=True)
def gather_block(lists, now, table, modulus, bits, heap):
    """Move what is filed under a block to the empty heap, added up; return table, heap and its size."""
    heads, items, links = lists
    count, i = 0, heads[now]
    while i >= 0:
        count += 1
        i = links[i]
    capacity = 8
    while capacity < 2 * count:
        capacity *= 2
    if capacity > len(table):
        table = np.empty(capacity, np.int64)
    table[:capacity] = -1
    i, mask = heads[now], (1 << bits) - 1
    while i >= 0:
        at = slot(table[:capacity], items[i] >> bits, bits)
        if table[at] < 0:
            table[at] = items[i]
        else:
            table[at] = (table[at] & ~mask) | (((table[at] & mask) + (items[i] & mask)) % modulus)
        i = links[i]
    heads[now] = -1
    size = 0
    for item in table[:capacity]:
        if item >= 0 and item & mask:
            heap = push(heap, size, item)
            size += 1
    return table, heap, size


@njit(cache=True, nogil=True)
def new_lists(m):
    """Return empty lists of what is filed, one for each rank."""
    return np.full(m + 1, -1, np.int32), np.empty(1024, np.int64), np.empty(1024, np.int32)


@njit(cache=True, nogil=True)
def new_scratch(n, k):
    """Return arrays that `file_coboundary` writes on."""
    return np.empty(n, np.int32), np.empty(n + 1, np.int32), np.empty(k + 3, np.int64)


@njit(cache=True, nogil=True)
def file_chain(
    ranks, a, b, apex, binomials, k, modulus, bits, items, factor, low, high, now, scratch, heap, size, lists, filed
):  # fmt: skip
    """File the coboundary of a factor times a chain, as `file_coboundary` does."""
    vertices, mask = np.empty(k + 2, np.int64), (1 << bits) - 1
    for item in items:
        r = decode(item >> bits, k, a, b, apex, binomials, vertices)
        heap, size, lists, filed = file_coboundary(
            ranks, apex, binomials, r, vertices, k, (item & mask) * factor % modulus, modulus, bits, low, high, now,
            scratch, heap, size, lists, filed,
        )  # fmt: skip
    return heap, size, lists, filed


@njit(cache=True, nogil=True)
def coboundary(ranks, a, b, apex, binomials, k, modulus, bits, chain, low, high, start, stop):
    """Return the items that `file_chain` files for chain[start:stop]."""
    lists, heap = new_lists(len(a)), np.empty(1, np.int64)
    _, _, lists, filed = file_chain(
        ranks, a, b, apex, binomials, k, modulus, bits, chain[start:stop], 1, low, high, -1,
        new_scratch(len(ranks), k), heap, 0, lists, 0,
    )  # fmt: skip
    return lists[1][:filed]


@njit(cache=True, nogil=True)
def new_book(n_columns):
    """Return where reduced columns are written down: pivots, who has which, and their cochains with starts."""
    owners = new_table(n_columns)
    pivots, starts = np.full(n_columns, -1, np.int64), np.zeros(n_columns + 1, np.int64)
    return pivots, owners, np.empty(len(owners), np.int64), np.empty(1024, np.int64), starts


@njit(cache=True, nogil=True)
def write_down(book, c, pivot, coefficient, chain, modulus, bits):
    """Return the book with one more column, divided by the coefficient of its pivot."""
    pivots, owners, owner, stored, starts = book
    pivots[c] = pivot
    if pivot >= 0:
        i = slot(owners, pivot, 0)
        owners[i], owner[i] = pivot, c
    size = starts[c]
    for item in combine(chain, modulus, bits, inverses(modulus)[coefficient] if pivot >= 0 else 1):
        stored = append(stored, size, item)
        size += 1
    starts[c + 1] = size
    return pivots, owners, owner, stored, starts


@njit(cache=True, nogil=True)
def reduce_filed(
    ranks, a, b, apex, binomials, k, modulus, bits, book, chain, n_chain, now, high, scratch, heap, table, lists, filed
):  # fmt: skip
    """Reduce what is filed, block after block from ``now`` up to ``high``.

    Returns the pivot, a key, and its coefficient, -1 and 0 if nothing is left in these blocks; and what was passed on.
    """
    _, owners, owner, stored, starts = book
    others, size = np.empty(k + 3, np.int64), 0
    while True:
        if size == 0:
            while now <= high and lists[0][now] < 0:
                now += 1
            if now > high:
                return np.int64(-1), np.int64(0), chain, n_chain, heap, table, lists
            table, heap, size = gather_block(lists, now, table, modulus, bits, heap)
        pivot, coefficient, size = pop_pivot(heap, size, modulus, bits)
        if pivot < 0:
            continue
        i = slot(owners, pivot, 0)
        if owners[i] == pivot:
            factor = modulus - coefficient  # the columns in the book have pivot coefficient 1
            added = stored[starts[owner[i]] : starts[owner[i] + 1]]
            heap = push(heap, size, (pivot << bits) | coefficient)
            heap, size, lists, filed = file_chain(
                ranks, a, b, apex, binomials, k, modulus, bits, added, factor, now - 1, high, now, scratch, heap,
                size + 1, lists, filed,
            )  # fmt: skip
            for item in added:
                chain = append(chain, n_chain, (item >> bits << bits) | ((item & ((1 << bits) - 1)) * factor % modulus))
                n_chain += 1
            continue
        facet = apparent_facet(ranks, a, b, apex, binomials, pivot, k + 1, others)
        if facet < 0:
            lists[0][now : high + 1] = -1
            return pivot, coefficient, chain, n_chain, heap, table, lists
        factor = coefficient if sign(others, k, others[k + 2]) < 0 else modulus - coefficient
        chain = append(chain, n_chain, (facet << bits) | factor)
        n_chain += 1
        heap = push(heap, size, (pivot << bits) | coefficient)
        heap, size, lists, filed = file_coboundary(
            ranks, apex, binomials, now, others, k, factor, modulus, bits, now - 1, high, now, scratch, heap, size + 1,
            lists, filed,
        )  # fmt: skip


@njit(cache=True, nogil=True)
def next_window(r, high, m):
    """Return up to which rank cofacets are looked at next, of a column with this first rank."""
    return min(m, high + (high - r) // 4)


@njit(cache=True, nogil=True)
def reduce_columns(ranks, a, b, apex, binomials, k, modulus, bits, columns, c, book, long):
    """Reduce the coboundaries of critical simplices with k vertices beside their edge, youngest first, from the c-th.

    Returns the book, and how far it went: to a column whose chain is ``long`` when its next window is to be opened,
    that chain, and up to which rank it has been looked at.
    """
    n, m = len(ranks), len(a)
    heap, chain, table = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(64, np.int64)
    lists, scratch = new_lists(m), new_scratch(n, k)
    worst, _, places = scratch
    vertices, others = np.empty(k + 3, np.int64), np.empty(k + 3, np.int64)
    while c < len(columns):
        column = columns[c]
        r = decode(column, k, a, b, apex, binomials, vertices)
        worst_ranks(ranks, vertices, k, worst)
        pivot, w = oldest_cofacet(ranks, apex, binomials, r, vertices, k, worst, places)
        coefficient = np.int64(1)
        chain[0], n_chain = (column << bits) | 1, 1
        taken = pivot >= 0 and book[1][slot(book[1], pivot, 0)] == pivot
        if pivot >= 0 and not taken and apparent_facet(ranks, a, b, apex, binomials, pivot, k + 1, others) < 0:
            if sign(vertices, k, w) < 0:  # an emergent pair
                coefficient = modulus - 1
        elif pivot >= 0:
            now = pivot // binomials[k + 1, n]
            low, high = now - 1, min(m, now + max((now - r) // 4, 64))  # the window
            while True:
                _, _, lists, filed = file_chain(
                    ranks, a, b, apex, binomials, k, modulus, bits, chain[:n_chain], 1, low, high, -1, scratch, heap, 0,
                    lists, 0,
                )  # fmt: skip
                pivot, coefficient, chain, n_chain, heap, table, lists = reduce_filed(
                    ranks, a, b, apex, binomials, k, modulus, bits, book, chain, n_chain, low + 1, high, scratch, heap,
                    table, lists, filed,
                )  # fmt: skip
                if pivot >= 0 or high >= m:
                    break
                part = combine(chain[:n_chain], modulus, bits, 1)
                n_chain = len(part)
                chain[:n_chain] = part
                if n_chain >= long:
                    return book, c, part, high
                low, high = high, next_window(r, high, m)
        book = write_down(book, c, pivot, coefficient, chain[:n_chain], modulus, bits)
        c += 1
    return book, c, chain[:0], m


@njit(cache=True, nogil=True)
def reduce_items(ranks, a, b, apex, binomials, k, modulus, bits, book, chain, items, low, high):
    """Reduce a column of which these items are in the blocks after ``low`` up to ``high``.

    Returns the pivot and its coefficient, -1 and 0 if nothing is left there, and the chain.
    """
    heads, _, _ = lists = np.full(len(a) + 1, -1, np.int32), items, np.empty(len(items), np.int32)
    first = binomials[k + 1, len(ranks)]
    for i in range(len(items)):
        block = (items[i] >> bits) // first
        lists[2][i], heads[block] = heads[block], i
    heap, table, n_chain = np.empty(1024, np.int64), np.empty(64, np.int64), len(chain)
    pivot, coefficient, chain, n_chain, heap, table, lists = reduce_filed(
        ranks, a, b, apex, binomials, k, modulus, bits, book, chain, n_chain, low + 1, high, new_scratch(len(ranks), k),
        heap, table, lists, len(items),
    )  # fmt: skip
    return pivot, coefficient, combine(chain[:n_chain], modulus, bits, 1)
