"""`DoorLoop`: from a frame to a decision, to its record, to the lock, in this order. Start reading here.

The loop does no I/O of its own. Everything it touches is handed in; `access.kiosk` composes the real parts.
"""

from collections.abc import Callable, Mapping, Set

from access.decision import CLOCK_ROUNDING_S, decide
from access.faults import FaultMemory, reason_of
from access.limits import EvidenceLimits
from access.record import Audit, decision_event, fault_event, not_written
from access.stages import Stopwatch
from access.tracking import Tracker
from access.visit import Visit
from models.domain import Decision, Deny, Face, FaceCrop, Frame, Grant, ImageArray, Quality
from models.errors import DoorwardError, RegisterError, StaleFrameError
from models.events import DoorEvent
from models.ports import Clock, Lock
from models.site import SiteView
from models.vision.alignment import align_face
from models.vision.analysis import Detector


class DoorLoop:
    """One door. Call `step` with every frame, `finish` at the end.

    Args:
        detector, tracker: find faces, largest first, and follow them from frame to frame.
        assess: quality of a face; `models.vision.quality.assess` with the door's limits.
        door: the door's name in events.
        limits: what is demanded of the pictures of a track.
        view: the release and gallery in force now; raises RegisterError when they are not known.
        clock: the clock that stamped the frames.
        audit: written before the lock acts.
        lock, unlock_s: the door's lock, and for how many seconds a grant unlocks it.
        min_box_px: faces whose box is lower than this are passers-by.
        timer: measures the stages; a clip's own clock stands still meanwhile.
    """

    def __init__(
        self,
        *,
        detector: Detector,
        tracker: Tracker,
        assess: Callable[[ImageArray, Face, FaceCrop], Quality],
        door: str,
        limits: EvidenceLimits,
        view: Callable[[], SiteView],
        clock: Clock,
        audit: Audit,
        lock: Lock,
        unlock_s: float,
        min_box_px: float,
        timer: Callable[[], float],
    ) -> None:
        self._detector, self._tracker, self._assess = detector, tracker, assess
        self._door, self._limits = door, limits
        self._view, self._clock, self._audit = view, clock, audit
        self._lock, self._unlock_s = lock, unlock_s
        self._min_box_px, self._timer = min_box_px, timer
        self._visits: dict[int, Visit] = {}
        self._faults = FaultMemory()
        self._events: list[DoorEvent] = []
        self.visible: list[Visit] = []
        """Who stood in the latest frame, for whoever draws it."""

    def step(self, frame: Frame) -> list[DoorEvent]:
        """Judge one frame; the events it led to, already written, grants already carried out."""
        return self._guarded(lambda: self._judge_frame(frame, self._view()))

    def finish(self) -> list[DoorEvent]:
        """Nothing more will come: write what is still open."""
        return self._guarded(lambda: self._close_ended_tracks(set(self._visits), self._view()))

    def fault(self, error: DoorwardError) -> list[DoorEvent]:
        """Record that the door cannot judge; nothing when the same fault merely goes on."""
        self._events = []
        self._fail(error)
        return self._events

    def _guarded(self, work: Callable[[], None]) -> list[DoorEvent]:
        self._events = []
        try:
            work()
        except DoorwardError as error:  # anything else is a bug: it ends the process, and the door stays shut
            self._fail(error)
        return self._events

    def _judge_frame(self, frame: Frame, view: SiteView) -> None:
        at_s, limits, watch = frame.captured_at_s, self._limits, Stopwatch(self._timer)
        if not -CLOCK_ROUNDING_S <= self._clock.monotonic_s() - at_s <= limits.stale_s:
            raise StaleFrameError("the picture came too late to be judged: the machine is too slow or busy")
        with watch.stage("detect"):
            faces = [f for f in self._detector.detect(frame.image) if f.box.height >= self._min_box_px]
        with watch.stage("track"):
            tracks = self._tracker.update(faces, at_s)
        self.visible = [self._visit(track.track_id, track.face) for track in tracks]
        awake = [visit for visit in self.visible if at_s >= visit.resting_until_s][: limits.max_faces]
        good: list[tuple[Visit, FaceCrop]] = []
        for visit in awake:
            with watch.stage("align"):
                crop = align_face(frame.image, visit.face)
            with watch.stage("quality"):
                quality = self._assess(frame.image, visit.face, crop)
            if visit.add_quality(quality, at_s, limits):
                good.append((visit, crop))
        with watch.stage("embed"):
            embeddings = view.encoder.embed([crop for _, crop in good])
        for (visit, _), embedding in zip(good, embeddings, strict=True):
            visit.add_embedding(embedding, at_s, limits)
        for visit in awake:
            self._judge_visit(visit, view, watch)
        self._close_ended_tracks(self._visits.keys() - self._tracker.live_ids, view)

    def _visit(self, track_id: int, face: Face) -> Visit:
        visit = self._visits.setdefault(track_id, Visit(track_id, face))
        visit.face = face
        return visit

    def _judge_visit(self, visit: Visit, view: SiteView, watch: Stopwatch) -> None:
        with watch.stage("search"):
            visit.result = visit.evidence.search(view.gallery)
        with watch.stage("decide"):
            evidence = visit.evidence.conclude(visit.result, view.gallery.size, self._lock.state())
            visit.decision = decision = decide(
                evidence, self._limits, view.threshold, self._clock.monotonic_s()
            )
        if visit.should_record(decision):
            self._write(visit, decision, view, watch.ms())
            visit.after_recorded(decision, self._clock.monotonic_s(), self._limits)
            if isinstance(decision, Grant):  # written by now, and in time: only then may the lock move
                self._lock.unlock(self._unlock_s)

    def _close_ended_tracks(self, ended: Set[int], view: SiteView) -> None:
        for track_id in sorted(ended):
            visit = self._visits.pop(track_id)
            decision = visit.decision_on_exit(self._limits)
            if decision is not None:
                self._write(visit, decision, view, {})

    def _write(
        self, visit: Visit, decision: Decision, view: SiteView, stages_ms: Mapping[str, float]
    ) -> None:
        event = decision_event(
            visit, decision, view, at=self._clock.now(), door=self._door, stages_ms=stages_ms
        )
        self._audit.append(event)
        self._events.append(event)

    def _fail(self, error: DoorwardError) -> None:
        now, reason = self._clock.monotonic_s(), reason_of(error)
        for visit in self.visible:
            visit.decision = Deny(reason)
        if not self._faults.should_record(reason, now):
            return
        event = fault_event(at=self._clock.now(), door=self._door, at_s=now, reason=reason, detail=str(error))
        try:
            self._audit.append(event)
        except RegisterError:  # the fault may be that nothing can be written
            event = not_written(event)
        self._events.append(event)
