"""`DoorwardError`: the tree of every failure that has a name, and `error_record`.

A caller that catches `DoorwardError` has caught them all; anything else is a bug and ends the process.
Each message says what was wrong and what to do about it; `error_record` is the one form in which a failure
reaches a program.

    DoorwardError
    ├── ConfigError               the settings file or the environment is wrong
    │   └── MissingExtraError     a package is missing that an optional part of Doorward needs
    ├── AlreadyRunningError       another process does this already
    ├── InputError                what the caller handed over cannot be used
    │   ├── ImageError            not an image, unreadable, or too large
    │   ├── NoFaceError           a picture without a face
    │   ├── SeveralFacesError     a picture with more than one face where one is needed
    │   ├── QualityError          a face that is too small, blurred, turned, dark ... (carries the reasons)
    │   ├── UnknownPersonError    no such person in the register
    │   ├── RevokedPersonError    the person was revoked, which is for good
    │   ├── DuplicatePersonError  this face or this name is enrolled already
    │   ├── ConsentError          the person's consent does not cover what was asked
    │   ├── FaceRefusedError      the person does not want a face stored
    │   ├── CredentialTakenError  this PIN or card is in use already
    │   ├── SignatureError        a webhook that was not signed with the key, or is too old
    │   ├── RulesError            the rules of access contradict themselves or cannot be read
    │   └── PinError              digits that may not be a PIN
    ├── WeightsError              pretrained weights are absent
    │   ├── WeightsUnavailableError   no source could deliver them
    │   └── WeightsHashError          they are not the bytes that were promised
    ├── ModelError                a network cannot be loaded or run
    │   ├── EmbeddingError        an embedding that is not finite, not unit length or of a wrong dimension
    │   ├── ModelMismatchError    scores, thresholds or templates of different networks were mixed
    │   └── ScoreScaleError       a score was compared with one that was made in another way
    ├── GalleryError              the index cannot answer
    │   └── EmptyGalleryError     nobody is enrolled
    ├── RegisterError             the register cannot be read or written
    │   ├── RegisterAbsentError   there is no register at that place
    │   ├── RegisterLockedError   another process holds the database
    │   ├── RegisterChangedError  somebody else changed people since they were looked at
    │   ├── StorageFullError      no space left to write an event or a template
    │   ├── RegisterTamperedError    rows were written without the key
    │   ├── RegisterRolledBackError  an older copy of the register was put in its place
    │   ├── LogAlteredError       events were changed, deleted, added or exchanged
    │   └── EncryptionKeyError    the encryption key is absent, malformed or not the one used
    ├── ReleaseError              a release is incomplete, altered, or was refused by the gate
    ├── CalibrationError          too little data, or data that contradicts itself
    ├── TrainingError             the site's photos do not suffice to train on
    ├── CameraError               the camera cannot deliver a picture
    │   ├── CameraAbsentError     it could not be opened
    │   ├── CameraLostError       it stopped delivering
    │   ├── CameraFrozenError     it delivers the same picture again and again
    │   └── StaleFrameError       a picture is too old to be judged
    ├── DeliveryError             another program does not take the events that are sent to it
    ├── LockError                 the lock does not answer or does not move
    └── ReaderError               a card reader or keypad does not answer
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class DoorwardError(Exception):
    """The root of every failure that Doorward knows by name.

    Attributes:
        code: the failure's stable name for programs; docs/reference/errors.md lists them all.
        status: the HTTP status of an answer that reports it.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    @property
    def details(self) -> dict[str, Any]:
        """What a program needs beside the message, as plain JSON values."""
        return {}


class ConfigError(DoorwardError):
    """The settings file or the environment is wrong."""

    code = "config_error"


class MissingExtraError(ConfigError):
    """A package is missing that an optional part of Doorward needs."""

    code = "extra_missing"


class AlreadyRunningError(DoorwardError):
    """Another process does this already, and only one may."""

    code = "already_running"
    status = 409


class InputError(DoorwardError):
    """What the caller handed over cannot be used."""

    code = "invalid_input"
    status = 422


class ImageError(InputError):
    """Not an image, unreadable, or too large."""

    code = "unreadable_image"


class NoFaceError(InputError):
    """A picture without a face."""

    code = "no_face"


class SeveralFacesError(InputError):
    """A picture with more than one face where exactly one is needed."""

    code = "several_faces"


class QualityError(InputError):
    """A face whose picture is not good enough.

    Args:
        message: what is wrong and what the person can do about it.
        reasons: the failed checks, by their stable names (`models.domain.QualityReason` values).
    """

    code = "poor_quality"

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)

    @property
    def details(self) -> dict[str, Any]:
        """The failed checks, under `reasons`."""
        return {"reasons": [str(reason) for reason in self.reasons]}


class UnknownPersonError(InputError):
    """No such person in the register."""

    code = "unknown_person"
    status = 404


class RevokedPersonError(InputError):
    """The person was revoked, which is for good."""

    code = "person_revoked"
    status = 409


class DuplicatePersonError(InputError):
    """This face or this name is enrolled already."""

    code = "duplicate_person"
    status = 409


class ConsentError(InputError):
    """The person's consent does not cover what was asked."""

    code = "consent_missing"


class FaceRefusedError(InputError):
    """The person does not want the face recognised: no template may be stored."""

    code = "face_refused"
    status = 409


class CredentialTakenError(InputError):
    """This PIN or card is in use already."""

    code = "credential_taken"
    status = 409


class SignatureError(InputError):
    """A webhook that was not signed with the key, or is too old."""

    code = "signature_invalid"
    status = 401


class RulesError(InputError):
    """The rules of access contradict themselves or cannot be read."""

    code = "invalid_rules"


class PinError(InputError):
    """Digits that may not be a PIN."""

    code = "unfit_pin"


class WeightsError(DoorwardError):
    """Pretrained weights are absent."""

    code = "weights_error"
    status = 503


class WeightsUnavailableError(WeightsError):
    """No source could deliver the weights."""

    code = "weights_unavailable"


class WeightsHashError(WeightsError):
    """The weights are not the bytes whose hash is pinned."""

    code = "weights_altered"


class ModelError(DoorwardError):
    """A network cannot be loaded or run."""

    code = "model_error"


class EmbeddingError(ModelError):
    """An embedding that is not finite, not of unit length, or of a wrong dimension."""

    code = "embedding_invalid"


class ModelMismatchError(ModelError):
    """Scores, thresholds or templates of different networks were mixed."""

    code = "model_mismatch"


class ScoreScaleError(ModelError):
    """A score was compared with one that was made of embeddings in another way."""

    code = "score_scale"


class GalleryError(DoorwardError):
    """The index cannot answer."""

    code = "gallery_error"


class EmptyGalleryError(GalleryError):
    """Nobody is enrolled."""

    code = "nobody_enrolled"
    status = 409


class RegisterError(DoorwardError):
    """The register cannot be read or written."""

    code = "register_error"
    status = 503


class RegisterAbsentError(RegisterError):
    """There is no register at that place."""

    code = "register_absent"
    status = 404


class RegisterLockedError(RegisterError):
    """Another process holds the database."""

    code = "register_locked"


class RegisterChangedError(RegisterError):
    """Somebody else changed people, the release or the thresholds since they were looked at."""

    code = "register_changed"
    status = 409


class StorageFullError(RegisterError):
    """No space is left to write an event or a template."""

    code = "storage_full"
    status = 507


class RegisterTamperedError(RegisterError):
    """Rows of the register were changed, added, removed or put back without its key.

    Args:
        table: where it was noticed.
    """

    code = "register_tampered"

    def __init__(self, table: str) -> None:
        super().__init__(
            f"{table} in the register are damaged or were tampered with, so that nothing in it counts: "
            "restore the database from a backup, and find out who can write the file"
        )


class RegisterRolledBackError(RegisterError):
    """The register is older than what was last written under its key.

    Args:
        versions: which version is there, and which one was written before.
    """

    code = "register_rolled_back"

    def __init__(self, versions: str) -> None:
        super().__init__(
            f"an older copy of the register was put in its place ({versions}): people who were revoked or "
            "erased since may be in it again. If you restored a backup, run `doorward accept-backup`; if "
            "not, find out who can write the file"
        )


class LogAlteredError(RegisterError):
    """Events are not as they were written.

    Args:
        found: what is wrong, and where.
    """

    code = "log_altered"

    def __init__(self, found: str) -> None:
        super().__init__(
            f"the event log is not as it was written: {found}. Keep a copy of the database file as evidence, "
            "find out who can write it, and compare with the checkpoints that other machines hold "
            "(`doorward audit verify --checkpoint FILE`)"
        )


class EncryptionKeyError(RegisterError):
    """The encryption key is absent, malformed, or not the one the data was written with."""

    code = "encryption_key"


class ReleaseError(DoorwardError):
    """A release is incomplete, altered, or was refused by the gate."""

    code = "release_error"
    status = 409


class CalibrationError(DoorwardError):
    """Too little data to state a threshold, or data that contradicts itself."""

    code = "calibration_error"
    status = 409


class TrainingError(DoorwardError):
    """The site's photos do not suffice to train on."""

    code = "training_error"
    status = 409


class CameraError(DoorwardError):
    """The camera cannot deliver a picture."""

    code = "camera_error"
    status = 503


class CameraAbsentError(CameraError):
    """The camera could not be opened."""

    code = "camera_absent"


class CameraLostError(CameraError):
    """The camera stopped delivering."""

    code = "camera_lost"


class CameraFrozenError(CameraError):
    """The camera delivers the same picture again and again."""

    code = "camera_frozen"


class StaleFrameError(CameraError):
    """A picture is too old to be judged."""

    code = "stale_frame"


class DeliveryError(DoorwardError):
    """Another program does not take the events that are sent to it."""

    code = "delivery_failed"
    status = 502


class LockError(DoorwardError):
    """The lock does not answer or does not move."""

    code = "lock_error"
    status = 503


class ReaderError(DoorwardError):
    """A card reader or keypad does not answer."""

    code = "reader_error"
    status = 503


def error_record(error: DoorwardError) -> dict[str, Any]:
    """A failure as plain JSON values: on the shell, in reports of many pictures or people, over HTTP.

    Returns:
        `error`: the code, `message`: for people, `details`: what a program needs beside it, {} for most.
    """
    return {"error": error.code, "message": str(error), "details": error.details}
