"""`SiteWatch`: keeps a running door in step with the register."""

import threading
from collections.abc import Callable
from types import TracebackType

import structlog

from models.errors import (
    DoorwardError,
    RegisterError,
    RegisterRolledBackError,
    RegisterTamperedError,
    error_record,
)
from models.ports import Clock
from models.site import SiteView

POLL_S = 1.0
UNREADABLE_LIMIT_S = 30.0
"""So long a door may go on with what it knew last: a revoked person is honoured no longer than this."""

CLOSE_S = 10.0
"""So long the end of the door waits for a look at the register that is under way."""

log = structlog.get_logger(__name__)


class SiteWatch:
    """Keeps the view in step with the register: a promoted release or a revoked person counts within seconds.

    Used as a context manager it polls in a thread of its own, so that loading never holds up a frame.

    Args:
        revision: reads the register's gallery revision; may raise a DoorwardError.
        load: makes a view of the register as it is now; may raise a DoorwardError.
        clock: for the limit.
        limit_s: longer than this without a successful look at the register, `current` raises.

    Raises:
        DoorwardError: the first view cannot be loaded.
    """

    def __init__(
        self,
        revision: Callable[[], int],
        load: Callable[[], SiteView],
        clock: Clock,
        limit_s: float = UNREADABLE_LIMIT_S,
    ) -> None:
        self._revision, self._load = revision, load
        self._clock, self._limit_s = clock, limit_s
        self._checked_at_s = clock.monotonic_s()
        self._view = load()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._refused: RegisterError | None = None
        self._thread = threading.Thread(target=self._poll_on, name="site-watch", daemon=True)

    def __enter__(self) -> "SiteWatch":
        """Begin to poll."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop polling."""
        self._stop.set()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("the register does not answer", waited_s=CLOSE_S, advice="check the disk")

    def current(self) -> SiteView:
        """The latest view; a reference that stays whole whatever happens to the register meanwhile.

        Raises:
            RegisterTamperedError, RegisterRolledBackError: the register was written without its key, or an
                older copy was put back: nothing that was read before counts any more.
            RegisterError: the register could not be read for longer than the limit.
            RuntimeError: the thread that polls has died of an error without a type: the process must end.
        """
        if self._failure is not None:
            raise RuntimeError("the thread that watches the register has died") from self._failure
        refused = self._refused
        if refused is not None:
            raise refused
        unread_s = self._clock.monotonic_s() - self._checked_at_s
        if unread_s > self._limit_s:
            raise RegisterError(
                f"the register could not be read for {unread_s:.0f} s: run `doorward doctor` on this machine"
            )
        return self._view

    def poll(self) -> None:
        """Look once: load a new view when the revision has changed."""
        started_s = self._clock.monotonic_s()
        try:
            if self._revision() != self._view.revision:
                self._view = self._load()
                log.info(
                    "site view loaded", revision=self._view.revision, release=self._view.release.release_id
                )
        except (RegisterTamperedError, RegisterRolledBackError) as error:
            log.error("the register is refused", **error_record(error))
            self._refused = error
            return
        except DoorwardError as error:
            log.warning("the register cannot be read", **error_record(error))
            return
        self._refused = None
        self._checked_at_s = started_s

    def _poll_on(self) -> None:
        try:
            while not self._stop.wait(POLL_S):
                self.poll()
        except BaseException as error:  # `current` raises it at the next frame
            self._failure = error
            raise
