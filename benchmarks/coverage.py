"""Counts how often a stated bound is wrong, and twice the target exceeded, where the truth is known.

    python -m benchmarks.coverage

Writes three tables into docs/experiments/thresholds.md: scores drawn from known distributions, where some
strangers look like somebody enrolled; the same with other choices of `models.evaluation.tail.HIGHEST_FEW` and
`DOUBT_SHARE`; galleries of random vectors, whose people are searched among each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from unittest import mock

import numpy as np

from benchmarks.lfw import unit
from benchmarks.pages import THRESHOLDS_PAGE, replace_part
from models.domain import Embedding, PersonId, ScoreKind, ScoreScale, Template
from models.evaluation import tail
from models.evaluation.calibration import calibrate
from models.evaluation.searches import search_cohort
from models.evaluation.thresholds import (
    TOLERATED_FACTOR,
    CalibratedThreshold,
    ErrorRateTargets,
    StrangerSource,
    Thresholds,
)
from models.gallery.mean import GalleryMean

LOOKALIKES = (0.0, 0.001, 0.002, 0.005, 0.01)
SEARCHES = 800
PEOPLE = 100
TARGET = 0.001
CALIBRATIONS = 2000
TRUTH = 4_000_000
SEED = 11
HIGHEST_FEW = (3, 4, 6, 8, 12)
DOUBT_SHARES = (1.0, 0.4, 0.2, 0.1)
MODEL = "drawn"
SCALE = ScoreScale(ScoreKind.CENTRED, MODEL)
GALLERIES = ((100, 0.01), (300, 0.01), (800, 0.01), (800, 0.001))
DRAWN_GALLERIES = 300
DIMENSION = 48
STRANGERS = 20_000


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of all calibrations: the share whose bound was exceeded, or twice the target; means."""

    beyond_bound: float
    beyond_tolerated: float
    threshold: float
    rate: float

    @classmethod
    def of(cls, found: Sequence[CalibratedThreshold], rates: np.ndarray) -> "Coverage":
        """Compare thresholds with the true rate of each."""
        return cls(
            float((rates > [each.bound for each in found]).mean()),
            float((rates > [TOLERATED_FACTOR * each.target for each in found]).mean()),
            float(np.mean([each.threshold.value for each in found])),
            float(rates.mean()),
        )


def draw(count: int, lookalikes: float, rng: np.random.Generator) -> np.ndarray:
    """Return best scores of strangers, of whom this share look like somebody enrolled."""
    alike = rng.random(count) < lookalikes
    return np.where(alike, rng.normal(0.55, 0.07, count), rng.normal(0.36, 0.045, count))


def measure(lookalikes: float) -> Coverage:
    """Calibrate by new searches again and again, and compare with the true rates."""
    rng = np.random.default_rng(SEED)
    truth = np.sort(draw(TRUTH, lookalikes, rng))
    targets = ErrorRateTargets(target_far=TARGET, visit_s=0)
    found = []
    for _ in range(CALIBRATIONS):
        source = StrangerSource("searches", tail.fit_searches(draw(SEARCHES, lookalikes, rng), PEOPLE))
        found.append(Thresholds(SCALE, targets, [source]).identify(PEOPLE))
    return Coverage.of(found, 1 - np.searchsorted(truth, [each.threshold.value for each in found]) / TRUTH)


def measure_galleries(people: int, target: float) -> Coverage:
    """Calibrate by random galleries, and compare with the rates of random strangers."""
    rng = np.random.default_rng(SEED)
    targets = ErrorRateTargets(target_far=target, visit_s=0)
    found, rates = [], []
    for _ in range(DRAWN_GALLERIES):
        gallery, strangers = (unit(rng.normal(size=(size, DIMENSION))) for size in (people, STRANGERS))
        templates = [
            Template(str(row), PersonId(f"{row:032x}"), Embedding(vector, MODEL))
            for row, vector in enumerate(gallery)
        ]
        found.append(calibrate(templates, MODEL, targets).identify)
        mean = GalleryMean.of(gallery)
        scores = search_cohort(mean.remove(strangers), mean.remove(gallery))
        rates.append((scores >= found[-1].threshold.value).mean())
    return Coverage.of(found, np.array(rates))


def galleries() -> list[str]:
    """Return the table of random galleries."""
    lines = [
        "| people | target | 95% bound exceeded | twice the target exceeded | true rate, on average |",
        "| --- | --- | --- | --- | --- |",
    ]
    for people, target in GALLERIES:
        found = measure_galleries(people, target)
        exceeded = f"{found.beyond_bound:.1%} | {found.beyond_tolerated:.1%}"
        lines.append(f"| {people} | {target:.1%} | {exceeded} | {found.rate:.2%} |")
        print(lines[-1], flush=True)
    return lines


def choices() -> list[str]:
    """Return the table of other numbers of highest scores and other doubts: the worst of all shares."""
    lines = [
        "| highest few | share of the doubt | bound exceeded, at worst | twice the target exceeded, at worst "
        "| mean threshold without lookalikes | with 1% |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for few in HIGHEST_FEW:
        for doubt in DOUBT_SHARES:
            with mock.patch.multiple(tail, HIGHEST_FEW=few, DOUBT_SHARE=doubt):
                found = [measure(share) for share in LOOKALIKES]
            chosen = few == tail.HIGHEST_FEW and doubt == tail.DOUBT_SHARE
            cells = (
                f"{few}",
                f"{doubt:g}",
                f"{max(each.beyond_bound for each in found):.1%}",
                f"{max(each.beyond_tolerated for each in found):.1%}",
                f"{found[0].threshold:.3f}",
                f"{found[-1].threshold:.3f}",
            )
            lines.append(f"| {' | '.join(f'**{cell}**' if chosen else cell for cell in cells)} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure, print and write the tables."""
    lines = [
        "| lookalikes among strangers | 95% bound exceeded | twice the target exceeded | mean threshold |",
        "| --- | --- | --- | --- |",
    ]
    for share in LOOKALIKES:
        found = measure(share)
        exceeded = f"{found.beyond_bound:.1%} | {found.beyond_tolerated:.1%}"
        lines.append(f"| {share:.1%} | {exceeded} | {found.threshold:.3f} |")
    print("\n".join(lines), flush=True)
    replace_part(THRESHOLDS_PAGE, "coverage", lines)
    replace_part(THRESHOLDS_PAGE, "galleries", galleries())
    replace_part(THRESHOLDS_PAGE, "choices", choices())


if __name__ == "__main__":
    main()
