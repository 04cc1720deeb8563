"""The view of the site: swapped whole when the register changes, refused when it cannot be read."""

import threading

import pytest

from access.site_watch import SiteWatch
from models.clock import SimulatedClock, SystemClock
from models.errors import RegisterError, RegisterLockedError, RegisterTamperedError, ReleaseError
from models.site import SiteView
from tests.access.door import ColourEncoder, gallery_of, view_of


class Registry:
    """A register whose revision and people a test sets."""

    def __init__(self) -> None:
        self.revision = 1
        self.people: tuple[int, ...] = (1,)
        self.broken = False
        self.loads = 0
        self.loaded = threading.Event()

    def gallery_revision(self) -> int:
        if self.broken:
            raise RegisterLockedError("another process holds the database")
        return self.revision

    def load(self) -> SiteView:
        self.loads += 1
        view = view_of(self.gallery_revision(), ColourEncoder(), gallery_of(*self.people))
        if self.loads > 1:
            self.loaded.set()
        return view


def test_an_unchanged_register_is_not_loaded_again() -> None:
    register = Registry()
    watch = SiteWatch(register.gallery_revision, register.load, SimulatedClock())
    before = watch.current()
    watch.poll()
    assert watch.current() is before
    assert register.loads == 1


def test_a_change_swaps_the_whole_view_and_leaves_the_old_one_whole() -> None:
    register = Registry()
    watch = SiteWatch(register.gallery_revision, register.load, SimulatedClock())
    before = watch.current()
    register.people, register.revision = (1, 2), 2
    watch.poll()
    assert len(watch.current().gallery) == 2
    assert watch.current().revision == 2
    assert len(before.gallery) == 1


def test_a_register_unreadable_for_too_long_closes_the_door() -> None:
    register, clock = Registry(), SimulatedClock()
    watch = SiteWatch(register.gallery_revision, register.load, clock)
    register.broken = True
    clock.sleep(29.0)
    watch.poll()
    assert watch.current().revision == 1
    clock.sleep(2.0)
    watch.poll()
    with pytest.raises(RegisterError, match="doorward doctor"):
        watch.current()
    register.broken = False
    watch.poll()
    assert watch.current().revision == 1


def test_a_release_that_cannot_be_loaded_closes_the_door_after_30_seconds() -> None:
    register, clock = Registry(), SimulatedClock()
    altered = False

    def load() -> SiteView:
        if altered:
            raise ReleaseError("the release was altered")
        return register.load()

    watch = SiteWatch(register.gallery_revision, load, clock)
    before, altered = watch.current(), True
    register.revision = 2
    watch.poll()
    clock.sleep(30.0)
    watch.poll()
    assert watch.current() is before
    clock.sleep(0.1)
    with pytest.raises(RegisterError, match="could not be read for 30 s"):
        watch.current()
    altered = False
    watch.poll()
    assert watch.current().revision == 2


def test_a_register_written_without_its_key_closes_the_door_at_once() -> None:
    register, clock = Registry(), SimulatedClock()
    tampered = False

    def revision() -> int:
        if tampered:
            raise RegisterTamperedError("people")
        return register.gallery_revision()

    watch = SiteWatch(revision, register.load, clock)
    tampered = True
    watch.poll()
    with pytest.raises(RegisterTamperedError):
        watch.current()
    tampered = False
    watch.poll()
    assert watch.current().revision == 1


def test_a_watch_whose_thread_stopped_raises_after_the_limit() -> None:
    register, clock = Registry(), SimulatedClock()
    watch = SiteWatch(register.gallery_revision, register.load, clock, limit_s=30.0)
    clock.sleep(31.0)
    with pytest.raises(RegisterError):
        watch.current()


def test_a_watch_cannot_start_without_a_first_view() -> None:
    register = Registry()
    register.broken = True
    with pytest.raises(RegisterLockedError):
        SiteWatch(register.gallery_revision, register.load, SimulatedClock())


def test_it_polls_by_itself_while_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    register = Registry()
    with SiteWatch(register.gallery_revision, register.load, SystemClock()) as watch:
        register.people, register.revision = (1, 2), 2
        assert register.loaded.wait(5.0)
    assert watch.current().revision == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_without_a_type_in_the_thread_ends_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    register = Registry()
    failed = threading.Event()

    def fail() -> int:
        failed.set()
        raise MemoryError

    with SiteWatch(register.gallery_revision, register.load, SystemClock()) as watch:
        assert watch.current().revision == 1
        watch._revision = fail
        assert failed.wait(5.0)
        watch._thread.join(5.0)
        with pytest.raises(RuntimeError, match="has died") as caught:
            watch.current()
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_register_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    monkeypatch.setattr("access.site_watch.CLOSE_S", 0.01)
    register, hangs, go_on = Registry(), threading.Event(), threading.Event()

    def hang() -> int:
        hangs.set()
        assert go_on.wait(10.0)
        return register.revision

    watch = SiteWatch(register.gallery_revision, register.load, SystemClock())
    watch._revision = hang
    with watch:
        assert hangs.wait(5.0)
    assert watch._thread.is_alive(), "the end has come, though the look has not"
    go_on.set()
    watch._thread.join(5.0)
    assert not watch._thread.is_alive()
