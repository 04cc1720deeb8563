"""What the door remembers of one track between its frames."""

import math
from dataclasses import dataclass, field

from access.evidence import TrackEvidence, weigh
from access.policy import Policy
from models.domain import Decision, Deny, DenyReason, Embedding, Face, Grant, Quality, SearchResult
from models.errors import RegisterError

PENDING = frozenset({DenyReason.NOT_ENOUGH_EVIDENCE, DenyReason.POOR_QUALITY, DenyReason.STALE_FRAME})
"""Not yet a verdict: written only when the track ends without a better one."""


@dataclass(slots=True, eq=False)
class Visit:
    """One track, from its first frame until it is gone.

    Attributes:
        track_id: the tracker's number.
        face: where the face was last seen.
        evidence: the pictures in the window.
        decision: the latest one, for whoever shows it.
        quality: of the newest picture.
        result: the latest fused search.
        frames_seen: pictures in which quality was judged.
        resting_until_s: after a grant, nothing is judged before this time.
        told: the denials that were written; each is written once.
    """

    track_id: int
    face: Face
    evidence: TrackEvidence = field(default_factory=TrackEvidence)
    decision: Decision | None = None
    quality: Quality | None = None
    result: SearchResult | None = None
    frames_seen: int = 0
    resting_until_s: float = -math.inf
    told: set[DenyReason] = field(default_factory=set)

    def look(self, quality: Quality, at_s: float, policy: Policy) -> bool:
        """Take the quality of a new picture in; True when it is good enough to embed."""
        self.quality = quality
        self.frames_seen += 1
        if not quality.ok:
            self.evidence.refuse(quality.reasons, at_s, policy)
        return quality.ok

    def recognise(self, embedding: Embedding, at_s: float, policy: Policy) -> None:
        """Take the embedding of that picture in; someone else in the same track begins with a clean slate."""
        assert self.quality is not None, "look comes before recognise"  # noqa: S101
        if self.evidence.accept(embedding, weigh(self.quality), at_s, policy):
            self.told.clear()

    def is_news(self, decision: Decision) -> bool:
        """True for a verdict that was not written of this track before."""
        if isinstance(decision, Grant):
            return True
        return decision.reason not in PENDING and decision.reason not in self.told

    def settle(self, decision: Decision, now: float, policy: Policy) -> None:
        """It was written: do not repeat a denial; after a grant rest, then demand fresh evidence.

        Raises:
            RegisterError: writing a grant took so long that nobody knows who stands there by now.
        """
        if isinstance(decision, Deny):
            self.told.add(decision.reason)
            return
        if now - self.evidence.newest_at_s > policy.window_s:
            raise RegisterError("the grant was written too late to act on it: is the disk slow or busy?")
        self.resting_until_s = now + policy.cooldown_s
        self.evidence.restart()
        self.told.clear()
        self.frames_seen = 0

    def parting(self, policy: Policy) -> Deny | None:
        """What is still to be written when the track ends: a denial for want of good pictures.

        A face that flickers up for less than `min_frames` frames is not worth an event.
        """
        told = bool(self.told) or self.frames_seen < policy.min_frames
        return None if told or not isinstance(self.decision, Deny) else self.decision
