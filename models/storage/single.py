"""`single_run_lock`: makes sure that only one process at a time does what a lock file stands for."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import AlreadyRunningError, ConfigError


@contextmanager
def single_run_lock(path: Path, message: str) -> Iterator[None]:
    """Hold the lock on a file while inside.

    The system lets go of the lock when the process ends, however it ends. The file itself stays: removing it
    would let two processes lock two files of one name.

    Args:
        path: the lock file; it and its folder are made when they are absent.
        message: what the error says: who holds the lock, and what to do.

    Raises:
        AlreadyRunningError: another process, or another part of this one, holds the lock.
        ConfigError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise ConfigError(
            f"the lock file {path} cannot be made ({error.strerror}): check the folder's owner"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(message) from error
        yield
