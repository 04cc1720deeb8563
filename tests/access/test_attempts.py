"""Whoever was judged for long without a grant has to rest, also after stepping away or changing tracks."""

from dataclasses import replace

import pytest

from access.attempts import FIRST_REST_S, LONGEST_REST_S, REMEMBERED_S
from models.domain import LockState
from models.events import DoorEvent
from tests.access.door import FRAME_S, LET_IN, LIMITS, STRANGER, Door, Stand

SHORT = replace(LIMITS, visit_s=2.0)


def outcomes(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


def frames(seconds: float) -> int:
    return round(seconds / FRAME_S)


def judged(door: Door, seconds: float, *stands: Stand) -> list[bool]:
    """For each frame whether a face was embedded."""
    found = []
    for _ in range(frames(seconds)):
        before = door.encoder.embedded
        door.show(*stands)
        found.append(door.encoder.embedded > before)
    return found


def lengths(values: list[bool]) -> list[float]:
    """The lengths of the runs of equal values, in seconds; the last one is cut off and left out."""
    runs, last = [], None
    for value in values:
        if value != last:
            runs.append(0)
        runs[-1] += 1
        last = value
    return [run * FRAME_S for run in runs[:-1]]


def test_a_stranger_is_judged_for_a_visit_and_rests_for_twice_as_long_each_time() -> None:
    door = Door(limits=SHORT)
    runs = lengths(judged(door, 230.0, Stand(STRANGER)))
    visits, rests = runs[::2], runs[1::2]
    assert visits[:5] == pytest.approx([2.0] * 5, abs=1.5 * FRAME_S)
    assert rests[:5] == pytest.approx([5.0, 10.0, 20.0, 40.0, 60.0], abs=1.5 * FRAME_S)
    assert rests[-1] == pytest.approx(LONGEST_REST_S, abs=1.5 * FRAME_S)
    assert door.lock.written_at_unlock == []


def test_while_resting_nothing_is_searched_and_the_page_says_so() -> None:
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(2.5))
    (visit,) = door.loop.visible
    assert visit.resting
    door.enrol(1, 2)
    embedded = door.encoder.embedded
    assert door.watch(Stand(STRANGER), frames=frames(FIRST_REST_S / 2)) == []
    assert door.encoder.embedded == embedded


def test_a_person_is_let_in_after_the_rest() -> None:
    door = Door(limits=SHORT)
    door.enrol(2)
    assert outcomes(door.watch(Stand(1), frames=frames(2.5))) == [("denied", "not_recognised")]
    door.enrol(1, 2)
    assert door.watch(Stand(1), frames=frames(FIRST_REST_S - 1.0)) == []
    assert outcomes(door.watch(Stand(1), frames=frames(2.0))) == LET_IN
    assert door.lock.state() is LockState.UNLOCKED


@pytest.mark.parametrize("away_s", [1.0, 3.0, 20.0])
def test_stepping_away_does_not_begin_a_new_visit(away_s: float) -> None:
    """A new track of the same face goes on where the old one was; the time away does not count."""
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(1.0))
    first = door.loop.visible[0].track_id
    door.watch(frames=frames(away_s))
    values = judged(door, 4.0, Stand(STRANGER, left=400))
    assert door.loop.visible[0].track_id != first
    assert lengths(values)[0] == pytest.approx(1.0, abs=2.5 * FRAME_S)


def test_stepping_away_does_not_end_a_rest() -> None:
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(2.5))
    door.watch(frames=frames(1.0))
    values = judged(door, FIRST_REST_S - 2.0, Stand(STRANGER, left=400))
    assert sum(values) == 1, "the first picture shows who it is"


def test_whoever_was_away_for_long_is_a_new_visitor() -> None:
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(1.9))
    door.watch(frames=frames(REMEMBERED_S + 1.0))
    assert lengths(judged(door, 4.0, Stand(STRANGER)))[0] == pytest.approx(2.0, abs=1.5 * FRAME_S)


def test_nobody_is_remembered_for_longer_than_that() -> None:
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(1.0))
    door.watch(frames=frames(REMEMBERED_S + 1.0))
    assert door.loop._attempts._known == []


def test_another_face_has_attempts_of_its_own() -> None:
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(3.0))
    assert outcomes(door.watch(Stand(STRANGER), Stand(1, left=400), frames=3)) == LET_IN
    door.watch(frames=frames(1.0))
    assert outcomes(door.watch(Stand(2), frames=3)) == LET_IN


def test_whoever_takes_the_place_of_another_in_a_track_has_a_whole_visit() -> None:
    door = Door(limits=SHORT)
    door.watch(Stand(STRANGER), frames=frames(1.5))
    assert lengths(judged(door, 4.0, Stand(4)))[0] == pytest.approx(2.0, abs=1.5 * FRAME_S)


def test_taking_turns_with_another_face_gains_no_time() -> None:
    door = Door(limits=SHORT)
    values = [judged(door, 0.5, Stand(who)) for _ in range(8) for who in (3, 4)]
    assert sum(sum(value) for value in values) <= frames(2 * 2.0) + 8


def test_a_recognised_person_does_not_rest_for_it() -> None:
    door = Door(limits=replace(SHORT, cooldown_s=0.5))
    events = door.watch(Stand(1), frames=frames(20.0))
    assert len(events) >= 2 * 20 and {event.outcome for event in events} == {"granted", "unlocked"}


def test_before_anybody_is_enrolled_nobody_has_to_rest() -> None:
    door = Door(limits=SHORT)
    door.enrol()
    door.watch(Stand(1), frames=frames(10.0))
    door.enrol(1)
    assert outcomes(door.watch(Stand(1), frames=3)) == LET_IN
