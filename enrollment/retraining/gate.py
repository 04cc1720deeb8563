"""`judge`: the gate: a challenger is promoted only when it is shown to be no worse than the networks before.

All networks embed the same faces of people whom none of them was trained on. The error compared is the FNMR
at the threshold at which each network reaches the same FMR (ISO/IEC 19795-1). The difference is bootstrapped
over *people*, for comparisons that share a person are not independent, and paired, for both networks see the
same draw (Efron and Tibshirani 1993, chapter 13).

A challenger must pass every comparison, so each one may use the whole confidence (an intersection-union test,
Berger 1982). Whoever may try again and again passes in the end by luck: the k-th challenger against one
champion is judged at an error probability of alpha / (k (k + 1)), which adds up to alpha over any number of
attempts (alpha spending, Lan and DeMets 1983).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.errors import ReleaseError

Float64Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MIN_FALSE_MATCHES = 10
"""False matches that the data must hold at the operating point; with fewer, chance decides."""
TAIL_FACTOR = 25
"""How many times the expected false matches are kept per bootstrap draw; a draw reaches no deeper."""


MAX_DRAWS = 100_000
"""Bootstrap draws at most; an attempt whose quantile needs more is not judged."""


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What "no worse" means, in numbers.

    Attributes:
        target_fmr: the operating point.
        max_fmr: a set is no evidence when its operating point has to be raised above this.
        min_erring: people on whom one of both networks must err; with fewer, chance decides: when both are
            equally good, five people in a row favour the same one in 1 of 32 draws (the sign test).
        confidence: one-sided, that no worse challenger replaces a champion, in all attempts together.
        site_margin: how much worse the FNMR may be on the site's people; 0 is "not at all".
        general_margin: the same for people in general. No set of people can show a difference of exactly 0
            between two different networks; one as small as this goes unnoticed at a door.
        draws_beyond: bootstrap draws that must lie beyond the bound: the rarer the bound, the more are drawn.
    """

    target_fmr: float = 0.001
    max_fmr: float = 0.01
    min_erring: int = 5
    confidence: float = 0.95
    site_margin: float = 0.0
    general_margin: float = 0.005
    draws_beyond: int = 30

    def confidence_of(self, attempt: int) -> float:
        """Return the confidence at which an attempt is judged; `attempt` counts from 1.

        Raises:
            ReleaseError: there were too many attempts.
        """
        alpha = (1.0 - self.confidence) / (attempt * (attempt + 1))
        if self.draws_beyond / alpha > MAX_DRAWS:
            raise ReleaseError(
                f"{attempt - 1} challengers were judged against the release in use: with more, one would "
                "pass by luck. Stay with the release in use; for a trial, promote one with --override REASON"
            )
        return 1.0 - alpha

    def missing_people(self, people: int, non_mated: int) -> int:
        """Return how many people a set lacks to be judged at `max_fmr`; 0 when it suffices.

        Args:
            people: in the set.
            non_mated: comparisons of different people in it.
        """
        needed = MIN_FALSE_MATCHES / self.max_fmr
        if non_mated >= needed:
            return 0
        pairs = people * (people - 1) / 2
        each = max(1.0, non_mated / max(1.0, pairs))
        return math.ceil(0.5 + math.sqrt(0.25 + 2 * needed / each)) - people


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


@dataclass(frozen=True, slots=True, eq=False)
class JudgedSet:
    """One comparison that a challenger must pass.

    Attributes:
        name: of the set and of the opponent.
        faces: embedded by both networks.
        margin: how much worse the challenger's FNMR may be.
    """

    name: str
    faces: FaceSet
    margin: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The errors of both networks on one set of people.

    Attributes:
        name: of the set and of the opponent.
        people, mated, non_mated: number of people and of comparisons.
        erring: number of people on whom one of both networks errs.
        fmr: the operating point, raised where `MIN_FALSE_MATCHES` demands it.
        champion_fnmr, challenger_fnmr: at that point; the champion is the opponent, whoever that is.
        confidence: of the bound.
        worse_by_at_most: with that confidence, the challenger's FNMR exceeds the opponent's by no more.
        margin: the excess that was allowed.
        missing: why the set is no evidence, and what would suffice; empty when it is evidence.
    """

    name: str
    people: int
    mated: int
    non_mated: int
    erring: int
    fmr: float
    champion_fnmr: float
    challenger_fnmr: float
    confidence: float
    worse_by_at_most: float
    margin: float
    missing: str = ""

    @property
    def passed(self) -> bool:
        """True when it is shown to be no worse. NaN does not pass."""
        return not self.missing and self.worse_by_at_most <= self.margin

    def explain(self) -> str:
        """Return one sentence with the numbers."""
        if self.missing:
            return f"{self.name} cannot be judged: {self.missing}"
        verdict = "passed" if self.passed else "failed"
        bound = self.worse_by_at_most
        difference = f"is better by at least {-bound:.3%}" if bound < 0 else f"may be worse by {bound:.3%}"
        return (
            f"{self.name} {verdict}: FNMR at FMR {self.fmr:.2%} is {self.champion_fnmr:.2%} for the opponent "
            f"and {self.challenger_fnmr:.2%} for the challenger, which {difference} "
            f"(confidence {self.confidence:.2%}); allowed is {self.margin:.3%} ({self.people} people)"
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

    def as_record(self) -> dict[str, Any]:
        """Return the verdict as plain values for JSON; None stands for what is not a number."""
        comparisons = [asdict(each) | {"passed": each.passed} for each in self.comparisons]
        for each in comparisons:
            if not math.isfinite(each["worse_by_at_most"]):
                each["worse_by_at_most"] = None
        return {"passed": self.passed, "comparisons": comparisons}


def judge(sets: Sequence[JudgedSet], limits: GateLimits, attempt: int = 1, seed: int = 0) -> Verdict:
    """Compare a challenger with its opponents.

    Args:
        sets: what it must pass, all of it.
        limits: of the gate.
        attempt: from 1; the number of challengers judged against the champion, this one included.
        seed: of the bootstrap.

    Raises:
        ReleaseError: there were too many attempts.
        ValueError: a set holds fewer than two people, or no person with two crops.
    """
    confidence = limits.confidence_of(attempt)
    return Verdict(tuple(compare(each, limits, confidence, seed) for each in sets))


def compare(judged: JudgedSet, limits: GateLimits, confidence: float, seed: int) -> Comparison:
    """Compare both networks on one set: their errors, and the bound on the difference.

    Raises:
        ValueError: the set holds fewer than two people, or no person with two crops.
    """
    faces = judged.faces
    _, _, same = faces.pairs()
    mated, non_mated = int(same.sum()), int((~same).sum())
    if not mated or not non_mated:
        raise ValueError(f"the {judged.name} set needs two people, and a person with two pictures")
    fmr = max(limits.target_fmr, MIN_FALSE_MATCHES / non_mated)
    champion, challenger = (
        _Scores.of(faces, embeddings, fmr) for embeddings in (faces.champion, faces.challenger)
    )
    people = len(champion.crops)
    everyone = np.ones(people)
    missed = champion.missed(everyone, fmr) | challenger.missed(everyone, fmr)
    erring = len(np.unique(champion.mated_person[missed]))
    rng = np.random.default_rng(seed)
    differences = np.empty(math.ceil(limits.draws_beyond / (1.0 - confidence)))
    for draw in range(len(differences)):
        times = np.bincount(rng.integers(0, people, people), minlength=people).astype(float)
        differences[draw] = challenger.fnmr(times, fmr) - champion.fnmr(times, fmr)
    return Comparison(
        judged.name,
        people,
        mated,
        non_mated,
        erring,
        fmr,
        champion.fnmr(everyone, fmr),
        challenger.fnmr(everyone, fmr),
        confidence,
        # A draw without any mated pair is NaN and must not count.
        float(np.nanquantile(differences, confidence, method="higher")),
        judged.margin,
        _missing(
            people,
            non_mated,
            erring=erring,
            margin=judged.margin,
            confidence=confidence,
            limits=limits,
        ),
    )


def _missing(
    people: int, non_mated: int, *, erring: int, margin: float, confidence: float, limits: GateLimits
) -> str:
    """Say why a set is no evidence; empty when it is."""
    lacking = limits.missing_people(people, non_mated)
    if lacking:
        return (
            f"{people} people are too few for an operating point of FMR {limits.max_fmr:.0%}: about "
            f"{people + lacking} are needed"
        )
    # Where nobody errs among so many people, at most this share of all people would (the rule of three).
    unseen = 1.0 - (1.0 - confidence) ** (1.0 / people)
    if erring < limits.min_erring and unseen > margin:
        return (
            f"the networks err on {erring} of {people} people, and {limits.min_erring} are needed to tell "
            "them apart: where hardly anybody is refused, more people are needed, or no other network"
        )
    return ""


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
        weight = times[self.mated_person]
        if not weight.sum():
            return float("nan")
        return float(weight[self.missed(times, fmr)].sum() / weight.sum())

    def missed(self, times: Float64Array, fmr: float) -> BoolArray:
        """Return which mated comparisons are refused at `fmr`: bool (M,)."""
        non_mated = pairs_across(times * self.crops) - pairs_across(times * self.views)
        matches = np.cumsum(times[self.tail_people[:, 0]] * times[self.tail_people[:, 1]])
        # The first non-mated score that would exceed the allowed rate: a score must be above it to pass.
        beyond = min(int(np.searchsorted(matches, fmr * non_mated, side="right")), len(self.tail) - 1)
        # Not "mated <= threshold": a NaN must count as refused.
        missed: BoolArray = ~(self.mated > self.tail[beyond])
        return missed


def pairs_across(counts: Float64Array) -> float:
    """Count the pairs of crops of two different people, from the number of crops of each: (P,)."""
    return float(counts.sum() ** 2 - (counts**2).sum()) / 2
