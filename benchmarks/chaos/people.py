"""Who comes to the doors: people with PINs and cards, and the camera, detector and encoder that see them.

Who stands there is written into the picture's colours; a face's embedding is a random vector of its number.
"""

from dataclasses import replace

import numpy as np

from access.observation import Observation
from models.domain import Box, Embedding, Face, FaceCrop, ImageArray, Quality
from models.vision.alignment import TEMPLATE_112

MODEL = "chaos-net"
DIMENSION = 128
PEOPLE = 10
"""Enrolled people, numbered from 1."""
STRANGERS = range(100, 250)
GROUPS = ("staff", "cleaners", "guards")
LEFT, TOP, SIZE = 100, 40, 112


def pin_of(number: int) -> str:
    """The PIN of a person: six digits."""
    return f"{582_017 + 1013 * number}"


def duress_pin_of(number: int) -> str:
    """The PIN that opens as well and raises a silent alarm."""
    return f"{271_903 + 1013 * number}"


def card_of(number: int) -> str:
    """The number of a person's card."""
    return f"{70_000 + number}"


def embedding_of(number: int) -> Embedding:
    """The embedding of a face: always the same for a number, and unlike that of any other."""
    vector = np.random.default_rng(number).normal(size=DIMENSION)
    return Embedding((vector / np.linalg.norm(vector)).astype(np.float32), MODEL)


def picture_of(number: int | None) -> ImageArray:
    """What the camera sees: somebody, or nobody."""
    image = np.zeros((240, 320, 3), np.uint8)
    if number is not None:
        image[TOP : TOP + SIZE, LEFT : LEFT + SIZE] = (number, 200, 0)
    return image


class ColourDetector:
    """Finds the coloured square."""

    def detect(self, image: ImageArray) -> list[Face]:
        """The face in a picture, if there is one."""
        if not image[TOP + SIZE // 2, LEFT + SIZE // 2, 0]:
            return []
        landmarks = (TEMPLATE_112 + np.array([LEFT, TOP], np.float32)).astype(np.float32)
        return [Face(Box(LEFT, TOP, LEFT + SIZE, TOP + SIZE), landmarks, 0.9)]


class ColourEncoder:
    """Reads the number from the middle of a crop."""

    model_id = MODEL
    dimension = DIMENSION

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        """The embeddings of crops, in order."""
        return [embedding_of(int(crop.image[56, 56, 2])) for crop in crops]


def good_quality(observation: Observation) -> Observation:
    """Every picture is good."""
    return replace(observation, quality=Quality(112, 100, 0, 0, 0, 120, 40, ()))
