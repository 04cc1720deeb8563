"""`change_rows`, `end_rotation`: the steps of a change of keys, each a short transaction."""

from typing import Any

from sqlalchemy import Table, bindparam, select, update

from models.errors import RegisterError
from models.register import cards, chains, faces, sealing
from models.register.credential_key import credential_key, store_credential_key
from models.register.macs import MAC, Keyring
from models.register.session import RegisterSession, authenticated_tables, seal_sums
from models.storage.keys import Cipher

ENCRYPTED = {**faces.ENCRYPTED, **cards.ENCRYPTED}
"""By table: the encrypted column, and what its value is bound to."""

CHUNK_ROWS = 100
CHUNK_BYTES = 1 << 19
"""A chunk ends with either: one of pictures is shorter than one of people."""
SEALED_ROWS = 400
"""Parts of events in a chunk: each is short."""
SHORT_WAIT_S = 0.1


def change_rows(session: RegisterSession) -> bool:
    """Encrypt and authenticate some rows under the key that follows; returns False when none is left."""
    return any(_change_chunk(session, table) for table in authenticated_tables()) or bool(
        sealing.change_keys(session, SEALED_ROWS)
    )


def end_rotation(session: RegisterSession) -> None:
    """Make the key that follows the only one. Every row is under it already."""
    row, sums, credentials = session.state(), session.sums(), credential_key(session)
    following = session.keys.following
    if following is None:
        raise RegisterError("no change of keys is going on")
    chains.change_keys(session)
    session.keys = Keyring(following)
    row.key_id, row.next_key_id = following.cipher.key_id, None
    row.sums = seal_sums(following.cipher, row.version, sums)
    if credentials is not None:
        store_credential_key(session, credentials, following.cipher)
    session.flush()


def encrypt_again(table: Table, row: dict[str, Any], old: Cipher, new: Cipher) -> int:
    """Encrypt the values of a row anew, from one key to another; returns how many bytes that were."""
    if table.name not in ENCRYPTED:
        return 0
    column, place_of = ENCRYPTED[table.name]
    place = place_of(row)
    row[column] = new.encrypt(old.decrypt(row[column], place), place)
    return len(row[column])


def _change_chunk(session: RegisterSession, table: Table) -> int:
    """Change the next rows of a table; returns how many there were."""
    old, new = session.keys.current, session.keys.following
    if new is None:
        raise RegisterError("no change of keys is going on")
    (key,) = table.primary_key.columns
    mac = table.c[MAC]
    waiting = select(table).where(mac >= old.key_id, mac < old.key_id + b"\xff" * 33).limit(CHUNK_ROWS)
    connection, size = session.connection(), 0
    changed: list[dict[str, object]] = []
    for row in connection.execute(waiting.execution_options(yield_per=1)):
        values = dict(row._mapping)
        session.keys.check(table, values)
        size += encrypt_again(table, values, old.cipher, new.cipher)
        values[MAC] = new.mac(table, values)
        session.note_change(table, removed=row.mac, added=values[MAC])
        written = {name: value for name, value in values.items() if value is not row._mapping[name]}
        changed.append(written | {"of_row": values[key.name]})
        if size > CHUNK_BYTES:
            break
    if changed:
        connection.execute(update(table).where(key == bindparam("of_row")), changed)
    return len(changed)
