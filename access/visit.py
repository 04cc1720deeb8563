"""`Visit`: what the door remembers of one track between its frames; `choose` says whose turn it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from access.attempts import Attempts
from access.evidence import TrackEvidence, weigh
from access.limits import EvidenceLimits
from access.observation import Observation
from models.domain import Decision, Deny, DenyReason, Face, Grant, Quality, SearchResult
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
        attempts: for how long this face has been judged; shared by all tracks of one face.
        decision: the latest one, for whoever shows it.
        quality: of the newest picture.
        result: the latest fused search.
        frames_seen: pictures in which the face was judged.
        resting: True while it is not judged, after too many attempts.
        cooling_until_s: after a grant, nothing is judged before this time.
        reported: the denials that were written; each is written once.
        turn_since_s: when its present turn began; None between turns.
        turn_frames: pictures judged in this turn.
        last_turn_s: when its last turn ended.
    """

    track_id: int
    face: Face
    evidence: TrackEvidence = field(default_factory=TrackEvidence)
    attempts: Attempts = field(default_factory=Attempts)
    decision: Decision | None = None
    quality: Quality | None = None
    result: SearchResult | None = None
    frames_seen: int = 0
    resting: bool = False
    cooling_until_s: float = -math.inf
    reported: set[DenyReason] = field(default_factory=set)
    turn_since_s: float | None = None
    turn_frames: int = 0
    last_turn_s: float = -math.inf

    def see(self, face: Face, at_s: float, limits: EvidenceLimits) -> None:
        """Note where the face is in a new picture; what was gathered before a rest is forgotten."""
        self.face = face
        self.resting = self.attempts.see(at_s, limits.visit_s)
        if self.resting:
            self.evidence.restart()
            self.turn_since_s = None

    def is_awake(self, at_s: float) -> bool:
        """True when the face may be judged in the picture of this time."""
        return not self.resting and at_s >= self.cooling_until_s

    def add(self, observation: Observation, at_s: float, limits: EvidenceLimits) -> None:
        """Add the newest picture to the evidence.

        Evidence and reported denials start anew when the face is not the track's face: a person who takes
        another's place must not profit from the pictures of the other.

        Raises:
            InputError, ModelError: the observation's error, if it has one.
        """
        self.frames_seen += 1
        self.result, self.quality = None, observation.quality
        if observation.embedding is None:
            reasons = () if observation.quality is None else observation.quality.reasons
            self.evidence.refuse(reasons, at_s, limits)
            if observation.error is not None:
                raise observation.error
            return
        weight = 1.0 if observation.quality is None else weigh(observation.quality)
        if self.evidence.accept(observation.embedding, weight, at_s, limits):
            self.reported.clear()

    def conclude(self, decision: Decision, at_s: float, limits: EvidenceLimits) -> None:
        """Note what was decided on the newest picture: it may end the turn, and counts as an attempt."""
        self.decision = decision
        reason = decision.reason if isinstance(decision, Deny) else None
        if reason in {None, DenyReason.LOCK_FAULT}:  # recognised
            self.attempts.forgive()
        elif self.result is not None and self.result.best is not None:
            self.attempts.begin(at_s)
        self.turn_frames += 1
        judged = self.turn_frames >= limits.min_frames and reason is not DenyReason.NOT_ENOUGH_EVIDENCE
        too_long = self.turn_since_s is not None and at_s - self.turn_since_s > limits.window_s
        if reason is None or judged or too_long:
            self.turn_since_s, self.last_turn_s = None, at_s

    def should_record(self, decision: Decision) -> bool:
        """True for a grant, and for the first denial of each reason."""
        if isinstance(decision, Grant):
            return True
        return decision.reason not in PENDING and decision.reason not in self.reported

    def start_cooldown(self, now: float, limits: EvidenceLimits) -> None:
        """Note that a grant was written: it is followed by a rest.

        Raises:
            RegisterError: writing it took so long that nobody knows who stands there by now.
        """
        if now - self.evidence.newest_at_s > limits.window_s:
            raise RegisterError("the grant was written too late to act on it: is the disk slow or busy?")
        self.cooling_until_s = now + limits.cooldown_s
        self.evidence.restart()
        self.reported.clear()
        self.frames_seen = 0

    def decision_on_exit(self, limits: EvidenceLimits) -> Deny | None:
        """The denial that is still to be written when the track ends, for want of good pictures; None mostly.

        A face that flickers up for less than `min_frames` frames is not worth an event.
        """
        reported = bool(self.reported) or self.frames_seen < limits.min_frames
        return None if reported or not isinstance(self.decision, Deny) else self.decision


def choose(visits: Sequence[Visit], at_s: float, limits: EvidenceLimits) -> list[Visit]:
    """Whose faces are judged in this picture: at most `max_faces` of those that do not rest.

    A face has its turn until there is a verdict, at most for `window_s`, so that its pictures are close
    enough together to be evidence. Then those who waited longest are next; who has had no turn yet comes
    first. So a poster full of faces keeps nobody out.

    Args:
        visits: everyone in the picture; of equals the first ones are chosen.
        at_s: when the picture was taken.
        limits: of the door.
    """
    awake = [visit for visit in visits if visit.is_awake(at_s)]
    awake.sort(key=lambda visit: (visit.turn_since_s is None, visit.last_turn_s))
    chosen = awake[: limits.max_faces]
    for visit in chosen:
        if visit.turn_since_s is None:
            visit.turn_since_s, visit.turn_frames = at_s, 0
    return chosen
