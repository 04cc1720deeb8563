"""`ActiveRelease`: the part of the register that keeps releases, thresholds and what a door loads."""

from collections.abc import Collection, Sequence
from typing import Any

from models.register import access_schema, faces, release_records, releases
from models.register.base import RegisterBase
from models.register.records import (
    Calibration,
    ChangeAction,
    CropEmbedding,
    GateAttempt,
    PersonStatus,
    ReleaseRecord,
    Snapshot,
)
from models.register.session import authenticated_tables

LOGS = ("changes", "gate_attempts", "segments", "erasures", "site_keys")
DOOR_TABLES = tuple(
    table for table in authenticated_tables() if table.name not in LOGS and table not in access_schema.TABLES
)
"""What a door checks as a whole when it loads its gallery: not the logs, which grow with time and decide
nothing, nor the rules, which are checked when they are loaded."""


class ActiveRelease(RegisterBase):
    """Releases, thresholds and snapshots; each method is one transaction.

    Every method may raise RegisterLockedError, StorageFullError, RegisterError.
    """

    def gallery_revision(self) -> int:
        """Return the revision; it grows when people, templates, release or thresholds change."""
        with self._connection.reading() as session:
            return session.state().gallery_revision

    def active_release_id(self) -> str | None:
        """Return the active release's id; None until one was activated: then the pretrained one is active."""
        with self._connection.reading() as session:
            return session.state().active_release_id

    def snapshot(self, release_id: str, model_id: str) -> Snapshot:
        """Read all that a door needs for a release in one transaction.

        Raises:
            RegisterTamperedError: a row of any table was added, removed or put back without the key, or one
                that is needed here was changed.
        """
        with self._connection.reading() as session:
            row = session.state()
            templates = faces.templates_of(session, model_id, (PersonStatus.ACTIVE,))
            session.check_complete(*DOOR_TABLES)
            return Snapshot(
                gallery_revision=row.gallery_revision,
                active_release_id=row.active_release_id,
                templates=tuple(templates),
                calibration=releases.latest_calibration(session, release_id),
            )

    def prepare_templates(self, model_id: str, embeddings: Sequence[CropEmbedding]) -> None:
        """Store templates of a network that is not active: doors see them once it is.

        Call it for some crops at a time: it holds the write lock, which doors need for every event.

        Args:
            model_id: the network.
            embeddings: of stored crops; they replace what the network said of the same crops before. Crops
                that were erased in the meantime are skipped.

        Raises:
            ReleaseError: the network is the active one, or an embedding is of another.
        """
        with self._connection.writing_chunk() as session:
            releases.prepare_templates(session, model_id, embeddings)

    def activate_release(
        self, release_id: str, model_id: str, *, instead_of: Collection[str | None] | None = None
    ) -> int:
        """Make a release active whose templates were prepared; returns the new revision.

        The templates of other networks stay, so that a rollback is this call with the other name.

        Args:
            release_id: of a release whose files are on disk.
            model_id: its network.
            instead_of: the ids of which one must be the active release until then; None takes any.

        Raises:
            RegisterChangedError: the active release is none of `instead_of`.
            ReleaseError: a crop has no template of the network (`crops_lacking_templates`).
        """
        with self._connection.writing() as session:
            before = session.state().active_release_id
            revision = releases.activate(session, release_id, model_id, instead_of=instead_of)
            self._record_change(
                session,
                ChangeAction.RELEASE_ACTIVATED,
                release_id,
                old={"release": before},
                new={"release": release_id},
            )
            return revision

    def save_calibration(self, calibration: Calibration) -> int:
        """Store what was fitted to a gallery; returns the new revision, at which doors look thresholds up."""
        with self._connection.writing() as session:
            before = releases.latest_calibration(session, calibration.release_id)
            revision = releases.save_calibration(session, calibration)
            self._record_change(
                session,
                ChangeAction.CALIBRATION_STORED,
                calibration.release_id,
                old=None if before is None else _shown(before),
                new=_shown(calibration),
            )
            return revision

    def latest_calibration(self, release_id: str) -> Calibration | None:
        """Return the newest calibration of a release; None before the first."""
        with self._connection.reading() as session:
            return releases.latest_calibration(session, release_id)

    def record_release(self, record: ReleaseRecord) -> None:
        """Store a release that was made here; no other one is loaded. Raises ReleaseError: it is stored."""
        with self._connection.writing() as session:
            release_records.insert_release(session, record)
            self._record_change(
                session,
                ChangeAction.RELEASE_RECORDED,
                record.release_id,
                new={"passed": record.passed, "parent": record.parent},
            )

    def release_record(self, release_id: str) -> ReleaseRecord | None:
        """Return what is recorded of a release; None when it was not made here."""
        with self._connection.reading() as session:
            return release_records.record_of(session, release_id)

    def release_records(self) -> list[ReleaseRecord]:
        """Return all releases that were made here, oldest first."""
        with self._connection.reading() as session:
            return release_records.all_records(session)

    def record_override(self, release_id: str, reason: str) -> None:
        """Store why a release is used that the gate did not let through.

        Raises:
            ReleaseError: it was not made here, or there is no reason.
        """
        with self._connection.writing() as session:
            release_records.record_override(session, release_id, reason)
            self._record_change(
                session, ChangeAction.RELEASE_OVERRIDDEN, release_id, new={"reason": reason.strip()}
            )

    def record_attempt(self, attempt: GateAttempt) -> None:
        """Store that the gate judged a challenger."""
        with self._connection.writing() as session:
            release_records.insert_attempt(session, attempt)

    def count_attempts(self, champion: str) -> int:
        """Return how many challengers the gate has judged against a release."""
        with self._connection.reading() as session:
            return release_records.count_attempts(session, champion)


def _shown(calibration: Calibration) -> dict[str, Any]:
    """What the change log keeps of a calibration: how many people, and the thresholds of that day."""
    purposes = ("identify", "verify", "duplicate")
    found = {name: calibration.details[name]["threshold"] for name in purposes if name in calibration.details}
    return {"people": calibration.people, **found}
