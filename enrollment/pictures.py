"""`examine`: finds the one good face of a picture, or says why there is none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.domain import Embedding, ImageArray
from models.errors import NoFaceError, QualityError, SeveralFacesError
from models.messages import picture_message
from models.vision.analysis import FaceAnalyser, FaceAnalysis


@dataclass(frozen=True, slots=True, eq=False)
class NamedPicture:
    """A picture and what the operator calls it.

    Attributes:
        name: for messages, such as the file's name.
        image: uint8 (H, W, 3), BGR.
    """

    name: str
    image: ImageArray


@dataclass(frozen=True, slots=True, eq=False)
class ExaminedPicture:
    """A picture with exactly one face that is good enough."""

    name: str
    analysis: FaceAnalysis


def examine(analyser: FaceAnalyser, picture: NamedPicture, *, largest: bool = False) -> ExaminedPicture:
    """Find the one face of a picture and check that it is good enough for a template.

    Args:
        analyser: with the limits of quality for enrolment.
        picture: of one person.
        largest: take the largest of several faces, instead of refusing the picture.

    Raises:
        NoFaceError, SeveralFacesError: the message names the picture.
        QualityError: the message names the picture and says what to do; carries the reasons.
    """
    try:
        several = analyser.analyse(picture.image) if largest else []
        analysis = several[0] if several else analyser.only_face(picture.image)
    except (NoFaceError, SeveralFacesError) as error:
        raise type(error)(f"{picture.name}: {error}") from error
    reasons = analysis.quality.reasons
    if reasons:
        raise QualityError(f"{picture.name}: {picture_message(reasons)}; take another picture", reasons)
    return ExaminedPicture(picture.name, analysis)


def pictures_of_other_people(
    pictures: Sequence[ExaminedPicture], same: Callable[[Embedding, Embedding], bool]
) -> list[ExaminedPicture]:
    """The pictures that are not of the person most of them show.

    A picture belongs to all that it is linked with through others, so that a frontal one may join two
    profiles.

    Args:
        pictures: to be told apart.
        same: True when two of them are of one person.
    """
    groups: list[list[ExaminedPicture]] = []
    for picture in pictures:
        near = [group for group in groups if any(_linked(picture, other, same) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), picture])
    largest = max(groups, key=len, default=[])
    return [picture for picture in pictures if picture not in largest]


def _linked(
    first: ExaminedPicture, second: ExaminedPicture, same: Callable[[Embedding, Embedding], bool]
) -> bool:
    return same(first.analysis.embedding, second.analysis.embedding)
