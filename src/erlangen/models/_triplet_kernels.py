"""Numba kernels of DimeNet++: sums over the triplets of an atom, as small matrix products that stay in the cache.

Names: e edges k -> j sorted by receiver j, p their unordered pairs, a and b edges into one atom, counted from its
first; L degrees, B and C channels. Each kernel works on the atoms ``start:stop`` and writes rows that are theirs alone.
"""

import numba
import numpy as np

from erlangen.kernels import announce_compilation

announce_compilation()
_options = {"cache": True, "nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "boundscheck": False}


@numba.njit(cache=True, nogil=True)
def pair_neighbors(offsets, starts, first, second):
    """Fill the pairs a < b of edges into each atom; those of atom j from ``starts[j]``, as b (b - 1) / 2 + a."""
    t = 0
    for j in range(offsets.shape[0] - 1):
        for b in range(offsets[j], offsets[j + 1]):
            for a in range(offsets[j], b):
                first[t], second[t] = a, b
                t += 1
        starts[j + 1] = t


@numba.njit(**_options)
def _multiply(coefficient, rows, out):
    """out[m, c] = sum over k of coefficient[m, k] rows[k, c]."""
    n_k, n_c = rows.shape
    for m in range(coefficient.shape[0]):
        row = out[m]
        for c in range(n_c):
            row[c] = 0
        k = 0
        while k + 4 <= n_k:
            w0, w1, w2, w3 = coefficient[m, k], coefficient[m, k + 1], coefficient[m, k + 2], coefficient[m, k + 3]
            r0, r1, r2, r3 = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
            for c in range(n_c):
                row[c] += w0 * r0[c] + w1 * r1[c] + w2 * r2[c] + w3 * r3[c]
            k += 4
        while k < n_k:
            w0, r0 = coefficient[m, k], rows[k]
            for c in range(n_c):
                row[c] += w0 * r0[c]
            k += 1


@numba.njit(**_options)
def _dot(x, y):
    total = x.dtype.type(0)  # an integer 0 would turn float32 sums into float64
    for c in range(x.shape[0]):
        total += x[c] * y[c]
    return total


@numba.njit(**_options)
def _largest(offsets, start, stop):
    most = 0
    for j in range(start, stop):
        most = max(most, offsets[j + 1] - offsets[j])
    return most


@numba.njit(**_options)
def sum_triplets(legendre, radial, matrix, features, pair, reverse, offsets, starts, out, start, stop):
    """out[j -> i, c] = sum over k, l, b of legendre[t, l] radial[p, l, b] matrix[b, c] features[k -> j, c]."""
    n_l, n_c = radial.shape[1], features.shape[1]
    most = _largest(offsets, start, stop)
    messages = np.empty((most * n_l, n_c), out.dtype)
    angular = np.zeros((1, most * n_l), out.dtype)
    for j in range(start, stop):
        begin, degree = offsets[j], offsets[j + 1] - offsets[j]
        for a in range(degree):
            block, row = messages[a * n_l : (a + 1) * n_l], features[begin + a]
            _multiply(radial[pair[begin + a]], matrix, block)
            for l in range(n_l):
                for c in range(n_c):
                    block[l, c] *= row[c]
        for b in range(degree):
            for a in range(degree):
                t = starts[j] + (b * (b - 1) // 2 + a if a < b else a * (a - 1) // 2 + b)
                for l in range(n_l):
                    angular[0, a * n_l + l] = legendre[t, l] if a != b else 0
            e = reverse[begin + b]
            _multiply(angular[:, : degree * n_l], messages[: degree * n_l], out[e : e + 1])


@numba.njit(**_options)
def differentiate_triplets(
    legendre, radial, matrix, features, cotangent, pair, reverse, offsets, starts, with_angles, to_legendre, to_radial,
    to_features, start, stop,
):  # fmt: skip
    """Fill the gradients of `sum_triplets` by its first, second (for each edge) and fourth array; return the third."""
    n_l, n_b, n_c = radial.shape[1], radial.shape[2], features.shape[1]
    most = _largest(offsets, start, stop)
    gathered = np.empty((most, n_c), cotangent.dtype)
    angular = np.zeros((most * n_l, most), cotangent.dtype)
    to_messages = np.empty((most * n_l, n_c), cotangent.dtype)
    block = np.empty((n_l, n_c), cotangent.dtype)
    to_matrix = np.zeros((n_b, n_c), cotangent.dtype)
    zero = cotangent.dtype.type(0)
    for j in range(start, stop):
        begin, degree = offsets[j], offsets[j + 1] - offsets[j]
        for b in range(degree):
            gathered[b] = cotangent[reverse[begin + b]]
            for a in range(degree):
                t = starts[j] + (b * (b - 1) // 2 + a if a < b else a * (a - 1) // 2 + b)
                for l in range(n_l):
                    angular[a * n_l + l, b] = legendre[t, l] if a != b else zero
        _multiply(angular[: degree * n_l, :degree], gathered[:degree], to_messages)
        if with_angles:
            to_legendre[starts[j] : starts[j + 1]] = 0
        for a in range(degree):
            e = begin + a
            row, w, u = to_features[e], features[e], radial[pair[e]]
            slopes = to_messages[a * n_l : (a + 1) * n_l]
            _multiply(u, matrix, block)
            for c in range(n_c):
                row[c] = 0
            for l in range(n_l):
                for c in range(n_c):
                    row[c] += block[l, c] * slopes[l, c]
                    slopes[l, c] *= w[c]
                    block[l, c] *= w[c]
            if with_angles:
                for b in range(degree):
                    t = starts[j] + (b * (b - 1) // 2 + a if a < b else a * (a - 1) // 2 + b)
                    if a != b:
                        for l in range(n_l):
                            to_legendre[t, l] += _dot(block[l], gathered[b])
            for b in range(n_b):
                for l in range(n_l):
                    to_radial[e, l, b] = _dot(slopes[l], matrix[b])
                    factor = u[l, b]
                    for c in range(n_c):
                        to_matrix[b, c] += factor * slopes[l, c]
    return to_matrix


@numba.njit(**_options)
def sum_moments(radial, messages, pair, offsets, out, start, stop):
    """out[i, k, f] = sum over edges e into i of radial[p, k] messages[e, f]."""
    n_k, n_f = radial.shape[1], messages.shape[1]
    for i in range(start, stop):
        out[i] = 0
        for e in range(offsets[i], offsets[i + 1]):
            r, m = radial[pair[e]], messages[e]
            for k in range(n_k):
                factor, row = r[k], out[i, k]
                for f in range(n_f):
                    row[f] += factor * m[f]


@numba.njit(**_options)
def moments_to_messages(radial, moments, pair, offsets, out, start, stop):
    """out[e, f] = sum over k of radial[p, k] moments[i, k, f] for the edges e into i."""
    for i in range(start, stop):
        for e in range(offsets[i], offsets[i + 1]):
            _multiply(radial[pair[e] : pair[e] + 1], moments[i], out[e : e + 1])


@numba.njit(**_options)
def moments_to_radial(messages, moments, receiver, reverse, first, out, start, stop):
    """out[p, k] = sum over f and the two edges of p of messages[e, f] moments[i, k, f]."""
    for p in range(start, stop):
        e = first[p]
        i, j, back = receiver[e], receiver[reverse[e]], reverse[e]
        for k in range(out.shape[1]):
            out[p, k] = _dot(messages[e], moments[i, k]) + _dot(messages[back], moments[j, k])
