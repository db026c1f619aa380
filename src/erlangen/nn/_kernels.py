"""Numba kernels over receiver-sorted edges: pairing, segment sums and the four parts of an edge contraction.

Each kernel fills rows ``start:stop`` of an output that the caller allocated, so that threads share nothing.
Names: e edges, p unordered pairs, n nodes, F channels; ``sign[e]`` is +1 for the edge that represents its pair,
else -1.
"""

import numba

from erlangen.kernels import announce_compilation

announce_compilation()
_options = {"cache": True, "nogil": True, "fastmath": {"contract", "nsz"}, "boundscheck": False}


@numba.njit(cache=True, nogil=True)
def pair_edges(sender, receiver, shift, n_nodes, offsets, reverse, pair, sign, first):
    """Fill the reverse edge, the pair and the sign of every edge; return the number of pairs, or -1 - (bad edge).

    The edges are sorted by (receiver, sender, shift), so a stable counting sort by sender lists the reverse edges in
    order, but for shifts between the same two atoms, which come in the opposite order.
    """
    n_edges = sender.shape[0]
    offsets[:] = 0
    starts = offsets.copy()
    for e in range(n_edges):
        if e > 0 and receiver[e] < receiver[e - 1]:
            return -1 - e
        offsets[receiver[e] + 1] += 1
        starts[sender[e] + 1] += 1
    for i in range(n_nodes):
        offsets[i + 1] += offsets[i]
        starts[i + 1] += starts[i]
    for e in range(n_edges):
        slot = starts[sender[e]]
        starts[sender[e]] += 1
        reverse[slot] = e
    e = 0
    while e < n_edges:
        stop = e + 1
        while stop < n_edges and receiver[stop] == receiver[e] and sender[stop] == sender[e]:
            stop += 1
        left, right = e, stop - 1
        while left < right:
            reverse[left], reverse[right] = reverse[right], reverse[left]
            left += 1
            right -= 1
        e = stop
    n_pairs = 0
    for e in range(n_edges):
        r = reverse[e]
        if r == e or sender[r] != receiver[e] or receiver[r] != sender[e] or reverse[r] != e:
            return -1 - e
        if shift.shape[0] > 0:
            for k in range(shift.shape[1]):
                if shift[r, k] != -shift[e, k]:
                    return -1 - e
        if e < r:
            pair[e] = n_pairs
            pair[r] = n_pairs
            sign[e] = 1
            sign[r] = -1
            first[n_pairs] = e
            n_pairs += 1
    return n_pairs


@numba.njit(**_options)
def segment_sum(values, offsets, out, start, stop):
    """out[i] = sum of values[e] over the edges e of segment i."""
    for i in range(start, stop):
        out[i, :] = 0
        for e in range(offsets[i], offsets[i + 1]):
            for f in range(values.shape[1]):
                out[i, f] += values[e, f]


@numba.njit(**_options)
def segment_sum_permuted(values, order, offsets, out, start, stop):
    """out[i] = sum of values[order[e]] over the edges e of segment i."""
    for i in range(start, stop):
        out[i, :] = 0
        for e in range(offsets[i], offsets[i + 1]):
            row = order[e]
            for f in range(values.shape[1]):
                out[i, f] += values[row, f]


@numba.njit(**_options)
def contract_to_receivers(filters, coefficient, features, sender, pair, sign, offsets, odd, out, start, stop):
    """out[i, a, m, f] = sum over edges j -> i of (+-1) filters[p, f] * coefficient[p, a] * features[j, m, f]."""
    n_a, n_m, n_f = out.shape[1], out.shape[2], out.shape[3]
    for i in range(start, stop):
        out[i] = 0
        for e in range(offsets[i], offsets[i + 1]):
            j, p = sender[e], pair[e]
            for a in range(n_a):
                c = -coefficient[p, a] if odd and sign[e] < 0 else coefficient[p, a]
                for m in range(n_m):
                    for f in range(n_f):
                        out[i, a, m, f] += filters[p, f] * c * features[j, m, f]


@numba.njit(**_options)
def contract_to_senders(filters, coefficient, cotangent, sender, pair, sign, offsets, odd, out, start, stop):
    """Fill the transpose of `contract_to_receivers`: a row gathers over its reverse edges, which share the pair."""
    n_a, n_m, n_f = cotangent.shape[1], cotangent.shape[2], cotangent.shape[3]
    for j in range(start, stop):
        out[j] = 0
        for e in range(offsets[j], offsets[j + 1]):
            i, p = sender[e], pair[e]
            for a in range(n_a):
                c = -coefficient[p, a] if odd and sign[e] > 0 else coefficient[p, a]
                for m in range(n_m):
                    for f in range(n_f):
                        out[j, m, f] += filters[p, f] * c * cotangent[i, a, m, f]


@numba.njit(**_options)
def contract_to_filters(coefficient, features, cotangent, sender, receiver, first, odd, out, start, stop):
    """out[p, f] = sum over a, m of coefficient[p, a] (x[j] y[i] +- x[i] y[j]) for the pair j -> i and its reverse."""
    n_a, n_m, n_f = cotangent.shape[1], cotangent.shape[2], cotangent.shape[3]
    for p in range(start, stop):
        i, j = receiver[first[p]], sender[first[p]]
        row = out[p]
        for a in range(n_a):
            c = coefficient[p, a]
            back = -c if odd else c
            for m in range(n_m):
                x_i, x_j, y_i, y_j = features[i, m], features[j, m], cotangent[i, a, m], cotangent[j, a, m]
                if a == 0 and m == 0:
                    for f in range(n_f):
                        row[f] = c * x_j[f] * y_i[f] + back * x_i[f] * y_j[f]
                else:
                    for f in range(n_f):
                        row[f] += c * x_j[f] * y_i[f] + back * x_i[f] * y_j[f]


@numba.njit(cache=True, nogil=True, boundscheck=False, fastmath={"contract", "nsz", "reassoc"})
def contract_to_coefficient(filters, features, cotangent, sender, receiver, first, odd, out, start, stop):
    """out[p, a] = sum over m, f of filters[p, f] (x[j] y[i] +- x[i] y[j])."""
    n_a, n_m, n_f = cotangent.shape[1], cotangent.shape[2], cotangent.shape[3]
    zero = out.dtype.type(0)  # an integer 0 would turn float32 sums into float64
    for p in range(start, stop):
        i, j = receiver[first[p]], sender[first[p]]
        for a in range(n_a):
            there, back = zero, zero
            for m in range(n_m):
                for f in range(n_f):
                    there += filters[p, f] * features[j, m, f] * cotangent[i, a, m, f]
                    back += filters[p, f] * features[i, m, f] * cotangent[j, a, m, f]
            out[p, a] = there - back if odd else there + back


@numba.njit(cache=True, nogil=True)
def sort_bins(first, starts, order):
    """Fill ``order`` with the rows sorted by ``first``, those of bin b at ``starts[b]:starts[b + 1]``."""
    starts[:] = 0
    for p in range(first.shape[0]):
        starts[first[p] + 1] += 1
    for b in range(starts.shape[0] - 1):
        starts[b + 1] += starts[b]
    cursor = starts.copy()
    for p in range(first.shape[0]):
        order[cursor[first[p]]] = p
        cursor[first[p]] += 1


@numba.njit(**_options)
def interpolate(table, weights, starts, order, out, start, stop):
    """out[p, f] = sum over k < 6 of weights[p, k] table[b + k, f] for the rows p of the bins b from start to stop."""
    for b in range(start, stop):
        t0, t1, t2, t3, t4, t5 = table[b], table[b + 1], table[b + 2], table[b + 3], table[b + 4], table[b + 5]
        for slot in range(starts[b], starts[b + 1]):
            row = out[order[slot]]
            w0, w1, w2, w3, w4, w5 = weights[order[slot]]
            for f in range(row.shape[0]):
                row[f] = w0 * t0[f] + w1 * t1[f] + w2 * t2[f] + w3 * t3[f] + w4 * t4[f] + w5 * t5[f]


@numba.njit(**_options)
def interpolate_to_table(weights, cotangent, starts, order, out, start, stop):
    """out[g, f] = sum over rows p of bins b and k < 6 with b + k = g of weights[p, k] cotangent[p, f]."""
    out[start:stop] = 0
    for b in range(max(0, start - 5), min(starts.shape[0] - 1, stop)):
        low, high = max(start - b, 0), min(stop - b, 6)
        if low == 0 and high == 6:  # six rows at once: the cotangent is read once
            r0, r1, r2, r3, r4, r5 = out[b], out[b + 1], out[b + 2], out[b + 3], out[b + 4], out[b + 5]
            for slot in range(starts[b], starts[b + 1]):
                y = cotangent[order[slot]]
                w0, w1, w2, w3, w4, w5 = weights[order[slot]]
                for f in range(y.shape[0]):
                    value = y[f]
                    r0[f] += w0 * value
                    r1[f] += w1 * value
                    r2[f] += w2 * value
                    r3[f] += w3 * value
                    r4[f] += w4 * value
                    r5[f] += w5 * value
        else:
            for slot in range(starts[b], starts[b + 1]):
                y = cotangent[order[slot]]
                for k in range(low, high):
                    w, row = weights[order[slot], k], out[b + k]
                    for f in range(y.shape[0]):
                        row[f] += w * y[f]


@numba.njit(**_options)
def interpolation_error(table):
    """Return how far every second row is from the interpolation of the others, and the largest entry, as float64."""
    worst, largest = 0.0, 0.0
    for g in range(table.shape[0]):
        for f in range(table.shape[1]):
            largest = max(largest, abs(table[g, f]))
    for g in range(5, table.shape[0] - 5, 2):
        for f in range(table.shape[1]):
            near = table[g - 1, f] + table[g + 1, f]
            middle = table[g - 3, f] + table[g + 3, f]
            far = table[g - 5, f] + table[g + 5, f]
            error = abs(table[g, f] - (150 * near - 25 * middle + 3 * far) / 256)
            if not error <= worst:
                worst = error
    return worst, largest
