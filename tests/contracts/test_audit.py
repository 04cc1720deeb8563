"""What every audit does: keep each event, whole and in order, before it returns."""

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access.record import Audit, MemoryAudit, RegisterAudit
from models.domain import Box, CheckName, CheckResult, PersonId, Quality, QualityReason
from models.events import DoorEvent
from models.register.register import Register

EVENTS = (
    DoorEvent(
        at=datetime(2026, 11, 2, 12, 0, 0, 250000, tzinfo=UTC),
        door="front",
        clip_s=1.5,
        track=3,
        outcome="granted",
        reason="recognised",
        person_id=PersonId("a" * 32),
        score=0.0,
        runner_up_id=PersonId("b" * 32),
        runner_up_score=-0.25,
        threshold=0.41,
        release="release-1",
        quality=Quality(112, 100, 1, 2, 3, 120, 40, ()),
        frames=3,
        stages_ms={"detect": 4.5},
    ),
    # Earlier by the clock, later in truth: somebody has set the time.
    DoorEvent(
        at=datetime(2026, 11, 1, tzinfo=UTC),
        door="front",
        outcome="fault",
        reason="camera_fault",
        detail="camera device 0 could not be opened",
    ),
    DoorEvent(
        at=datetime(2026, 11, 1, 1, tzinfo=UTC),
        door="front",
        track=4,
        outcome="denied",
        reason="poor_quality",
        advice=(QualityReason.TOO_DARK, QualityReason.BLURRED),
        box=Box(10.5, 20.0, 110.5, 140.0),
        detail="the landmarks of this face fall together",
    ),
    DoorEvent(
        at=datetime(2026, 11, 1, 2, tzinfo=UTC),
        door="front",
        track=3,
        outcome="not_unlocked",
        reason="lock_fault",
        detail="the bolt does not move",
        person_id=PersonId("a" * 32),
        intent_id=1,
    ),
    DoorEvent(
        at=datetime(2026, 11, 1, 3, tzinfo=UTC),
        door="front",
        outcome="denied",
        reason="outside_hours",
        factors=("face", "card"),
        trace=(
            CheckResult(CheckName.RECOGNISED, True, {"score": 0.5}),
            CheckResult(CheckName.SCHEDULE, False, {"schedule": "office", "minute": 1290}),
        ),
    ),
    DoorEvent(
        at=datetime(2026, 11, 1, 4, tzinfo=UTC), door="front", outcome="alarm", reason="duress", silent=True
    ),
)
Reader = Callable[[], list[DoorEvent]]


@pytest.fixture(params=["memory", "register"])
def audit(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Audit, Reader]:
    """An audit, and what somebody who comes later finds in it."""
    if request.param == "memory":
        memory = MemoryAudit()
        return memory, lambda: list(memory.events)
    register = Register.open(tmp_path / "register.sqlite", bytes(32))
    request.addfinalizer(register.close)

    def read() -> list[DoorEvent]:
        with Register.open(tmp_path / "register.sqlite", bytes(32)) as other:
            return list(other.events(silent=True))

    return RegisterAudit(register), read


def test_events_are_readable_whole_and_in_order_once_append_returns(audit: tuple[Audit, Reader]) -> None:
    kept, read = audit
    assert read() == []
    written = []
    for number, event in enumerate(EVENTS, start=1):
        written.append(kept.append(event))
        assert written[-1] == replace(event, event_id=number)
        assert read() == written


def test_the_events_have_every_field() -> None:
    """So that a field that is not stored is noticed: each has another value than its default somewhere."""
    kept_apart = {"event_id", "seq", "written"}  # given by the register; an event that it has was written
    for field in fields(DoorEvent):
        if field.default is not MISSING and field.name not in kept_apart:
            assert any(getattr(event, field.name) != field.default for event in EVENTS), field.name
