"""`activate`, `save_calibration`: the active release, and what was fitted to its scores."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.errors import RegisterChangedError, ReleaseError
from models.register.faces import people_lacking_templates, replace_templates
from models.register.records import Calibration, CropEmbedding
from models.register.schema import CalibrationRow
from models.register.state import bump_revision, state_of
from models.storage.keys import Cipher

NAMES_SHOWN = 5


def activate(
    session: Session,
    cipher: Cipher,
    release_id: str,
    model_id: str,
    embeddings: Sequence[CropEmbedding],
    *,
    instead_of: Collection[str | None] | None = None,
) -> int:
    """Make a release active whose templates are complete; returns the new revision.

    Raises:
        RegisterChangedError: the active release is none of `instead_of`.
        ReleaseError: a crop would have no template of the new network, or one is of another network.
    """
    if instead_of is not None and state_of(session).active_release_id not in instead_of:
        raise RegisterChangedError("another release has become active in the meantime")
    replace_templates(session, cipher, model_id, embeddings)
    missing = people_lacking_templates(session, model_id)
    if missing:
        names = ", ".join(missing[:NAMES_SHOWN]) + (" ..." if len(missing) > NAMES_SHOWN else "")
        raise ReleaseError(
            f"pictures of {len(missing)} people have no template of {model_id} ({names}): "
            "embed every stored crop, also those enrolled in the meantime, and try again"
        )
    row = state_of(session)
    row.active_release_id, row.active_model_id = release_id, model_id
    return bump_revision(session)


def save_calibration(session: Session, calibration: Calibration) -> int:
    """Store what was fitted to a gallery, in the place of what was fitted to the same release before.

    Doors see the new revision, which is returned.
    """
    for row in session.scalars(
        select(CalibrationRow).where(CalibrationRow.release_id == calibration.release_id)
    ):
        session.delete(row)
    session.add(
        CalibrationRow(
            release_id=calibration.release_id,
            model_id=calibration.model_id,
            gallery_revision=calibration.gallery_revision,
            people=calibration.people,
            tails=dict(calibration.tails),
            details=dict(calibration.details),
            created_at=calibration.created_at,
        )
    )
    session.flush()
    return bump_revision(session)


def latest_calibration(session: Session, release_id: str) -> Calibration | None:
    """Return the newest calibration of a release; None before the first."""
    query = (
        select(CalibrationRow)
        .where(CalibrationRow.release_id == release_id)
        .order_by(CalibrationRow.id.desc())
        .limit(1)
    )
    row = session.scalar(query)
    if row is None:
        return None
    return Calibration(
        release_id=row.release_id,
        model_id=row.model_id,
        gallery_revision=row.gallery_revision,
        people=row.people,
        tails=row.tails,
        details=row.details,
        created_at=row.created_at,
    )
