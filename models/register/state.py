"""`create_state`, `bump_revision`, `bump_rules`: the row of state: keys, release, revisions, version."""

from models.errors import RegisterChangedError
from models.register.macs import Keyring
from models.register.schema import StateRow
from models.register.session import STATE_ID, RegisterSession, seal_sums
from models.storage.keys import Cipher


def create_state(session: RegisterSession, cipher: Cipher, keys: Keyring, version: int) -> None:
    """Create the state of a new register under this key, of a version above `version`."""
    session.keys = keys
    sums = seal_sums(cipher, version + 1, {})
    session.add(
        StateRow(
            id=STATE_ID,
            key_id=cipher.key_id,
            gallery_revision=1,
            rules_revision=1,
            version=version + 1,
            sums=sums,
        )
    )
    session.flush()


def bump_revision(session: RegisterSession) -> int:
    """Raise the revision, in the transaction that changes what a door searches; returns the new one."""
    row = session.state()
    row.gallery_revision += 1
    return row.gallery_revision


def bump_rules(session: RegisterSession) -> int:
    """Raise the rules' revision, in the transaction that changes whom a door lets in; returns the new one."""
    row = session.state()
    row.rules_revision += 1
    return row.rules_revision


def check_rules_revision(session: RegisterSession, seen: int | None) -> None:
    """Raise RegisterChangedError when rules, people or credentials have another revision than `seen`."""
    if seen not in (None, session.state().rules_revision):
        raise RegisterChangedError("rules, people or credentials have changed in the meantime: look again")
