"""`Register`: the database of people, faces, events and releases; each method is one transaction.

The active release, and what a door loads: `models.register.active_release`. Rules and groups:
`models.register.access_rules`. PINs, cards and refused faces: `models.register.credentials`.
"""

from collections.abc import Collection, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from models.domain import PersonId, Template
from models.errors import (
    ConsentError,
    InputError,
    RegisterChangedError,
    RegisterError,
    RevokedPersonError,
)
from models.register import (
    chains,
    changes,
    closing,
    events,
    faces,
    people,
    person_access,
    release_records,
    retention,
    state,
)
from models.register.access_rules import AccessRules
from models.register.active_release import ActiveRelease
from models.register.connection import RegisterConnection
from models.register.credentials import Credentials, person_credentials
from models.register.erasure import erase_events
from models.register.log import EventLog
from models.register.records import (
    Change,
    ChangeAction,
    Consent,
    EnrolledFace,
    Person,
    PersonFile,
    PersonOverview,
    PersonStatus,
    Purpose,
    StoredCrop,
)
from models.register.schema import ChangeRow, ConsentRow, PersonRow
from models.register.session import RegisterSession, table_of
from models.storage.keys import KeyFile

BUSY_TIMEOUT_S = 5.0

CONSENT_TABLES = (table_of(PersonRow), table_of(ConsentRow))


class Register(ActiveRelease, AccessRules, Credentials, EventLog):
    """People, consent, templates, crops, rules, events and the active release. Safe to share between threads.

    Open it with `Register.open`. The change log names who made each change: see `acting_as`.

    Every method may raise RegisterLockedError, StorageFullError, RegisterError.
    """

    @classmethod
    def open(
        cls,
        path: Path | str,
        key: bytes | KeyFile,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        *,
        actor: str | None = None,
    ) -> Self:
        """Open a register, migrate it to the newest schema and check the key; create it when it is absent.

        Args:
            path: the SQLite file.
            key: 32 bytes, or the file that holds them; the file is made only together with a new register.
            busy_timeout_s: how long to wait for another writer.
            actor: who makes the changes, 1 to 100 printable characters; None is `shell:` and the name of the
                user whose process this is. A program that acts for somebody else has to name them.

        Raises:
            InputError: the actor is no such text.
            EncryptionKeyError: the key is absent, malformed, readable by others, or another register's.
            RegisterTamperedError: its state was written without the key.
            RegisterRolledBackError: it is older than what was last written under the key.
            RegisterError: not a database, damaged, made by another program, readable by others, or not
                accessible.
        """
        actor = changes.check_actor(changes.shell_actor() if actor is None else actor)
        return cls(RegisterConnection.open(Path(path), key, busy_timeout_s), actor)

    def acting_as(self, actor: str) -> Self:
        """Return the same register, whose changes another actor makes. Closing either closes both.

        Args:
            actor: 1 to 100 printable characters: what acts, a colon and for whom, such as `door:front`.

        Raises:
            InputError: it is no such text.
        """
        return type(self)(self._connection, actor)

    @classmethod
    def accept_backup(cls, path: Path | str, key: bytes | KeyFile) -> Self:
        """Open a restored backup, which is older than what was written last under its key.

        Every row is checked. From then on it counts as the newest, and the register that it replaced as old.
        A backup from before rows were authenticated is taken as it is.

        Raises:
            RegisterTamperedError: a row was changed, added, removed or put back without the key.
            EncryptionKeyError, RegisterError: as `open`.
        """
        connection = RegisterConnection.open(Path(path), key, BUSY_TIMEOUT_S, accept_older=True)
        return cls(connection, changes.shell_actor())

    def close(self) -> None:
        """Close the database; may be called twice."""
        self._connection.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- people -------------------------------------------------------------------------------------------

    def people(self) -> list[Person]:
        """Return all people, ordered by name."""
        with self._connection.reading() as session:
            return people.all_people(session)

    def count_people(self) -> int:
        """Return how many people may be recognised."""
        with self._connection.reading() as session:
            return people.count_active(session)

    def person(self, person_id: PersonId) -> Person:
        """Return a person by id. Raises UnknownPersonError."""
        with self._connection.reading() as session:
            return people.one_person(session, person_id)

    def find_person(self, name: str) -> Person | None:
        """Find a person by name, without regard to case; None when there is none."""
        with self._connection.reading() as session:
            return people.find_person(session, name)

    def person_named(self, name: str) -> Person:
        """A person by name, without regard to case. Raises UnknownPersonError, which names similar names."""
        with self._connection.reading() as session:
            return people.person_named(session, name)

    def people_overview(self) -> list[PersonOverview]:
        """Everyone, by name, with the number of pictures and the newest consent; one query for all."""
        with self._connection.reading() as session:
            return people.overview(session)

    def consents(self, person_id: PersonId) -> list[Consent]:
        """Every consent of a person, oldest first; the last one is in force. Raises UnknownPersonError."""
        with self._connection.reading() as session:
            session.check_complete(*CONSENT_TABLES)
            return people.consents_of(session, person_id)

    def consent(self, person_id: PersonId) -> Consent:
        """A person's newest consent, which is the one in force. Raises UnknownPersonError, ConsentError."""
        with self._connection.reading() as session:
            session.check_complete(*CONSENT_TABLES)
            return people.consent_of(session, person_id)

    def add_person(
        self,
        name: str,
        enrolled: Sequence[EnrolledFace],
        consent_text: str,
        purposes: Set[Purpose] = frozenset({Purpose.RECOGNITION}),
        at: datetime | None = None,
        *,
        seen_revision: int | None = None,
    ) -> Person:
        """Add a person with consent, crops and templates, all or nothing.

        Args:
            name, enrolled, consent_text, purposes, at: of the person.
            seen_revision: the revision at which the faces were compared with everybody enrolled; refuse when
                the gallery has another one now. None adds the person whatever has changed.

        Raises:
            RegisterChangedError: the gallery has another revision than `seen_revision`.
            DuplicatePersonError: the name is taken.
            ConsentError: no text, or recognition is not covered.
            InputError: the name is empty, too long or not printable.
        """
        if not enrolled:
            raise RegisterError("a person needs at least one face")
        at = at or datetime.now(UTC)
        with self._connection.writing() as session:
            if seen_revision not in (None, session.state().gallery_revision):
                raise RegisterChangedError("people have changed in the meantime: try again")
            person = people.insert_person(session, name, at)
            people.insert_consent(session, person.person_id, consent_text, purposes, at)
            faces.insert_faces(session, person.person_id, enrolled)
            state.bump_revision(session)
            state.bump_rules(session)
            self._record_change(
                session,
                ChangeAction.PERSON_ADDED,
                person.person_id,
                new={
                    "status": str(person.status),
                    "photos": len(enrolled),
                    "purposes": people.purposes_of(session, person.person_id),
                },
            )
            return person

    def add_templates(
        self,
        person_id: PersonId,
        enrolled: Sequence[EnrolledFace],
        consent_text: str | None = None,
        purposes: Set[Purpose] = frozenset({Purpose.RECOGNITION}),
        at: datetime | None = None,
    ) -> int:
        """Add pictures of a person who is enrolled, and a new consent where one is given, or neither.

        Args:
            person_id, enrolled: whose pictures, and which.
            consent_text: what the person agrees to now; None leaves the consent as it is.
            purposes, at: of that consent.

        Returns:
            The number of pictures stored of the person now.

        Raises:
            UnknownPersonError: nobody has that id.
            ConsentError: no consent to recognition is on record, or the new one has no text.
            FaceRefusedError: the person does not want a face stored.
        """
        with self._connection.writing() as session:
            if consent_text is None:
                if Purpose.RECOGNITION not in people.consent_of(session, person_id).purposes:
                    raise ConsentError("the consent does not cover recognition: give the text of a new one")
            else:
                self._insert_consent(session, person_id, consent_text, purposes, at)
            before = faces.count_crops(session, person_id)
            faces.insert_faces(session, person_id, enrolled)
            state.bump_revision(session)
            photos = faces.count_crops(session, person_id)
            self._record_change(
                session,
                ChangeAction.PICTURES_ADDED,
                person_id,
                old={"photos": before},
                new={"photos": photos},
            )
            return photos

    def set_consent(
        self, person_id: PersonId, text: str, purposes: Set[Purpose], at: datetime | None = None
    ) -> None:
        """Record what a person agrees to from now on.

        Raises:
            UnknownPersonError: nobody has that id.
            ConsentError: no text, or recognition is not covered.
            FaceRefusedError: the person does not want the face recognised.
        """
        with self._connection.writing() as session:
            self._insert_consent(session, person_id, text, purposes, at)

    def set_status(self, person_id: PersonId, status: PersonStatus) -> None:
        """Suspend, restore or revoke. Raises UnknownPersonError; RevokedPersonError for a revoked person."""
        with self._connection.writing() as session:
            row = people.person_row(session, person_id)
            if row.status == PersonStatus.REVOKED and status != PersonStatus.REVOKED:
                raise RevokedPersonError(f"{row.name} was revoked for good: erase the person and enrol anew")
            before, row.status = row.status, status
            state.bump_revision(session)
            state.bump_rules(session)
            if before != status:
                self._record_change(
                    session,
                    ChangeAction.STATUS_CHANGED,
                    person_id,
                    old={"status": str(before)},
                    new={"status": str(status)},
                )

    def person_file(self, person_id: PersonId) -> PersonFile:
        """All that is kept of a person. Raises UnknownPersonError."""
        with self._connection.reading() as session:
            session.check_complete()
            return PersonFile(
                people.one_person(session, person_id),
                tuple(people.consents_of(session, person_id)),
                tuple(faces.crops_of(session, person_id)),
                tuple(faces.embeddings_of(session, person_id)),
                tuple(events.events_of(session, person_id)),
                tuple(changes.list_changes(session, person_id=person_id)),
                person_credentials(session, person_id),
            )

    def erase(self, person_id: PersonId) -> str:
        """Delete all data of a person; events and changes keep a random id.

        Returns:
            The receipt: a signed note (`models.audit.checkpoint`) that says how many parts of events were
            deleted and when, and not whose.

        Raises:
            UnknownPersonError: nobody has that id.
        """
        with self._connection.writing() as session:
            random_id = people.erase_person(session, person_id)
            release_records.forget_learner(session, person_id)
            state.bump_revision(session)
            state.bump_rules(session)
            self._record_change(session, ChangeAction.PERSON_ERASED, random_id)
            receipt = erase_events(session, person_id, random_id)
        self._connection.empty_log()
        return receipt

    # --- faces --------------------------------------------------------------------------------------------

    def templates(
        self, model_id: str, statuses: Collection[PersonStatus] = (PersonStatus.ACTIVE,)
    ) -> list[Template]:
        """Return the templates of one network, of active people or of those with other statuses."""
        with self._connection.reading() as session:
            return faces.templates_of(session, model_id, statuses)

    def crops(self, purpose: Purpose = Purpose.TRAINING) -> list[StoredCrop]:
        """Return the crops of everybody not revoked whose consent covers `purpose`, all in memory."""
        with self._connection.reading() as session:
            return faces.crops_by_id(session, faces.crop_ids(session, Purpose(purpose)))

    def crops_by_id(self, crop_ids: Sequence[str]) -> list[StoredCrop]:
        """Return the crops of these ids, ordered by id; those erased in the meantime are left out."""
        with self._connection.reading() as session:
            return faces.crops_by_id(session, crop_ids)

    def crops_lacking_templates(self, model_id: str) -> list[str]:
        """Return the ids of all crops that have no template of a network, those of revoked people too."""
        with self._connection.reading() as session:
            session.check_complete()
            return faces.crops_lacking_templates(session, model_id)

    # --- the change log -----------------------------------------------------------------------------------

    def changes(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        person_id: PersonId | None = None,
        limit: int | None = None,
    ) -> list[Change]:
        """Return the newest `limit` matching changes of the time [since, until), oldest first."""
        with self._connection.reading() as session:
            return changes.list_changes(session, since=since, until=until, person_id=person_id, limit=limit)

    def delete_changes(self, before: datetime, limit: int) -> int:
        """Delete the oldest `limit` changes of the time before `before`, as `delete_events` does.

        Their events in the chain `site` go with them, by whole days.
        """
        with self._connection.writing() as session:
            deleted = retention.delete_before(session, ChangeRow.change_id, ChangeRow.at, before, limit)
            return max(deleted, closing.prune(session, chains.SITE, before, limit))

    def _insert_consent(
        self,
        session: RegisterSession,
        person_id: PersonId,
        text: str,
        purposes: Set[Purpose],
        at: datetime | None,
    ) -> None:
        before = people.purposes_of(session, person_id)
        person_access.refuse_refused_face(session, person_id)
        people.insert_consent(session, person_id, text, purposes, at or datetime.now(UTC))
        self._record_change(
            session,
            ChangeAction.CONSENT_RECORDED,
            person_id,
            old=None if before is None else {"purposes": before},
            new={"purposes": people.purposes_of(session, person_id)},
        )

    # --- copies -------------------------------------------------------------------------------------------

    def backup(self, path: Path) -> None:
        """Copy the register into one file, as it is now, while doors go on; the key is not in it.

        Raises:
            InputError: there is something at `path`, or its folder is absent.
            StorageFullError, RegisterError: the copy cannot be written, the database is damaged, or its key
                is being changed.
        """
        if path.exists():
            raise InputError(f"{path} exists already: name a new file; nothing was overwritten")
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent}: make it first")
        self._connection.copy_to(path)

    # --- the key ------------------------------------------------------------------------------------------

    def rotate_key(self) -> str:
        """Encrypt and authenticate everything under a fresh key; returns the new key's id.

        It happens in many short transactions, between which others read and write. The fresh key lies beside
        the old one from before the first until after the last, and takes the old one's name then. Killed in
        between, the register needs both, finds them, and is brought to the end by calling this again.

        Raises:
            EncryptionKeyError: the key was not given as a file, or the new one cannot be written.
            RegisterTamperedError: a row was changed without the key.
        """
        return self._connection.rotate_key(self._actor)
