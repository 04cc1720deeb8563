"""`read_people`, `draw_people`: general faces, on which re-training must not make the network worse."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from models.domain import ImageArray
from models.errors import ImageError, TrainingError
from models.progress import Advance, ignore_steps
from models.synthetic.people import SyntheticPerson
from models.vision.alignment import align
from models.vision.analysis import Detector
from models.vision.pictures import PICTURE_SUFFIXES, read_picture

MIN_GENERAL_PEOPLE = 20
FIRST_SEED = 1_000_000
"""Synthetic people at the door and in the demo have small seeds: these are other people."""

CropsByPerson = Mapping[str, ImageArray]
"""uint8 (n, 112, 112, 3), RGB, by person."""


def read_people(
    folder: Path,
    detector: Detector,
    *,
    limit: int,
    photos: int,
    seed: int = 0,
    advance: Advance = ignore_steps,
) -> CropsByPerson:
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
    found: dict[str, ImageArray] = {}
    for index in np.random.default_rng(seed).permutation(len(people))[:limit]:
        person, pictures = people[index]
        crops = list(_crops(pictures[:photos], detector))
        if len(crops) > 1:
            found[person.name] = np.stack(crops)
        advance(1)
    if len(found) < MIN_GENERAL_PEOPLE:
        raise TrainingError(
            f"{folder} holds {len(found)} people with two usable pictures: {MIN_GENERAL_PEOPLE} are needed"
        )
    return found


def draw_people(
    detector: Detector, *, count: int, photos: int, seed: int = 0, advance: Advance = ignore_steps
) -> CropsByPerson:
    """Draw synthetic people and crop their faces, for a site without a folder of real general faces.

    Args:
        detector: finds the faces.
        count: how many people are drawn.
        photos: per person, at least 2.
        seed: another seed draws other people.
        advance: called with 1 after each person.

    Raises:
        TrainingError: the detector finds fewer than 20 of them.
    """
    found: dict[str, ImageArray] = {}
    for number in range(count):
        person = SyntheticPerson(FIRST_SEED + seed * count + number)
        portraits = [person.portrait(seed=photo) for photo in range(photos)]
        crops = [crop for image in portraits for crop in _crop(image, detector)]
        if len(crops) > 1:
            found[f"synthetic {number}"] = np.stack(crops)
        advance(1)
    if len(found) < MIN_GENERAL_PEOPLE:
        raise TrainingError(f"only {len(found)} of {count} synthetic people have two faces that can be found")
    return found


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def _crops(pictures: list[Path], detector: Detector) -> Iterator[ImageArray]:
    for path in pictures:
        try:
            image = read_picture(path)
        except ImageError:
            continue
        yield from _crop(image, detector)


def _crop(image: ImageArray, detector: Detector) -> list[ImageArray]:
    return [align(image, face.landmarks).image for face in detector.detect(image)[:1]]
