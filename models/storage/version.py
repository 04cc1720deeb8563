"""`VersionFile`: a number in a file that only grows, so that an older copy of something else is noticed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from models.errors import EncryptionKeyError
from models.storage.files import write_atomically

HEADER = "doorward-version-1"


@dataclass(frozen=True, slots=True)
class VersionFile:
    """The highest version that was ever stored, for its owner only to read."""

    path: Path

    def read(self) -> int | None:
        """Return the number; None when there is no file.

        Raises:
            EncryptionKeyError: it cannot be read, or is not such a file.
        """
        try:
            header, _, number = self.path.read_text(encoding="ascii").strip().partition(" ")
            if header != HEADER:
                raise ValueError("unknown header")
            return int(number)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise EncryptionKeyError(
                f"{self.path} cannot be read ({error}): it belongs to the key; restore the register with "
                "`doorward accept-backup` after removing that file"
            ) from error

    def raise_to(self, version: int) -> None:
        """Store `version` unless a higher one is there; safe while other processes do the same.

        Raises:
            EncryptionKeyError: it cannot be written.
        """
        try:
            with self._lock():
                if version > (self.read() or 0):
                    write_atomically(self.path, f"{HEADER} {version}\n".encode(), mode=0o600)
        except OSError as error:
            raise EncryptionKeyError(
                f"{self.path} cannot be written ({error.strerror}): make the key's folder writable for the "
                "account that runs Doorward"
            ) from error

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Hold a lock on the folder: the file itself is replaced when it is written."""
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
