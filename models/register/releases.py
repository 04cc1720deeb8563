"""`activate`, `save_calibrations`: the active release, and the calibrated thresholds of releases."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.domain import Threshold
from models.errors import CalibrationError, RegisterChangedError, ReleaseError
from models.register.faces import people_lacking_templates, replace_templates
from models.register.faults import damaged_rows
from models.register.records import Calibration, CropEmbedding, ThresholdPurpose
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


def save_calibrations(session: Session, calibrations: Sequence[Calibration]) -> int:
    """Store thresholds for today's gallery; returns the revision that they are valid for.

    Raises:
        CalibrationError: the gallery has changed since the scores were taken.
    """
    current = state_of(session).gallery_revision
    if any(calibration.gallery_revision != current for calibration in calibrations):
        raise CalibrationError("people or the release have changed in the meantime: calibrate again")
    # Doors must notice new thresholds, so the revision grows, and the thresholds are valid for the new one.
    revision = bump_revision(session)
    for item in calibrations:
        row = CalibrationRow(
            release_id=item.release_id,
            purpose=item.purpose,
            value=item.threshold.value,
            metric=item.threshold.metric,
            model_id=item.threshold.model_id,
            gallery_revision=revision,
            details=dict(item.details),
            created_at=item.created_at,
        )
        session.add(row)
    session.flush()
    return revision


def latest_calibrations(session: Session, release_id: str) -> dict[ThresholdPurpose, Calibration]:
    """Return the newest calibration of a release for each purpose, valid for any revision."""
    newest = (
        select(func.max(CalibrationRow.id))
        .where(CalibrationRow.release_id == release_id)
        .group_by(CalibrationRow.purpose)
    )
    rows = session.scalars(select(CalibrationRow).where(CalibrationRow.id.in_(newest)))
    with damaged_rows():
        return {ThresholdPurpose(row.purpose): _calibration(row) for row in rows}


def _calibration(row: CalibrationRow) -> Calibration:
    return Calibration(
        release_id=row.release_id,
        purpose=ThresholdPurpose(row.purpose),
        threshold=Threshold(row.value, row.metric, row.model_id),
        gallery_revision=row.gallery_revision,
        details=row.details,
        created_at=row.created_at,
    )
