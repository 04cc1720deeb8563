"""Every sentence that Doorward says about a decision: reasons, advice, states of the lock.

`message_for` and `headline_for` are for the person at the door, `picture_message` for an operator.
docs/reference/deny-reasons.md says more, for operators.
"""

from models.domain import Decision, Deny, DenyReason, Grant, LockState, QualityReason
from models.events import RECOGNISED, AlarmReason, NoticeReason

REASON_MESSAGE: dict[DenyReason, str] = {
    DenyReason.NOT_RECOGNISED: "Not recognised",
    DenyReason.AMBIGUOUS: "Too alike to tell two people apart",
    DenyReason.POOR_QUALITY: "The picture is not good enough",
    DenyReason.NOT_ENOUGH_EVIDENCE: "One moment, please",
    DenyReason.NOBODY_ENROLLED: "Nobody is enrolled",
    DenyReason.STALE_FRAME: "The picture came too late",
    DenyReason.CAMERA_FAULT: "The camera is out of order",
    DenyReason.MODEL_FAULT: "The recognition is out of order",
    DenyReason.REGISTER_FAULT: "The register is out of order",
    DenyReason.LOCK_FAULT: "The lock is out of order",
    DenyReason.LOCKDOWN: "This door is locked down",
    DenyReason.SUSPENDED: "Your access is suspended",
    DenyReason.NOT_YET_VALID: "Your access has not begun yet",
    DenyReason.EXPIRED: "Your access has ended",
    DenyReason.LOCKED_OUT: "Too many attempts: please wait",
    DenyReason.ANTI_PASSBACK: "You are inside already",
    DenyReason.NO_RULE: "You may not use this door",
    DenyReason.OUTSIDE_HOURS: "You may not use this door now",
    DenyReason.NEEDS_PIN: "Please enter your PIN",
    DenyReason.NEEDS_CARD: "Please hold your card to the reader",
    DenyReason.NEEDS_FACE: "Please look at the camera",
    DenyReason.NEEDS_SECOND_PERSON: "A second person is needed",
    DenyReason.WRONG_PIN: "Wrong PIN",
    DenyReason.UNKNOWN_CARD: "Unknown card",
    DenyReason.CARD_OF_ANOTHER: "This card belongs to somebody else",
}
ALARM_MESSAGE: dict[AlarmReason, str] = {
    AlarmReason.DOOR_FORCED: "Door opened without a grant",
    AlarmReason.DOOR_HELD_OPEN: "Door held open",
    AlarmReason.LOCK_JAMMED: "Lock is jammed",
    AlarmReason.LOCK_UNKNOWN: "Lock does not answer",
    AlarmReason.HARDWARE_OFFLINE: "Door hardware does not answer",
    AlarmReason.TAMPER: "Housing opened",
    AlarmReason.DURESS: "Duress PIN entered",
    AlarmReason.ENTERED_TWICE: "Entered twice without leaving",
    AlarmReason.READER_OFFLINE: "Card reader does not answer",
}
NOTICE_MESSAGE: dict[NoticeReason, str] = {
    NoticeReason.ENTERED: "Went in",
    NoticeReason.DID_NOT_ENTER: "Did not go in",
    NoticeReason.EXIT_REQUEST: "Exit requested",
    NoticeReason.LOCKDOWN_STARTED: "Lockdown begins",
    NoticeReason.LOCKDOWN_ENDED: "Lockdown ends",
    NoticeReason.FIRE_RELEASE_STARTED: "Released because of fire",
    NoticeReason.FIRE_RELEASE_ENDED: "Fire release ends",
    NoticeReason.UNLOCKED_BY_SCHEDULE: "Unlocked by schedule",
    NoticeReason.LOCKED_BY_SCHEDULE: "Locked by schedule",
    NoticeReason.KIOSK_STARTED: "Kiosk started",
    NoticeReason.KIOSK_STOPPED: "Kiosk stopped",
    NoticeReason.REGISTER_CHANGED: "Register changed",
}
GRANTED_MESSAGE = "The door is open"
RESTING_MESSAGE = "Please wait a minute, then try again"
"""To a person who was judged for long without being recognised."""

ADVICE_MESSAGE: dict[QualityReason, str] = {
    QualityReason.TOO_SMALL: "Come closer to the camera.",
    QualityReason.BLURRED: "Hold still for a moment.",
    QualityReason.TURNED_AWAY: "Look straight at the camera.",
    QualityReason.TILTED: "Hold your head upright.",
    QualityReason.TOO_DARK: "There is too little light on your face.",
    QualityReason.TOO_BRIGHT: "There is too much light on your face.",
    QualityReason.LOW_CONTRAST: "The picture is too flat: wipe the lens or change the light.",
    QualityReason.CUT_OFF: "Your face is not fully in the picture: step to the middle.",
    QualityReason.OCCLUDED: "Something covers your face: take it off, please.",
}
"""To the person in front of a camera."""

PICTURE_MESSAGE: dict[QualityReason, str] = {
    QualityReason.TOO_SMALL: "the face is too small",
    QualityReason.BLURRED: "the face is blurred",
    QualityReason.TURNED_AWAY: "the face is turned away",
    QualityReason.TILTED: "the head is tilted",
    QualityReason.TOO_DARK: "the face is too dark",
    QualityReason.TOO_BRIGHT: "the face is too bright",
    QualityReason.LOW_CONTRAST: "the picture has too little contrast",
    QualityReason.CUT_OFF: "the face is cut off at the edge of the picture",
    QualityReason.OCCLUDED: "eyes or mouth show too little detail (covered, or not sharp)",
}
"""To an operator who has the picture as a file."""

LOCK_MESSAGE: dict[LockState, str] = {
    LockState.LOCKED: "Locked",
    LockState.UNLOCKED: "Unlocked",
    LockState.HELD_UNLOCKED: "Held unlocked",
    LockState.UNKNOWN: "Lock does not answer",
    LockState.JAMMED: "Lock is jammed",
}


def message_for(reason: str) -> str:
    """What an event's reason says, to the person at the door or, of alarms and notices, to the operator.

    Raises:
        ValueError: it is no reason of an event.
    """
    if reason == RECOGNISED:
        return GRANTED_MESSAGE
    if reason in set(NoticeReason):
        return NOTICE_MESSAGE[NoticeReason(reason)]
    if reason in set(AlarmReason):
        return ALARM_MESSAGE[AlarmReason(reason)]
    return REASON_MESSAGE[DenyReason(reason)]


def advice_for(decision: Decision | None) -> list[str]:
    """What the person can do, one sentence each."""
    return [ADVICE_MESSAGE[reason] for reason in decision.advice] if isinstance(decision, Deny) else []


def headline_for(decision: Decision | None) -> str:
    """The state of one track in a few words."""
    match decision:
        case Grant():
            return GRANTED_MESSAGE
        case Deny(reason):
            return REASON_MESSAGE[reason]
        case None:
            return REASON_MESSAGE[DenyReason.NOT_ENOUGH_EVIDENCE]


def picture_message(reasons: tuple[QualityReason, ...]) -> str:
    """What is wrong with a picture of a face, in one clause for an operator."""
    return ", ".join(PICTURE_MESSAGE[reason] for reason in reasons)
