"""`TrackEvidence`: gathers the pictures of one track and searches with all of them together.

The fused score of a person is the weighted mean of the single pictures' scores, so a threshold that was
calibrated on single pictures stays valid: averaging takes noise away and adds nothing. The normalised mean of
the embeddings only finds *who* is most alike. Its own score would not do: it is higher than the mean of the
single scores, for strangers too, and would quietly loosen the threshold.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from access.limits import EvidenceLimits
from models.domain import Candidate, Embedding, LockState, PersonId, Quality, QualityReason, SearchResult
from models.errors import EmbeddingError
from models.gallery.gallery import Gallery

FULL_WEIGHT_FACE_PX = 112.0
"""A face as large as the crop loses nothing to enlargement; from here on, size adds no weight."""

MIN_LENGTH = 1e-3
"""A mean shorter than this points nowhere."""

CANDIDATES = 10
"""People whose scores are fused. The two most like the mean of the pictures need not have the two highest
fused scores, and a runner-up that was overlooked would make the margin too large."""

MAX_ADVICE = 2
"""More than two pieces of advice at once help nobody."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that `decide` gets.

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

    def accept(self, embedding: Embedding, weight: float, at_s: float, limits: EvidenceLimits) -> bool:
        """Take a good picture in; True when the track turned out to be someone else and restarted.

        A picture unlike the mean of those before, or one of another network, must not profit from them: a
        swap of people in front of the camera, or a cut in a clip, would borrow their grant.
        """
        self._forget(at_s, limits.window_s)
        restarted = bool(self._pictures) and not self._continues(embedding, limits.same_face_score)
        if restarted:
            self.restart()
            self.newest_at_s = at_s
        self._pictures.append(_Picture(embedding, weight, at_s))
        return restarted

    def refuse(self, reasons: tuple[QualityReason, ...], at_s: float, limits: EvidenceLimits) -> None:
        """Remember why a picture was not good enough."""
        self._forget(at_s, limits.window_s)
        self._refused.append((at_s, reasons))

    def restart(self) -> None:
        """Forget everything."""
        self._pictures.clear()
        self._refused.clear()
        self.newest_at_s = -math.inf

    def fuse(self) -> Embedding | None:
        """The normalised weighted mean of the accepted pictures; None without any. Raises EmbeddingError."""
        if not self._pictures:
            return None
        vectors = np.stack([picture.embedding.vector for picture in self._pictures])  # (K, D)
        mean = self._weights() @ vectors  # (D,)
        length = float(np.linalg.norm(mean))
        if not length > MIN_LENGTH:
            raise EmbeddingError("the pictures of one face contradict each other: nothing can be said of it")
        return Embedding((mean / length).astype(np.float32), self._pictures[0].embedding.model_id)

    def search(self, gallery: Gallery) -> SearchResult | None:
        """The two people most like the pictures taken together, with fused scores; None without pictures.

        Pictures that were embedded by another network than the gallery's are dropped first: the release has
        changed.

        Raises:
            ModelMismatchError, EmbeddingError, GalleryError: as `Gallery.search`.
        """
        self._pictures = [each for each in self._pictures if each.embedding.model_id == gallery.model_id]
        probe = self.fuse()
        if probe is None:
            return None
        people = [candidate.person_id for candidate in gallery.nearest(probe, CANDIDATES)]
        best, runner_up = (*self._fused(gallery, people), None, None)[:2]
        return SearchResult(best, runner_up, gallery.scale)

    def conclude(self, result: SearchResult | None, enrolled: int, lock: LockState) -> Evidence:
        """The evidence for `decide`, with what the gallery and the lock say."""
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

    def _weights(self) -> npt.NDArray[np.float64]:
        """float64 (K,), adding up to 1."""
        weights = np.array([picture.weight for picture in self._pictures], np.float64)
        return np.asarray(weights / weights.sum(), np.float64)

    def _fused(self, gallery: Gallery, people: list[PersonId]) -> list[Candidate]:
        """These people with their fused scores, the highest first; of equal scores the lower id."""
        if not people:
            return []
        scores = gallery.scores(people, [picture.embedding for picture in self._pictures])  # (P, K)
        fused = scores @ self._weights()  # (P,)
        found = [Candidate(one, score) for one, score in zip(people, fused.tolist(), strict=True)]
        return sorted(found, key=lambda candidate: (-candidate.score, candidate.person_id))

    def _continues(self, embedding: Embedding, same_face_score: float) -> bool:
        before = self.fuse()
        return (
            before is not None
            and before.model_id == embedding.model_id
            and float(before.vector @ embedding.vector) >= same_face_score
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
