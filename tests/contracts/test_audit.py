"""What every audit does: keep each event, whole and in order, before it returns."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from access.audit import Audit, MemoryAudit, RegisterAudit
from access.events import DoorEvent
from models.domain import PersonId, Quality
from models.register.register import Register

EVENTS = (
    DoorEvent(
        at=datetime(2026, 11, 2, 12, 0, 0, 250000, tzinfo=UTC),
        captured_at_s=1.5,
        track=3,
        outcome="granted",
        reason="recognised",
        person_id=PersonId("a" * 32),
        score=0.0,
        runner_up=PersonId("b" * 32),
        runner_up_score=-0.25,
        threshold=0.41,
        release="release-1",
        quality=Quality(112, 100, 1, 2, 3, 120, 40, ()),
        frames=3,
        stages_ms={"detect": 4.5},
    ),
    # Earlier by the clock, later in truth: somebody has set the time.
    DoorEvent(datetime(2026, 11, 1, tzinfo=UTC), 2.0, None, "fault", "camera_fault"),
)
KEPT = ("at", "track", "outcome", "reason", "person_id", "score", "runner_up", "runner_up_score", "threshold")

Reader = Callable[[], list[tuple[object, ...]]]


def parts_of(event: object) -> tuple[object, ...]:
    return tuple(getattr(event, name) for name in (*KEPT, "release", "frames", "stages_ms"))


@pytest.fixture(params=["memory", "register"])
def audit(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Audit, Reader]:
    """An audit, and what somebody who comes later finds in it."""
    if request.param == "memory":
        memory = MemoryAudit()
        return memory, lambda: [parts_of(event) for event in memory.events]
    register = Register.open(tmp_path / "register.sqlite", bytes(32))
    request.addfinalizer(register.close)

    def read() -> list[tuple[object, ...]]:
        with Register.open(tmp_path / "register.sqlite", bytes(32)) as other:
            return [parts_of(event) for event in other.events()]

    return RegisterAudit(register, "front"), read


def test_events_are_there_when_append_returns_whole_and_in_order(audit: tuple[Audit, Reader]) -> None:
    kept, read = audit
    assert read() == []
    for count, event in enumerate(EVENTS, start=1):
        kept.append(event)
        assert read() == [parts_of(event) for event in EVENTS[:count]]
