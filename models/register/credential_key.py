"""`credential_key`, `make_credential_key`: the key of PINs and cards, kept when the register's key changes.

What a PIN or a card is found by (`models.register.pins`, `models.register.cards`) is computed under this key.
Nobody can compute it again for a PIN, which is not kept: so it is not derived from the register's key, which
changes, but random, and encrypted under the register's key in the row of state.
"""

import os

from models.register.schema import StateRow
from models.register.session import RegisterSession, table_of
from models.storage.keys import KEY_BYTES, Cipher

PLACE = "state|credential_key"


def credential_key(session: RegisterSession) -> bytes | None:
    """Return the 32 bytes of the key; None before the first PIN or card."""
    row = session.state()
    if row.credential_key is None:
        return None
    return session.keys.cipher_of(table_of(StateRow), row.mac).decrypt(row.credential_key, PLACE)


def make_credential_key(session: RegisterSession) -> bytes:
    """Return the key, and make it when there is none. In a transaction that writes."""
    key = credential_key(session)
    if key is None:
        key = os.urandom(KEY_BYTES)
        store_credential_key(session, key, session.keys.current.cipher)
    return key


def store_credential_key(session: RegisterSession, key: bytes, cipher: Cipher) -> None:
    """Store the key, encrypted under the key that the row of state will have."""
    session.state().credential_key = cipher.encrypt(key, PLACE)
