"""`prepare_templates`, `activate`, `save_calibration`: the active release, and its scores."""

from collections.abc import Collection, Sequence

from models.errors import RegisterChangedError, ReleaseError
from models.register.faces import crops_lacking_templates, names_of_crops, replace_templates
from models.register.records import Calibration, CropEmbedding
from models.register.schema import CalibrationRow
from models.register.session import RegisterSession, table_of
from models.register.state import bump_revision

NAMES_SHOWN = 5


def prepare_templates(session: RegisterSession, model_id: str, embeddings: Sequence[CropEmbedding]) -> None:
    """Store templates of a network that is not active.

    Raises:
        ReleaseError: the network is the active one, or an embedding is of another.
    """
    if session.state().active_model_id == model_id:
        raise ReleaseError(f"{model_id} is in use: its templates are made when pictures are enrolled")
    replace_templates(session, model_id, embeddings)


def activate(
    session: RegisterSession,
    release_id: str,
    model_id: str,
    *,
    instead_of: Collection[str | None] | None = None,
) -> int:
    """Make a release active whose templates are complete; returns the new revision.

    Raises:
        RegisterChangedError: the active release is none of `instead_of`.
        ReleaseError: a crop has no template of the new network.
    """
    row = session.state()
    if instead_of is not None and row.active_release_id not in instead_of:
        raise RegisterChangedError("another release has become active in the meantime")
    lacking = crops_lacking_templates(session, model_id)
    if lacking:
        missing = names_of_crops(session, lacking[:NAMES_SHOWN])
        names = ", ".join(missing) + (" ..." if len(lacking) > NAMES_SHOWN else "")
        raise ReleaseError(
            f"{len(lacking)} pictures have no template of {model_id} ({names}): "
            "embed every stored crop, also those enrolled in the meantime, and try again"
        )
    row.active_release_id, row.active_model_id = release_id, model_id
    return bump_revision(session)


def save_calibration(session: RegisterSession, calibration: Calibration) -> int:
    """Store what was fitted to a gallery, in the place of what was fitted to the same release before.

    Doors see the new revision, which is returned.
    """
    session.delete_rows(CalibrationRow, CalibrationRow.release_id == calibration.release_id)
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


def latest_calibration(session: RegisterSession, release_id: str) -> Calibration | None:
    """Return the newest calibration of a release; None before the first."""
    rows = [row for row in session.all_rows(table_of(CalibrationRow)) if row.release_id == release_id]
    if not rows:
        return None
    row = max(rows, key=lambda row: row.id)
    return Calibration(
        release_id=row.release_id,
        model_id=row.model_id,
        gallery_revision=row.gallery_revision,
        people=row.people,
        tails=row.tails,
        details=row.details,
        created_at=row.created_at,
    )
