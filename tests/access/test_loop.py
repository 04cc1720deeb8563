"""The loop: the order of its acts, what it writes and how often; every failure keeps the door shut."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from access.hardware.simulated import LockEvent
from models.clock import SimulatedClock
from models.domain import Deny, DenyReason, LockState, QualityReason
from models.errors import (
    CameraLostError,
    EmbeddingError,
    GalleryError,
    ModelError,
    ModelMismatchError,
    RegisterLockedError,
    ReleaseError,
    StorageFullError,
)
from models.events import DoorEvent
from tests.access.door import ADA, BOB, LET_IN, LIMITS, STRANGER, Door, Stand


def outcomes(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


def test_an_enrolled_person_gets_in_at_the_third_picture_and_is_written_down_first() -> None:
    door = Door()
    assert door.watch(Stand(1), frames=2) == []
    assert door.lock.state() is LockState.LOCKED
    event, action = door.show(Stand(1))
    assert (event.outcome, event.reason, event.person_id, event.frames) == ("granted", "recognised", ADA, 3)
    assert (action.outcome, action.person_id, action.intent_id) == ("unlocked", ADA, event.event_id)
    assert (event.runner_up_id, event.threshold, event.release) == (BOB, 0.5, "release-1")
    assert event.score == pytest.approx(1.0, abs=1e-5)
    assert event.runner_up_score is not None and event.runner_up_score < 0.2
    assert event.margin == pytest.approx(1.0 - event.runner_up_score, abs=1e-5)
    assert set(event.stages_ms) == {"detect", "track", "align", "quality", "embed", "search", "decide"}
    assert door.lock.state() is LockState.UNLOCKED
    assert door.lock.written_at_unlock == [[event]]


def test_the_lock_is_never_unlocked_when_the_grant_cannot_be_written() -> None:
    door = Door()
    door.audit.broken = True
    events = door.watch(Stand(1), frames=20)
    assert outcomes(events) == [("fault", "register_fault")]
    assert not events[0].written
    assert door.lock.written_at_unlock == []
    assert [visit.decision for visit in door.loop.visible] == [Deny(DenyReason.REGISTER_FAULT)]
    door.audit.broken = False
    assert outcomes(door.show(Stand(1))) == LET_IN


def test_a_stranger_is_denied_once_and_not_in_every_frame() -> None:
    door = Door()
    assert outcomes(door.watch(Stand(STRANGER), frames=30)) == [("denied", "not_recognised")]
    assert door.empty() == []
    assert outcomes(door.watch(Stand(STRANGER), frames=5)) == [("denied", "not_recognised")]
    assert door.lock.written_at_unlock == []


def test_a_lookalike_of_two_people_is_ambiguous() -> None:
    door = Door()
    (event,) = door.watch(Stand(12), frames=10)
    assert (event.outcome, event.reason) == ("denied", "ambiguous")
    assert {event.person_id, event.runner_up_id} == {ADA, BOB}


def test_after_a_grant_the_track_rests_unembedded_and_is_judged_again_later() -> None:
    door = Door(limits=replace(LIMITS, cooldown_s=2.0))
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN
    embedded = door.encoder.embedded
    assert door.watch(Stand(1), frames=18) == []
    assert door.encoder.embedded == embedded
    assert outcomes(door.watch(Stand(1), frames=5)) == LET_IN


def test_a_denied_track_may_still_be_granted_when_the_person_becomes_known() -> None:
    door = Door()
    door.enrol(2)
    assert outcomes(door.watch(Stand(1), frames=5)) == [("denied", "not_recognised")]
    door.enrol(1, 2)
    assert outcomes(door.show(Stand(1))) == LET_IN


def test_a_person_revoked_meanwhile_stays_outside() -> None:
    door = Door()
    door.watch(Stand(1), frames=2)
    door.enrol(2)
    assert outcomes(door.watch(Stand(1), frames=5)) == [("denied", "not_recognised")]


def test_a_person_who_takes_anothers_place_in_a_track_starts_without_evidence() -> None:
    door = Door()
    assert door.watch(Stand(1), frames=2) == []
    assert outcomes(door.watch(Stand(STRANGER), frames=10)) == [("denied", "not_recognised")]
    assert door.lock.written_at_unlock == []
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN


def test_whoever_replaces_a_denied_person_in_the_same_track_is_denied_anew() -> None:
    door = Door()
    first = door.watch(Stand(3), frames=5)
    second = door.watch(Stand(4), frames=5)
    assert outcomes(first) == outcomes(second) == [("denied", "not_recognised")]
    assert first[0].track == second[0].track


def test_with_nobody_enrolled_everyone_is_denied_at_the_first_frame() -> None:
    door = Door()
    door.enrol()
    assert outcomes(door.show(Stand(1))) == [("denied", "nobody_enrolled")]
    assert door.watch(Stand(1), frames=10) == []


def test_poor_pictures_are_written_when_the_person_leaves() -> None:
    door = Door()
    assert door.watch(Stand(1, good=False), frames=10) == []
    assert [visit.decision for visit in door.loop.visible] == [
        Deny(DenyReason.POOR_QUALITY, (QualityReason.TOO_DARK,))
    ]
    (event,) = door.empty()
    assert (event.outcome, event.reason, event.advice) == (
        "denied",
        "poor_quality",
        (QualityReason.TOO_DARK,),
    )
    assert door.encoder.embedded == 0


def test_better_pictures_after_poor_ones_open_the_door() -> None:
    door = Door()
    door.watch(Stand(1, good=False), frames=10)
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN
    assert door.empty() == []


def test_too_few_pictures_are_written_when_the_clip_ends() -> None:
    door = Door(limits=replace(LIMITS, min_frames=5))
    door.watch(Stand(1), frames=4)
    assert door.loop.finish() == []
    door = Door(limits=replace(LIMITS, window_s=0.15))
    door.watch(Stand(1), frames=4)
    assert outcomes(door.loop.finish()) == [("denied", "not_enough_evidence")]


def test_a_face_seen_for_too_few_frames_is_no_event() -> None:
    door = Door()
    door.watch(Stand(1), frames=2)
    assert door.empty() == []


def test_two_people_are_judged_each_by_their_own_pictures() -> None:
    door = Door()
    events = door.watch(Stand(1), Stand(STRANGER, left=400), frames=5)
    assert sorted(outcomes(events)) == [("denied", "not_recognised"), *LET_IN]
    assert len({event.track for event in events}) == 2


def test_only_the_largest_faces_are_embedded() -> None:
    door = Door(limits=replace(LIMITS, max_faces=1))
    event, _ = door.watch(Stand(2, size=100), Stand(1, left=400), frames=3)
    assert (event.person_id, door.encoder.embedded) == (ADA, 3)
    event, _ = door.watch(Stand(2, size=100), Stand(1, left=400), frames=3)
    assert (event.person_id, door.encoder.embedded) == (BOB, 6)


def test_passers_by_are_not_followed() -> None:
    door = Door()
    assert door.watch(Stand(1, size=24), frames=10) == []
    assert door.loop.visible == []


@pytest.mark.parametrize("late_s", [0.6, -0.6])
def test_a_picture_that_is_too_old_or_from_the_future_is_not_judged(late_s: float) -> None:
    door = Door()
    events = [event for _ in range(10) for event in door.show(Stand(1), late_s=late_s)]
    assert outcomes(events) == [("fault", "stale_frame")]
    assert door.encoder.embedded == 0


@pytest.mark.parametrize("trouble", [LockEvent.JAM, LockEvent.LOSE_POWER, LockEvent.STOP_ANSWERING])
def test_a_lock_in_trouble_is_not_unlocked(trouble: LockEvent) -> None:
    door = Door()
    door.lock.inject(trouble)
    said = outcomes(door.watch(Stand(1), frames=20))
    assert [each for each in said if each[0] != "alarm"] == [("denied", "lock_fault")]
    assert len(said) == 2
    assert door.lock.written_at_unlock == []


def test_a_lock_that_fails_to_unlock_is_written_and_tried_again_after_the_cooldown() -> None:
    door = Door(limits=replace(LIMITS, cooldown_s=6.0))
    door.lock.close()
    expected = [("granted", "recognised"), ("not_unlocked", "lock_fault")]
    events = door.watch(Stand(1), frames=30)
    assert outcomes(events) == [*expected, ("alarm", "lock_unknown"), ("cleared", "lock_unknown")]
    assert (events[1].intent_id, events[1].detail != "") == (events[0].event_id, True)
    assert [visit.decision for visit in door.loop.visible] == [
        Deny(DenyReason.LOCK_FAULT, detail=events[1].detail)
    ]
    assert outcomes(door.watch(Stand(1), frames=40))[:2] == expected


def test_what_became_of_a_grant_is_written_after_the_lock_moved_and_may_fail() -> None:
    door = Door()
    unlock = door.lock.unlock

    def unlock_and_fill_the_disk(seconds: float) -> None:
        unlock(seconds)
        door.audit.broken = True

    door.lock.unlock = unlock_and_fill_the_disk  # type: ignore[method-assign]
    events = door.watch(Stand(1), frames=3)
    assert [(event.outcome, event.written) for event in events] == [("granted", True), ("unlocked", False)]
    assert door.lock.state() is LockState.UNLOCKED
    door.audit.broken = False
    assert outcomes(door.watch(Stand(1), Stand(2, left=400), frames=3)) == LET_IN


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (EmbeddingError("nan"), "denied", "model_fault"),
        (ModelMismatchError("mixed"), "denied", "model_fault"),
        (ModelError("cannot be run"), "denied", "model_fault"),
        (GalleryError("impossible row"), "fault", "register_fault"),
        (ReleaseError("altered"), "fault", "register_fault"),
        (RegisterLockedError("held"), "fault", "register_fault"),
    ],
)
def test_every_typed_failure_denies_with_its_reason(error: Exception, outcome: str, reason: str) -> None:
    door = Door()
    door.encoder.error = error  # type: ignore[assignment]
    (event,) = door.watch(Stand(1), frames=10)
    assert (event.outcome, event.reason, event.detail, event.written) == (outcome, reason, str(error), True)
    assert door.lock.written_at_unlock == []
    door.encoder.error = None
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN


def test_an_unreadable_register_keeps_the_door_shut() -> None:
    door = Door()
    door.view_error = StorageFullError("no space")
    assert outcomes(door.watch(Stand(1), frames=10)) == [("fault", "register_fault")]
    assert door.lock.written_at_unlock == []


def test_an_untyped_failure_ends_the_loop_with_the_door_shut() -> None:
    door = Door()
    door.encoder.error = ZeroDivisionError("a bug")  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        door.watch(Stand(1), frames=1)
    assert door.lock.state() is LockState.LOCKED


def test_a_camera_lost_for_an_hour_is_one_event() -> None:
    door = Door()
    events = []
    for _ in range(3600):
        door.clock.sleep(1.0)
        events += door.loop.fault(CameraLostError("gone"))
    assert outcomes(events) == [("fault", "camera_fault")]
    door.clock.sleep(60.0)
    assert outcomes(door.loop.fault(CameraLostError("gone"))) == [("fault", "camera_fault")]


def test_a_grant_that_took_too_long_to_write_is_not_acted_on() -> None:
    door = Door()
    written = door.audit.append

    def slow(event: DoorEvent) -> DoorEvent:
        door.clock.sleep(1.1 * LIMITS.window_s)  # another process holds the register
        return written(event)

    door.audit.append = slow  # type: ignore[method-assign]
    events = door.watch(Stand(1), frames=3)
    assert outcomes(events) == [("granted", "recognised"), ("not_unlocked", "register_fault")]
    assert events[1].intent_id == events[0].event_id
    assert "too late" in events[-1].detail
    assert door.lock.written_at_unlock == []
    assert door.lock.state() is LockState.LOCKED
    door.audit.append = written  # type: ignore[method-assign]
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN
    assert door.lock.state() is LockState.UNLOCKED


class SetBackClock(SimulatedClock):
    """Somebody sets the time of day back, or forward, while the door is watched."""

    off = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.off


def test_setting_the_time_of_day_neither_opens_the_door_nor_keeps_it_open_or_shut() -> None:
    clock = SetBackClock()
    door = Door(clock=clock)
    door.watch(Stand(1), frames=2)
    clock.off = timedelta(days=-30)
    event, _ = door.show(Stand(1))
    assert (event.outcome, event.at.year) == ("granted", 2025)
    clock.off = timedelta(days=30)
    clock.sleep(4.7)
    assert door.lock.state() is LockState.UNLOCKED
    clock.sleep(0.2 + 0.1)
    assert door.lock.state() is LockState.LOCKED
    assert outcomes(door.watch(Stand(STRANGER), frames=10)) == [("denied", "not_recognised")]
