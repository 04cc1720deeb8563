"""The words that a person at the door reads. For operators, `docs/decisions.md` says more."""

from models.domain import ADVICE, Decision, Deny, DenyReason, Grant

REASON_WORDS: dict[DenyReason, str] = {
    DenyReason.NOT_RECOGNISED: "Not recognised",
    DenyReason.AMBIGUOUS: "Too alike to tell two people apart",
    DenyReason.POOR_QUALITY: "The picture is not good enough",
    DenyReason.NOT_ENOUGH_EVIDENCE: "One moment, please",
    DenyReason.NOBODY_ENROLLED: "Nobody is enrolled",
    DenyReason.NOT_ALLOWED_NOW: "Not allowed at this time",
    DenyReason.STALE_FRAME: "The picture came too late",
    DenyReason.CAMERA_FAULT: "The camera is out of order",
    DenyReason.MODEL_FAULT: "The recognition is out of order",
    DenyReason.REGISTER_FAULT: "The register is out of order",
    DenyReason.LOCK_FAULT: "The lock is out of order",
}

GRANTED_WORDS = "The door is open"


def words_of(reason: str) -> str:
    """What an event's reason says to the person at the door."""
    return REASON_WORDS[DenyReason(reason)] if reason in set(DenyReason) else GRANTED_WORDS


def advice_of(decision: Decision | None) -> list[str]:
    """What the person can do, one sentence each."""
    return [ADVICE[reason] for reason in decision.advice] if isinstance(decision, Deny) else []


def headline_of(decision: Decision | None) -> str:
    """The state of one track in a few words."""
    match decision:
        case Grant():
            return GRANTED_WORDS
        case Deny(reason):
            return REASON_WORDS[reason]
        case None:
            return REASON_WORDS[DenyReason.NOT_ENOUGH_EVIDENCE]
