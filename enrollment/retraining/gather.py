"""`gather_site`: the crops of everybody at the site who consents to training, if they suffice."""

import numpy as np

from enrollment.retraining.general_faces import FacesByPerson
from models.domain import FaceCrop, ImageArray
from models.errors import TrainingError
from models.register.records import Purpose
from models.register.register import Register

MIN_SITE_PEOPLE = 8
MIN_DIFFERENCE_GREY_LEVELS = 2.0
"""Two crops of a person that differ by less, on average over all pixels, are one photo stored twice."""


def gather_site(register: Register) -> FacesByPerson:
    """Return the crops of everybody whose consent covers training, without photos that are stored twice.

    Raises:
        TrainingError: nobody consents, or too few people have two different photos.
    """
    stored = register.crops(Purpose.TRAINING)
    if not stored:
        raise TrainingError(
            "nobody's consent covers training: ask people, and record it with their enrolment. "
            "Nothing was changed"
        )
    by_person: dict[str, list[FaceCrop]] = {}
    for each in stored:
        kept = by_person.setdefault(each.person_id, [])
        if not any(_alike(each.crop.image, other.image) for other in kept):
            kept.append(each.crop)
    usable = {person: crops for person, crops in by_person.items() if len(crops) > 1}
    if len(usable) < MIN_SITE_PEOPLE:
        raise TrainingError(
            f"{len(by_person)} people consent to training, and {len(usable)} of them have two photos that "
            f"differ; training and checking it need {MIN_SITE_PEOPLE}: enrol more people, or more photos "
            "taken at different moments. Nothing was changed"
        )
    return usable


def _alike(first: ImageArray, second: ImageArray) -> bool:
    return float(np.abs(first.astype(np.int16) - second).mean()) < MIN_DIFFERENCE_GREY_LEVELS
