"""`Visit`: what the door remembers of one track between its frames."""

import math
from dataclasses import dataclass, field

from access.evidence import TrackEvidence, weigh
from access.limits import EvidenceLimits
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
        reported: the denials that were written; each is written once.
    """

    track_id: int
    face: Face
    evidence: TrackEvidence = field(default_factory=TrackEvidence)
    decision: Decision | None = None
    quality: Quality | None = None
    result: SearchResult | None = None
    frames_seen: int = 0
    resting_until_s: float = -math.inf
    reported: set[DenyReason] = field(default_factory=set)

    def add_quality(self, quality: Quality, at_s: float, limits: EvidenceLimits) -> bool:
        """Add the quality of a new picture; True when it is good enough to embed."""
        self.quality = quality
        self.frames_seen += 1
        if not quality.ok:
            self.evidence.refuse(quality.reasons, at_s, limits)
        return quality.ok

    def add_embedding(self, embedding: Embedding, at_s: float, limits: EvidenceLimits) -> None:
        """Add the newest picture's embedding to the evidence.

        Evidence and reported denials start anew when the face is not the track's face: a person who takes
        another's place must not profit from the pictures of the other.
        """
        assert self.quality is not None, "add_quality comes before add_embedding"  # noqa: S101
        if self.evidence.accept(embedding, weigh(self.quality), at_s, limits):
            self.reported.clear()

    def should_record(self, decision: Decision) -> bool:
        """True for a grant, and for the first denial of each reason."""
        if isinstance(decision, Grant):
            return True
        return decision.reason not in PENDING and decision.reason not in self.reported

    def after_recorded(self, decision: Decision, now: float, limits: EvidenceLimits) -> None:
        """Note that the decision was written: a denial is not repeated, a grant is followed by a rest.

        Raises:
            RegisterError: writing a grant took so long that nobody knows who stands there by now.
        """
        if isinstance(decision, Deny):
            self.reported.add(decision.reason)
            return
        if now - self.evidence.newest_at_s > limits.window_s:
            raise RegisterError("the grant was written too late to act on it: is the disk slow or busy?")
        self.resting_until_s = now + limits.cooldown_s
        self.evidence.restart()
        self.reported.clear()
        self.frames_seen = 0

    def decision_on_exit(self, limits: EvidenceLimits) -> Deny | None:
        """The denial that is still to be written when the track ends, for want of good pictures; None mostly.

        A face that flickers up for less than `min_frames` frames is not worth an event.
        """
        reported = bool(self.reported) or self.frames_seen < limits.min_frames
        return None if reported or not isinstance(self.decision, Deny) else self.decision
