"""Every failure that Doorward knows by name.

A caller that catches `DoorwardError` has caught them all; anything else is a bug and ends the process.
Each message says what was wrong and what to do about it.

    DoorwardError
    ├── ConfigError               the configuration file or the environment is wrong
    ├── InputError                what the caller handed over cannot be used
    │   ├── ImageError            not an image, unreadable, or too large
    │   ├── NoFaceError           a picture without a face
    │   ├── SeveralFacesError     a picture with more than one face where one is needed
    │   ├── QualityError          a face that is too small, blurred, turned, dark ... (carries the reasons)
    │   ├── UnknownPersonError    no such person in the register
    │   ├── DuplicatePersonError  this face or this name is enrolled already
    │   └── ConsentError          the person's consent does not cover what was asked
    ├── WeightsError              pretrained weights are absent
    │   ├── WeightsUnavailableError   no source could deliver them
    │   └── WeightsHashError          they are not the bytes that were promised
    ├── ModelError                a network cannot be loaded or run
    │   ├── EmbeddingError        an embedding that is not finite, not unit length or of a wrong dimension
    │   └── ModelMismatchError    scores, thresholds or templates of different networks were mixed
    ├── GalleryError              the index cannot answer
    │   └── EmptyGalleryError     nobody is enrolled
    ├── RegisterError             the register cannot be read or written
    │   ├── RegisterLockedError   another process holds the database
    │   ├── RegisterChangedError  somebody else changed people since they were looked at
    │   ├── StorageFullError      no space left to write an event or a template
    │   └── EncryptionKeyError    the encryption key is absent, malformed or not the one used
    ├── ReleaseError              a release is incomplete, altered, or was refused by the gate
    ├── CalibrationError          too little data, or data that contradicts itself
    ├── TrainingError             the site's photos do not suffice to train on
    ├── CameraError               the camera cannot deliver a picture
    │   ├── CameraAbsentError     it could not be opened
    │   ├── CameraLostError       it stopped delivering
    │   └── CameraFrozenError     it delivers the same picture again and again
    └── LockError                 the lock does not answer or does not move
"""

from collections.abc import Sequence


class DoorwardError(Exception):
    """The root of every failure that Doorward knows by name."""


class ConfigError(DoorwardError):
    """The configuration file or the environment is wrong."""


class InputError(DoorwardError):
    """What the caller handed over cannot be used."""


class ImageError(InputError):
    """Not an image, unreadable, or too large."""


class NoFaceError(InputError):
    """A picture without a face."""


class SeveralFacesError(InputError):
    """A picture with more than one face where exactly one is needed."""


class QualityError(InputError):
    """A face whose picture is not good enough.

    Args:
        message: what is wrong and what the person can do about it.
        reasons: the failed checks, by their stable names (`models.domain.QualityReason` values).
    """

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class UnknownPersonError(InputError):
    """No such person in the register."""


class DuplicatePersonError(InputError):
    """This face or this name is enrolled already."""


class ConsentError(InputError):
    """The person's consent does not cover what was asked."""


class WeightsError(DoorwardError):
    """Pretrained weights are absent."""


class WeightsUnavailableError(WeightsError):
    """No source could deliver the weights."""


class WeightsHashError(WeightsError):
    """The weights are not the bytes that were promised."""


class ModelError(DoorwardError):
    """A network cannot be loaded or run."""


class EmbeddingError(ModelError):
    """An embedding that is not finite, not of unit length, or of a wrong dimension."""


class ModelMismatchError(ModelError):
    """Scores, thresholds or templates of different networks were mixed."""


class GalleryError(DoorwardError):
    """The index cannot answer."""


class EmptyGalleryError(GalleryError):
    """Nobody is enrolled."""


class RegisterError(DoorwardError):
    """The register cannot be read or written."""


class RegisterLockedError(RegisterError):
    """Another process holds the database."""


class RegisterChangedError(RegisterError):
    """Somebody else changed people, the release or the thresholds since they were looked at."""


class StorageFullError(RegisterError):
    """No space is left to write an event or a template."""


class EncryptionKeyError(RegisterError):
    """The encryption key is absent, malformed, or not the one the data was written with."""


class ReleaseError(DoorwardError):
    """A release is incomplete, altered, or was refused by the gate."""


class CalibrationError(DoorwardError):
    """Too little data to state a threshold, or data that contradicts itself."""


class TrainingError(DoorwardError):
    """The site's photos do not suffice to train on."""


class CameraError(DoorwardError):
    """The camera cannot deliver a picture."""


class CameraAbsentError(CameraError):
    """The camera could not be opened."""


class CameraLostError(CameraError):
    """The camera stopped delivering."""


class CameraFrozenError(CameraError):
    """The camera delivers the same picture again and again."""


class LockError(DoorwardError):
    """The lock does not answer or does not move."""
