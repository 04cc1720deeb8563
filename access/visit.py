"""`Visit`: what the door remembers of one track between its frames; `choose` says whose turn it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from access.attempts import Attempts
from access.authorise import MORE_NEEDED, WAITING, Proof
from access.credentials import CREDENTIAL_S
from access.decision import IDENTITY_CHECKS, Identified
from access.evidence import TrackEvidence, weigh
from access.limits import EvidenceLimits
from access.observation import Observation
from models.domain import Decision, Deny, DenyReason, Face, Grant, Quality, SearchResult
from models.errors import RegisterError

PENDING = WAITING | {DenyReason.NOT_ENOUGH_EVIDENCE, DenyReason.POOR_QUALITY, DenyReason.STALE_FRAME}
"""Not yet a verdict: written only when the track ends without a better one."""

REPEATED = frozenset({DenyReason.WRONG_PIN, DenyReason.UNKNOWN_CARD, DenyReason.CARD_OF_ANOTHER})
"""Written every time: each is another attempt."""

SHOWN_S = 2.0
"""So long a refused card or PIN is shown before the person is asked again."""


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
        proof: what the rules said of the person last; None while nobody was recognised.
        known: who was recognised and is to show something more, and until when that counts.
        shown_until_s: so long `decision` is to be seen before a pending one takes its place.
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
    proof: Proof | None = None
    known: tuple[Identified, float] | None = None
    shown_until_s: float = -math.inf
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
        self.result, self.quality, self.proof = None, observation.quality, None
        if observation.embedding is None:
            reasons = () if observation.quality is None else observation.quality.reasons
            self.evidence.refuse(reasons, at_s, limits)
            if observation.error is not None:
                raise observation.error
            return
        weight = 1.0 if observation.quality is None else weigh(observation.quality)
        if self.evidence.accept(observation.embedding, weight, at_s, limits):
            self.reported.clear()
            self.known = None

    @property
    def is_pending(self) -> bool:
        """True while better pictures may still say who it is."""
        return isinstance(self.decision, Deny) and self.decision.reason in PENDING

    @property
    def is_refused(self) -> bool:
        """True when the person was recognised and is refused, whatever else is shown."""
        refused = isinstance(self.decision, Deny) and self.decision.reason not in PENDING | REPEATED
        return refused and self.proof is not None

    def known_at(self, at_s: float) -> Identified | None:
        """Who was recognised a moment ago and is to show something more; None for nobody."""
        return None if self.known is None or at_s > self.known[1] else self.known[0]

    def conclude(self, decision: Decision, at_s: float, limits: EvidenceLimits) -> None:
        """Note what was decided on the newest picture: it may end the turn, and counts as an attempt."""
        reason = decision.reason if isinstance(decision, Deny) else None
        if reason not in PENDING or at_s >= self.shown_until_s:
            self.decision = decision
        if reason in REPEATED:
            self.shown_until_s = at_s + SHOWN_S
        if self.proof is not None:  # recognised
            self.attempts.forgive()
            self._keep_known(decision, at_s)
        elif self.result is not None and self.result.best is not None:
            self.attempts.begin(at_s)
        self.turn_frames += 1
        judged = self.turn_frames >= limits.min_frames and reason is not DenyReason.NOT_ENOUGH_EVIDENCE
        too_long = self.turn_since_s is not None and at_s - self.turn_since_s > limits.window_s
        if reason is None or judged or too_long:
            self.turn_since_s, self.last_turn_s = None, at_s

    def _keep_known(self, decision: Decision, at_s: float) -> None:
        """Note for how long the person, who has to show something more, counts as recognised."""
        more = isinstance(decision, Deny) and decision.reason in MORE_NEEDED | REPEATED
        if not more:
            self.known = None
        elif self.result is not None and self.result.best is not None and self.proof is not None:
            recognised = self.proof.person_id == self.result.best.person_id
            if recognised and self.known_at(at_s) is None:
                identity = tuple(check for check in decision.trace if check.name in IDENTITY_CHECKS)
                self.known = Identified(self.result.best.person_id, identity), at_s + CREDENTIAL_S

    def should_record(self, decision: Decision) -> bool:
        """True for a grant, and for the first denial of each reason."""
        if isinstance(decision, Grant):
            return True
        if decision.reason in REPEATED:
            return True
        return decision.reason not in PENDING and decision.reason not in self.reported

    def start_cooldown(self, now: float, limits: EvidenceLimits) -> None:
        """Note that a grant was written: it is followed by a rest."""
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


def check_in_time(asked_at_s: float, now: float, limits: EvidenceLimits) -> None:
    """Raise RegisterError when writing a grant took so long that nobody knows who stands there by now."""
    if now - asked_at_s > limits.window_s:
        raise RegisterError("the grant was written too late to act on it: is the disk slow or busy?")


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
