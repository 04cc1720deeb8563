"""Locked out while the door is watched: a real register, changed by somebody else, and the real watch."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from access.record import RegisterAudit
from access.site_watch import SiteWatch
from models.clock import SystemClock
from models.domain import FaceCrop, LockState, PersonId
from models.errors import RegisterTamperedError
from models.events import DoorEvent
from models.gallery.gallery import Gallery
from models.register.access_records import AccessSnapshot
from models.register.records import EnrolledFace, PersonStatus
from models.register.register import Register
from models.rules.policy import EVERY_DOOR, OPEN_SITE, LockdownPlan
from models.site import SiteView
from tests.access.door import LET_IN, MODEL, ColourEncoder, Door, FailingAudit, Stand, vector_of, view_of

WITHIN_S = 3.0
KEY = bytes(32)


class WrittenAudit(FailingAudit):
    """Writes into a register what it remembers."""

    def __init__(self, register: Register) -> None:
        super().__init__()
        self._written = RegisterAudit(register)

    def append(self, event: DoorEvent) -> DoorEvent:
        super().append(event)
        return self._written.append(event)


class WatchedDoor(Door):
    """A door that knows what its register says."""

    site: Callable[[], SiteView]
    rules: Callable[[], AccessSnapshot]

    def _access(self) -> AccessSnapshot:
        return self.rules()

    def _current(self) -> SiteView:
        return self.site()


def enrol(register: Register, name: str, who: int) -> PersonId:
    crop = FaceCrop(np.full((112, 112, 3), who, np.uint8))
    return register.add_person(name, [EnrolledFace(crop, vector_of(who))], "I agree.").person_id


def load_view(register: Register) -> SiteView:
    found = register.snapshot("release-1", MODEL)
    gallery = Gallery.build(found.templates, MODEL)
    access = register.access_snapshot()
    return view_of(found.gallery_revision, ColourEncoder(), gallery, access=access)


class RegisterSite:
    """A site of a register, without its networks."""

    def __init__(self, register: Register) -> None:
        self.gallery_revision, self.rules_revision = register.gallery_revision, register.rules_revision
        self.view, self.access = lambda: load_view(register), register.access_snapshot


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Register]:
    """The register as another program has it open."""
    with Register.open(tmp_path / "register.sqlite", KEY) as opened:
        yield opened


@pytest.fixture
def watched(tmp_path: Path, desk: Register) -> Iterator[tuple[WatchedDoor, SiteWatch, PersonId]]:
    ada = enrol(desk, "Ada", 1)
    enrol(desk, "Bob", 2)
    with (
        Register.open(tmp_path / "register.sqlite", KEY) as register,
        SiteWatch(RegisterSite(register), SystemClock()) as watch,
    ):
        door = WatchedDoor(audit=WrittenAudit(register))
        door.site, door.rules = watch.current, lambda: watch.current().access
        yield door, watch, ada


def outcomes(door: Door) -> list[tuple[str, str]]:
    """What becomes of Ada, who comes to the locked door anew."""
    door.empty(60)
    assert door.lock.state() is LockState.LOCKED
    return [(event.outcome, str(event.reason)) for event in door.watch(Stand(1), frames=8)]


def wait_for_news(watch: SiteWatch, revision: int) -> None:
    started_s = time.monotonic()
    while watch.current().revision == revision:
        assert time.monotonic() - started_s < WITHIN_S, "the door did not hear of the change"
        time.sleep(0.02)


def wait_for_rules(watch: SiteWatch, revision: int) -> None:
    started_s = time.monotonic()
    while watch.current().access.revision == revision:
        assert time.monotonic() - started_s < 30, "the door did not hear of the new rules"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_lockdown_keeps_a_running_door_shut_without_loading_its_gallery_again(
    watched: tuple[WatchedDoor, SiteWatch, PersonId], desk: Register
) -> None:
    door, watch, _ = watched
    before = watch.current().access.revision
    desk.set_policy(replace(OPEN_SITE, plans=(LockdownPlan("all", frozenset({EVERY_DOOR})),)))
    wait_for_rules(watch, before)
    assert outcomes(door) == LET_IN
    view = watch.current()
    desk.start_lockdown("all", "A trial.")
    wait_for_rules(watch, view.access.revision)
    assert outcomes(door) == [("denied", "lockdown")]
    revision = watch.current().access.revision
    desk.end_lockdown()
    wait_for_rules(watch, revision)
    assert outcomes(door) == LET_IN
    assert watch.current().gallery is view.gallery


@pytest.mark.slow
@pytest.mark.parametrize("how", [PersonStatus.SUSPENDED, PersonStatus.REVOKED, "erased"])
def test_a_person_who_lost_access_is_denied_within_seconds(
    watched: tuple[WatchedDoor, SiteWatch, PersonId], desk: Register, how: str
) -> None:
    door, watch, ada = watched
    assert outcomes(door) == LET_IN
    before = watch.current().revision
    if how == "erased":
        desk.erase(ada)
    else:
        desk.set_status(ada, PersonStatus(how))
    wait_for_news(watch, before)
    assert outcomes(door) == [("denied", "not_recognised")]
    assert door.lock.state() is LockState.LOCKED
    if how == PersonStatus.SUSPENDED:
        before = watch.current().revision
        desk.set_status(ada, PersonStatus.ACTIVE)
        wait_for_news(watch, before)
        assert outcomes(door) == LET_IN
    assert [event.outcome for event in desk.events()][:3] == ["granted", "unlocked", "denied"]


def test_rows_written_without_the_key_under_the_door_keep_it_shut(
    watched: tuple[WatchedDoor, SiteWatch, PersonId], desk: Register, tmp_path: Path
) -> None:
    """A new view is refused, and the old one does not count any more."""
    _, watch, ada = watched
    desk.set_status(ada, PersonStatus.SUSPENDED)
    with sqlite3.connect(tmp_path / "register.sqlite") as raw:
        raw.execute("UPDATE people SET status = 'active'")
    raw.close()
    watch.poll()
    with pytest.raises(RegisterTamperedError):
        watch.current()
    with pytest.raises(RegisterTamperedError):
        load_view(desk)
    with pytest.raises(RegisterTamperedError):
        SiteWatch(RegisterSite(desk), SystemClock())


def test_a_register_swapped_under_the_door_keeps_it_shut_at_once(
    watched: tuple[WatchedDoor, SiteWatch, PersonId], tmp_path: Path
) -> None:
    """An open connection would go on with the old file: with whoever was in it, its events seen by nobody."""
    door, _, _ = watched
    assert outcomes(door) == LET_IN
    releases = len(door.lock.written_at_unlock)
    restored = tmp_path / "restored.sqlite"
    with Register.open(restored, KEY) as other:
        enrol(other, "Grace", 5)
    restored.replace(tmp_path / "register.sqlite")
    events = door.empty(60) + door.watch(Stand(1), frames=8)
    assert {(event.outcome, str(event.reason), event.written) for event in events} == {
        ("fault", "register_fault", False)
    }
    assert "start this program again" in events[0].detail
    assert len(door.lock.written_at_unlock) == releases
