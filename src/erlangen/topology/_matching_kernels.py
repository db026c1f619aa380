"""Compiled loops that match the bars of two diagrams: bottleneck and Wasserstein distances, exactly.

Bars are (k, 2), birth and death, all finite and longer than zero, and sorted by birth, then death. The distance of two
bars is the larger difference of their ends; a bar left alone costs its distance from the diagonal, half its length.

*Bottleneck.* For a cost t, breadth-first searches from all bars without a partner at once find partners within t, in a
grid of cells from which bars are taken as soon as one search has come to them (after A. Efrat, A. Itai, M. Katz,
Algorithmica 31, 1, 2001). t is halved, then searched among the distances that are left.

*Wasserstein.* Pairs save something against leaving both bars alone. Shortest augmenting paths (R. Jonker, A. Volgenant,
Computing 38, 325, 1987) maximize what is saved, at first among near pairs only; prices then tell which other pairs
would save more, and those are added until there is none.
"""

import numpy as np
from numba import njit

from erlangen.kernels import announce_compilation
from erlangen.topology._columns import longer

announce_compilation()

FEW = 4096
"""Candidates for the bottleneck distance that are sorted; above that their range is halved."""
NEAR = 8
"""Pairs of each bar that are looked at first."""
ROUNDING = 1e-14
"""Savings, relative to the largest cost of a bar alone, that are none."""


@njit(cache=True, nogil=True)
def ground(a, i, b, j):
    """Return the distance of two bars."""
    return max(abs(a[i, 0] - b[j, 0]), abs(a[i, 1] - b[j, 1]))


@njit(cache=True, nogil=True)
def half_lengths(bars):
    """Return the distance of each bar from the diagonal."""
    return (bars[:, 1] - bars[:, 0]) / 2


@njit(cache=True, nogil=True)
def largest_half(a, b, limit):
    """Return the largest distance from the diagonal that is not above a limit."""
    found = 0.0
    for bars in (a, b):
        for i in range(len(bars)):
            half = (bars[i, 1] - bars[i, 0]) / 2
            if found < half <= limit:
                found = half
    return found


@njit(cache=True, nogil=True)
def farthest_nearest(a, b):
    """Return the largest, over the bars of a, of the distance to the diagonal or the nearest of b, sorted by birth."""
    found = 0.0
    for i in range(len(a)):
        nearest = (a[i, 1] - a[i, 0]) / 2
        start = np.searchsorted(b[:, 0], a[i, 0])
        for step in (1, -1):
            j = start if step == 1 else start - 1
            while 0 <= j < len(b) and abs(b[j, 0] - a[i, 0]) < nearest > found:
                nearest = min(nearest, ground(a, i, b, j))
                j += step
        found = max(found, nearest)
    return found


@njit(cache=True, nogil=True)
def file_in_cells(bars, side):
    """Return bars filed in a grid of cells at least so wide: low end, widths, shape, starts of cells, bars in them."""
    low, widths, shape = np.zeros(2), np.ones(2), np.ones(2, np.int64)
    cells = np.zeros(len(bars), np.int64)
    for axis in range(2):
        low[axis] = bars[:, axis].min()
        extent = bars[:, axis].max() - low[axis]
        width = max(side, extent / np.ceil(np.sqrt(len(bars))))
        widths[axis] = width if width > 0 else 1.0
        shape[axis] = int(extent / widths[axis]) + 1
        for j in range(len(bars)):
            cells[j] = cells[j] * shape[axis] + int((bars[j, axis] - low[axis]) / widths[axis])
    starts, filed = counting_sort(cells, shape[0] * shape[1])
    return low, widths, shape, starts, filed


@njit(cache=True, nogil=True)
def counting_sort(keys, n):
    """Return where each of n keys starts in their sorted order (n + 1,), and that order."""
    starts = np.zeros(n + 1, np.int64)
    for key in keys:
        starts[key + 1] += 1
    for k in range(n):
        starts[k + 1] += starts[k]
    place, order = starts.copy(), np.empty(len(keys), np.int64)
    for k in range(len(keys)):
        order[place[keys[k]]] = k
        place[keys[k]] += 1
    return starts, order


@njit(cache=True, nogil=True)
def cover(a, b, t, partner, other):
    """Find partners in b within t for all bars of a longer than 2 t, from those found before; return whether all have.

    ``partner`` and ``other`` hold the partners of the bars of a and of b, -1 for none.
    """
    half = half_lengths(a)
    for i in range(len(a)):
        j = partner[i]
        if j >= 0 and (half[i] <= t or ground(a, i, b, j) > t):
            partner[i] = other[j] = -1
    lonely = np.count_nonzero((half > t) & (partner < 0))
    if not lonely or not len(b):
        return not lonely
    low, widths, shape, starts, filed = file_in_cells(b, t)
    left = np.empty(len(starts) - 1, np.int64)
    queue, root, came_from = np.empty(len(a), np.int64), np.empty(len(a), np.int64), np.empty(len(b), np.int64)
    done = np.empty(len(a), np.bool_)
    while True:
        left[:] = starts[1:] - starts[:-1]
        done[:] = False
        head, tail, before = 0, 0, lonely
        for i in range(len(a)):
            if half[i] > t and partner[i] < 0:
                queue[tail], root[i] = i, i
                tail += 1
        while head < tail:
            i = queue[head]
            head += 1
            x, y = (a[i, 0] - low[0]) / widths[0], (a[i, 1] - low[1]) / widths[1]
            reach_x, reach_y = 1.001 * t / widths[0], 1.001 * t / widths[1]
            for column in range(max(0, int(np.floor(x - reach_x))), min(shape[0], int(np.floor(x + reach_x)) + 1)):
                for row in range(max(0, int(np.floor(y - reach_y))), min(shape[1], int(np.floor(y + reach_y)) + 1)):
                    cell = column * shape[1] + row
                    k = left[cell] - 1
                    while k >= 0 and not done[root[i]]:
                        j = filed[starts[cell] + k]
                        if ground(a, i, b, j) <= t:
                            left[cell] -= 1
                            last = starts[cell] + left[cell]
                            filed[starts[cell] + k], filed[last] = filed[last], j
                            came_from[j] = i
                            if other[j] >= 0:
                                queue[tail], root[other[j]] = other[j], root[i]
                                tail += 1
                            else:
                                done[root[i]] = True
                                lonely -= 1
                                hand_over(j, root[i], came_from, partner, other)
                        k -= 1
        if not lonely:
            return True
        if lonely == before:
            return False


@njit(cache=True, nogil=True)
def hand_over(j, start, came_from, partner, other):
    """Give partners to all along a path that ends at j and begins at a bar without one."""
    while True:
        i = came_from[j]
        following = partner[i]
        partner[i], other[j] = j, i
        if i == start:
            return
        j = following


@njit(cache=True, nogil=True)
def candidates(a, b, low, high, values):
    """Write the possible distances in (low, high], as many as there is room for; return how many there are."""
    count = 0
    for bars in (a, b):
        for i in range(len(bars)):
            x = (bars[i, 1] - bars[i, 0]) / 2
            if low < x <= high:
                if count < len(values):
                    values[count] = x
                count += 1
    for i in range(len(a)):
        j = np.searchsorted(b[:, 0], a[i, 0] - high * 1.001)
        while j < len(b) and b[j, 0] - a[i, 0] <= high:
            x = ground(a, i, b, j)
            if low < x <= high:
                if count < len(values):
                    values[count] = x
                count += 1
            j += 1
    return count


@njit(cache=True, nogil=True)
def bottleneck(a, b):
    """Return the least possible largest cost of a matching.

    At a cost t it is enough to cover the bars of a longer than 2 t by one matching and those of b by another
    (Mendelsohn and Dulmage, 1958).
    """
    high = largest_half(a, b, np.inf)  # all bars alone
    first, second = np.full(len(a), -1, np.int64), np.full(len(b), -1, np.int64)  # of the matching that covers a
    third, fourth = np.full(len(b), -1, np.int64), np.full(len(a), -1, np.int64)  # of the one that covers b
    low = max(farthest_nearest(a, b), farthest_nearest(b, a))
    if low >= high or (cover(a, b, low, first, second) and cover(b, a, low, third, fourth)):
        return low
    values, t = np.empty(FEW), max(1.5 * low, high / 1024)
    bounded, steps = False, 0
    while True:
        if not bounded and t < high:
            middle = t
            t *= 1.5
        else:
            bounded = True
            middle = low + (high - low) / 2
            if not low < middle < high:
                return high
            steps += 1
            if steps % 4 == 0:
                count = candidates(a, b, low, high, values)
                if count <= FEW:
                    break
        if cover(a, b, middle, first, second) and cover(b, a, middle, third, fourth):
            high, bounded = middle, True
        else:
            low = middle
    values = np.sort(values[:count])
    start, stop = 0, count - 1  # the answer is among these
    while start < stop:
        middle = (start + stop) // 2
        if cover(a, b, values[middle], first, second) and cover(b, a, values[middle], third, fourth):
            stop = middle
        else:
            start = middle + 1
    return values[start]


@njit(cache=True, nogil=True)
def power(x, p):
    """Return x to the power p."""
    return x if p == 1.0 else x * x if p == 2.0 else x**p


@njit(cache=True, nogil=True)
def near_pairs(a, b, alone, others_alone, p):
    """Return the nearest bars in b of each in a, and some 1, 2, 4, ... times NEAR places away, of pairs that save.

    Both are sorted; -1 stands for none. Of equal bars each begins its search elsewhere, so that they do not find the
    same partners only. Where births are all but equal prices differ little over many places; the far ones reach there.
    """
    strides = 0
    while NEAR << strides < len(b):
        strides += 1
    found = np.full((len(a), NEAR + 2 * strides), -1, np.int64)
    costs = np.empty(NEAR)
    limit, twins = others_alone.max(), 0
    for i in range(len(a)):
        twins = twins + 1 if i and a[i, 0] == a[i - 1, 0] and a[i, 1] == a[i - 1, 1] else 0
        start = np.searchsorted(b[:, 0], a[i, 0])
        while start < len(b) and b[start, 0] == a[i, 0] and b[start, 1] < a[i, 1]:
            start += 1
        start = min(start + twins, len(b))
        for k in range(2 * strides):
            j = start + (NEAR << k // 2) * (1 - 2 * (k & 1))
            if 0 <= j < len(b) and power(ground(a, i, b, j), p) < alone[i] + others_alone[j]:
                found[i, NEAR + k] = j
        costs[:], size = np.inf, 0
        up, down = start, start - 1
        while up < len(b) or down >= 0:
            above = b[up, 0] - a[i, 0] if up < len(b) else np.inf
            below = a[i, 0] - b[down, 0] if down >= 0 else np.inf
            if min(above, below) >= costs[NEAR - 1] or power(min(above, below), p) >= alone[i] + limit:
                break
            if above <= below:
                j = up
                up += 1
            else:
                j = down
                down -= 1
            x = ground(a, i, b, j)
            if x < costs[NEAR - 1] and power(x, p) < alone[i] + others_alone[j]:
                k = min(size, NEAR - 1)
                while k > 0 and costs[k - 1] > x:
                    costs[k], found[i, k] = costs[k - 1], found[i, k - 1]
                    k -= 1
                costs[k], found[i, k] = x, j
                size = min(size + 1, NEAR)
    return found


@njit(cache=True, nogil=True)
def bid(starts, columns, savings, gain, price, partner, other):
    """Give rows their best column at the price at which the second best is as good; who loses his bids again.

    Ends where nobody outbids anybody, or after some rounds; columns without a partner keep the price zero.
    """
    n = len(partner)
    waiting, following = np.arange(n), np.empty(n, np.int64)
    for _ in range(8):
        count = 0
        for row in waiting:
            best, second, column = 0.0, 0.0, -1
            for k in range(starts[row], starts[row + 1]):
                x = savings[k] - price[columns[k]]
                if x > best:
                    best, second, column = x, best, columns[k]
                elif x > second:
                    second = x
            gain[row] = second
            if column < 0:
                continue
            loser = other[column]
            if loser >= 0 and best == second:
                following[count] = row
                count += 1
                continue
            price[column] += best - second
            partner[row], other[column] = column, row
            if loser >= 0:
                partner[loser] = -1
                following[count] = loser
                count += 1
        waiting = following[:count].copy()
        if not count:
            break


@njit(cache=True, nogil=True)
def sift_up(heap, place, distance, k):
    """Move an entry of a heap to where it belongs, towards the least distance."""
    item = heap[k]
    while k > 0 and distance[heap[(k - 1) >> 1]] > distance[item]:
        heap[k] = heap[(k - 1) >> 1]
        place[heap[k]] = k
        k = (k - 1) >> 1
    heap[k] = item
    place[item] = k


@njit(cache=True, nogil=True)
def sift_down(heap, size, place, distance):
    """Move the first entry of a heap to where it belongs."""
    item, k = heap[0], 0
    while 2 * k + 1 < size:
        child = 2 * k + 1
        if child + 1 < size and distance[heap[child + 1]] < distance[heap[child]]:
            child += 1
        if distance[heap[child]] >= distance[item]:
            break
        heap[k] = heap[child]
        place[heap[k]] = k
        k = child
    heap[k] = item
    place[item] = k


@njit(cache=True, nogil=True)
def augment(start, starts, columns, savings, gain, price, partner, other, distance, place, heap, came_from, seen):
    """Find the cheapest way to give a row a partner, or to leave it or another row alone, and go it.

    Dijkstra's algorithm on what pairs save less than the prices promise. ``place`` is -1 for columns that have not been
    come to, and left so.
    """
    size, reached = 0, 0
    row, here = start, 0.0
    end, best, alone = -1, np.inf, -1
    while True:
        if here + gain[row] < best:
            best, end, alone = here + gain[row], -1, row
        for k in range(starts[row], starts[row + 1]):
            column = columns[k]
            x = here + max(gain[row] + price[column] - savings[k], 0.0)
            if x >= best:
                continue
            if place[column] == -1:
                distance[column], came_from[column], heap[size] = x, row, column
                seen[reached] = column
                reached += 1
                sift_up(heap, place, distance, size)
                size += 1
            elif x < distance[column] and place[column] >= 0:
                distance[column], came_from[column] = x, row
                sift_up(heap, place, distance, place[column])
            else:
                continue
            if other[column] < 0:
                best, end, alone = x, column, -1
        if not size or distance[heap[0]] >= best:
            break
        column = heap[0]
        place[column] = -2
        size -= 1
        if size:
            heap[0] = heap[size]
            sift_down(heap, size, place, distance)
        here, row = distance[column], other[column]
    gain[start] -= best
    for k in range(reached):
        column = seen[k]
        if place[column] == -2:
            price[column] += best - distance[column]
            gain[other[column]] -= best - distance[column]
        place[column] = -1
    if alone >= 0:
        gain[alone] = 0.0
        column, partner[alone] = partner[alone], -1
        if alone != start:
            hand_over(column, start, came_from, partner, other)
    else:
        hand_over(end, start, came_from, partner, other)


@njit(cache=True, nogil=True)
def settle(rows, columns, savings, gain, price, partner, other):
    """Give partners to all rows and columns that have none but a gain or a price, along cheapest ways."""
    for turn in range(2):
        if turn:
            rows, columns, gain, price, partner, other = columns, rows, price, gain, other, partner
        starts, order = counting_sort(rows, len(partner))
        filed, saved = columns[order], savings[order]
        m = len(other)
        distance, place, heap = np.empty(m), np.full(m, -1, np.int64), np.empty(m, np.int64)
        came_from, seen = np.empty(m, np.int64), np.empty(m, np.int64)
        for row in range(len(partner)):
            if partner[row] < 0 and gain[row] > 0:
                augment(row, starts, filed, saved, gain, price, partner, other, distance, place, heap, came_from, seen)


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz", "reassoc"})
def most_promising(births, deaths, others_alone, price, birth, death, alone, p):
    """Return the largest difference, over all columns, of what a pair with this row saves and the column's price."""
    best = -np.inf
    for j in range(len(births)):
        x = max(abs(births[j] - birth), abs(deaths[j] - death))
        best = max(best, others_alone[j] - price[j] - power(x, p))
    return best + alone


@njit(cache=True, nogil=True)
def wasserstein_matching(a, b, p):
    """Return the partner in b of each bar in a, -1 for the diagonal, so that the sum of costs^p is least."""
    n, m = len(a), len(b)
    partner, other = np.full(n, -1, np.int64), np.full(m, -1, np.int64)
    if not n or not m:
        return partner
    births, deaths = b[:, 0].copy(), b[:, 1].copy()
    alone, others_alone = half_lengths(a) ** p, half_lengths(b) ** p
    tiny = ROUNDING * max(alone.max(), others_alone.max())
    near = near_pairs(a, b, alone, others_alone, p)
    rows = np.repeat(np.arange(n), near.shape[1])[near.ravel() >= 0]
    columns = near.ravel()[near.ravel() >= 0]
    savings = np.empty(len(rows))
    for k in range(len(rows)):
        savings[k] = alone[rows[k]] + others_alone[columns[k]] - power(ground(a, rows[k], b, columns[k]), p)
    gain, price = np.zeros(n), np.zeros(m)
    starts, order = counting_sort(rows, n)
    bid(starts, columns[order], savings[order], gain, price, partner, other)
    most = NEAR
    while True:
        settle(rows, columns, savings, gain, price, partner, other)
        gain[:] = 0.0  # what rounding has gathered does not bring the same pairs again
        for k in range(len(rows)):
            gain[rows[k]] = max(gain[rows[k]], savings[k] - price[columns[k]])
        more_rows, more_columns, more_savings = add_pairs(
            a, b, births, deaths, alone, others_alone, p, gain, price, partner, other, tiny, most
        )
        if not len(more_rows):
            break
        rows = np.concatenate((rows, more_rows))
        columns = np.concatenate((columns, more_columns))
        savings = np.concatenate((savings, more_savings))
        most *= 2
    return partner


@njit(cache=True, nogil=True)
def add_pairs(a, b, births, deaths, alone, others_alone, p, gain, price, partner, other, tiny, most):
    """Return pairs that save more than gain and price promise, up to so many of a row, which then loses its partner."""
    rows, columns, savings = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most)
    promises = np.empty(most)
    size = 0
    for i in range(len(a)):
        promise = most_promising(births, deaths, others_alone, price, a[i, 0], a[i, 1], alone[i], p)
        if promise <= gain[i] + tiny:
            continue
        if size + most > len(rows):
            rows, columns = longer(rows, size + most), longer(columns, size + most)
            savings = longer(savings, size + most)
        start, count = (i * len(b)) // len(a), 0
        for k in range(len(b)):
            j = start + k if start + k < len(b) else start + k - len(b)
            saving = alone[i] + others_alone[j] - power(ground(a, i, b, j), p)
            x = saving - price[j]
            if x > gain[i] + tiny and (count < most or x > promises[count - 1]):
                q = min(count, most - 1)
                while q > 0 and promises[q - 1] < x:
                    promises[q], columns[size + q] = promises[q - 1], columns[size + q - 1]
                    savings[size + q] = savings[size + q - 1]
                    q -= 1
                promises[q], columns[size + q], savings[size + q] = x, j, saving
                count = min(count + 1, most)
        if count:
            rows[size : size + count] = i
            size += count
            gain[i] = promises[0]
            if partner[i] >= 0:
                other[partner[i]] = -1
                partner[i] = -1
    return rows[:size], columns[:size], savings[:size]


@njit(cache=True, nogil=True)
def wasserstein(a, b, p):
    """Return the p-th root of the least possible sum of costs^p."""
    scale = 0.0  # so that powers neither overflow nor vanish
    for bars in (a, b):
        for i in range(len(bars)):
            scale = max(scale, (bars[i, 1] - bars[i, 0]) / 2)
    if scale == 0.0:
        return 0.0
    found = wasserstein_matching(a / scale, b / scale, p)
    total, alone = 0.0, np.ones(len(b), np.bool_)
    for i in range(len(a)):
        if found[i] >= 0:
            alone[found[i]] = False
            total += (ground(a, i, b, found[i]) / scale) ** p
        else:
            total += ((a[i, 1] - a[i, 0]) / 2 / scale) ** p
    for j in range(len(b)):
        if alone[j]:
            total += ((b[j, 1] - b[j, 0]) / 2 / scale) ** p
    return scale * total ** (1 / p)


@njit(cache=True, nogil=True)
def longer_than_zero(bars):
    """Return the bars whose length is not zero."""
    return bars[bars[:, 0] < bars[:, 1]]


@njit(cache=True, nogil=True)
def all_bottlenecks(first, second, pairs, out, start, stop):
    """Write the bottleneck distances of pairs (p, 2) of diagrams of two batches (n, k, 2)."""
    for pair in range(start, stop):
        a, b = longer_than_zero(first[pairs[pair, 0]]), longer_than_zero(second[pairs[pair, 1]])
        out[pair] = bottleneck(a, b)


@njit(cache=True, nogil=True)
def all_wassersteins(first, second, p, pairs, out, start, stop):
    """Write the Wasserstein distances of pairs (p, 2) of diagrams of two batches (n, k, 2)."""
    for pair in range(start, stop):
        a, b = longer_than_zero(first[pairs[pair, 0]]), longer_than_zero(second[pairs[pair, 1]])
        out[pair] = wasserstein(a, b, p)
