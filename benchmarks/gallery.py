"""Measures a search and a calibration by the number of people: `python -m benchmarks.gallery`."""

import time
from collections.abc import Callable

import numpy as np

from models.domain import Embedding, PersonId, Template
from models.evaluation.calibration import ErrorRateTargets, calibrate
from models.gallery.gallery import Gallery
from models.release.manifest import Thresholds

SIZES = (100, 1_000, 10_000, 100_000)
CALIBRATED_UP_TO = 10_000
DIMENSION = 128
MODEL = "random"
REPEATS = 50


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main() -> None:
    """Measure and print a table."""
    rng = np.random.default_rng(0)
    print("| people, two templates each | build | search | calibrate |\n| --- | --- | --- | --- |")
    for size in SIZES:
        vectors = rng.normal(size=(2 * size, DIMENSION))
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        templates = [
            Template(str(row), PersonId(f"{row // 2:032x}"), Embedding(vector, MODEL))
            for row, vector in enumerate(vectors)
        ]
        built = seconds(lambda t=templates: Gallery.build(t, MODEL))
        gallery, probe = Gallery.build(templates, MODEL), templates[0].embedding
        searched = seconds(lambda g=gallery, p=probe: g.search(p), REPEATS)
        found = "-"
        if size <= CALIBRATED_UP_TO:
            defaults = Thresholds(0.6, 0.6, 0.6)
            took = seconds(lambda t=templates, d=defaults: calibrate(t, MODEL, ErrorRateTargets(), d))
            found = f"{took:.2f} s"
        print(f"| {size:,} | {built:.2f} s | {1000 * searched:.2f} ms | {found} |")


if __name__ == "__main__":
    main()
