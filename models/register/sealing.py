"""`Part`, `seal`, `open_sealed`, `erase_parts`: the parts of events that name somebody, which can be deleted.

A part is encrypted together with the salt of its commitment (`models.audit.chain.commitment`). Erasing puts
the receipt's id in the place of both: the chain stays as it is. Without the key nobody can make such a row.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from models.audit.canonical import canonical, parse_canonical
from models.audit.chain import SALT_BYTES, commitment
from models.errors import RegisterError, RegisterTamperedError
from models.register.macs import Keyring, RowKey
from models.register.schema import SealedRow
from models.register.session import RegisterSession, table_of

SEALED = table_of(SealedRow)


@dataclass(frozen=True, slots=True)
class Part:
    """What is sealed of an event.

    Attributes:
        name: person, runner_up, note or change.
        subject: the person whom it names; None for nobody.
        content: what `models.audit.canonical.canonical` takes.
    """

    name: str
    subject: str | None
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """A sealed part that was read.

    Attributes:
        name: as of `Part`.
        subject: the person whom it names, or the receipt of an erasure.
        content: the values; empty after an erasure.
        commitment: 32 bytes; None after an erasure.
        erased: True after an erasure.
    """

    name: str
    subject: str | None
    content: Mapping[str, Any]
    commitment: bytes | None
    erased: bool


def seal(key: RowKey, chain: str, seq: int, part: Part) -> tuple[bytes, dict[str, Any]]:
    """Return the commitment to a part, and its row."""
    content, salt = canonical(dict(part.content)), os.urandom(SALT_BYTES)
    envelope = {"salt": salt.hex(), "subject": part.subject, "content": content.decode()}
    row = {"chain": chain, "seq": seq, "part": part.name}
    return commitment(chain, seq, salt, content), _written(key, row, envelope)


def open_sealed(keys: Keyring, row: Row[Any]) -> OpenedPart:
    """Read a row of `sealed`. Raises RegisterTamperedError: it was written without the key."""
    _, envelope = _envelope(keys, row)
    subject = envelope["subject"]
    if "erased" in envelope:
        return OpenedPart(row.part, subject, {}, None, erased=True)
    content, salt = envelope["content"], bytes.fromhex(envelope["salt"])
    made = commitment(row.chain, row.seq, salt, content.encode())
    return OpenedPart(row.part, subject, parse_canonical(content), made, erased=False)


def subject_codes(keys: Keyring, subject: str) -> list[bytes]:
    """Return the values that the column `subject` has in rows that name a person."""
    return [_subject_code(key, subject) for key in keys.all]


def erase_parts(session: RegisterSession, subject: str, receipt_id: str) -> list[tuple[str, int, str]]:
    """Delete everything that is sealed of a person, and the salts.

    Returns:
        Chain, number and name of each part.
    """
    keys = session.keys
    found = select(SEALED).where(SEALED.c.subject.in_(subject_codes(keys, subject)))
    rows = session.connection().execute(found).all()
    written = []
    for row in rows:
        key, _ = _envelope(keys, row)
        written.append(_written(key, _place(row), {"erased": 1, "subject": receipt_id}))
    _update(session, written)
    return [(row.chain, row.seq, row.part) for row in rows]


def change_keys(session: RegisterSession, limit: int) -> int:
    """Encrypt some parts under the key that follows; returns how many there were."""
    old, new = session.keys.current, session.keys.following
    if new is None:
        raise RegisterError("no change of keys is going on")
    waiting = select(SEALED).where(SEALED.c.key_id == old.key_id).limit(limit)
    rows = session.connection().execute(waiting).all()
    _update(session, [_written(new, _place(row), _envelope(session.keys, row)[1]) for row in rows])
    return len(rows)


def _written(key: RowKey, row: Mapping[str, Any], envelope: Mapping[str, Any]) -> dict[str, Any]:
    subject = envelope["subject"]
    return {
        **row,
        "subject": None if subject is None else _subject_code(key, subject),
        "key_id": key.key_id,
        "box": key.cipher.encrypt(
            canonical(dict(envelope)), _bound_to(row["chain"], row["seq"], row["part"])
        ),
    }


def _envelope(keys: Keyring, row: Row[Any]) -> tuple[RowKey, dict[str, Any]]:
    """The key of a row, and what it encrypts; checks that the row belongs where it is."""
    key = keys.of(SEALED, row.key_id)
    content = key.cipher.decrypt(row.box, _bound_to(row.chain, row.seq, row.part))
    envelope: dict[str, Any] = parse_canonical(content)
    subject = envelope["subject"]
    if row.key_id != key.key_id or row.subject != (None if subject is None else _subject_code(key, subject)):
        raise RegisterTamperedError(SEALED.name)
    return key, envelope


def _update(session: RegisterSession, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    here = (SEALED.c.chain == bindparam("at_chain")) & (SEALED.c.seq == bindparam("at_seq"))
    statement = update(SEALED).where(here & (SEALED.c.part == bindparam("at_part")))
    changed = statement.values({name: bindparam(name) for name in ("subject", "key_id", "box")})
    values = [
        {name: row[name] for name in ("subject", "key_id", "box")}
        | {"at_chain": row["chain"], "at_seq": row["seq"], "at_part": row["part"]}
        for row in rows
    ]
    session.connection().execute(changed, values)


def _place(row: Row[Any]) -> dict[str, Any]:
    return {"chain": row.chain, "seq": row.seq, "part": row.part}


def _bound_to(chain: str, seq: int, part: str) -> str:
    return f"sealed|box|{chain}|{seq}|{part}"


def _subject_code(key: RowKey, subject: str) -> bytes:
    return key.log_code(b"subject", subject.encode())
