"""`display_state`: what the screen beside the door shows, from what the door knows; `DisplayState` is that.

A state names what to say by a `MessageKey`; `access.display.catalogue` has the words of each language. Of
strangers it holds where the face is and nothing else: no name, no score, no number.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from models.domain import Box, Decision, Deny, DenyReason, Grant, LockState, PersonId, QualityReason
from models.rules.door_mode import DoorMode

if TYPE_CHECKING:  # the display's own process needs no recognition
    from access.visit import Visit


class DisplayMode(StrEnum):
    """What the screen is about. The page has a colour, a sign and words for each."""

    IDLE = "idle"
    LOOKING = "looking"
    GUIDE = "guide"
    PIN = "pin"
    CARD = "card"
    CHALLENGE = "challenge"
    GRANTED = "granted"
    DENIED = "denied"
    WAIT = "wait"
    UNLOCKED = "unlocked"
    HELD_OPEN = "held_open"
    LOCKDOWN = "lockdown"
    FIRE = "fire"
    OUT_OF_ORDER = "out_of_order"


class Note(StrEnum):
    """What the screen says that is neither a `DenyReason` nor advice about the picture."""

    LOOK_HERE = "look_here"
    COME_IN = "come_in"
    REST = "rest"
    ASK_PANEL = "ask_panel"
    REFUSED_BY_PANEL = "refused_by_panel"
    FOLLOW = "follow"
    OPEN_TO_ALL = "open_to_all"
    CLOSE_DOOR = "close_door"
    LEAVE_BY_DOOR = "leave_by_door"
    NO_ANSWER = "no_answer"


MessageKey = DenyReason | QualityReason | Note
MESSAGE_KEYS: Mapping[str, MessageKey] = {
    str(key): key for kind in (DenyReason, QualityReason, Note) for key in kind
}
"""Every message by its name; the names of the three kinds differ."""


class Direction(StrEnum):
    """Where a person is asked to turn the head, as the person sees it in the mirrored picture."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


class Fit(StrEnum):
    """How the face lies in the picture, for the oval that guides."""

    NONE = "none"
    FAR = "far"
    NEAR = "near"
    ASIDE = "aside"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class PanelAnswer:
    """What an access control panel says about a card number that this door sent it (peripheral mode).

    Attributes:
        granted: None while it has not answered.
        text: for the person, as the panel sent it; empty for none.
    """

    granted: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class DoorView:
    """What a display needs of a door, besides who is in front of it.

    Attributes:
        door: its name.
        lock: what the lock says of itself.
        mode: how the door works at present.
        time_zone: IANA name for the clock; empty for the machine's.
        fault: why nobody can be judged now, such as a camera that is away; None when all is well.
        held_open: True while the door stands open for too long.
        shown: the decision on what was shown without a face (a card, a PIN); None when there is none.
        panel: what the panel decides, in peripheral mode after this door's own grant; else None.
        challenge: where the head is to be turned now; None without a challenge.
        pin_digits: digits entered so far.
        seconds_left: until what is shown ends: to enter the PIN, to wait, to go in; None without a limit.
    """

    door: str
    lock: LockState
    mode: DoorMode = DoorMode.LOCKED
    time_zone: str = ""
    fault: DenyReason | None = None
    held_open: bool = False
    shown: Decision | None = None
    panel: PanelAnswer | None = None
    challenge: Direction | None = None
    pin_digits: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class DisplayState:
    """What the screen shows.

    Attributes:
        door: the door's name.
        mode: what it is about.
        message: what to say; None where the mode says it all.
        text: words of an access control panel, said in place of the message; mostly empty.
        name: the first name of the person who is let in; None for everybody else.
        face: the face's box in the mirrored picture, as shares of its width and height, in [0, 1]; None
            without a face.
        fit: how the face lies in the picture.
        picture_width, picture_height: of the camera's picture, in pixels; 0 without one.
        challenge: where to turn the head.
        pin_digits: digits entered so far; which ones stays in the door.
        seconds_left: whole seconds until it ends, rounded up; None without a limit.
        time_zone: IANA name for the clock; empty for the machine's.
    """

    door: str
    mode: DisplayMode
    message: MessageKey | None = None
    text: str = ""
    name: str | None = None
    face: Box | None = None
    fit: Fit = Fit.NONE
    picture_width: int = 0
    picture_height: int = 0
    challenge: Direction | None = None
    pin_digits: int = 0
    seconds_left: int | None = None
    time_zone: str = ""

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values by field name."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The state that `to_record` made this of.

        Raises:
            ValueError: it is no such record.
        """
        try:
            message, challenge, face = record["message"], record["challenge"], record["face"]
            return cls(
                **{
                    **record,
                    "mode": DisplayMode(record["mode"]),
                    "message": None if message is None else MESSAGE_KEYS[message],
                    "face": None if face is None else Box(**face),
                    "fit": Fit(record["fit"]),
                    "challenge": None if challenge is None else Direction(challenge),
                }
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"this is no state of a display: {error}") from error


MODE_OF: dict[DenyReason, DisplayMode] = {
    DenyReason.NOT_RECOGNISED: DisplayMode.DENIED,
    DenyReason.AMBIGUOUS: DisplayMode.DENIED,
    DenyReason.POOR_QUALITY: DisplayMode.GUIDE,
    DenyReason.NOT_ENOUGH_EVIDENCE: DisplayMode.LOOKING,
    DenyReason.NOBODY_ENROLLED: DisplayMode.DENIED,
    DenyReason.STALE_FRAME: DisplayMode.LOOKING,
    DenyReason.CAMERA_FAULT: DisplayMode.OUT_OF_ORDER,
    DenyReason.MODEL_FAULT: DisplayMode.OUT_OF_ORDER,
    DenyReason.REGISTER_FAULT: DisplayMode.OUT_OF_ORDER,
    DenyReason.LOCK_FAULT: DisplayMode.OUT_OF_ORDER,
    DenyReason.LOCKDOWN: DisplayMode.LOCKDOWN,
    DenyReason.SUSPENDED: DisplayMode.DENIED,
    DenyReason.NOT_YET_VALID: DisplayMode.DENIED,
    DenyReason.EXPIRED: DisplayMode.DENIED,
    DenyReason.LOCKED_OUT: DisplayMode.WAIT,
    DenyReason.ANTI_PASSBACK: DisplayMode.DENIED,
    DenyReason.NO_RULE: DisplayMode.DENIED,
    DenyReason.OUTSIDE_HOURS: DisplayMode.DENIED,
    DenyReason.NEEDS_PIN: DisplayMode.PIN,
    DenyReason.NEEDS_CARD: DisplayMode.CARD,
    DenyReason.NEEDS_FACE: DisplayMode.LOOKING,
    DenyReason.NEEDS_SECOND_PERSON: DisplayMode.WAIT,
    DenyReason.WRONG_PIN: DisplayMode.PIN,
    DenyReason.UNKNOWN_CARD: DisplayMode.DENIED,
    DenyReason.CARD_OF_ANOTHER: DisplayMode.DENIED,
}
"""The mode in which each denial is shown."""

PROMPTS = frozenset({DisplayMode.PIN, DisplayMode.CARD})
PICTURE_MODES = frozenset(
    {
        DisplayMode.LOOKING,
        DisplayMode.GUIDE,
        DisplayMode.CARD,
        DisplayMode.CHALLENGE,
        DisplayMode.GRANTED,
        DisplayMode.DENIED,
        DisplayMode.WAIT,
    }
)
"""Modes that show the live picture; in all others none is sent to the display."""

BROKEN_LOCKS = frozenset({LockState.UNKNOWN, LockState.JAMMED})
FAR_HEIGHT, NEAR_HEIGHT = 0.3, 0.85
"""A face whose box is lower or higher than this share of the picture's height is far or near."""
ASIDE = 0.22
"""A face whose middle is further than this share of the picture from the oval's is aside."""
OVAL_CENTRE = (0.5, 0.48)


def display_state(
    visits: Sequence["Visit"],
    view: DoorView,
    size: tuple[int, int],
    name_of: Callable[[PersonId], str | None] = lambda _person_id: None,
) -> DisplayState:
    """What the screen shows.

    Args:
        visits: who is in the latest picture, the largest face first.
        view: what is known of the door.
        size: width and height of the picture in pixels; (0, 0) without one.
        name_of: the name of a person who is let in, of which the first word is shown; None shows none.
    """
    fixed = _of_door(view)
    if fixed is not None:
        mode, message = fixed
        return _state(view, mode, message)
    visit = _shown_visit(visits, view)
    decision = view.shown if visit is None else visit.decision
    if isinstance(decision, Grant):
        return _granted(view, visit, size, name_of(decision.person_id))
    if view.pin_digits > 0:  # whoever types keeps the pad, though the face be bent over it
        return _state(view, DisplayMode.PIN, DenyReason.NEEDS_PIN)
    if visit is None and view.shown is None:
        return _at_rest(view)
    mode, message = _of_person(decision, visit, view)
    if view.mode is DoorMode.LOCKDOWN and mode not in PROMPTS:
        return _state(view, DisplayMode.LOCKDOWN, DenyReason.LOCKDOWN)
    return _state(view, mode, message, visit=visit, size=size)


def first_name(name: str | None) -> str | None:
    """The first word of a name; None for none."""
    words = (name or "").split()
    return words[0] if words else None


def _of_door(view: DoorView) -> tuple[DisplayMode, MessageKey] | None:
    """What is shown whoever stands there; None when it depends on that."""
    if view.mode is DoorMode.FIRE:
        return DisplayMode.FIRE, Note.LEAVE_BY_DOOR
    if view.fault is not None and MODE_OF[view.fault] is DisplayMode.OUT_OF_ORDER:  # a late picture is none
        return DisplayMode.OUT_OF_ORDER, view.fault
    if view.lock in BROKEN_LOCKS:
        return DisplayMode.OUT_OF_ORDER, DenyReason.LOCK_FAULT
    if view.held_open:
        return DisplayMode.HELD_OPEN, Note.CLOSE_DOOR
    if view.mode is DoorMode.UNLOCKED:
        return DisplayMode.UNLOCKED, Note.OPEN_TO_ALL
    return None


def _shown_visit(visits: Sequence["Visit"], view: DoorView) -> "Visit | None":
    """Whose turn the screen is about: who is let in, then who is asked for something, then the largest.

    What was shown without a face comes before faces that nothing is asked of.
    """
    granted = [visit for visit in visits if isinstance(visit.decision, Grant)]
    asked = [
        visit
        for visit in visits
        if isinstance(visit.decision, Deny) and MODE_OF[visit.decision.reason] in PROMPTS
    ]
    others = [] if view.shown is not None else list(visits)
    return next(iter([*granted, *asked, *others]), None)


def _at_rest(view: DoorView) -> DisplayState:
    """Nobody is there."""
    if view.mode is DoorMode.LOCKDOWN:
        return _state(view, DisplayMode.LOCKDOWN, DenyReason.LOCKDOWN)
    if view.lock is not LockState.LOCKED:  # somebody was let in and is going through, or leaves
        return _state(view, DisplayMode.UNLOCKED, Note.OPEN_TO_ALL)
    return _state(view, DisplayMode.IDLE, None)


def _granted(view: DoorView, visit: "Visit | None", size: tuple[int, int], name: str | None) -> DisplayState:
    """Somebody is let in; a panel that has the last word is heard first, and the lock is believed."""
    if view.panel is not None and view.panel.granted is not True:
        refused = view.panel.granted is False
        mode = DisplayMode.DENIED if refused else DisplayMode.WAIT
        message = Note.REFUSED_BY_PANEL if refused else Note.ASK_PANEL
        return _state(view, mode, message, visit=visit, size=size, text=view.panel.text)
    text = "" if view.panel is None else view.panel.text
    if view.panel is None and view.lock is LockState.LOCKED:  # the time to go in is over
        return _state(view, DisplayMode.LOOKING, Note.LOOK_HERE, visit=visit, size=size)
    return _state(
        view, DisplayMode.GRANTED, Note.COME_IN, visit=visit, size=size, text=text, name=first_name(name)
    )


def _of_person(
    decision: Decision | None, visit: "Visit | None", view: DoorView
) -> tuple[DisplayMode, MessageKey]:
    """What is said to somebody who is not let in, or not yet."""
    if visit is not None and visit.resting:
        return DisplayMode.WAIT, Note.REST
    if view.challenge is not None:
        return DisplayMode.CHALLENGE, Note.FOLLOW
    if not isinstance(decision, Deny):
        return DisplayMode.LOOKING, Note.LOOK_HERE
    if decision.reason is DenyReason.POOR_QUALITY and decision.advice:
        return DisplayMode.GUIDE, decision.advice[0]
    return MODE_OF[decision.reason], decision.reason


def _state(
    view: DoorView,
    mode: DisplayMode,
    message: MessageKey | None,
    *,
    visit: "Visit | None" = None,
    size: tuple[int, int] = (0, 0),
    text: str = "",
    name: str | None = None,
) -> DisplayState:
    face = _mirrored(visit.face.box, size) if visit is not None and min(size) > 0 else None
    left = view.seconds_left
    return DisplayState(
        door=view.door,
        mode=mode,
        message=message,
        text=text,
        name=name,
        face=face,
        fit=Fit.NONE if visit is None or face is None else _fit(face, visit),
        picture_width=size[0],
        picture_height=size[1],
        challenge=view.challenge if mode is DisplayMode.CHALLENGE else None,
        pin_digits=view.pin_digits if mode is DisplayMode.PIN else 0,
        seconds_left=None if left is None else max(0, math.ceil(left)),
        time_zone=view.time_zone,
    )


def _mirrored(box: Box, size: tuple[int, int]) -> Box:
    """The box in the mirrored picture, as shares of its sides, to three places so that it rarely changes."""
    width, height = size

    def share(value: float) -> float:
        return round(min(max(value, 0.0), 1.0), 3)

    return Box(
        share(1 - box.right / width),
        share(box.top / height),
        share(1 - box.left / width),
        share(box.bottom / height),
    )


def _fit(face: Box, visit: "Visit") -> Fit:
    """How a face, in shares of the picture, lies in it; one that passed the quality checks lies well."""
    if visit.quality is not None and visit.quality.ok:
        return Fit.GOOD
    if face.height < FAR_HEIGHT:
        return Fit.FAR
    if face.height > NEAR_HEIGHT:
        return Fit.NEAR
    across = abs((face.left + face.right) / 2 - OVAL_CENTRE[0])
    down = abs((face.top + face.bottom) / 2 - OVAL_CENTRE[1])
    return Fit.ASIDE if max(across, down) > ASIDE else Fit.GOOD
