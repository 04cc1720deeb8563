"""What a door counts and measures, against the events it was made of and the documentation."""

import re
from collections import Counter
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from access.hardware.driver import LockDriver
from access.hardware.simulated import SimulatedLock
from access.health import SILENCE_S, Health
from access.metrics import KioskMetrics, Readings
from models.clock import SimulatedClock
from models.domain import LockState
from models.errors import CameraLostError, RegisterError
from models.events import DoorEvent
from tests.access.door import ADA, BOB, STRANGER, Door, Stand
from tests.conftest import ROOT
from tests.door_events import door_event

PAGE = ROOT / "docs" / "reference" / "metrics.md"


class Register:
    """Says its revisions, or that it cannot be read."""

    def __init__(self) -> None:
        self.error: RegisterError | None = None

    def revisions(self) -> Mapping[str, int]:
        if self.error is not None:
            raise self.error
        return {"gallery": 7, "rules": 3}


@pytest.fixture
def register() -> Register:
    return Register()


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def readings(door: Door, register: Register) -> Readings:
    return Readings(door.lock, register.revisions, lambda: 4)


@pytest.fixture
def metrics(door: Door, readings: Readings) -> KioskMetrics:
    return KioskMetrics("front", door.clock, readings)


def samples(metrics: KioskMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every value by name and labels; `door` is left out."""
    found = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "door"))
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def watch(door: Door, metrics: KioskMetrics, *stands: Stand, frames: int) -> list[DoorEvent]:
    events = []
    for _ in range(frames):
        happened = door.show(*stands)
        metrics.count(happened)
        metrics.turn()
        events += happened
    return events


def test_events_and_frames_are_counted(door: Door, metrics: KioskMetrics) -> None:
    events = watch(door, metrics, Stand(1), frames=5)
    events += watch(door, metrics, Stand(STRANGER, left=300), frames=30)
    events += watch(door, metrics, frames=10)
    fault = door.loop.fault(CameraLostError("gone"))
    metrics.count(fault)
    expected = Counter((event.outcome, str(event.reason)) for event in events + fault)
    assert set(expected) >= {("granted", "recognised"), ("unlocked", "recognised"), ("fault", "camera_fault")}
    found = samples(metrics)
    counted = {
        (dict(labels)["outcome"], dict(labels)["reason"]): value
        for (name, labels), value in found.items()
        if name == "doorward_events_total"
    }
    assert counted == expected
    assert found["doorward_frames_total", ()] == 45


def test_stages_and_the_time_to_the_lock_are_measured(door: Door, metrics: KioskMetrics) -> None:
    taken_s = door.clock.monotonic_s()
    door.clock.sleep(0.4)
    metrics.count(
        [
            door_event(stages_ms={"detect": 20.0, "embed": 7.0}),
            door_event(stages_ms={"detect": 2.0}),
            door_event(outcome="unlocked", reason="recognised", intent_id=1, clip_s=taken_s, stages_ms={}),
        ]
    )
    found = samples(metrics)
    assert found["doorward_stage_seconds_count", (("stage", "detect"),)] == 2
    assert found["doorward_stage_seconds_sum", (("stage", "detect"),)] == pytest.approx(0.022)
    assert found["doorward_stage_seconds_bucket", (("le", "0.005"), ("stage", "detect"))] == 1
    assert found["doorward_stage_seconds_bucket", (("le", "0.025"), ("stage", "detect"))] == 2
    assert found["doorward_unlock_seconds_count", ()] == 1
    assert found["doorward_unlock_seconds_sum", ()] == pytest.approx(0.4)


def test_the_door_is_looked_up_at_each_request(door: Door, metrics: KioskMetrics) -> None:
    assert ("doorward_camera_age_seconds", ()) not in samples(metrics)
    metrics.turn()
    door.clock.sleep(3.0)
    before = samples(metrics)
    door.lock.unlock(5.0)
    after = samples(metrics)
    for state in LockState:
        assert before["doorward_lock_state", (("state", state),)] == (state is LockState.LOCKED)
        assert after["doorward_lock_state", (("state", state),)] == (state is LockState.UNLOCKED)
    assert after["doorward_door_contact", (("state", "none"),)] == 1
    assert after["doorward_door_input", (("input", "fire"),)] == 0
    assert after["doorward_camera_age_seconds", ()] == pytest.approx(3.0)
    assert after["doorward_revision", (("part", "gallery"),)] == 7
    assert after["doorward_revision", (("part", "rules"),)] == 3
    assert after["doorward_unsent_events", ()] == 4
    assert after["process_resident_memory_bytes", ()] > 1e6


def test_what_cannot_be_read_is_left_out_and_the_rest_is_there(
    metrics: KioskMetrics, register: Register
) -> None:
    register.error = RegisterError("the disk is full: free some space")
    metrics.turn("camera_lost")
    found = samples(metrics)
    assert not [name for name, _ in found if name == "doorward_revision"]
    assert found["doorward_failing", (("reason", "camera_lost"),)] == 1
    metrics.turn()
    assert not [name for name, _ in samples(metrics) if name == "doorward_failing"]


def test_no_person_and_no_silent_alarm_is_in_the_metrics(door: Door, metrics: KioskMetrics) -> None:
    watch(door, metrics, Stand(1), Stand(2, left=300), frames=10)
    metrics.count([door_event(outcome="alarm", reason="duress", intent_id=1, silent=True, stages_ms={})])
    text = metrics.render().decode()
    assert "granted" in text
    assert not [each for each in (ADA, BOB, "duress", "score") if each in text]


def test_two_doors_of_one_process_have_metrics_of_their_own() -> None:
    clock = SimulatedClock()
    front, side = (
        KioskMetrics(door, clock, Readings(SimulatedLock(clock), lambda: {"gallery": 1}))
        for door in ("front", "side")
    )
    front.turn()
    assert 'doorward_frames_total{door="front"} 1.0' in front.render().decode()
    assert 'doorward_frames_total{door="side"} 0.0' in side.render().decode()


def test_every_metric_is_listed_with_its_labels(door: Door, metrics: KioskMetrics) -> None:
    watch(door, metrics, Stand(1), frames=5)
    metrics.turn("camera_lost")
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels[name] = {label for sample in family.samples for label in sample.labels} - {"le"}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| \S", PAGE.read_text(), flags=re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", listed)) for name, _, listed in rows} == labels


def test_a_door_is_healthy_only_while_every_part_works(door: Door, register: Register) -> None:
    later = SimulatedClock()
    lock = LockDriver(door.lock, door.clock)
    readings = Readings(lock, register.revisions)
    metrics = KioskMetrics("front", door.clock, readings)
    health = Health(metrics, readings, door.clock)

    def wrong() -> dict[str, str]:
        healthy, record = health.record()
        found = {name: check["detail"] for name, check in record["checks"].items() if not check["ok"]}
        assert healthy == record["healthy"] == (not found)
        return found

    lock.lock()  # by now the driver has looked at the lock
    assert wrong() == {"loop": "no_picture_yet"}
    metrics.turn()
    assert wrong() == {}
    metrics.turn("camera_lost")
    assert wrong() == {"loop": "camera_lost"}
    metrics.turn()
    silent = Health(metrics, readings, later)
    later.sleep(SILENCE_S + 0.1)
    assert silent.checks()["loop"].detail == "hangs"
    register.error = RegisterError("the disk is full: free some space")
    assert wrong() == {"register": "register_error"}
    register.error = None
    lock.close()
    assert wrong() == {"lock": "lock_unknown"}
