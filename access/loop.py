"""`DoorLoop`: from a frame to a decision, to its record, to the lock, in this order. Start reading here.

The loop does no I/O of its own. Everything it touches is handed in; `access.kiosk` composes the real parts.
"""

import threading
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import datetime, tzinfo

from access.attempts import AttemptMemory
from access.authorise import Authoriser, Proof
from access.decision import CLOCK_ROUNDING_S, TOLD_APART, Identified, admit, decide, likely_people
from access.doorway import DoorDriver, Doorway
from access.faults import FaultMemory, reason_of
from access.hardware.door_machine import DoorChange
from access.limits import EvidenceLimits
from access.observation import FACE_ERRORS, Check, Observation, embed, observe
from access.record import (
    Audit,
    alarm_event,
    credential_event,
    decision_event,
    fault_event,
    not_written,
    notice_event,
    outcome_event,
)
from access.stages import Stopwatch
from access.tracking import Track, Tracker
from access.visit import Visit, check_in_time, choose
from models.domain import Decision, Deny, DenyReason, Frame, Grant, PersonId, Shown
from models.errors import DoorwardError, RegisterError, StaleFrameError
from models.events import AlarmReason, DoorEvent, NoticeReason
from models.ports import Clock
from models.rules.door_mode import DoorMode
from models.rules.request import Verdict
from models.site import SiteView
from models.vision.analysis import Detector

LONGER = 3.0
"""A door stays unlocked so many times as long for a person who needs it."""


class DoorLoop:
    """One door. Call `step` with every frame, `tick` while none comes, `finish` at the end.

    `tick` may be called by another thread than the rest.

    Args:
        detector, tracker: find faces, largest first, and follow them from frame to frame.
        checks: what a picture of a face must pass before it is embedded (`access.observation`).
        door: the door's name in events.
        limits: what is demanded of the pictures of a track.
        view: the release and gallery in force now; raises RegisterError when they are not known.
        clock: the clock that stamped the frames.
        zone: the site's time zone; None for the machine's.
        audit: written before the lock acts.
        lock, unlock_s: the door's lock, and for how many seconds a grant unlocks it.
        authoriser: the rules at this door.
        readers: called for every frame: cards and keys that were shown since.
        more_changes: called for every frame: alarms of other hardware than the lock's since.
        min_box_px: faces whose box is lower than this are passers-by.
        timer: measures the stages; a clip's own clock stands still meanwhile.
    """

    def __init__(
        self,
        *,
        detector: Detector,
        tracker: Tracker,
        checks: Sequence[Check],
        door: str,
        limits: EvidenceLimits,
        view: Callable[[], SiteView],
        clock: Clock,
        zone: tzinfo | None,
        audit: Audit,
        lock: DoorDriver,
        unlock_s: float,
        authoriser: Authoriser,
        readers: Callable[[], Sequence[Shown]],
        more_changes: Callable[[], Sequence[DoorChange]] = tuple,
        min_box_px: float,
        timer: Callable[[], float],
    ) -> None:
        self._detector, self._tracker, self._checks = detector, tracker, checks
        self._door, self._limits = door, limits
        self._view, self._clock, self._zone, self._audit = view, clock, zone, audit
        self._lock, self._unlock_s = lock, unlock_s
        self._authoriser, self._readers = authoriser, readers
        self._doorway = Doorway(lock, authoriser, more_changes)
        self._min_box_px, self._timer = min_box_px, timer
        self._visits: dict[int, Visit] = {}
        self._attempts = AttemptMemory(limits.same_face_score)
        self._faults = FaultMemory()
        self._events: list[DoorEvent] = []
        self._busy = threading.Lock()
        self.visible: list[Visit] = []
        """Who stood in the latest frame, for whoever draws it."""
        self.alone: tuple[Decision, float] | None = None
        """The latest decision about a card or PIN without a face, and when, in seconds of the clock."""
        self.failing: DenyReason | None = None
        """Why nobody can be judged now; None when the latest frame was judged."""

    @property
    def mode(self) -> DoorMode:
        """What the door does by itself."""
        return self._doorway.mode

    @property
    def asks(self) -> DenyReason | None:
        """What is missing beside the card or PIN that was shown; None when nothing waits."""
        return self._authoriser.asks

    @property
    def pin_digits(self) -> int:
        """How many digits of a PIN were typed so far."""
        return self._authoriser.shown.digits

    def step(self, frame: Frame) -> list[DoorEvent]:
        """Judge one frame; the events it led to, already written, grants already carried out."""
        return self._guarded(lambda: self._step(frame))

    def tick(self) -> list[DoorEvent]:
        """See to the door itself while no frame comes: cards, PINs, the contact, schedules, lockdowns.

        `step` does it, too.
        """
        return self._guarded(self._tick)

    def finish(self) -> list[DoorEvent]:
        """Nothing more will come: write what is still open."""
        return self._guarded(lambda: self._close_ended_tracks(set(self._visits), self._view()))

    def notice(self, reason: NoticeReason) -> list[DoorEvent]:
        """Write that something happened without anybody asking to pass."""
        return self._guarded(
            lambda: self._write_if_possible(notice_event(reason, at=self._now(), door=self._door))
        )

    def fault(self, error: DoorwardError) -> list[DoorEvent]:
        """Record that the door cannot judge; nothing when the same fault merely goes on."""
        with self._busy:
            self._events = []
            self._fail(error)
            return self._events

    def _guarded(self, work: Callable[[], None]) -> list[DoorEvent]:
        with self._busy:
            self._events = []
            try:
                work()
            except DoorwardError as error:  # anything else is a bug: it ends the process, the door stays shut
                self._fail(error)
            return self._events

    def _tick(self) -> None:
        self._see_to_door()
        self._judge_credentials(self._view())

    def _step(self, frame: Frame) -> None:
        view = self._view()
        self._see_to_door()
        try:
            self._judge_frame(frame, view)
            self.failing = None
        finally:  # whatever is wrong with the picture
            self._judge_credentials(view)

    def _see_to_door(self) -> None:
        """Follow the door's mode, and write what its hardware tells; take in cards and keys."""
        for event in self._doorway.step(self._now(), self._door):
            self._write_if_possible(event)
        self._authoriser.take(self._readers())

    def _judge_credentials(self, view: SiteView) -> None:
        """Judge a card or PIN that no face goes with."""
        at, at_s = self._now(), self._clock.monotonic_s()
        if any(visit.is_refused for visit in self.visible) and not any(
            visit.known_at(at_s) for visit in self.visible
        ):
            self._authoriser.drop_pin()
        face_waits = any(visit.decision is None or visit.is_pending for visit in self.visible)
        proof = self._authoriser.alone(at, at_s, face_waits=face_waits)
        if proof is None:
            return
        person_id = proof.person_id or PersonId("")
        decision = admit(Identified(person_id, ()), proof.verdict, self._lock.state())
        self.alone = decision, at_s
        event = self._append(credential_event(proof, decision, view, at=at, at_s=at_s, door=self._door))
        if isinstance(decision, Grant):
            failure = self._unlock(event, decision, proof, at_s)
            self.alone = failure or decision, at_s

    def _judge_frame(self, frame: Frame, view: SiteView) -> None:
        at_s, watch = frame.captured_at_s, Stopwatch(self._timer)
        if not -CLOCK_ROUNDING_S <= self._clock.monotonic_s() - at_s <= self._limits.stale_s:
            raise StaleFrameError("the picture came too late to be judged: the machine is too slow or busy")
        with watch.stage("detect"):
            faces = [f for f in self._detector.detect(frame.image) if f.box.height >= self._min_box_px]
        with watch.stage("track"):
            tracks = self._tracker.update(faces, at_s)
        self._attempts.forget(at_s)
        self.visible = [self._visit(track, at_s) for track in tracks]
        chosen = choose(self.visible, at_s, self._limits)
        observations = [observe(frame.image, visit.face, self._checks, watch) for visit in chosen]
        with watch.stage("embed"):
            observations = embed(view.encoder, observations)
        for visit, observation in zip(chosen, observations, strict=True):
            self._judge_visit(visit, observation, at_s, view, watch)
        self._close_ended_tracks(self._visits.keys() - self._tracker.live_ids, view)

    def _visit(self, track: Track, at_s: float) -> Visit:
        visit = self._visits.setdefault(track.track_id, Visit(track.track_id, track.face))
        visit.see(track.face, at_s, self._limits)
        return visit

    def _judge_visit(
        self, visit: Visit, observation: Observation, at_s: float, view: SiteView, watch: Stopwatch
    ) -> None:
        at = self._now()
        try:
            visit.add(observation, at_s, self._limits)
            self._continue_attempts(visit, at_s)
            if visit.resting:
                return
            decision = self._decide(visit, view, at, watch)
        except FACE_ERRORS as error:  # of this face: the others of the frame are judged
            decision = Deny(reason_of(error), detail=str(error))
        visit.conclude(decision, at_s, self._limits)
        if visit.should_record(decision):
            event = self._write(visit, decision, view, at, watch.ms())
            if isinstance(decision, Deny):
                visit.reported.add(decision.reason)
            elif visit.proof is not None:  # written by now: only then may the lock move
                newest_at_s = visit.evidence.newest_at_s
                failure = self._unlock(event, decision, visit.proof, newest_at_s, visit)
                if failure is not None:
                    visit.decision = failure
                    visit.reported.add(failure.reason)

    def _continue_attempts(self, visit: Visit, at_s: float) -> None:
        """Find out whether the face of a track was here before, and has to rest."""
        face = visit.evidence.fuse()
        if face is not None:
            visit.attempts = self._attempts.attempts_of(face, visit.attempts, at_s)
            visit.see(visit.face, at_s, self._limits)

    def _decide(self, visit: Visit, view: SiteView, at: datetime, watch: Stopwatch) -> Decision:
        with watch.stage("search"):
            visit.result = visit.evidence.search(view.gallery)
        with watch.stage("decide"):
            evidence = visit.evidence.conclude(visit.result, view.gallery.size, self._lock.state())
            now = self._clock.monotonic_s()

            def authorise(person_id: PersonId, *, told_apart: bool = False) -> Verdict:
                visit.proof = self._authoriser.by_face(person_id, at, told_apart=told_apart)
                return visit.proof.verdict

            decision = decide(
                evidence,
                self._limits,
                view.threshold,
                now=now,
                at=at,
                authorise=authorise,
                known=visit.known_at(now),
            )
            if isinstance(decision, Deny) and decision.reason is DenyReason.AMBIGUOUS:
                alike = likely_people(evidence, view.threshold)
                told = self._authoriser.tell_apart(alike)
                if told is not None:
                    found = Identified(told, (*decision.trace[:-1], TOLD_APART))
                    return admit(found, authorise(told, told_apart=True), evidence.lock)
            return decision

    def _unlock(
        self,
        event: DoorEvent,
        grant: Grant,
        proof: Proof,
        asked_at_s: float,
        visit: Visit | None = None,
    ) -> Deny | None:
        """Act on a grant that was written, and write what became of it; why it failed, None if it did not."""
        if proof.duress:
            self._write_if_possible(alarm_event(event, AlarmReason.DURESS))
        if DenyReason.ANTI_PASSBACK in proof.verdict.notes:
            self._write_if_possible(alarm_event(event, AlarmReason.ENTERED_TWICE))
        failure = None
        try:
            now = self._clock.monotonic_s()
            check_in_time(asked_at_s, now, self._limits)
            if visit is not None:
                visit.start_cooldown(now, self._limits)
            seconds = self._unlock_s * (LONGER if grant.longer else 1)
            self._lock.unlock(seconds, grant_id=event.event_id)
        except DoorwardError as error:
            failure = Deny(reason_of(error), detail=str(error))
        self._write_if_possible(outcome_event(event, failure, at=self._now()))
        if failure is None:
            self._doorway.granted(event, self._now())
            self._authoriser.granted(proof, self._now())
            self._doorway.note_passages()
        return failure

    def _close_ended_tracks(self, ended: Set[int], view: SiteView) -> None:
        for track_id in sorted(ended):
            visit = self._visits.pop(track_id)
            decision = visit.decision_on_exit(self._limits)
            if decision is not None:
                self._write(visit, decision, view, self._now(), {})

    def _now(self) -> datetime:
        return self._clock.now().astimezone(self._zone)

    def _write(
        self, visit: Visit, decision: Decision, view: SiteView, at: datetime, stages_ms: Mapping[str, float]
    ) -> DoorEvent:
        return self._append(
            decision_event(visit, decision, view, at=at, door=self._door, stages_ms=stages_ms)
        )

    def _append(self, event: DoorEvent) -> DoorEvent:
        self._events.append(self._audit.append(event))
        return self._events[-1]

    def _fail(self, error: DoorwardError) -> None:
        now, reason = self._clock.monotonic_s(), reason_of(error)
        self.failing = reason
        for visit in self.visible:
            visit.decision = Deny(reason)
        if self._faults.should_record(reason, now):
            self._write_if_possible(
                fault_event(at=self._now(), door=self._door, at_s=now, reason=reason, detail=str(error))
            )

    def _write_if_possible(self, event: DoorEvent) -> None:
        """Write what has happened already: the door goes on when it cannot be written."""
        try:
            self._events.append(self._audit.append(event))
        except RegisterError:
            self._events.append(not_written(event))
