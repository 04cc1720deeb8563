"""What the screen shows for what the door knows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.display.state import (
    MESSAGE_KEYS,
    MODE_OF,
    PICTURE_MODES,
    Direction,
    DisplayMode,
    DisplayState,
    DoorView,
    Fit,
    Note,
    PanelAnswer,
    display_state,
    first_name,
)
from access.visit import Visit
from models.domain import (
    Box,
    Decision,
    Deny,
    DenyReason,
    Face,
    Grant,
    LockState,
    PersonId,
    Quality,
    QualityReason,
)
from models.rules.door_mode import DoorMode
from tests.access.door import ADA, STRANGER, Door, Stand, picture

SIZE = (640, 480)
CLOSED = DoorView("front", LockState.LOCKED)
OPEN = DoorView("front", LockState.UNLOCKED)
MIDDLE = Box(220, 100, 420, 360)


def face(box: Box = MIDDLE) -> Face:
    return Face(box, np.zeros((5, 2), np.float32), 0.9)


def visit(decision: Decision | None, box: Box = MIDDLE, *, ok: bool | None = None) -> Visit:
    """A visit whose newest picture was good enough or not; None: nobody has looked at it."""
    reasons = () if ok else (QualityReason.BLURRED,)
    quality = None if ok is None else Quality(100, 100, 0, 0, 0, 120, 40, reasons)
    return Visit(1, face(box), decision=decision, quality=quality)


def name_of(person_id: PersonId) -> str:
    return {ADA: "Ada Lovelace"}[person_id]


def test_nobody_there_is_idle() -> None:
    assert display_state([], CLOSED, SIZE).mode is DisplayMode.IDLE


@pytest.mark.parametrize(
    ("decision", "mode", "message"),
    [
        (None, "looking", "look_here"),
        (Deny(DenyReason.NOT_ENOUGH_EVIDENCE), "looking", "not_enough_evidence"),
        (Deny(DenyReason.STALE_FRAME), "looking", "stale_frame"),
        (Deny(DenyReason.NEEDS_FACE), "looking", "needs_face"),
        (Deny(DenyReason.POOR_QUALITY), "guide", "poor_quality"),
        (Deny(DenyReason.POOR_QUALITY, (QualityReason.TILTED, QualityReason.BLURRED)), "guide", "tilted"),
        (Deny(DenyReason.NEEDS_PIN), "pin", "needs_pin"),
        (Deny(DenyReason.WRONG_PIN), "pin", "wrong_pin"),
        (Deny(DenyReason.NEEDS_CARD), "card", "needs_card"),
        (Deny(DenyReason.NEEDS_SECOND_PERSON), "wait", "needs_second_person"),
        (Deny(DenyReason.LOCKED_OUT), "wait", "locked_out"),
        (Deny(DenyReason.NOT_RECOGNISED), "denied", "not_recognised"),
        (Deny(DenyReason.OUTSIDE_HOURS), "denied", "outside_hours"),
        (Deny(DenyReason.LOCKDOWN), "lockdown", "lockdown"),
        (Deny(DenyReason.REGISTER_FAULT), "out_of_order", "register_fault"),
    ],
)
def test_each_decision_has_its_screen(decision: Decision | None, mode: str, message: str) -> None:
    state = display_state([visit(decision)], CLOSED, SIZE)
    assert (state.mode, state.message) == (mode, message)


def test_every_reason_has_a_screen_and_every_message_a_name_of_its_own() -> None:
    assert set(MODE_OF) == set(DenyReason)
    assert len(MESSAGE_KEYS) == len(DenyReason) + len(QualityReason) + len(Note)


def test_who_is_let_in_is_greeted_by_the_first_name_while_the_lock_is_open() -> None:
    view = replace(OPEN, seconds_left=4.2)
    state = display_state([visit(Grant(ADA), ok=True)], view, SIZE, name_of)
    assert (state.mode, state.name, state.seconds_left) == (DisplayMode.GRANTED, "Ada", 5)
    assert display_state([visit(Grant(ADA))], view, SIZE).name is None, "names are off"
    assert display_state([visit(Grant(ADA))], CLOSED, SIZE, name_of).mode is DisplayMode.LOOKING


@pytest.mark.parametrize(
    ("name", "first"), [("Ada Lovelace", "Ada"), ("  Bo ", "Bo"), ("", None), (None, None)]
)
def test_the_first_name_is_the_first_word(name: str | None, first: str | None) -> None:
    assert first_name(name) == first


def test_a_whole_visit_as_the_loop_decides_it() -> None:
    door = Door()

    def state(*stands: Stand) -> DisplayState:
        door.show(*stands)
        view = DoorView("front", door.lock.state())
        return display_state(door.loop.visible, view, picture(stands).shape[1::-1], name_of)

    assert state().mode is DisplayMode.IDLE
    dark = Stand(1, good=False)
    assert [state(dark).message for _ in range(3)][-1] is QualityReason.TOO_DARK
    modes = [state(Stand(1)).mode for _ in range(20)]
    assert (modes[0], modes[-1]) == (DisplayMode.GUIDE, DisplayMode.GRANTED)
    assert state(Stand(1)).name == "Ada"
    for _ in range(10):
        gone = state()
    assert gone.mode is DisplayMode.UNLOCKED, "who was let in goes through"
    door.clock.sleep(10)
    assert state().mode is DisplayMode.IDLE


def test_of_a_stranger_only_the_place_of_the_face_is_shown() -> None:
    door = Door()
    door.watch(Stand(STRANGER), frames=3)

    def refuse(person_id: PersonId) -> str:
        raise AssertionError(f"{person_id} was looked up")

    state = display_state(door.loop.visible, CLOSED, SIZE, refuse)
    assert (state.mode, state.message) == (DisplayMode.DENIED, DenyReason.NOT_RECOGNISED)
    plain = DisplayState("front", DisplayMode.DENIED, DenyReason.NOT_RECOGNISED)
    different = {name for name, value in state.to_record().items() if value != plain.to_record()[name]}
    assert different <= {"face", "fit", "picture_width", "picture_height"}


def test_who_is_let_in_comes_first_then_who_is_asked_then_the_largest() -> None:
    stranger = visit(Deny(DenyReason.NOT_RECOGNISED))
    asked, granted = visit(Deny(DenyReason.NEEDS_PIN)), visit(Grant(ADA))
    assert display_state([stranger, asked, granted], OPEN, SIZE).mode is DisplayMode.GRANTED
    assert display_state([stranger, asked], CLOSED, SIZE).mode is DisplayMode.PIN
    assert display_state([visit(None), stranger], CLOSED, SIZE).mode is DisplayMode.LOOKING


def test_what_was_shown_without_a_face_is_answered() -> None:
    shown = replace(CLOSED, shown=Deny(DenyReason.UNKNOWN_CARD))
    for visits in ([], [visit(None)]):
        assert display_state(visits, shown, SIZE).message is DenyReason.UNKNOWN_CARD
    needs_face = replace(CLOSED, shown=Deny(DenyReason.NEEDS_FACE))
    assert display_state([], needs_face, SIZE).mode is DisplayMode.LOOKING
    by_card = replace(OPEN, shown=Grant(ADA))
    assert display_state([], by_card, SIZE, name_of).name == "Ada"


def test_a_face_that_rests_is_asked_to_wait() -> None:
    tired = visit(Deny(DenyReason.NOT_RECOGNISED))
    tired.resting = True
    state = display_state([tired], CLOSED, SIZE)
    assert (state.mode, state.message) == (DisplayMode.WAIT, Note.REST)


@pytest.mark.parametrize(
    ("view", "mode"),
    [
        (replace(CLOSED, mode=DoorMode.FIRE, fault=DenyReason.CAMERA_FAULT), "fire"),
        (replace(CLOSED, fault=DenyReason.CAMERA_FAULT, held_open=True), "out_of_order"),
        (replace(CLOSED, lock=LockState.JAMMED), "out_of_order"),
        (replace(CLOSED, lock=LockState.UNKNOWN, mode=DoorMode.UNLOCKED), "out_of_order"),
        (replace(OPEN, held_open=True), "held_open"),
        (replace(OPEN, mode=DoorMode.UNLOCKED), "unlocked"),
    ],
)
def test_what_holds_for_everybody_is_shown_whoever_stands_there(view: DoorView, mode: str) -> None:
    for visits in ([], [visit(None)], [visit(Grant(ADA))], [visit(Deny(DenyReason.NEEDS_PIN))]):
        state = display_state(visits, view, SIZE, name_of)
        assert (state.mode, state.name) == (mode, None)


def test_a_picture_that_came_too_late_is_no_fault_of_the_door() -> None:
    late = replace(CLOSED, fault=DenyReason.STALE_FRAME)
    assert display_state([], late, SIZE).mode is DisplayMode.IDLE
    assert display_state([visit(Deny(DenyReason.STALE_FRAME))], late, SIZE).mode is DisplayMode.LOOKING


def test_in_a_lockdown_only_who_still_passes_sees_more_than_the_lockdown() -> None:
    locked, opened = (replace(view, mode=DoorMode.LOCKDOWN) for view in (CLOSED, OPEN))
    assert display_state([], locked, SIZE).mode is DisplayMode.LOCKDOWN
    assert display_state([], opened, SIZE).mode is DisplayMode.LOCKDOWN
    assert display_state([visit(None)], locked, SIZE).mode is DisplayMode.LOCKDOWN
    assert display_state([visit(Deny(DenyReason.NOT_RECOGNISED))], locked, SIZE).mode is DisplayMode.LOCKDOWN
    assert display_state([visit(Deny(DenyReason.NEEDS_PIN))], locked, SIZE).mode is DisplayMode.PIN
    assert display_state([visit(Grant(ADA))], opened, SIZE).mode is DisplayMode.GRANTED


@pytest.mark.parametrize(
    ("panel", "mode", "text"),
    [
        (PanelAnswer(), "wait", ""),
        (PanelAnswer(granted=False, text="AREA ARMED"), "denied", "AREA ARMED"),
        (PanelAnswer(granted=True, text="GOOD MORNING"), "granted", "GOOD MORNING"),
    ],
)
def test_a_panel_has_the_last_word(panel: PanelAnswer, mode: str, text: str) -> None:
    view = replace(CLOSED, panel=panel)
    state = display_state([visit(Grant(ADA))], view, SIZE, name_of)
    assert (state.mode, state.text, state.name) == (mode, text, "Ada" if panel.granted else None)


def test_a_challenge_says_where_to_turn() -> None:
    view = replace(CLOSED, challenge=Direction.LEFT)
    state = display_state([visit(None)], view, SIZE)
    assert (state.mode, state.challenge) == (DisplayMode.CHALLENGE, Direction.LEFT)
    assert display_state([], view, SIZE).challenge is None


def test_the_pad_stays_while_somebody_types_and_the_number_of_digits_is_told_nowhere_else() -> None:
    typing = replace(CLOSED, pin_digits=3)
    in_lockdown = replace(typing, mode=DoorMode.LOCKDOWN)
    for decision in (None, Deny(DenyReason.NEEDS_PIN), Deny(DenyReason.NOT_RECOGNISED)):
        for view in (typing, in_lockdown):
            for visits in ([], [visit(decision)]):
                state = display_state(visits, view, SIZE)
                assert (state.mode, state.pin_digits) == (DisplayMode.PIN, 3)
    fire = replace(typing, mode=DoorMode.FIRE)
    granted = display_state([visit(Grant(ADA))], replace(OPEN, pin_digits=3), SIZE)
    for state in (granted, display_state([], fire, SIZE)):
        assert state.pin_digits == 0


@given(st.integers(0, 500), st.integers(0, 300), st.integers(1, 139), st.integers(1, 179))
def test_the_face_lies_where_it_is_in_the_mirrored_picture(
    left: int, top: int, width: int, height: int
) -> None:
    image = np.zeros((480, 640), np.uint8)
    image[top : top + height, left : left + width] = 1
    rows, columns = np.nonzero(image[:, ::-1])
    state = display_state([visit(None, Box(left, top, left + width, top + height))], CLOSED, SIZE)
    assert state.face is not None
    found = (state.face.left, state.face.right, state.face.top, state.face.bottom)
    expected = (columns.min() / 640, (columns.max() + 1) / 640, rows.min() / 480, (rows.max() + 1) / 480)
    assert found == pytest.approx(expected, abs=0.001)


def test_a_face_that_leaves_the_picture_stays_within_it() -> None:
    state = display_state([visit(None, Box(-50, -20, 700, 500))], CLOSED, SIZE)
    assert state.face == Box(0, 0, 1, 1)
    assert display_state([visit(None)], CLOSED, (0, 0)).face is None


@pytest.mark.parametrize(
    ("box", "ok", "fit"),
    [
        (MIDDLE, None, Fit.GOOD),
        (Box(290, 200, 350, 280), None, Fit.FAR),
        (Box(290, 200, 350, 280), True, Fit.GOOD),
        (Box(100, 10, 540, 470), None, Fit.NEAR),
        (Box(0, 100, 200, 360), None, Fit.ASIDE),
        (Box(0, 100, 200, 360), False, Fit.ASIDE),
    ],
)
def test_the_oval_says_whether_the_face_lies_well(box: Box, ok: bool | None, fit: Fit) -> None:
    assert display_state([visit(None, box, ok=ok)], CLOSED, SIZE).fit is fit


BOXES = st.builds(Box, *[st.floats(0, 1)] * 4)
STATES = st.builds(
    DisplayState,
    door=st.text(),
    mode=st.sampled_from(DisplayMode),
    message=st.none() | st.sampled_from(sorted(MESSAGE_KEYS.values())),
    text=st.text(),
    name=st.none() | st.text(),
    face=st.none() | BOXES,
    fit=st.sampled_from(Fit),
    picture_width=st.integers(0, 4000),
    picture_height=st.integers(0, 4000),
    challenge=st.none() | st.sampled_from(Direction),
    pin_digits=st.integers(0, 12),
    seconds_left=st.none() | st.integers(0, 600),
    time_zone=st.sampled_from(["", "Europe/Berlin"]),
)


@given(STATES)
def test_a_state_survives_json(state: DisplayState) -> None:
    back = DisplayState.from_record(json.loads(json.dumps(state.to_record(), allow_nan=False)))
    assert back == state
    assert type(back.mode) is DisplayMode


@pytest.mark.parametrize(
    "change",
    [{"mode": "party"}, {"message": "hello"}, {"face": {"left": 1}}, {"fit": None}, {"colour": "red"}],
)
def test_what_is_no_state_is_refused(change: dict[str, object]) -> None:
    record = DisplayState("front", DisplayMode.IDLE).to_record()
    with pytest.raises(ValueError, match=r"."):
        DisplayState.from_record(record | change)
    del record["door"]
    with pytest.raises(ValueError, match="no state"):
        DisplayState.from_record(record)


VIEWS = st.builds(
    DoorView,
    door=st.just("front"),
    lock=st.sampled_from(LockState),
    mode=st.sampled_from(DoorMode),
    fault=st.none() | st.sampled_from(DenyReason),
    held_open=st.booleans(),
    shown=st.none() | st.builds(Grant, st.just(ADA)) | st.builds(Deny, st.sampled_from(DenyReason)),
    panel=st.none() | st.builds(PanelAnswer, st.none() | st.booleans(), st.text()),
    challenge=st.none() | st.sampled_from(Direction),
)
VISITS = st.lists(
    st.builds(
        visit, st.none() | st.builds(Grant, st.just(ADA)) | st.builds(Deny, st.sampled_from(DenyReason))
    ),
    max_size=3,
)


@given(VISITS, VIEWS)
def test_nobody_is_welcomed_without_a_grant_and_an_open_door(visits: list[Visit], view: DoorView) -> None:
    state = display_state(visits, view, SIZE, name_of)
    assert (state.name is not None) == (state.mode is DisplayMode.GRANTED)
    if state.mode is DisplayMode.GRANTED:
        assert any(isinstance(each.decision, Grant) for each in visits) or isinstance(view.shown, Grant)
        assert view.lock is not LockState.LOCKED if view.panel is None else view.panel.granted
    if state.face is not None:
        assert state.mode in PICTURE_MODES | {DisplayMode.PIN, DisplayMode.LOCKDOWN, DisplayMode.OUT_OF_ORDER}
