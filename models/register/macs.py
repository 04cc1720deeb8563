"""`Keyring`: authentication codes of rows, under keys derived from the register's.

The code of a row is a keyed BLAKE2b (RFC 7693) over its table's name and every column with its name: a row
that is changed, or moved to another table or id, no longer fits. A row put back or taken away fits; so each
table also has a sum over the codes of its rows, as in Clarke et al., "Incremental multiset hash functions and
their application to memory integrity checking" (2003): 256 bits, under a second key, changed by the
difference whenever a row is written.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Float, RowMapping, Table

from models.errors import RegisterTamperedError
from models.storage.keys import Cipher

MAC = "mac"
MAC_BYTES = 32
KEY_ID_BYTES = 8
SUM_MODULUS = 1 << 256

RowValues = Mapping[str, Any] | RowMapping
"""The values of a row by column, as Python values."""


class RowKey:
    """One key of the register, for encryption and for the codes of rows.

    Args:
        cipher: the key.

    Attributes:
        cipher: the same.
        key_id: the first bytes of every code made under it.
    """

    def __init__(self, cipher: Cipher) -> None:
        self.cipher = cipher
        self.key_id = bytes.fromhex(cipher.key_id)
        self._mac_key = cipher.derive("authentication of rows")
        self._sum_key = cipher.derive("sums of tables")
        self._log_key = cipher.derive("codes of the event log")

    def mac(self, table: Table, row: RowValues) -> bytes:
        """Return the code of a row: the key's id, and 32 bytes.

        Raises:
            TypeError, ValueError: a column holds a value of a kind that no column has.
        """
        content = row_content(table, row)
        return self.key_id + hashlib.blake2b(content, digest_size=MAC_BYTES, key=self._mac_key).digest()

    def log_code(self, *parts: bytes) -> bytes:
        """Return the code of something in the event log (32 bytes); its first part says of what."""
        content = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hashlib.blake2b(content, digest_size=MAC_BYTES, key=self._log_key).digest()

    def term(self, mac: bytes) -> int:
        """Return what a row with this code adds to the sum of its table."""
        return int.from_bytes(hashlib.blake2b(mac, digest_size=MAC_BYTES, key=self._sum_key).digest())


class Keyring:
    """The keys under which rows may be written: one, and a second one while keys are changed.

    Args:
        current: new rows are written under it.
        following: the one that takes its place.
    """

    def __init__(self, current: RowKey, following: RowKey | None = None) -> None:
        self.current, self.following = current, following
        self._keys = {key.key_id: key for key in (current, following) if key is not None}

    @property
    def all(self) -> tuple[RowKey, ...]:
        """Both, or the only one."""
        return tuple(self._keys.values())

    def of(self, table: Table, mac: object) -> RowKey:
        """Return the key that a code was made under. Raises RegisterTamperedError for any other."""
        key = self._keys.get(mac[:KEY_ID_BYTES]) if isinstance(mac, bytes) else None
        if key is None:
            raise RegisterTamperedError(table.name)
        return key

    def cipher_of(self, table: Table, mac: object) -> Cipher:
        """Return the cipher that the encrypted columns of a row were written with."""
        return self.of(table, mac).cipher

    def check(self, table: Table, row: RowValues) -> None:
        """Raise RegisterTamperedError when a row is not as it was written."""
        found = row[MAC]
        key = self.of(table, found)
        try:
            fits = key.mac(table, row) == found
        except (TypeError, ValueError) as error:
            raise RegisterTamperedError(table.name) from error
        if not fits:
            raise RegisterTamperedError(table.name)

    def sum_of(self, table: Table, macs: Iterable[object]) -> int:
        """Return the sum over the codes of a table's rows. Raises RegisterTamperedError: an unknown key."""
        total = 0
        for mac in macs:
            total += self.of(table, mac).term(mac)  # type: ignore[arg-type]
        return total % SUM_MODULUS


def row_content(table: Table, row: RowValues) -> bytes:
    """Return the bytes that stand for a row: different rows never give the same.

    Args:
        table: its header has the names of the table and of all columns.
        row: its values.

    Raises:
        TypeError, ValueError: a value is of a kind that no column has.
    """
    header, columns = _layout(table)
    parts = [header]
    for name, is_float in columns:
        kind, content = _encoded(row[name], is_float)
        parts.append(b"%c%d:" % (kind, len(content)))
        parts.append(content)
    return b"".join(parts)


@lru_cache(maxsize=64)
def _layout(table: Table) -> tuple[bytes, tuple[tuple[str, bool], ...]]:
    """The table's header, and its columns by name, `mac` left out, with whether they hold floats."""
    columns = sorted((column.name, isinstance(column.type, Float)) for column in table.columns)
    columns = [column for column in columns if column[0] != MAC]
    return json.dumps([table.name, [name for name, _ in columns]]).encode(), tuple(columns)


def _encoded(value: object, is_float: bool) -> tuple[int, bytes]:  # noqa: PLR0911 - one for each kind
    """A letter for the kind, and the value. The database gives 1 back as 1.0 from a column of floats."""
    if value is None:
        return ord("n"), b""
    if is_float and isinstance(value, int | float):
        return ord("f"), float(value).hex().encode()
    if isinstance(value, str):
        return ord("s"), value.encode()
    if isinstance(value, bytes):
        return ord("b"), value
    if isinstance(value, int):
        return ord("i"), b"%d" % value
    if isinstance(value, datetime):
        utc = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return ord("t"), utc.isoformat(timespec="microseconds").encode()
    if isinstance(value, dict | list):
        # Once through JSON: keys become text before they are sorted.
        return ord("j"), json.dumps(json.loads(json.dumps(value)), sort_keys=True).encode()
    raise TypeError(f"a column holds {type(value).__name__}")
