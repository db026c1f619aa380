"""Numba kernels of the spherical convolution: the four parts of its one multilinear form.

A path couples input degree l1 with edge degree l2 to output degree l3. For one edge it is a small matrix M, the same
for all channels, between rows of the features, times one weight a channel. Names: e edges, p unordered pairs, n nodes,
q paths, c channels. A row of ``paths`` holds: first row of the features, their number 2 l1 + 1, first row of the
output, stride between its rows, their number 2 l3 + 1, and where M starts, row after row (m3, m1). ``flips[q]`` says
whether M changes its sign with the direction of the edge. Each kernel fills rows ``start:stop`` of its output.
"""

import numba
import numpy as np

from erlangen.kernels import announce_compilation

announce_compilation()
_options = {"cache": True, "nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "boundscheck": False}


@numba.njit(inline="always")
def _add_mixed(a, x, w, out):
    """out[c] += w[c] * sum over m of a[m] x[m, c]; the sum stays in registers, which is what makes this fast."""
    n, n_c = a.shape[0], out.shape[0]
    if n == 1:
        a0, x0 = a[0], x[0]
        for c in range(n_c):
            out[c] += w[c] * (a0 * x0[c])
    elif n == 3:
        a0, a1, a2, x0, x1, x2 = a[0], a[1], a[2], x[0], x[1], x[2]
        for c in range(n_c):
            out[c] += w[c] * (a0 * x0[c] + a1 * x1[c] + a2 * x2[c])
    elif n == 5:
        a0, a1, a2, a3, a4, x0, x1, x2, x3, x4 = a[0], a[1], a[2], a[3], a[4], x[0], x[1], x[2], x[3], x[4]
        for c in range(n_c):
            out[c] += w[c] * (a0 * x0[c] + a1 * x1[c] + a2 * x2[c] + a3 * x3[c] + a4 * x4[c])
    else:
        m = 0
        while m + 7 <= n:
            a0, a1, a2, a3, a4, a5, a6 = a[m], a[m + 1], a[m + 2], a[m + 3], a[m + 4], a[m + 5], a[m + 6]
            x0, x1, x2, x3, x4, x5, x6 = x[m], x[m + 1], x[m + 2], x[m + 3], x[m + 4], x[m + 5], x[m + 6]
            for c in range(n_c):
                s = a0 * x0[c] + a1 * x1[c] + a2 * x2[c] + a3 * x3[c] + a4 * x4[c] + a5 * x5[c] + a6 * x6[c]
                out[c] += w[c] * s
            m += 7
        while m < n:
            a0, x0 = a[m], x[m]
            for c in range(n_c):
                out[c] += w[c] * (a0 * x0[c])
            m += 1


@numba.njit(**_options)
def to_receivers(weights, matrices, features, paths, flips, sender, pair, sign, offsets, out, start, stop):
    """out[i, (m3, q), c] = sum over edges j -> i of weights[p, q, c] sum over m1 of +-M[p, q, m3, m1] x[j, m1, c]."""
    one = matrices.dtype.type(1)
    a = np.empty(paths[:, 1].max(), matrices.dtype)
    for i in range(start, stop):
        out[i] = 0
        for e in range(offsets[i], offsets[i + 1]):
            j, p = sender[e], pair[e]
            for q in range(paths.shape[0]):
                x, n1, row, stride, n3, at = paths[q]
                s = -one if flips[q] and sign[e] < 0 else one
                for m3 in range(n3):
                    for m1 in range(n1):
                        a[m1] = s * matrices[p, at + m3 * n1 + m1]
                    _add_mixed(a[:n1], features[j, x : x + n1], weights[p, q], out[i, row + m3 * stride])


@numba.njit(**_options)
def to_senders(weights, matrices, cotangent, paths, flips, sender, pair, sign, offsets, out, start, stop):
    """Fill the transpose of `to_receivers`: a row gathers over its reverse edges, which share the pair."""
    one = matrices.dtype.type(1)
    a = np.empty(paths[:, 4].max(), matrices.dtype)
    for j in range(start, stop):
        out[j] = 0
        for e in range(offsets[j], offsets[j + 1]):
            i, p = sender[e], pair[e]
            for q in range(paths.shape[0]):
                x, n1, row, stride, n3, at = paths[q]
                s = -one if flips[q] and sign[e] > 0 else one
                g = cotangent[i, row : row + n3 * stride : stride]
                for m1 in range(n1):
                    for m3 in range(n3):
                        a[m3] = s * matrices[p, at + m3 * n1 + m1]
                    _add_mixed(a[:n3], g, weights[p, q], out[j, x + m1])


@numba.njit(**_options)
def to_weights(matrices, features, cotangent, paths, flips, sender, receiver, first, out, start, stop):
    """out[p, q, c] = sum over both directions, m3 and m1 of +-M[p, q, m3, m1] x[j, m1, c] g[i, (m3, q), c]."""
    a = np.empty(paths[:, 1].max(), matrices.dtype)
    for p in range(start, stop):
        i, j = receiver[first[p]], sender[first[p]]
        out[p] = 0
        for q in range(paths.shape[0]):
            x, n1, row, stride, n3, at = paths[q]
            for m3 in range(n3):
                for m1 in range(n1):
                    a[m1] = matrices[p, at + m3 * n1 + m1]
                _add_mixed(a[:n1], features[j, x : x + n1], cotangent[i, row + m3 * stride], out[p, q])
                if flips[q]:
                    for m1 in range(n1):
                        a[m1] = -a[m1]
                _add_mixed(a[:n1], features[i, x : x + n1], cotangent[j, row + m3 * stride], out[p, q])


@numba.njit(**_options)
def to_matrices(weights, features, cotangent, paths, flips, sender, receiver, first, out, start, stop):
    """out[p, (q, m3, m1)] = sum over both directions and c of +-weights[p, q, c] g[i, (m3, q), c] x[j, m1, c]."""
    n_c = features.shape[2]
    zero = out.dtype.type(0)  # an integer 0 would turn float32 sums into float64
    there, back = np.empty(n_c, out.dtype), np.empty(n_c, out.dtype)
    for p in range(start, stop):
        i, j = receiver[first[p]], sender[first[p]]
        for q in range(paths.shape[0]):
            x, n1, row, stride, n3, at = paths[q]
            s = out.dtype.type(-1) if flips[q] else out.dtype.type(1)
            w = weights[p, q]
            for m3 in range(n3):
                g_i, g_j = cotangent[i, row + m3 * stride], cotangent[j, row + m3 * stride]
                for c in range(n_c):
                    there[c] = w[c] * g_i[c]
                    back[c] = s * w[c] * g_j[c]
                for m1 in range(n1):
                    x_i, x_j = features[i, x + m1], features[j, x + m1]
                    total = zero
                    for c in range(n_c):
                        total += there[c] * x_j[c] + back[c] * x_i[c]
                    out[p, at + m3 * n1 + m1] = total
