"""`general_from_folder`, `synthetic_general`: people in general, on whom re-training must not do worse.

Some are rehearsed while training; others, real ones, judge the challenger. Synthetic people are only
rehearsed: how well a network tells drawn faces apart says little about real ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from enrollment.retraining.divide import divide
from models.domain import FaceCrop, ImageArray
from models.errors import ImageError, InputError, TrainingError
from models.progress import Advance, ignore_steps
from models.synthetic.people import SyntheticPerson
from models.vision.alignment import align_face
from models.vision.analysis import Detector
from models.vision.pictures import PICTURE_SUFFIXES, read_picture

MIN_GENERAL_PEOPLE = 20
FIRST_SEED = 1_000_000
"""Synthetic people at the door and in the demo have small seeds: these are other people."""

JUDGING_SHARE = 2 / 3
"""Share of real people in general who judge the challenger; the others are rehearsed."""

CropsByPerson = Mapping[str, ImageArray]
"""uint8 (n, 112, 112, 3), RGB, by person: the photos as a network learns from them."""

FacesByPerson = Mapping[str, Sequence[FaceCrop]]
"""The same with the second crops, as a door embeds them."""


@dataclass(frozen=True, slots=True, eq=False)
class GeneralFaces:
    """People who have nothing to do with the site.

    Attributes:
        rehearsed: on whom the network must not change while it learns.
        judging: real people, none of them rehearsed, who judge the challenger; None without real people.
    """

    rehearsed: CropsByPerson
    judging: FacesByPerson | None


def images_of(people: FacesByPerson) -> CropsByPerson:
    """Return the first crops alone."""
    return {person: np.stack([face.image for face in faces]) for person, faces in people.items()}


def general_from_folder(
    folder: Path,
    detector: Detector,
    *,
    limit: int,
    photos: int,
    seed: int = 0,
    advance: Advance = ignore_steps,
) -> GeneralFaces:
    """Read real people; arguments and errors as `read_people`. The same people judge in every run."""
    people = read_people(folder, detector, limit=limit, photos=photos, seed=seed, advance=advance)
    rehearsed, judging = divide(people, JUDGING_SHARE)
    return GeneralFaces(images_of(rehearsed), judging)


def synthetic_general(
    detector: Detector, *, count: int, photos: int, seed: int = 0, advance: Advance = ignore_steps
) -> GeneralFaces:
    """Draw people to rehearse; arguments and errors as `draw_people`."""
    people = draw_people(detector, count=count, photos=photos, seed=seed, advance=advance)
    return GeneralFaces(images_of(people), None)


def read_people(
    folder: Path,
    detector: Detector,
    *,
    limit: int,
    photos: int,
    seed: int = 0,
    advance: Advance = ignore_steps,
) -> FacesByPerson:
    """Draw people from a folder that holds a folder of pictures per person, and crop their faces.

    Only people with two pictures or more are drawn: one picture alone cannot be compared with its person.

    Args:
        folder: holds a folder per person.
        detector: finds the faces; the largest of a picture is taken, pictures without one are passed over.
        limit: people at most.
        photos: per person at most, at least 2.
        seed: of the draw.
        advance: called with 1 after each person.

    Raises:
        TrainingError: the folder is absent, or fewer than 20 people are usable.
    """
    if not folder.is_dir():
        raise TrainingError(f"there is no folder {folder} with general faces")
    people = [(each, _pictures(each)) for each in sorted(folder.iterdir()) if each.is_dir()]
    people = [(each, pictures) for each, pictures in people if len(pictures) > 1]
    found: dict[str, list[FaceCrop]] = {}
    for index in np.random.default_rng(seed).permutation(len(people))[:limit]:
        person, pictures = people[index]
        crops = list(_crops(pictures[:photos], detector))
        if len(crops) > 1:
            found[person.name] = crops
        advance(1)
    if len(found) < MIN_GENERAL_PEOPLE:
        raise TrainingError(
            f"{folder} holds {len(found)} people with two usable pictures: {MIN_GENERAL_PEOPLE} are needed"
        )
    return found


def draw_people(
    detector: Detector, *, count: int, photos: int, seed: int = 0, advance: Advance = ignore_steps
) -> FacesByPerson:
    """Draw synthetic people and crop their faces, to rehearse at a site without a folder of real people.

    Args:
        detector: finds the faces.
        count: how many people are drawn.
        photos: per person, at least 2.
        seed: another seed draws other people.
        advance: called with 1 after each person.

    Raises:
        TrainingError: the detector finds fewer than 20 of them.
    """
    found: dict[str, list[FaceCrop]] = {}
    for number in range(count):
        person = SyntheticPerson(FIRST_SEED + seed * count + number)
        portraits = [person.portrait(seed=photo) for photo in range(photos)]
        crops = [crop for image in portraits for crop in _crop(image, detector)]
        if len(crops) > 1:
            found[f"synthetic {number}"] = crops
        advance(1)
    if len(found) < MIN_GENERAL_PEOPLE:
        raise TrainingError(f"only {len(found)} of {count} synthetic people have two faces that can be found")
    return found


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def _crops(pictures: list[Path], detector: Detector) -> Iterator[FaceCrop]:
    for path in pictures:
        try:
            image = read_picture(path)
        except ImageError:
            continue
        yield from _crop(image, detector)


def _crop(image: ImageArray, detector: Detector) -> list[FaceCrop]:
    try:
        return [align_face(image, face) for face in detector.detect(image)[:1]]
    except InputError:  # landmarks that fall together
        return []
