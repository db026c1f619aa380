"""Compiled parts of every reduction: columns as heaps of keys with coefficients, tables of pivots, components.

An item is ``(key << bits) | coefficient``: simplices or cells in the filtration's order, coefficients modulo a prime.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def longer(array, size):
    """Return the array, or a copy that is at least twice as long and has this size."""
    if size <= len(array):
        return array
    copy = np.empty(max(2 * len(array), size), array.dtype)
    copy[: len(array)] = array
    return copy


@njit(cache=True, nogil=True)
def append(array, size, item):
    """Return the array with one more item, twice as long if it was full."""
    array = longer(array, size + 1)
    array[size] = item
    return array


@njit(cache=True, nogil=True)
def push(heap, size, item):
    """Return the heap with one more item."""
    heap = append(heap, size, item)
    i = size
    while i > 0 and heap[(i - 1) >> 1] > item:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = item
    return heap


@njit(cache=True, nogil=True)
def pop(heap, size):
    """Remove the least of ``size`` items."""
    size -= 1
    item, i = heap[size], 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= item:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = item


@njit(cache=True, nogil=True)
def find_root(parent, x):
    """Return the root of a component, and shorten the way there."""
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


@njit(cache=True, nogil=True)
def slot(table, key, bits=0):
    """Return where a key is in a table of open addresses of items, or where it would be."""
    mask = len(table) - 1
    i = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
    while table[i] != -1 and table[i] >> bits != key:
        i = (i + 1) & mask
    return i


@njit(cache=True, nogil=True)
def new_table(size):
    """Return an empty table of a power of two, at most half full with so many keys."""
    capacity = 16
    while capacity < 2 * size:
        capacity *= 2
    return np.full(capacity, -1, np.int64)


@njit(cache=True, nogil=True)
def inverses(modulus):
    """Return the inverses modulo a prime of 0 to modulus - 1; that of 0 is 0."""
    found = np.zeros(modulus, np.int64)
    for x in range(1, modulus):
        found[x] = 1 if x == 1 else modulus - (modulus // x) * found[modulus % x] % modulus
    return found


@njit(cache=True, nogil=True)
def pop_pivot(heap, size, modulus, bits):
    """Remove the least key and what cancels before it; return key, coefficient and size left; key -1 if none is."""
    while size:
        key, total = heap[0] >> bits, np.int64(0)
        while size and heap[0] >> bits == key:
            total += heap[0] & ((1 << bits) - 1)
            pop(heap, size)
            size -= 1
        if total % modulus:
            return key, total % modulus, size
    return np.int64(-1), np.int64(0), size


@njit(cache=True, nogil=True)
def combine(chain, modulus, bits, factor):
    """Return a chain, sorted, with equal simplices added up and all coefficients multiplied."""
    chain = np.sort(chain)
    size, i = 0, 0
    while i < len(chain):
        key, total = chain[i] >> bits, np.int64(0)
        while i < len(chain) and chain[i] >> bits == key:
            total += chain[i] & ((1 << bits) - 1)
            i += 1
        if total % modulus:
            chain[size] = (key << bits) | (total * factor % modulus)
            size += 1
    return chain[:size]
