"""Every reason, advice and state has one sentence, and a reason that nobody knows has none."""

import pytest

from models.domain import Deny, DenyReason, Grant, LockState, PersonId, QualityReason
from models.events import RECOGNISED
from models.messages import (
    ADVICE_MESSAGE,
    GRANTED_MESSAGE,
    LOCK_MESSAGE,
    PICTURE_MESSAGE,
    REASON_MESSAGE,
    advice_for,
    headline_for,
    message_for,
    picture_message,
)


@pytest.mark.parametrize("reason", ["anything", "", "granted", "RECOGNISED"])
def test_an_unknown_reason_is_an_error_and_never_says_that_the_door_is_open(reason: str) -> None:
    with pytest.raises(ValueError, match="DenyReason"):
        message_for(reason)


def test_a_grant_alone_says_that_the_door_is_open() -> None:
    assert message_for(RECOGNISED) == GRANTED_MESSAGE == headline_for(Grant(PersonId("a")))
    assert GRANTED_MESSAGE not in REASON_MESSAGE.values()


def test_nothing_is_left_without_its_own_sentence() -> None:
    for messages, members in (
        (REASON_MESSAGE, DenyReason),
        (ADVICE_MESSAGE, QualityReason),
        (PICTURE_MESSAGE, QualityReason),
        (LOCK_MESSAGE, LockState),
    ):
        assert set(messages) == set(members)
        assert len(set(messages.values())) == len(messages)


def test_advice_is_for_denials() -> None:
    reasons = (QualityReason.BLURRED, QualityReason.TOO_DARK)
    denied = Deny(DenyReason.POOR_QUALITY, reasons)
    assert advice_for(denied) == [ADVICE_MESSAGE[reason] for reason in reasons]
    assert advice_for(Grant(PersonId("a"))) == advice_for(None) == []
    assert picture_message(reasons) == "the face is blurred, the face is too dark"
