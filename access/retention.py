"""`retention_running`: deletes what the register keeps longer than the settings allow, while a door runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog

from models.errors import DoorwardError, error_record
from models.ports import Clock
from models.register.register import Register
from models.settings.storage import StorageSettings

EVERY_S = 24 * 3600.0
AFTER_FAILURE_S = 3600.0
CHUNK_ROWS = 200
"""Deleted in one transaction: it holds the write lock for some milliseconds."""
PAUSE_S = 0.1
"""Between two chunks, so that a door that waits to write its event gets its turn."""

log = structlog.get_logger(__name__)


def delete_old(
    register: Register, settings: StorageSettings, now: datetime, pause: Callable[[float], bool]
) -> int:
    """Delete events and changes that are older than the settings allow, in small transactions.

    Args:
        register: where they are kept.
        settings: `events_days` and `changes_days`; 0 deletes nothing.
        now: with its zone.
        pause: waits for so many seconds between two transactions; True means stop.

    Returns:
        How many were deleted.

    Raises:
        RegisterError: it cannot be written; what was deleted before stays deleted.
    """
    deleted = 0
    kinds = ((register.delete_events, settings.events_days), (register.delete_changes, settings.changes_days))
    for delete, days in kinds:
        found = CHUNK_ROWS if days > 0 else 0
        while found == CHUNK_ROWS:
            found = delete(now - timedelta(days=days), CHUNK_ROWS)
            deleted += found
            if pause(PAUSE_S):
                return deleted
    return deleted


@contextmanager
def retention_running(register: Register, settings: StorageSettings, clock: Clock) -> Iterator[None]:
    """While inside, delete what is too old at once and then once a day, in a thread of its own.

    Whatever goes wrong is logged and tried again an hour later: a door does not stop for it.
    """
    stop = threading.Event()

    def delete_on() -> None:
        wait_s = 0.0
        while not stop.wait(wait_s):
            wait_s = EVERY_S
            try:
                deleted = delete_old(register, settings, clock.now(), stop.wait)
            except DoorwardError as error:
                log.warning("old events cannot be deleted", **error_record(error))
                wait_s = AFTER_FAILURE_S
            except Exception:
                log.error("old events cannot be deleted", exc_info=True)
                wait_s = AFTER_FAILURE_S
            else:
                if deleted:
                    log.info("old events and changes are deleted", number=deleted)

    thread = threading.Thread(target=delete_on, name="retention", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
