"""What the pictures of one track say together.

A track's pictures are fused into their weighted mean `m` (not re-normalised). For a template `t` the fused
score `<m, t>` is the weighted mean of the single scores `<e_i, t>`, so a threshold that was calibrated on
single pictures stays valid: averaging takes noise away and adds nothing. Re-normalising `m` would divide all
scores by `|m| < 1`, strangers' scores too, and quietly loosen the threshold. The gallery searches unit
vectors, therefore it is asked for `m / |m|` and its scores are multiplied by `|m|`.
"""

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from access.policy import Policy
from models.domain import Candidate, Embedding, LockState, Quality, QualityReason, SearchResult
from models.errors import EmbeddingError

FULL_WEIGHT_FACE_PX = 112.0
"""A face as large as the crop loses nothing to enlargement; from here on, size adds no weight."""

LEAST_LENGTH = 1e-3
"""A mean shorter than this points nowhere."""

MAX_ADVICE = 2
"""More than two pieces of advice at once help nobody."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that `decide` is told.

    Attributes:
        frames: accepted pictures in the window.
        refused: pictures in the window that were not good enough.
        advice: the most frequent reasons of the refused ones, at most two.
        newest_at_s: when the newest picture was taken, in seconds of the door's clock.
        result: the fused search, None while nothing was searched.
        enrolled: how many people the gallery holds.
        lock: what the lock says of itself.
    """

    frames: int
    refused: int
    advice: tuple[QualityReason, ...]
    newest_at_s: float
    result: SearchResult | None
    enrolled: int
    lock: LockState


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """The fused pictures: `embedding` is m / |m|, `length` is |m| in (0, 1]."""

    embedding: Embedding
    length: float

    def rescale(self, result: SearchResult) -> SearchResult:
        """The search of `embedding` as scores of m: the weighted means of the single pictures' scores."""
        return replace(result, best=self._rescale(result.best), runner_up=self._rescale(result.runner_up))

    def _rescale(self, candidate: Candidate | None) -> Candidate | None:
        return None if candidate is None else replace(candidate, score=candidate.score * self.length)


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    embedding: Embedding
    weight: float
    at_s: float


class TrackEvidence:
    """Gathers the pictures of one track, as far back as the window reaches. Times never go back."""

    newest_at_s: float
    """When the newest picture was taken; minus infinity before the first."""

    def __init__(self) -> None:
        self._pictures: list[_Picture] = []
        self._refused: list[tuple[float, tuple[QualityReason, ...]]] = []
        self.newest_at_s = -math.inf

    @property
    def frames(self) -> int:
        """Accepted pictures in the window."""
        return len(self._pictures)

    def accept(self, embedding: Embedding, weight: float, at_s: float, policy: Policy) -> bool:
        """Take a good picture in; True when the track turned out to be someone else and restarted.

        A picture unlike the mean of those before, or one of another network, must not profit from them: a
        swap of people in front of the camera, or a cut in a clip, would borrow their grant.
        """
        self._forget(at_s, policy.window_s)
        restarted = bool(self._pictures) and not self._continues(embedding, policy.min_likeness)
        if restarted:
            self.restart()
            self.newest_at_s = at_s
        self._pictures.append(_Picture(embedding, weight, at_s))
        return restarted

    def refuse(self, reasons: tuple[QualityReason, ...], at_s: float, policy: Policy) -> None:
        """Remember why a picture was not good enough."""
        self._forget(at_s, policy.window_s)
        self._refused.append((at_s, reasons))

    def restart(self) -> None:
        """Forget everything."""
        self._pictures.clear()
        self._refused.clear()
        self.newest_at_s = -math.inf

    def fuse(self) -> Probe | None:
        """The weighted mean of the accepted pictures; None without any. Raises EmbeddingError."""
        if not self._pictures:
            return None
        weights = np.array([picture.weight for picture in self._pictures], np.float64)  # (K,)
        vectors = np.stack([picture.embedding.vector for picture in self._pictures])  # (K, D)
        mean = weights @ vectors / weights.sum()  # (D,)
        length = float(np.linalg.norm(mean))
        if not length > LEAST_LENGTH:
            raise EmbeddingError("the pictures of one face contradict each other: nothing can be said of it")
        unit = (mean / length).astype(np.float32)
        return Probe(Embedding(unit, self._pictures[0].embedding.model_id), length)

    def conclude(self, result: SearchResult | None, enrolled: int, lock: LockState) -> Evidence:
        """What `decide` is told, given what the gallery and the lock say."""
        counts = Counter(reason for _, reasons in self._refused for reason in reasons)
        return Evidence(
            frames=len(self._pictures),
            refused=len(self._refused),
            advice=tuple(reason for reason, _ in counts.most_common(MAX_ADVICE)),
            newest_at_s=self.newest_at_s,
            result=result,
            enrolled=enrolled,
            lock=lock,
        )

    def _continues(self, embedding: Embedding, min_likeness: float) -> bool:
        before = self.fuse()
        return (
            before is not None
            and before.embedding.model_id == embedding.model_id
            and float(before.embedding.vector @ embedding.vector) >= min_likeness
        )

    def _forget(self, at_s: float, window_s: float) -> None:
        self.newest_at_s = at_s
        self._pictures = [picture for picture in self._pictures if at_s - picture.at_s <= window_s]
        self._refused = [entry for entry in self._refused if at_s - entry[0] <= window_s]


def weigh(quality: Quality) -> float:
    """How much a picture counts, in (0, 1]: large faces that look straight ahead say more.

    Linear in the face's size up to that of the crop, times the cosines of the head's turns.
    """
    size = min(max(quality.face_px, 1.0) / FULL_WEIGHT_FACE_PX, 1.0)
    turn = math.cos(math.radians(quality.yaw_deg)) * math.cos(math.radians(quality.pitch_deg))
    return size * max(turn, 0.1)
