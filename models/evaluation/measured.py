"""`photos_factor`, `visit_factor`: how error rates grow with photos and with seconds, as measured.

Both tables lie beside this file and were made by commands: docs/experiments/thresholds.md has them with
what they were measured on. They state the upper end of what was measured.
"""

import json
from functools import cache
from importlib import resources

import numpy as np


def photos_factor(photos_each: float) -> float:
    """Return how many times as many people a gallery seems to hold to a stranger, in [1, ...).

    A fused template of several photos has less noise, and strangers come closer to it. Linear between the
    measured numbers of photos (`python -m benchmarks.photos_factor`), constant beyond them.

    Args:
        photos_each: photos that each person is enrolled with, on average.
    """
    return _interpolate("photos_factor.json", photos_each)


def visit_factor(visit_s: float) -> float:
    """Return how many times the error rate of one search a visit has, in [1, ...).

    A door searches again with every picture. Linear between the measured lengths
    (`python -m benchmarks.visits`), 1 for a single search, growing in proportion beyond the longest.

    Args:
        visit_s: how long a stranger is judged, in seconds.
    """
    longest, factor = _table("visit_factor.json")[-1]
    if visit_s > longest:
        return factor * visit_s / longest
    return _interpolate("visit_factor.json", visit_s)


def _interpolate(name: str, at: float) -> float:
    positions, factors = zip(*_table(name), strict=True)
    return float(np.interp(at, positions, factors))


@cache
def _table(name: str) -> tuple[tuple[float, float], ...]:
    content = resources.files("models.evaluation").joinpath(name).read_text(encoding="utf-8")
    table = sorted((float(key), float(value)) for key, value in json.loads(content).items())
    return tuple(table)
