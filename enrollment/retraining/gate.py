"""`judge`: the gate: a challenger is promoted only when it is shown to be no worse than the champion.

Both networks embed the same crops of people that neither was trained on here. The error compared is the FNMR
at the threshold at which each network reaches the same FMR (ISO/IEC 19795-1), once among those people of the
site that were held out, and once among general faces. The difference is bootstrapped over *people*, for
comparisons that share a person are not independent, and paired, for both networks see the same draw (Efron
and Tibshirani 1993, chapter 13).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MIN_FALSE_MATCHES = 10
"""False matches that the data must hold at the operating point; with fewer, chance decides."""
TAIL_FACTOR = 25
"""How many times the expected false matches are kept per bootstrap draw; a draw reaches no deeper."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What "no worse" means, in numbers.

    Attributes:
        target_fmr: the operating point.
        confidence: one-sided, of the bound on the difference.
        site_margin: how much worse the FNMR may be on the site's people; 0 is "not at all".
        general_margin: the same for general faces. No set of people can show a difference of exactly 0
            between two different networks; a difference this small goes unnoticed at a door.
        draws: number of bootstrap draws.
    """

    target_fmr: float = 0.001
    confidence: float = 0.95
    site_margin: float = 0.0
    general_margin: float = 0.005
    draws: int = 1000


@dataclass(frozen=True, slots=True, eq=False)
class FaceSet:
    """The same crops, embedded by both networks.

    Attributes:
        champion, challenger: float32 (N, D), unit vectors; the two D may differ.
        people: int64 (N,), who is on each crop.
        view_of: int64 (N,), for a camera view the index of its photo, for a photo its own index; None where
            all are photos.
    """

    champion: FloatArray
    challenger: FloatArray
    people: IntArray
    view_of: IntArray | None = None

    @property
    def is_view(self) -> BoolArray:
        """bool (N,): True for camera views, False for photos."""
        own = np.arange(len(self.people))
        return np.zeros(len(own), bool) if self.view_of is None else self.view_of != own

    def pairs(self) -> tuple[IntArray, IntArray, BoolArray]:
        """Return the comparisons that count: first and second crop, and whether of one person: (C,) each.

        A door compares camera views with enrolled photos: two camera views are not compared with each other,
        nor is a camera view with its own photo.
        """
        first, second = np.triu_indices(len(self.people), 1)
        if self.view_of is not None:
            views = self.is_view
            counts = (self.view_of[first] != self.view_of[second]) & ~(views[first] & views[second])
            first, second = first[counts], second[counts]
        return first, second, self.people[first] == self.people[second]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The errors of both networks on one set of people.

    Attributes:
        name: of the set.
        people, mated, non_mated: number of people and of comparisons.
        fmr: the operating point, raised where `MIN_FALSE_MATCHES` demands it.
        champion_fnmr, challenger_fnmr: at that point.
        worse_by_at_most: with the gate's confidence, the challenger's FNMR exceeds the champion's by no more.
        margin: the excess that was allowed.
    """

    name: str
    people: int
    mated: int
    non_mated: int
    fmr: float
    champion_fnmr: float
    challenger_fnmr: float
    worse_by_at_most: float
    margin: float

    @property
    def passed(self) -> bool:
        """True when it is shown to be no worse. NaN does not pass."""
        return self.worse_by_at_most <= self.margin

    def explain(self) -> str:
        """Return one sentence with the numbers."""
        verdict = "passed" if self.passed else "failed"
        bound = self.worse_by_at_most
        difference = f"is better by at least {-bound:.3%}" if bound < 0 else f"may be worse by {bound:.3%}"
        return (
            f"{self.name} {verdict}: FNMR at FMR {self.fmr:.2%} is {self.champion_fnmr:.2%} for the champion "
            f"and {self.challenger_fnmr:.2%} for the challenger, which {difference}; "
            f"allowed is {self.margin:.3%} ({self.people} people)"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's verdict on a challenger."""

    comparisons: tuple[Comparison, ...]

    @property
    def passed(self) -> bool:
        """True when every set passed; a verdict without sets does not pass."""
        return bool(self.comparisons) and all(comparison.passed for comparison in self.comparisons)

    @property
    def failures(self) -> tuple[str, ...]:
        """The sentences of the sets that failed."""
        return tuple(comparison.explain() for comparison in self.comparisons if not comparison.passed)


def judge(site: FaceSet, general: FaceSet, limits: GateLimits, seed: int = 0) -> Verdict:
    """Compare challenger and champion on the site's held-out people and on general faces.

    Raises:
        ValueError: a set holds fewer than two people, or no person with two crops.
    """
    return Verdict(
        (
            compare("site", site, limits, limits.site_margin, seed),
            compare("general", general, limits, limits.general_margin, seed),
        )
    )


def compare(name: str, faces: FaceSet, limits: GateLimits, margin: float, seed: int) -> Comparison:
    """Compare both networks on one set: their errors, and the bound on the difference.

    Raises:
        ValueError: the set holds fewer than two people, or no person with two crops.
    """
    _, _, same = faces.pairs()
    mated, non_mated = int(same.sum()), int((~same).sum())
    if not mated or not non_mated:
        raise ValueError(f"the {name} set needs two people, and a person with two pictures")
    fmr = max(limits.target_fmr, MIN_FALSE_MATCHES / non_mated)
    champion, challenger = (
        _Scores.of(faces, embeddings, fmr) for embeddings in (faces.champion, faces.challenger)
    )
    people = len(champion.crops)
    everyone = np.ones(people)
    rng = np.random.default_rng(seed)
    differences = np.empty(limits.draws)
    for draw in range(limits.draws):
        times = np.bincount(rng.integers(0, people, people), minlength=people).astype(float)
        differences[draw] = challenger.fnmr(times, fmr) - champion.fnmr(times, fmr)
    return Comparison(
        name,
        people,
        mated,
        non_mated,
        fmr,
        champion.fnmr(everyone, fmr),
        challenger.fnmr(everyone, fmr),
        # A draw without any mated pair is NaN and must not count.
        float(np.nanquantile(differences, limits.confidence)),
        margin,
    )


def scores_of(embeddings: FloatArray, first: IntArray, second: IntArray) -> Float64Array:
    """Return the cosines of pairs of rows of (N, D) unit vectors: (C,)."""
    scores: Float64Array = embeddings.astype(np.float64) @ embeddings.T.astype(np.float64)
    return scores[first, second]


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """The comparisons of one network: all mated ones, and the non-mated ones most alike.

    Attributes:
        crops, views: (P,) numbers per person; camera views count among the crops.
        mated: (M,) scores; mated_person: (M,) the person.
        tail: (T,) non-mated scores, highest first; tail_people: (T, 2) the two people.
    """

    crops: IntArray
    views: IntArray
    mated: Float64Array
    mated_person: IntArray
    tail: Float64Array
    tail_people: IntArray

    @classmethod
    def of(cls, faces: FaceSet, embeddings: FloatArray, fmr: float) -> "_Scores":
        people = np.unique(faces.people, return_inverse=True)[1]
        first, second, same = faces.pairs()
        scores = scores_of(embeddings, first, second)
        others = np.flatnonzero(~same)
        kept = min(len(others), int(np.ceil(TAIL_FACTOR * fmr * len(others))))
        tail = others[np.argsort(-scores[others], kind="stable")[:kept]]
        return cls(
            crops=np.bincount(people),
            views=np.bincount(people[faces.is_view], minlength=int(people.max()) + 1),
            mated=scores[same],
            mated_person=people[first[same]],
            tail=scores[tail],
            tail_people=np.stack([people[first[tail]], people[second[tail]]], axis=1),
        )

    def fnmr(self, times: Float64Array, fmr: float) -> float:
        """Return the FNMR at `fmr` when person p was drawn `times[p]` times; NaN without any mated pair."""
        non_mated = _pairs_across(times * self.crops) - _pairs_across(times * self.views)
        matches = np.cumsum(times[self.tail_people[:, 0]] * times[self.tail_people[:, 1]])
        # The first non-mated score that would exceed the allowed rate: a score must be above it to pass.
        beyond = min(int(np.searchsorted(matches, fmr * non_mated, side="right")), len(self.tail) - 1)
        weight = times[self.mated_person]
        if not weight.sum():
            return float("nan")
        # Not "mated <= threshold": a NaN must count as refused.
        return float(weight[~(self.mated > self.tail[beyond])].sum() / weight.sum())


def _pairs_across(counts: Float64Array) -> float:
    """Count the pairs of crops of two different people, from the number of crops of each: (P,)."""
    return float(counts.sum() ** 2 - (counts**2).sum()) / 2
