"""`check_every_row`, `authenticate_every_row`: around the steps of a migration."""

from collections.abc import Callable

from sqlalchemy import Connection, MetaData, Table, select, update

from models.errors import RegisterTamperedError
from models.register.macs import MAC, Keyring
from models.register.schema import StateRow
from models.register.session import authenticated_tables, lost_state, open_sums, seal_sums, table_of

CHUNK_ROWS = 200


def is_authenticated(connection: Connection) -> bool:
    """Return True for a database of a schema that has authentication codes."""
    return MAC in _reflected(connection)["state"].columns


def check_every_row(connection: Connection, find_keys: Callable[[str, str | None], Keyring]) -> None:
    """Check every row under the schema that the database has now, whatever version of Doorward made it.

    Raises:
        RegisterTamperedError: a row was changed, added, removed or put back without the key.
        EncryptionKeyError: a key is absent or another register's.
    """
    tables = _reflected(connection)
    state = tables["state"]
    row = connection.execute(select(state)).one_or_none()
    if row is None:
        raise lost_state()
    keys = find_keys(row.key_id, row.next_key_id)
    keys.check(state, row._mapping)
    sums = open_sums(keys.cipher_of(state, row.mac), row.version, row.sums)
    for table in tables.values():
        if MAC not in table.columns or table is state:
            continue
        macs = []
        for chunk in connection.execute(select(table)).partitions(CHUNK_ROWS):
            for each in chunk:
                keys.check(table, each._mapping)
                macs.append(each.mac)
        if keys.sum_of(table, macs) != sums.get(table.name, 0):
            raise RegisterTamperedError(table.name)


def authenticate_every_row(
    connection: Connection, find_keys: Callable[[str, str | None], Keyring], known_version: int
) -> None:
    """Give every row its code under the newest schema, trusting what is there.

    Args:
        connection: in a transaction that writes.
        find_keys: finds the keys by their ids.
        known_version: the state's version will be above it.
    """
    state = table_of(StateRow)
    row = dict(connection.execute(select(state)).one()._mapping)
    keys = find_keys(row["key_id"], row["next_key_id"])
    sums = {table.name: _authenticate(connection, keys, table) for table in authenticated_tables()}
    row["version"] = max(row["version"], known_version) + 1
    row["sums"] = seal_sums(keys.current.cipher, row["version"], sums)
    row[MAC] = keys.current.mac(state, row)
    connection.execute(update(state).values(row))


def _authenticate(connection: Connection, keys: Keyring, table: Table) -> int:
    """Give every row of a table its code; returns the table's sum."""
    (key,) = table.primary_key.columns
    ids, total = list(connection.execute(select(key)).scalars()), 0
    for start in range(0, len(ids), CHUNK_ROWS):
        chunk = select(table).where(key.in_(ids[start : start + CHUNK_ROWS]))
        for row in connection.execute(chunk).all():
            # A row keeps the key that its encrypted columns were written with.
            row_key = keys.of(table, row.mac) if row.mac else keys.current
            mac = row_key.mac(table, row._mapping)
            connection.execute(update(table).where(key == row._mapping[key]).values({MAC: mac}))
            total += keys.sum_of(table, [mac])
    return total


def _reflected(connection: Connection) -> dict[str, Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return dict(metadata.tables)
