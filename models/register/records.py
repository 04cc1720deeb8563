"""`Person`, `Consent`, `StoredCrop`, `Calibration`, `Change`, ...: the values that the register stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from models.domain import Embedding, FaceCrop, PersonId, Template
from models.events import DoorEvent
from models.register.access_records import PersonCredentials


class PersonStatus(StrEnum):
    """Only active people are searched. Suspended ones can come back, revoked ones cannot."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Purpose(StrEnum):
    """What a person's pictures may be used for."""

    RECOGNITION = "recognition"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is enrolled. Names are unique, compared without regard to case."""

    person_id: PersonId
    name: str
    status: PersonStatus
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent, with the text that the person was shown."""

    person_id: PersonId
    text: str
    purposes: frozenset[Purpose]
    given_at: datetime


@dataclass(frozen=True, slots=True)
class PersonOverview:
    """One line of the list of people.

    Attributes:
        person: who it is.
        photos: number of pictures stored of that person.
        consent: the newest; None when none is on record.
    """

    person: Person
    photos: int
    consent: Consent | None


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledFace:
    """One picture of a person to enrol: the aligned crop and its embedding by the active network."""

    crop: FaceCrop
    embedding: Embedding


@dataclass(frozen=True, slots=True, eq=False)
class StoredCrop:
    """An aligned crop from the register, to be embedded again by another network or to train on."""

    crop_id: str
    person_id: PersonId
    crop: FaceCrop


@dataclass(frozen=True, slots=True, eq=False)
class CropEmbedding:
    """The embedding of a stored crop by one network."""

    crop_id: str
    embedding: Embedding


class ChangeAction(StrEnum):
    """What was changed in the register. docs/reference/changes.md explains each to an operator."""

    PERSON_ADDED = "person_added"
    STATUS_CHANGED = "status_changed"
    CONSENT_RECORDED = "consent_recorded"
    PICTURES_ADDED = "pictures_added"
    PERSON_ERASED = "person_erased"
    CALIBRATION_STORED = "calibration_stored"
    RELEASE_RECORDED = "release_recorded"
    RELEASE_OVERRIDDEN = "release_overridden"
    RELEASE_ACTIVATED = "release_activated"
    KEY_ROTATED = "key_rotated"
    RULES_SET = "rules_set"
    GROUPS_CHANGED = "groups_changed"
    ACCESS_CHANGED = "access_changed"
    PIN_SET = "pin_set"
    PIN_REMOVED = "pin_removed"
    CARD_ADDED = "card_added"
    CARD_REMOVED = "card_removed"
    FACE_REFUSED = "face_refused"
    FACE_ALLOWED = "face_allowed"
    LOCKOUT_CLEARED = "lockout_cleared"
    PASSAGES_FORGIVEN = "passages_forgiven"
    EVERYBODY_FORGIVEN = "everybody_forgiven"
    LOCKDOWN_STARTED = "lockdown_started"
    LOCKDOWN_ENDED = "lockdown_ended"
    FIRE_RELEASE_STARTED = "fire_release_started"
    FIRE_RELEASE_ENDED = "fire_release_ended"


class SubjectKind(StrEnum):
    """What sort of thing was changed."""

    PERSON = "person"
    RELEASE = "release"
    KEY = "key"
    RULES = "rules"
    PLAN = "plan"
    DOOR = "door"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the register.

    Attributes:
        change_id: its running number.
        at: when, with the zone UTC.
        actor: who made it, such as `shell:maria` or `door:front`.
        action: what was done.
        subject_kind, subject_id: to what; a person who was erased since has a random id here.
        old, new: plain JSON values before and after; None where there are none, or where they belonged to a
            person who was erased since.
    """

    change_id: int
    at: datetime
    actor: str
    action: ChangeAction
    subject_kind: SubjectKind
    subject_id: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, eq=False)
class PersonFile:
    """All that is kept of a person, for that person to see.

    Attributes:
        person: name, status, time of enrolment.
        consents: all on record, oldest first; the last one is in force.
        crops: the stored pictures.
        templates: of these pictures, by every network that ever served this site.
        events: in which this person was the most alike or the next most alike, oldest first.
        changes: of this person, oldest first.
        credentials: groups, validity, which PINs, cards, failures and passages.
    """

    person: Person
    consents: tuple[Consent, ...]
    crops: tuple[StoredCrop, ...]
    templates: tuple[CropEmbedding, ...]
    events: tuple[DoorEvent, ...]
    changes: tuple[Change, ...]
    credentials: PersonCredentials


@dataclass(frozen=True, slots=True)
class Calibration:
    """How high strangers score at this site, as fitted to the gallery of one day.

    `models.evaluation.recalibration.site_thresholds` makes thresholds for any number of people of it.

    Attributes:
        release_id: the release whose scores were used.
        model_id: its network.
        gallery_revision: the register's revision that it was fitted at.
        people: how many were enrolled then.
        tails: by source, what `models.evaluation.tail.SearchTail.to_record` gives, and `photos_each`.
        details: thresholds, expected rates and warnings of that day, to show; plain values for JSON.
        created_at: with its zone.
    """

    release_id: str
    model_id: str
    gallery_revision: int
    people: int
    tails: Mapping[str, Any]
    details: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a door needs, read in one transaction.

    Attributes:
        gallery_revision: changes whenever anything here changes.
        active_release_id: None until a release was activated; then the pretrained one is active.
        templates: of active people, of the network asked for.
        calibration: the newest of the release asked for; None before the first.
    """

    gallery_revision: int
    active_release_id: str | None
    templates: tuple[Template, ...]
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A release that this site made.

    Attributes:
        release_id: also the name of its folder.
        manifest_sha256: of its manifest, which holds the hashes of its other files; 64 hexadecimal digits.
        parent: the release that it was compared with.
        passed: True when the gate let it through.
        verdict: what the gate found; plain values for JSON.
        override_reason: why it was put into use although the gate had not let it through; None otherwise.
        trained_on: ids of the people whose pictures it was trained on, without those erased since.
        recorded_at: with its zone.
    """

    release_id: str
    manifest_sha256: str
    parent: str
    passed: bool
    verdict: Mapping[str, Any]
    override_reason: str | None
    trained_on: tuple[PersonId, ...]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class GateAttempt:
    """A challenger that the gate judged.

    Attributes:
        champion: the release in use then.
        challenger_sha256: of the challenger's network; 64 hexadecimal digits.
        passed: the verdict.
        details: what the gate found; plain values for JSON.
        at: with its zone.
    """

    champion: str
    challenger_sha256: str
    passed: bool
    details: Mapping[str, Any]
    at: datetime
