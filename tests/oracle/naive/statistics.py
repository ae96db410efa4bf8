"""Means, intervals and extremes of short lists of numbers."""

import math

import numpy as np
from scipy.stats import t as student


def there(values):
    return [value for value in values if value is not None and not math.isnan(value)]


def mean(values):
    values = there(values)
    return sum(values) / len(values) if values else None


def median(values):
    values = sorted(there(values))
    if not values:
        return None
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def lowest(values):
    return min(there(values), default=None)


def highest(values):
    return max(there(values), default=None)


def deviation(values):
    values, middle = there(values), mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / (len(values) - 1))


def interval(values):
    """The 95 % t-interval of the mean, from three values on."""
    values = there(values)
    if len(values) < 3:
        return None, None
    half = student.ppf(0.975, len(values) - 1) * deviation(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half


def share_interval(values):
    low, high = interval(values)
    return (None, None) if low is None else (max(low, 0.0), min(high, 1.0))


def geometric(values):
    """(mean, low, high) on the log scale."""
    logs = [math.log(value) for value in there(values)]
    found = mean(logs), *interval(logs)
    return tuple(None if value is None else math.exp(value) for value in found)


def p_value(values):
    values = there(values)
    if len(values) < 3:
        return None
    error = deviation(values) / math.sqrt(len(values))
    if error == 0:
        return float(mean(values) == 0)
    return 2 * student.sf(abs(mean(values)) / error, len(values) - 1)


def holm(p_values):
    """Which of these p values survive: the k-th smallest of m against 0.05/(m − k)."""
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    survives, going_on = [None] * len(p_values), True
    for k, (p, place) in enumerate(order):
        going_on = going_on and p <= 0.05 / (len(order) - k)
        survives[place] = float(going_on)
    return survives


def block_bootstrap(pairs_by_seed):
    """The 95 % interval of the ratio of time averages, from lists of (first, second) by step."""
    random, logs = np.random.default_rng(0), []
    for pairs in pairs_by_seed:
        if len(pairs) < 20:
            continue
        length = round(math.sqrt(len(pairs)))
        blocks = []
        for start in range(len(pairs) - length + 1):
            block = pairs[start : start + length]
            blocks.append((sum(a for a, _ in block), sum(b for _, b in block)))
        ratios = []
        for drawn in random.integers(0, len(blocks), (2000, len(pairs) // length)).tolist():
            first = sum(blocks[place][0] for place in drawn)
            second = sum(blocks[place][1] for place in drawn)
            if first <= 0 or second <= 0:
                return None, None
            ratios.append(math.log(second / first))
        logs.append(ratios)
    if not logs:
        return None, None
    together = sorted(sum(of_one) / len(logs) for of_one in zip(*logs, strict=True))
    return math.exp(_quantile(together, 0.025)), math.exp(_quantile(together, 0.975))


def _quantile(ascending, share):
    place = share * (len(ascending) - 1)
    below = int(place)
    part = place - below
    above = ascending[min(below + 1, len(ascending) - 1)]
    return (1 - part) * ascending[below] + part * above
