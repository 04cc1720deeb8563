"""The view of the site: swapped whole when the register changes, refused when it cannot be read."""

import threading
from collections.abc import Callable

import pytest

from access.site_watch import SiteWatch
from models.clock import SimulatedClock, SystemClock
from models.errors import (
    DoorwardError,
    RegisterError,
    RegisterLockedError,
    RegisterTamperedError,
    ReleaseError,
)
from models.register.access_records import AccessSnapshot
from models.site import SiteView
from tests.access.door import ADA, BOB, ColourEncoder, access_of, gallery_of, view_of


class Registry:
    """A register whose revisions and people a test sets."""

    def __init__(self) -> None:
        self.revision, self.rules = 1, 1
        self.people: tuple[int, ...] = (1,)
        self.with_access = (ADA,)
        self.gallery_error: DoorwardError | None = None
        self.access_error: DoorwardError | None = None
        self.loads = self.access_loads = 0

    def gallery_revision(self) -> int:
        if self.gallery_error is not None:
            raise self.gallery_error
        return self.revision

    def rules_revision(self) -> int:
        if self.access_error is not None:
            raise self.access_error
        return self.rules

    def view(self) -> SiteView:
        self.loads += 1
        return view_of(
            self.gallery_revision(),
            ColourEncoder(),
            gallery_of(*self.people),
            access=access_of(*self.with_access, revision=self.rules_revision()),
        )

    def access(self) -> AccessSnapshot:
        self.access_loads += 1
        return access_of(*self.with_access, revision=self.rules_revision())


LOCKED = RegisterLockedError("another process holds the database")


def test_an_unchanged_register_is_not_loaded_again() -> None:
    register = Registry()
    watch = SiteWatch(register, SimulatedClock())
    before = watch.current()
    watch.poll()
    watch.poll_access()
    assert watch.current() is before
    assert (register.loads, register.access_loads) == (1, 0)


def test_a_change_swaps_the_whole_view_and_leaves_the_old_one_whole() -> None:
    register = Registry()
    watch = SiteWatch(register, SimulatedClock())
    before = watch.current()
    register.people, register.revision = (1, 2), 2
    watch.poll()
    assert len(watch.current().gallery) == 2
    assert watch.current().revision == 2
    assert len(before.gallery) == 1


def test_new_rules_do_not_load_the_gallery_again() -> None:
    register = Registry()
    watch = SiteWatch(register, SimulatedClock())
    before = watch.current()
    register.with_access, register.rules = (ADA, BOB), 2
    watch.poll()
    watch.poll_access()
    after = watch.current()
    assert (register.loads, register.access_loads) == (1, 1)
    assert after.gallery is before.gallery
    assert not after.access.person(BOB).suspended
    assert before.access.person(BOB).suspended, "who is not known has no access"


def test_new_rules_do_not_wait_for_a_gallery_and_outlast_one_that_was_loaded_with_older_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lockdown while a large gallery is being loaded."""
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    monkeypatch.setattr("access.site_watch.ACCESS_POLL_S", 0.01)
    register, loading, go_on = Registry(), threading.Event(), threading.Event()

    class Slow(Registry):
        def view(self) -> SiteView:
            view = super().view()
            if self.loads > 1:
                loading.set()
                assert go_on.wait(30.0)
            return view

    register = Slow()
    with SiteWatch(register, SystemClock()) as watch:
        register.people, register.revision = (1, 2), 2
        assert loading.wait(30.0)
        register.with_access, register.rules = (), 2
        wait_until(lambda: watch.current().access.revision == 2)
        assert watch.current().revision == 1, "the gallery is still being loaded"
        assert watch.current().access.person(ADA).suspended
        go_on.set()
        wait_until(lambda: watch.current().revision == 2)
        assert watch.current().access.revision == 2, "the gallery was read together with the rules before"


def wait_until(done: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if done():
            return
        pause.wait(0.01)
    raise AssertionError("it has not happened within 30 s")


@pytest.mark.parametrize("part", ["gallery_error", "access_error"])
def test_a_register_unreadable_for_too_long_closes_the_door(part: str) -> None:
    register, clock = Registry(), SimulatedClock()
    watch = SiteWatch(register, clock)
    setattr(register, part, LOCKED)
    clock.sleep(29.0)
    watch.poll()
    watch.poll_access()
    assert watch.current().revision == 1
    clock.sleep(2.0)
    watch.poll()
    watch.poll_access()
    with pytest.raises(RegisterError, match="doorward doctor"):
        watch.current()
    setattr(register, part, None)
    watch.poll()
    watch.poll_access()
    assert watch.current().revision == 1


def test_a_release_that_cannot_be_loaded_closes_the_door_after_30_seconds() -> None:
    register, clock = Registry(), SimulatedClock()
    altered = False

    class Altered(Registry):
        def view(self) -> SiteView:
            if altered:
                raise ReleaseError("the release was altered")
            return super().view()

    register = Altered()
    watch = SiteWatch(register, clock)
    before, altered = watch.current(), True
    register.revision = 2
    for _ in range(2):
        watch.poll()
        watch.poll_access()
        clock.sleep(15.0)
    assert watch.current() is before
    clock.sleep(0.1)
    watch.poll_access()
    with pytest.raises(RegisterError, match="could not be read for 30 s"):
        watch.current()
    altered = False
    watch.poll()
    assert watch.current().revision == 2


@pytest.mark.parametrize("part", ["gallery_error", "access_error"])
def test_a_register_written_without_its_key_closes_the_door_at_once(part: str) -> None:
    register, clock = Registry(), SimulatedClock()
    watch = SiteWatch(register, clock)
    setattr(register, part, RegisterTamperedError("people"))
    watch.poll()
    watch.poll_access()
    with pytest.raises(RegisterTamperedError):
        watch.current()
    setattr(register, part, None)
    watch.poll()
    watch.poll_access()
    assert watch.current().revision == 1


def test_a_watch_whose_thread_stopped_raises_after_the_limit() -> None:
    register, clock = Registry(), SimulatedClock()
    watch = SiteWatch(register, clock, limit_s=30.0)
    clock.sleep(31.0)
    watch.poll_access()
    with pytest.raises(RegisterError):
        watch.current()


def test_a_watch_cannot_start_without_a_first_view() -> None:
    register = Registry()
    register.gallery_error = LOCKED
    with pytest.raises(RegisterLockedError):
        SiteWatch(register, SimulatedClock())


def test_it_polls_by_itself_while_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    monkeypatch.setattr("access.site_watch.ACCESS_POLL_S", 0.01)
    register = Registry()
    with SiteWatch(register, SystemClock()) as watch:
        register.people, register.revision = (1, 2), 2
        wait_until(lambda: watch.current().revision == 2)
        register.rules = 2
        wait_until(lambda: watch.current().access.revision == 2)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("part", ["gallery_error", "access_error"])
def test_an_error_without_a_type_in_a_thread_ends_the_door(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    monkeypatch.setattr("access.site_watch.ACCESS_POLL_S", 0.01)
    register = Registry()
    with SiteWatch(register, SystemClock()) as watch:
        assert watch.current().revision == 1
        setattr(register, part, MemoryError())
        wait_until(lambda: watch._failure is not None)
        with pytest.raises(RuntimeError, match="has died") as caught:
            watch.current()
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_register_that_hangs_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.site_watch.POLL_S", 0.01)
    monkeypatch.setattr("access.site_watch.CLOSE_S", 0.01)
    hangs, go_on, left = threading.Event(), threading.Event(), threading.Event()

    class Hanging(Registry):
        def gallery_revision(self) -> int:
            if self.loads:
                hangs.set()
                assert go_on.wait(30.0)
                left.set()
            return super().gallery_revision()

        def view(self) -> SiteView:
            view = view_of(1, ColourEncoder(), gallery_of(1))
            self.loads += 1
            return view

    with SiteWatch(Hanging(), SystemClock()) as watch:
        assert hangs.wait(30.0)
    assert not left.is_set(), "the end has come, though the look has not"
    go_on.set()
    for thread in watch._threads:
        thread.join(30.0)
        assert not thread.is_alive()
