"""`erase_events`: takes a person out of the event log, and gives a receipt."""

from datetime import UTC, datetime

from models.audit.chain import time_text
from models.register import chains
from models.register.schema import ErasureRow
from models.register.sealing import erase_parts
from models.register.session import RegisterSession
from models.register.site_key import signer_of

ERASED = "erased"
"""The kind of an erasure's event in the chain `site`."""


def erase_events(session: RegisterSession, person_id: str, receipt_id: str) -> str:
    """Delete what is sealed of a person, and note that in the chain `site`.

    Args:
        session: of a transaction that writes.
        person_id: who is erased.
        receipt_id: a random id, which takes the place of the person's.

    Returns:
        The receipt: a note signed with the site's key, of four lines: `doorward/<site id>/erasure`, the
        receipt's id, the number of parts deleted, and the time. Nothing in it says whose they were.
    """
    signer, at = signer_of(session), datetime.now(UTC)
    places = erase_parts(session, person_id, receipt_id)
    lines = (f"{signer.verifier.name}/erasure", receipt_id, str(len(places)), time_text(at))
    receipt = signer.sign("".join(f"{line}\n" for line in lines))
    session.add(ErasureRow(receipt_id=receipt_id, at=at, places=list(places), receipt=receipt))
    session.flush()
    values = {"count": len(places), "receipt": receipt_id}
    chains.append(session, session.keys, chains.SITE, at=at, kind=ERASED, values=values)
    return receipt
