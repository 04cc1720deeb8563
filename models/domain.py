"""Frames, faces, embeddings, scores and decisions as types: frozen, slotted, standard library and numpy only.

Geometry is in pixels with the origin at the top left; a box is left, top, right, bottom, in this order.
Scores are cosine similarities in [-1, 1]: higher is more alike, and a score *at or above* the threshold
passes. Times are `datetime` with a zone where they are shown to people, and monotonic seconds where they
are compared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NewType

import numpy as np
import numpy.typing as npt

from models.errors import EmbeddingError, ModelMismatchError, ScoreScaleError

PersonId = NewType("PersonId", str)
"""A person's identity: 32 hexadecimal digits, never a name and never a position."""

ImageArray = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera.

    Attributes:
        image: uint8 (H, W, 3), BGR, 0 to 255, as OpenCV delivers it.
        captured_at_s: when it was taken, in seconds of the clock the camera was opened with.
        index: running number since the camera was opened, from 0.
    """

    image: ImageArray
    captured_at_s: float
    index: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Pixels from left to right; negative for a box turned inside out."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Square pixels; 0 for an empty or inverted box."""
        return max(0.0, self.width) * max(0.0, self.height)

    def iou(self, other: "Box") -> float:
        """Intersection over union with `other`, in [0, 1]; 0 when both are empty."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        shared = max(0.0, across) * max(0.0, down)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected face.

    Attributes:
        box: where it is.
        landmarks: float32 (5, 2), x and y in pixels: the person's right eye, left eye, nose tip, right and
            left mouth corner. The person's right eye is the one further left in an unmirrored picture.
        score: the detector's confidence in [0, 1].
        second_landmarks: the same points found again in an enlarged view; None where nobody looked.
    """

    box: Box
    landmarks: FloatArray
    score: float
    second_landmarks: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FaceCrop:
    """An aligned face, ready to embed.

    Attributes:
        image: uint8 (112, 112, 3), RGB, 0 to 255.
        second: the same face aligned by its `second_landmarks`, in the same form; None without them.
    """

    image: ImageArray
    second: ImageArray | None = None


class QualityReason(StrEnum):
    """Why a picture of a face is not good enough. `models.messages` has a sentence for each."""

    TOO_SMALL = "too_small"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    TILTED = "tilted"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"
    CUT_OFF = "cut_off"
    OCCLUDED = "occluded"


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of one face, and which checks it failed.

    Attributes:
        face_px: distance between the eyes' midpoint and the mouth's midpoint times 2.9, about the face's
            height.
        sharpness: variance of the Laplacian on the aligned grey crop (grey levels squared).
        yaw_deg, pitch_deg, roll_deg: head pose estimated from the landmarks; 0 is straight ahead.
        brightness: mean luma of the aligned crop, 0 to 255.
        contrast: standard deviation of the luma of the aligned crop.
        reasons: failed checks, worst first; empty means good enough.
    """

    face_px: float
    sharpness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    brightness: float
    contrast: float
    reasons: tuple[QualityReason, ...] = ()

    @property
    def ok(self) -> bool:
        """True when no check failed."""
        return not self.reasons


UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """What a network says of a face: a unit vector, worth nothing without the network's name.

    Attributes:
        vector: float32 (D,), finite, of length 1 within 1e-3; made read-only.
        model_id: the network and its preprocessing, as the release names it.

    Raises:
        EmbeddingError: not finite, not unit length, or not one-dimensional float32.
    """

    vector: FloatArray
    model_id: str

    def __post_init__(self) -> None:
        if self.vector.ndim != 1 or self.vector.dtype != np.float32:
            raise EmbeddingError(f"an embedding is float32 (D,), not {self.vector.dtype} {self.vector.shape}")
        length = float(np.linalg.norm(self.vector))
        if not math.isfinite(length) or abs(length - 1.0) > UNIT_TOLERANCE:
            raise EmbeddingError(
                f"an embedding has length 1; this one has {length}: the face cannot be judged"
            )
        self.vector.flags.writeable = False

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.vector.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A reference stored of a person; several per person are usual."""

    template_id: str
    person_id: PersonId
    embedding: Embedding


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person the search returned, with the best score of that person's templates."""

    person_id: PersonId
    score: float


COSINE = "cosine"


class ScoreKind(StrEnum):
    """How a score was made of two embeddings."""

    RAW = "cosine"
    """Their cosine."""

    CENTRED = "centred cosine"
    """Their cosine without what a gallery's faces have in common (`models.gallery.mean`)."""


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """What a score can be compared with: only a score or threshold of the same kind and network.

    Attributes:
        kind: how it was made of two embeddings.
        model_id: the network and preprocessing of the embeddings.
    """

    kind: ScoreKind
    model_id: str

    def __str__(self) -> str:
        return f"{self.kind} of {self.model_id}"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The two people most like a probe.

    Attributes:
        best: who is most alike, None when the gallery is empty.
        runner_up: the next *person*; None when fewer than two are enrolled.
        scale: of both scores.
    """

    best: Candidate | None
    runner_up: Candidate | None
    scale: ScoreScale

    @property
    def margin(self) -> float:
        """Best score minus the runner-up's; infinite without a runner-up, 0 without a best."""
        if self.best is None:
            return 0.0
        return math.inf if self.runner_up is None else self.best.score - self.runner_up.score


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score at or above which a candidate is accepted. It carries its scale.

    Raises:
        ValueError: the value is not finite.
    """

    value: float
    scale: ScoreScale

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a threshold is a finite number, not {self.value}")

    def accepts(self, score: float, scale: ScoreScale) -> bool:
        """True when `score` is finite and at or above the threshold.

        Raises:
            ModelMismatchError: the score was made by another network.
            ScoreScaleError: the score is of another kind.
        """
        if scale.model_id != self.scale.model_id:
            raise ModelMismatchError(f"a threshold for {self.scale} cannot judge a score of {scale}")
        if scale.kind != self.scale.kind:
            raise ScoreScaleError(f"a threshold for {self.scale} cannot judge a {scale}")
        return math.isfinite(score) and score >= self.value


class DenyReason(StrEnum):
    """Why the door stays shut. `docs/reference/deny-reasons.md` explains each to an operator."""

    NOT_RECOGNISED = "not_recognised"
    AMBIGUOUS = "ambiguous"
    POOR_QUALITY = "poor_quality"
    NOT_ENOUGH_EVIDENCE = "not_enough_evidence"
    NOBODY_ENROLLED = "nobody_enrolled"
    STALE_FRAME = "stale_frame"
    CAMERA_FAULT = "camera_fault"
    MODEL_FAULT = "model_fault"
    REGISTER_FAULT = "register_fault"
    LOCK_FAULT = "lock_fault"
    LOCKDOWN = "lockdown"
    SUSPENDED = "suspended"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    LOCKED_OUT = "locked_out"
    ANTI_PASSBACK = "anti_passback"
    NO_RULE = "no_rule"
    OUTSIDE_HOURS = "outside_hours"
    NEEDS_PIN = "needs_pin"
    NEEDS_CARD = "needs_card"
    NEEDS_FACE = "needs_face"
    NEEDS_SECOND_PERSON = "needs_second_person"
    WRONG_PIN = "wrong_pin"
    UNKNOWN_CARD = "unknown_card"
    CARD_OF_ANOTHER = "card_of_another"


class CheckName(StrEnum):
    """The checks that a decision consists of, in the order in which they are made."""

    FRESH_PICTURE = "fresh_picture"
    SOMEBODY_ENROLLED = "somebody_enrolled"
    ENOUGH_PICTURES = "enough_pictures"
    RECOGNISED = "recognised"
    CLEAR_LEAD = "clear_lead"
    CREDENTIAL = "credential"
    RULES_IN_FORCE = "rules_in_force"
    DOOR_MODE = "door_mode"
    STATUS = "status"
    VALIDITY = "validity"
    LOCKOUT = "lockout"
    ANTI_PASSBACK = "anti_passback"
    RULE = "rule"
    SCHEDULE = "schedule"
    FACTORS = "factors"
    SECOND_PERSON = "second_person"
    LOCK = "lock"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of a decision.

    Attributes:
        name: which one.
        passed: False for the one that the decision fell on, the last one of a denial.
        saw: what it compared, as plain JSON values (text, numbers, lists of them): no name, no free text of
            people. `models.messages` makes a sentence of it.
    """

    name: CheckName
    passed: bool
    saw: Mapping[str, Any] = field(default_factory=dict)


Trace = tuple[CheckResult, ...]
"""Every check of a decision, in the order in which they were made."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The door may open for this person.

    Attributes:
        person_id: who is let in.
        trace: what was checked.
        longer: True for a person for whom the door stays unlocked longer.
    """

    person_id: PersonId
    trace: Trace = field(default=(), compare=False)
    longer: bool = False


@dataclass(frozen=True, slots=True)
class Deny:
    """The door stays shut, and why.

    Attributes:
        reason: for programs.
        advice: what the person can mend.
        detail: what failed, in words for the operator.
        trace: what was checked; the last check is the one that failed.
    """

    reason: DenyReason
    advice: tuple[QualityReason, ...] = ()
    detail: str = ""
    trace: Trace = field(default=(), compare=False)


Decision = Grant | Deny


class LockState(StrEnum):
    """What a lock says of itself. Unknown is never taken for locked or unlocked."""

    LOCKED = "locked"
    UNLOCKED = "unlocked"
    HELD_UNLOCKED = "held_unlocked"
    UNKNOWN = "unknown"
    JAMMED = "jammed"


class Contact(StrEnum):
    """What a door contact says."""

    CLOSED = "closed"
    OPEN = "open"
    NONE = "none"
    """There is no contact."""


@dataclass(frozen=True, slots=True)
class DoorInputs:
    """What is wired to the door's hardware, at one moment.

    Attributes:
        contact: of the door leaf.
        exit_request: True while the button inside is pressed, or the sensor inside sees somebody.
        tamper: True while a housing is open.
        fire: True while the fire alarm system asks for the door to be released.
    """

    contact: Contact = Contact.NONE
    exit_request: bool = False
    tamper: bool = False
    fire: bool = False


@dataclass(frozen=True, slots=True)
class CardShown:
    """A card was held to the reader.

    Attributes:
        number: its number as text: digits for a card of 26 to 37 bits, hexadecimal digits for a longer one.
        at_s: seconds of the door's clock.
    """

    number: str
    at_s: float


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of a keypad.

    Attributes:
        key: `0` to `9`, `*` (clear) or `#` (enter).
        at_s: seconds of the door's clock.
    """

    key: str
    at_s: float


Shown = CardShown | KeyPressed
"""What came from a reader, or from the PIN pad of the display."""
