"""`Observation`: what is known of one face in one picture; `observe` and `embed` find it out.

A face that cannot be aligned, checked or embedded carries its error; the other faces of the picture go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from access.stages import Stopwatch
from models.domain import Embedding, Face, FaceCrop, ImageArray, Quality
from models.errors import DoorwardError, InputError, ModelError
from models.ports import Encoder
from models.vision.alignment import align_face
from models.vision.quality import QualityLimits, assess

FACE_ERRORS = (InputError, ModelError)
"""Failures of one face. Any other is a failure of the door, and keeps everybody out."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Observation:
    """One face in one picture.

    Attributes:
        image: the whole picture, uint8 (H, W, 3), BGR, for checks that look around the face.
        face: where the face is in it.
        crop: the aligned face; None when it could not be aligned.
        quality: None until a check has assessed it.
        embedding: None until it was embedded, and when a check failed.
        error: why nothing can be said of this face in this picture.
    """

    image: ImageArray
    face: Face
    crop: FaceCrop | None = None
    quality: Quality | None = None
    embedding: Embedding | None = None
    error: DoorwardError | None = None

    @property
    def passed(self) -> bool:
        """True while no check has failed."""
        return self.error is None and (self.quality is None or self.quality.ok)

    @property
    def aligned(self) -> FaceCrop:
        """The crop. Raises InputError when there is none."""
        if self.crop is None:
            raise InputError("the face was not aligned")
        return self.crop


Check = Callable[[Observation], Observation]
"""Returns the observation with what it found out, such as its quality. May raise one of `FACE_ERRORS`."""


def quality_check(limits: QualityLimits) -> Check:
    """The check that assesses the picture's quality under these limits."""

    def check(observation: Observation) -> Observation:
        quality = assess(observation.image, observation.face, observation.aligned, limits)
        return replace(observation, quality=quality)

    return check


def observe(image: ImageArray, face: Face, checks: Sequence[Check], watch: Stopwatch) -> Observation:
    """Align a face and pass it through the checks, up to the first that fails.

    Args:
        image: the whole picture, uint8 (H, W, 3), BGR.
        face: found in it.
        checks: in their order.
        watch: measures the stages `align` and `quality`, which is all checks together.
    """
    observation = Observation(image=image, face=face)
    try:
        with watch.stage("align"):
            observation = replace(observation, crop=align_face(image, face))
        with watch.stage("quality"):
            for check in checks:
                observation = check(observation)
                if not observation.passed:
                    break
    except FACE_ERRORS as error:
        return replace(observation, error=error)
    return observation


def embed(encoder: Encoder, observations: Sequence[Observation]) -> list[Observation]:
    """Embed the faces that passed their checks: together, and one by one when that fails.

    Returns:
        The observations in their order: those that passed with an embedding or an error.
    """
    passed = [observation for observation in observations if observation.passed]
    try:
        embeddings = encoder.embed([observation.aligned for observation in passed])
        embedded = [replace(one, embedding=each) for one, each in zip(passed, embeddings, strict=True)]
    except FACE_ERRORS:
        embedded = [_embed_alone(encoder, observation) for observation in passed]
    in_order = iter(embedded)
    return [next(in_order) if observation.passed else observation for observation in observations]


def _embed_alone(encoder: Encoder, observation: Observation) -> Observation:
    try:
        (embedding,) = encoder.embed([observation.aligned])
    except FACE_ERRORS as error:
        return replace(observation, error=error)
    return replace(observation, embedding=embedding)
