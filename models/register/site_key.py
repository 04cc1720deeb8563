"""`create_site_key`, `signer_of`, `verifier_of`: the site's key for checkpoints and receipts.

It is made together with the register and stays the same when the register's key is changed.
"""

import secrets

from sqlalchemy import Connection, select

from models.audit.checkpoint import SiteSigner, SiteVerifier
from models.errors import RegisterError
from models.register.macs import RowValues
from models.register.schema import SiteKeyRow
from models.register.session import RegisterSession, table_of

SITE_KEY_ID = 1
SITE_ID_BYTES = 8


def create_site_key(session: RegisterSession) -> None:
    """Give the register a key, unless it has one."""
    if session.get(SiteKeyRow, SITE_KEY_ID) is not None:
        return
    site_id, private = secrets.token_hex(SITE_ID_BYTES), SiteSigner.new_key()
    row = SiteKeyRow(id=SITE_KEY_ID, site_id=site_id, public=SiteSigner(site_id, private).verifier.public)
    row.box = session.keys.current.cipher.encrypt(private, place_of({"id": SITE_KEY_ID}))
    session.add(row)
    session.flush()


def signer_of(session: RegisterSession) -> SiteSigner:
    """Return the private key.

    Raises:
        RegisterTamperedError: it was changed without the register's key.
        RegisterError: it is absent.
    """
    row = _row(session)
    cipher = session.keys.cipher_of(table_of(SiteKeyRow), row.mac)
    return SiteSigner(row.site_id, cipher.decrypt(row.box, place_of({"id": row.id})))


def verifier_of(session: RegisterSession) -> SiteVerifier:
    """Return the public key. Raises as `signer_of`."""
    row = _row(session)
    return SiteVerifier(row.site_id, row.public)


def unchecked_verifier(connection: Connection) -> SiteVerifier:
    """Return the public key unchecked, for a door that begins its chain while all else is refused."""
    row = connection.execute(select(table_of(SiteKeyRow))).first()
    if row is None:
        raise _absent()
    return SiteVerifier(row.site_id, row.public)


def place_of(row: RowValues) -> str:
    """What the private key is bound to."""
    return f"site_keys|box|{row['id']}"


def _row(session: RegisterSession) -> SiteKeyRow:
    row = session.get(SiteKeyRow, SITE_KEY_ID)
    if row is None:
        raise _absent()
    return row


def _absent() -> RegisterError:
    return RegisterError("the register has lost the key that signs its log: restore it from a backup")
