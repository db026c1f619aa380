"""Numba kernel of the atomic-density network: raw invariants of centers from receiver-sorted edges."""

import math

import numba
import numpy as np

from erlangen.kernels import announce_compilation

announce_compilation()
_options = {"cache": True, "nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "boundscheck": False}


@numba.njit(**_options)
def _harmonics(x, y, z, degree, out):
    """Fill real harmonics up to degree 3 whose squares sum to 1 within each degree (Racah's normalisation)."""
    out[0] = 1.0
    if degree >= 1:
        out[1], out[2], out[3] = x, y, z
    if degree >= 2:
        s = math.sqrt(3.0)
        out[4], out[5], out[6] = s * x * y, s * y * z, 1.5 * z * z - 0.5
        out[7], out[8] = s * x * z, 0.5 * s * (x * x - y * y)
    if degree >= 3:
        a, b, c = math.sqrt(0.625), math.sqrt(15.0), math.sqrt(0.375)
        out[9], out[10], out[11] = a * y * (3 * x * x - y * y), b * x * y * z, c * y * (5 * z * z - 1)
        out[12] = 0.5 * z * (5 * z * z - 3)
        out[13], out[14], out[15] = c * x * (5 * z * z - 1), 0.5 * b * z * (x * x - y * y), a * x * (x * x - 3 * y * y)


@numba.njit(**_options)
def invariants(
    displacement, species, offsets, n_species, decay, cutoff, centers, width, angular_cutoff, angular_centers,
    angular_width, degree, out, start, stop,
):  # fmt: skip
    """Fill rows ``start:stop`` of ``out``: the radial densities, then the power spectrum of the angular ones.

    displacement (e, 3) and species (e,) of the senders, in the order of the centers; offsets (m + 1,) into them.
    """
    n_radial, n_angular = centers.shape[0], angular_centers.shape[0]
    n_channels, n_harmonics = n_species * n_angular, (degree + 1) ** 2
    n_pairs = n_channels * (n_channels + 1) // 2
    y = np.empty(16)
    density = np.empty((n_channels, n_harmonics), out.dtype)
    present = np.empty(n_channels, np.int64)
    for i in range(start, stop):
        out[i] = 0.0
        density[:] = 0.0
        seen = np.zeros(n_species, np.bool_)
        for e in range(offsets[i], offsets[i + 1]):
            dx, dy, dz = displacement[e, 0], displacement[e, 1], displacement[e, 2]
            d = math.sqrt(dx * dx + dy * dy + dz * dz)
            if d >= cutoff:
                continue
            t, s = math.exp(-decay * d), species[e]
            envelope = 0.5 * (math.cos(math.pi * d / cutoff) + 1.0)
            for k in range(n_radial):
                u = t - centers[k]
                out[i, s * n_radial + k] += envelope * math.exp(-width * u * u)
            if d >= angular_cutoff:
                continue
            seen[s] = True
            inverse = 1.0 / max(d, 1e-12)
            _harmonics(dx * inverse, dy * inverse, dz * inverse, degree, y)
            envelope = 0.5 * (math.cos(math.pi * d / angular_cutoff) + 1.0) / (d * d + 0.25)
            for k in range(n_angular):
                u = t - angular_centers[k]
                g = envelope * math.exp(-angular_width * u * u)
                for m in range(n_harmonics):
                    density[s * n_angular + k, m] += g * y[m]
        n_present = 0
        for c in range(n_channels):
            if seen[c // n_angular]:
                present[n_present] = c
                n_present += 1
        for a in range(n_present):
            c = present[a]
            row = n_species * n_radial + c * n_channels - c * (c - 1) // 2 - c
            for b in range(a, n_present):
                f = present[b]
                for l in range(degree + 1):
                    total = density[c, l * l] * density[f, l * l]
                    for m in range(l * l + 1, (l + 1) * (l + 1)):
                        total += density[c, m] * density[f, m]
                    out[i, row + f + l * n_pairs] = total
