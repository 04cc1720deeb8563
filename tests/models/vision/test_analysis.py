"""`FaceAnalyser` with stand-ins for detector and encoder."""

import numpy as np
import pytest

from models.domain import Box, Embedding, Face, FaceCrop, ImageArray
from models.errors import NoFaceError, SeveralFacesError
from models.synthetic.people import SyntheticPerson
from models.vision.alignment import TEMPLATE_112
from models.vision.analysis import FaceAnalyser
from models.vision.detector import YuNetDetector
from models.vision.quality import DOOR


class FixedDetector:
    """Finds what it was told."""

    def __init__(self, *sides: float) -> None:
        self.faces = [Face(Box(0, 0, side, side), TEMPLATE_112 * (side / 112), 0.9) for side in sides]

    def detect(self, image: ImageArray) -> list[Face]:
        return self.faces


class CountingEncoder:
    """Embeds a crop as its running number."""

    model_id = "counting"
    dimension = 4

    def __init__(self) -> None:
        self.crops: list[FaceCrop] = []

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        embeddings = []
        for crop in crops:
            self.crops.append(crop)
            embeddings.append(Embedding(np.eye(4, dtype=np.float32)[len(self.crops) % 4], self.model_id))
        return embeddings


PICTURE = np.full((300, 300, 3), 100, np.uint8)


def test_each_face_is_aligned_judged_and_embedded() -> None:
    encoder = CountingEncoder()
    found = FaceAnalyser(FixedDetector(200, 100), encoder, DOOR).analyse(PICTURE)
    assert [one.face.box.width for one in found] == [200, 100]
    assert [one.crop for one in found] == encoder.crops
    assert [int(one.embedding.vector.argmax()) for one in found] == [1, 2]
    assert not found[0].quality.ok


def test_a_picture_without_faces_gives_an_empty_list_or_an_error() -> None:
    analyser = FaceAnalyser(FixedDetector(), CountingEncoder(), DOOR)
    assert analyser.analyse(PICTURE) == []
    with pytest.raises(NoFaceError, match="no face"):
        analyser.only_face(PICTURE)


def square(side: float, centre: tuple[float, float] = (150, 150)) -> Face:
    left, top = centre[0] - side / 2, centre[1] - side / 2
    return Face(Box(left, top, left + side, top + side), TEMPLATE_112 * (side / 112), 0.9)


@pytest.mark.parametrize(
    ("rival", "refused"),
    [
        (square(70), False),  # 0.49 of the area
        (square(72), True),  # 0.52
        (square(100), True),
        (square(100, (260, 260)), False),  # as large, but only 0.27 of the way in from the corner
        (square(100, (170, 150)), True),
    ],
)
def test_a_much_less_prominent_face_is_background(rival: Face, refused: bool) -> None:
    encoder = CountingEncoder()
    detector = FixedDetector()
    subject = square(100)
    detector.faces = [rival, subject]
    analyser = FaceAnalyser(detector, encoder, DOOR)
    if refused:
        with pytest.raises(SeveralFacesError, match="2 faces"):
            analyser.only_face(PICTURE)
        assert encoder.crops == []
    else:
        assert analyser.only_face(PICTURE).face is subject
        assert len(encoder.crops) == 1


def test_the_analyser_works_with_the_yunet_detector(detector: YuNetDetector) -> None:
    analysis = FaceAnalyser(detector, CountingEncoder(), DOOR).only_face(SyntheticPerson(1).portrait())
    assert analysis.quality.ok
    assert analysis.crop.image.shape == (112, 112, 3)
