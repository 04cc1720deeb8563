"""`SiteWatch`: keeps a running door in step with the register."""

import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Protocol

import structlog

from models.errors import (
    DoorwardError,
    RegisterError,
    RegisterRolledBackError,
    RegisterTamperedError,
    error_record,
)
from models.ports import Clock
from models.register.access_records import AccessSnapshot
from models.site import SiteView

POLL_S = 1.0
"""Between two looks at the gallery's revision: people, templates, release, thresholds."""

ACCESS_POLL_S = 0.5
"""Between two looks at the rules' revision: a lockdown or a suspension counts at the door within 2 s."""

UNREADABLE_LIMIT_S = 30.0
"""So long a door may go on with what it knew last: a revoked person is honoured no longer than this."""

CLOSE_S = 10.0
"""So long the end of the door waits for a look at the register that is under way."""

log = structlog.get_logger(__name__)


class WatchedSite(Protocol):
    """What is watched; every method may raise a DoorwardError."""

    def gallery_revision(self) -> int:
        """Read the register's gallery revision."""
        ...

    def rules_revision(self) -> int:
        """Read the register's rules revision."""
        ...

    def view(self) -> SiteView:
        """Make a view of the register as it is now; may take seconds."""
        ...

    def access(self) -> AccessSnapshot:
        """Read rules and lockdowns, and what the rules know of everybody."""
        ...


class SiteWatch:
    """Keeps the view in step with the register: a promoted release or a revoked person counts within seconds.

    Used as a context manager it polls in two threads of its own: loading never holds up a frame, and new
    rules never wait for a gallery that is being loaded.

    Args:
        site: what is watched.
        clock: for the limit.
        limit_s: longer than this without a successful look at either revision, `current` raises.

    Raises:
        DoorwardError: the first view cannot be loaded.
    """

    def __init__(self, site: WatchedSite, clock: Clock, limit_s: float = UNREADABLE_LIMIT_S) -> None:
        self._site = site
        self._clock, self._limit_s = clock, limit_s
        started_s = clock.monotonic_s()
        self._checked_at_s = {"gallery": started_s, "access": started_s}
        self._refused: dict[str, RegisterError | None] = {}
        self._view = site.view()
        self._swapping = threading.Lock()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._poll_gallery_on, name="site-watch", daemon=True),
            threading.Thread(target=self._poll_access_on, name="access-watch", daemon=True),
        ]

    def __enter__(self) -> "SiteWatch":
        """Begin to poll."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop polling."""
        self._stop.set()
        for thread in self._threads:
            thread.join(CLOSE_S)
        if any(thread.is_alive() for thread in self._threads):
            log.warning("the register does not answer", waited_s=CLOSE_S, advice="check the disk")

    def current(self) -> SiteView:
        """The latest view; a reference that stays whole whatever happens to the register meanwhile.

        Raises:
            RegisterTamperedError, RegisterRolledBackError: the register was written without its key, or an
                older copy was put back: nothing that was read before counts any more.
            RegisterError: gallery or rules could not be read for longer than the limit.
            RuntimeError: a thread that polls has died of an error without a type: the process must end.
        """
        if self._failure is not None:
            raise RuntimeError("the thread that watches the register has died") from self._failure
        for refused in self._refused.values():
            if refused is not None:
                raise refused
        unread_s = self._clock.monotonic_s() - min(self._checked_at_s.values())
        if unread_s > self._limit_s:
            raise RegisterError(
                f"the register could not be read for {unread_s:.0f} s: run `doorward doctor` on this machine"
            )
        return self._view

    def poll(self) -> None:
        """Look once at the gallery: load a new view when its revision has changed."""
        self._look("gallery", self._load_new_view)

    def poll_access(self) -> None:
        """Look once at the rules: read them when their revision has changed. The gallery stays as it is."""
        self._look("access", self._load_new_access)

    def _load_new_view(self) -> None:
        if self._site.gallery_revision() == self._view.revision:
            return
        loaded = self._site.view()
        with self._swapping:
            # The rules may have been read again while this view was being loaded.
            newest = max(loaded.access, self._view.access, key=lambda access: access.revision)
            self._view = replace(loaded, access=newest)
        log.info(
            "site view loaded",
            revision=loaded.revision,
            release=loaded.release.release_id,
            rules_revision=newest.revision,
        )

    def _load_new_access(self) -> None:
        if self._site.rules_revision() == self._view.access.revision:
            return
        access = self._site.access()
        with self._swapping:
            self._view = replace(self._view, access=access)
        log.info("access rules loaded", revision=access.revision, rules=access.digest[:12])

    def _look(self, part: str, load_new: Callable[[], None]) -> None:
        started_s = self._clock.monotonic_s()
        try:
            load_new()
        except (RegisterTamperedError, RegisterRolledBackError) as error:
            log.error("the register is refused", **error_record(error))
            self._refused[part] = error
            return
        except DoorwardError as error:
            log.warning("the register cannot be read", **error_record(error))
            return
        self._refused[part] = None
        self._checked_at_s[part] = started_s

    def _poll_gallery_on(self) -> None:
        self._poll_on(self.poll, POLL_S)

    def _poll_access_on(self) -> None:
        self._poll_on(self.poll_access, ACCESS_POLL_S)

    def _poll_on(self, poll: Callable[[], None], every_s: float) -> None:
        try:
            while not self._stop.wait(every_s):
                poll()
        except BaseException as error:  # `current` raises it at the next frame
            self._failure = error
            raise
