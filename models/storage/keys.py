"""`Cipher`, `KeyFile`: encryption at rest, AES-256-GCM (NIST SP 800-38D), with a key outside the database.

Every ciphertext is bound to its place, `table|column|row id|person id ...`, as associated data: moved to
another row or another person, it no longer decrypts.
"""

import base64
import binascii
import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.errors import EncryptionKeyError, RegisterTamperedError, StorageFullError
from models.storage.files import sync_folder
from models.storage.version import VersionFile

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_DIGITS = 16
HEADER = "doorward-key-1"


class Cipher:
    """One key and its id.

    Args:
        key: 32 random bytes.

    Raises:
        EncryptionKeyError: not 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise EncryptionKeyError(
                f"the key has {len(key)} bytes and not {KEY_BYTES}: restore the right one"
            )
        self.key_id = hashlib.sha256(b"doorward key id" + key).hexdigest()[:KEY_ID_DIGITS]
        self._key = key
        self._aead = AESGCM(key)

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another purpose (HKDF-SHA256, RFC 5869): they say nothing of the key."""
        return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=b"doorward " + purpose.encode()).derive(
            self._key
        )

    def encrypt(self, content: bytes, place: str) -> bytes:
        """Encrypt `content` for `place`: returns a fresh random nonce and the ciphertext."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, content, place.encode())

    def decrypt(self, sealed: bytes, place: str) -> bytes:
        """Decrypt what was encrypted for `place`.

        Raises:
            RegisterTamperedError: altered, moved from another place, or encrypted under another key.
        """
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise RegisterTamperedError(place.split("|", maxsplit=1)[0]) from error


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key in a file of its own, readable by its owner only.

    While keys are changed a second file, `<name>.<key id>`, lies beside it; see `Register.rotate_key`.
    """

    path: Path

    def find(self, key_id: str) -> Cipher:
        """Return the key of that id, from the file or from one that a rotation left beside it.

        Raises:
            EncryptionKeyError: the file is absent, readable by others, malformed, or holds another key.
        """
        found = None
        # A rotation that ends right now gives the candidate the file's name: read the file again after it.
        for path in (self.path, self._candidate(key_id), self.path):
            cipher = _read(path)
            if cipher is not None and cipher.key_id == key_id:
                return cipher
            found = cipher or found
        if found is None:
            raise EncryptionKeyError(f"the key {self.path} is absent: restore it from where you keep it")
        raise EncryptionKeyError(
            f"{self.path} is not the key this register was written with "
            f"(it is {found.key_id}, needed is {key_id}): restore the right one"
        )

    @property
    def version_file(self) -> VersionFile:
        """The newest version of the register that was written under this key, in a file beside it."""
        return VersionFile(self.path.with_name(f"{self.path.name}.version"))

    def load_or_create(self) -> Cipher:
        """Return the key for a new register: the file's, or a fresh one that is written to it."""
        return _read(self.path) or _create(self.path)

    def create_candidate(self) -> Cipher:
        """Write a fresh key beside the file and return it; it is on disk when this returns."""
        draft = Cipher(key := AESGCM.generate_key(KEY_BYTES * 8))
        _write(self._candidate(draft.key_id), key)
        return draft

    def promote(self, key_id: str) -> None:
        """Make the candidate of that id the key; does nothing when another process has done so."""
        try:
            self._candidate(key_id).replace(self.path)
            sync_folder(self.path.parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise EncryptionKeyError(f"the new key cannot replace {self.path}: {error.strerror}") from error

    def remove_candidates(self) -> None:
        """Remove keys of unfinished rotations. Call it only while holding the register's write lock."""
        for path in self.path.parent.glob(f"{self.path.name}.{'[0-9a-f]' * KEY_ID_DIGITS}"):
            path.unlink(missing_ok=True)

    def _candidate(self, key_id: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{key_id}")


def _create(path: Path) -> Cipher:
    key = AESGCM.generate_key(KEY_BYTES * 8)
    _write(path, key)
    return Cipher(key)


def _write(path: Path, key: bytes) -> None:
    """Write a key whole or not at all, for its owner only, and never over another."""
    text = f"{HEADER} {base64.b64encode(key).decode()}\n"
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"no space left to write the key {path}") from error
        raise EncryptionKeyError(f"the key {path} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> Cipher | None:
    """Read the key in a file; None when there is no such file."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # a pipe or a device may deliver nothing, or without end
            raise EncryptionKeyError(f"the key {path} is not a file: restore it from where you keep it")
        content = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise EncryptionKeyError(f"the key {path} cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise EncryptionKeyError(f"others may read the key {path}: run chmod 600 {path}")
    header, _, encoded = content.strip().partition(" ")
    try:
        if header != HEADER:
            raise binascii.Error("unknown header")
        return Cipher(base64.b64decode(encoded, validate=True))
    except binascii.Error as error:
        raise EncryptionKeyError(f"{path} is not a Doorward key: restore the right one") from error
