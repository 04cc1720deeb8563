"""`state_of`: the one row of state: the active key, the active release and the revision."""

from sqlalchemy.orm import Session

from models.errors import RegisterError
from models.register.schema import StateRow
from models.storage.keys import Cipher

STATE_ID = 1
CHECK_TEXT = b"doorward"


def create_state(session: Session, cipher: Cipher) -> None:
    """Create the state of a new register under this key."""
    session.add(
        StateRow(id=STATE_ID, key_id=cipher.key_id, key_check=_seal_check(cipher), gallery_revision=1)
    )
    session.flush()


def state_exists(session: Session) -> bool:
    """Return True once `create_state` has run."""
    return session.get(StateRow, STATE_ID) is not None


def state_of(session: Session) -> StateRow:
    """Return the row.

    Raises:
        RegisterError: it is absent.
    """
    row = session.get(StateRow, STATE_ID)
    if row is None:
        raise RegisterError("the register has lost its state: restore it from a backup")
    return row


def bump_revision(session: Session) -> int:
    """Raise the revision, in the transaction that changes what a door searches; returns the new one."""
    row = state_of(session)
    row.gallery_revision += 1
    return row.gallery_revision


def check_key(session: Session, cipher: Cipher) -> None:
    """Check that the key decrypts the stored check text. Raises RegisterError."""
    cipher.decrypt(state_of(session).key_check, _check_place(cipher))


def change_key(session: Session, cipher: Cipher) -> None:
    """Store that everything is now encrypted under this key."""
    row = state_of(session)
    row.key_id, row.key_check = cipher.key_id, _seal_check(cipher)


def _seal_check(cipher: Cipher) -> bytes:
    return cipher.encrypt(CHECK_TEXT, _check_place(cipher))


def _check_place(cipher: Cipher) -> str:
    return f"state|key_check|{cipher.key_id}"
