"""Numba kernels of `weighted_product`: a term k multiplies one row of each factor, for every node and channel.

Each fills its own part of an output: the first rows ``start:stop``, the second terms ``start:stop``.
"""

import numba

from erlangen.kernels import announce_compilation

announce_compilation()
_options = {"cache": True, "nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "boundscheck": False}


@numba.njit(**_options)
def product_rows(weights, kinds, x, y, z, rows, x_rows, y_rows, z_rows, out, start, stop):
    """out[i, rows[k], c] += weights[kinds[i], k, c] x[i, x_rows[k], c] y[i, y_rows[k], c] z[i, z_rows[k], c]."""
    n_c = out.shape[2]
    for i in range(start, stop):
        out[i] = 0
        w = weights[kinds[i]]
        for k in range(rows.shape[0]):
            o, a, b, d, w_k = out[i, rows[k]], x[i, x_rows[k]], y[i, y_rows[k]], z[i, z_rows[k]], w[k]
            for c in range(n_c):
                o[c] += w_k[c] * a[c] * b[c] * d[c]


@numba.njit(**_options)
def product_weights(kinds, x, y, z, v, x_rows, y_rows, z_rows, v_rows, out, start, stop):
    """out[kinds[i], k, c] += x[i, x_rows[k], c] y[i, y_rows[k], c] z[i, z_rows[k], c] v[i, v_rows[k], c]."""
    n_c = out.shape[2]
    out[:, start:stop] = 0
    for i in range(kinds.shape[0]):
        w = out[kinds[i]]
        for k in range(start, stop):
            o, a, b, d, e = w[k], x[i, x_rows[k]], y[i, y_rows[k]], z[i, z_rows[k]], v[i, v_rows[k]]
            for c in range(n_c):
                o[c] += a[c] * b[c] * d[c] * e[c]
