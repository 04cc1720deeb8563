"""Measures what grows with the number of people: `python -m benchmarks.gallery`.

Random vectors, two templates each: the memory of templates and gallery together, building the gallery, a
search, a calibration, and looking thresholds up.
"""

import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from models.domain import Embedding, PersonId, Template
from models.evaluation.calibration import calibrate
from models.evaluation.thresholds import ErrorRateTargets
from models.gallery.gallery import Gallery

SIZES = (100, 1_000, 10_000, 100_000)
DIMENSION = 128
MODEL = "random"
REPEATS = 50
PHOTOS_EACH = 2


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """Return the median time of a call."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def templates_of(people: int, rng: np.random.Generator) -> list[Template]:
    """Return random templates."""
    vectors = rng.normal(size=(PHOTOS_EACH * people, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        Template(str(row), PersonId(f"{row // PHOTOS_EACH:032x}"), Embedding(vector.copy(), MODEL))
        for row, vector in enumerate(vectors)
    ]


def main() -> None:
    """Measure and print a table."""
    rng = np.random.default_rng(0)
    print("| people, two templates each | memory | build | search | calibrate | look up |")
    print("| --- | --- | --- | --- | --- | --- |")
    for people in SIZES:
        tracemalloc.start()
        templates = templates_of(people, rng)
        gallery = Gallery.build(templates, MODEL)
        megabytes = tracemalloc.get_traced_memory()[0] / 1e6
        tracemalloc.stop()
        probe = templates[0].embedding
        built = seconds(lambda t=templates: Gallery.build(t, MODEL))
        searched = seconds(lambda g=gallery, p=probe: g.search(p), REPEATS)
        calibrated = seconds(lambda t=templates: calibrate(t, MODEL, ErrorRateTargets()))
        thresholds = calibrate(templates, MODEL, ErrorRateTargets()).thresholds
        looked_up = seconds(lambda t=thresholds, n=people: t.for_gallery(n, PHOTOS_EACH), REPEATS)
        print(
            f"| {people:,} | {megabytes:,.1f} MB | {built:.2f} s | {1000 * searched:.2f} ms "
            f"| {calibrated:.2f} s | {1000 * looked_up:.1f} ms |",
            flush=True,
        )


if __name__ == "__main__":
    main()
