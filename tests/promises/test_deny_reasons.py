"""What the documents promise about decisions."""

import re

from access.faults import REASON_OF, reason_of
from models import errors
from models.domain import Deny, DenyReason, Grant, PersonId
from models.errors import DoorwardError
from models.events import RECOGNISED
from models.messages import headline_for, message_for
from tests.conftest import ROOT


def test_every_reason_is_explained_to_the_operator_and_nothing_else_is() -> None:
    text = (ROOT / "docs" / "reference" / "deny-reasons.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", text.split("## Reasons")[1], flags=re.MULTILINE)
    assert sorted(rows) == sorted(DenyReason)
    assert f"`{RECOGNISED}`" in text


OF_NO_RUNNING_DOOR = (
    errors.ConfigError,
    errors.AlreadyRunningError,
    errors.WeightsError,
    errors.CalibrationError,
    errors.TrainingError,
    errors.DeliveryError,
)


def test_no_failure_of_a_running_door_has_its_reason_by_default() -> None:
    """Whatever is not listed counts as a fault of the model: a new failure needs a row, or a place above."""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DoorwardError)
    ]
    by_default = {kind for kind in kinds if not issubclass(kind, tuple(row for row, _ in REASON_OF[:-1]))}
    for kind in by_default - {DoorwardError}:
        assert issubclass(kind, (errors.ModelError, *OF_NO_RUNNING_DOOR)), kind
    assert reason_of(errors.EmbeddingError("nan")) is DenyReason.MODEL_FAULT
    assert reason_of(errors.StaleFrameError("late")) is DenyReason.STALE_FRAME
    assert reason_of(errors.CameraLostError("gone")) is DenyReason.CAMERA_FAULT


def test_every_reason_has_words_for_the_person_at_the_door() -> None:
    for reason in DenyReason:
        assert headline_for(Deny(reason)) == message_for(reason)
    assert headline_for(Grant(PersonId("a"))) == message_for(RECOGNISED)
    assert headline_for(None) == message_for(DenyReason.NOT_ENOUGH_EVIDENCE)
    assert len({message_for(reason) for reason in DenyReason}) == len(DenyReason)


def test_no_failure_is_shadowed_by_its_parent() -> None:
    for position, (kind, _) in enumerate(REASON_OF):
        assert not any(issubclass(later, kind) for later, _ in REASON_OF[position + 1 :])
