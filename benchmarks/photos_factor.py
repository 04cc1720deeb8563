"""Measures how much more often a stranger reaches people who were enrolled by several photographs.

    python -m benchmarks.photos_factor --shared ../shared --weights .doorward/weights

A person enrolled by k photographs is compared by their normalised mean, which has less noise than one
photograph: strangers come closer to it. The factor f(k) says how many people of one photograph count like
one person of k: among N people of k photographs a stranger reaches a threshold as often as among N f(k)
people of one. Writes the table that the calibration reads, models/evaluation/photos_factor.json, and the
measurement into docs/experiments/thresholds.md.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.lfw import CACHE, door_vectors, identities, load_views, unit
from benchmarks.pages import THRESHOLDS_PAGE, replace_part, write_factors
from models.gallery.mean import GalleryMean

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "models" / "evaluation" / "photos_factor.json"
PHOTOS = (2, 3, 5, 8)
RATES = (0.01, 0.005, 0.002, 0.001)
BOUND_RATE = 0.01
"""Published is the highest value of all rates, and at least the upper bound at this one, the best counted."""
PEOPLE = 100
PROBES_EACH = 8
DRAWS = 20
RESAMPLES = 1000
CONFIDENCE = 0.95
KEPT_SHARE = 0.003
SEED = 0


@dataclass(frozen=True)
class Comparisons:
    """The highest scores between probes and other people.

    Attributes:
        scores: float32 (C,).
        probe_person, person: int (C,) whose photograph was searched, and who was found.
        weight: float64 (C,) of each comparison; a person's photographs together count once.
    """

    scores: np.ndarray
    probe_person: np.ndarray
    person: np.ndarray
    weight: np.ndarray

    def above(self, threshold: float, by_prober: np.ndarray, by_person: np.ndarray) -> float:
        """Return the weighted number of comparisons at or above `threshold`, people weighted."""
        high = self.scores >= threshold
        return float(
            (self.weight[high] * by_prober[self.probe_person[high]] * by_person[self.person[high]]).sum()
        )

    def threshold(self, weight: float, by_prober: np.ndarray, by_person: np.ndarray) -> float:
        """Return the score that comparisons of this weight in all reach."""
        falling = np.argsort(-self.scores)
        own = self.weight[falling] * by_prober[self.probe_person[falling]] * by_person[self.person[falling]]
        place = int(np.searchsorted(np.cumsum(own), weight))
        return float(self.scores[falling[min(place, len(falling) - 1)]])


def compare(vectors: np.ndarray, rows: list[np.ndarray], photos: int, together: bool) -> Comparisons:
    """Compare everybody's photographs with people enrolled by `photos` random ones, fused or one at a time.

    Args:
        vectors: float32 (N, D) unit rows.
        rows: of each person.
        photos: how many of them each person is enrolled by.
        together: fused; else each is a gallery of its own, and the comparisons are averaged over them.
    """
    rng = np.random.default_rng(SEED)
    probes = [own[:PROBES_EACH] for own in rows]
    probe_rows = np.concatenate(probes)
    prober = np.repeat(np.arange(len(rows)), [len(own) for own in probes])
    share = np.repeat([1.0 / len(own) for own in probes], [len(own) for own in probes])
    known = np.array([number for number, own in enumerate(rows) if len(own) >= photos])
    parts = []
    for _ in range(DRAWS):
        chosen = np.stack([rng.permutation(rows[number])[:photos] for number in known])  # (people, photos)
        galleries = [unit(vectors[chosen].sum(axis=1))] if together else list(vectors[chosen.T])
        for gallery in galleries:
            mean = GalleryMean.of(gallery)
            scores = mean.remove(vectors[probe_rows]) @ mean.remove(gallery).T
            scores[prober[:, None] == known[None, :]] = -1.0
            floor = np.quantile(scores[:, : len(known)], 1.0 - KEPT_SHARE)
            at, found = np.nonzero(scores >= floor)
            weight = share[at] / (DRAWS * len(galleries))
            parts.append((scores[at, found], prober[at], known[found], weight))
    return Comparisons(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def factors(
    one: Comparisons, several: Comparisons, known: np.ndarray, people: int, rate: float
) -> np.ndarray:
    """Return the factor for one rate, then those of resamples of the people who probe and are found."""
    rng = np.random.default_rng(SEED)
    found = []
    for resample in range(1 + RESAMPLES):
        if resample == 0:
            by_prober, by_person = np.ones(people), np.ones(people)
        else:
            by_prober = np.bincount(rng.integers(0, people, people), minlength=people).astype(float)
            drawn = known[rng.integers(0, len(known), len(known))]
            by_person = np.bincount(drawn, minlength=people).astype(float)
        wanted = rate / PEOPLE * by_prober.sum() * by_person[known].sum()
        threshold = several.threshold(wanted, by_prober, by_person)
        reached = one.above(threshold, by_prober, by_person)
        found.append(several.above(threshold, by_prober, by_person) / reached if reached else np.inf)
    return np.array(found)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    views = load_views(given.shared, given.weights, given.cache)
    vectors, names = door_vectors(views), identities(given.shared, views.paths)
    _, person = np.unique(names, return_inverse=True)
    rows = [np.flatnonzero((person == number) & views.acquired) for number in range(person.max() + 1)]
    rows = [own for own in rows if len(own)]
    head = " | ".join(f"{rate:.1%}" for rate in RATES)
    lines = [f"| photos each | people | {head} | published |", f"| --- | --- |{' --- |' * len(RATES)} --- |"]
    upper, rows_of = {1: 1.0}, {}
    for photos in PHOTOS:
        known = np.array([number for number, own in enumerate(rows) if len(own) >= photos])
        one, several = (compare(vectors, rows, photos, together) for together in (False, True))
        cells, values = [], []
        for rate in RATES:
            measured = factors(one, several, known, len(rows), rate)
            low, high = np.quantile(measured[1:], [1 - CONFIDENCE, CONFIDENCE], method="nearest")
            cells.append(f"{measured[0]:.2f} ({low:.2f} to {high:.2f})")
            values.append(float(measured[0]))
            if rate == BOUND_RATE:
                values.append(float(high))
        upper[photos] = max(values)
        rows_of[photos] = f"| {photos} | {len(known)} | {' | '.join(cells)} |"
        print(rows_of[photos], flush=True)
    published = write_factors(TABLE, upper)
    lines += [f"{line} {published[photos]:.2f} |" for photos, line in rows_of.items()]
    replace_part(THRESHOLDS_PAGE, "photos", lines)


if __name__ == "__main__":
    main()
