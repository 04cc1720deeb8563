"""Measures how many real photos the quality checks refuse, as they are and with painted covers.

python -m benchmarks.face_quality --images ../shared/data/lfw_dev/images --photos 600
"""

import argparse
import random
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from models.domain import Face, ImageArray, QualityReason
from models.release.weights import ensure_weights
from models.vision.alignment import align
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture
from models.vision.quality import DOOR, ENROLMENT, assess

COVERS = ("mask", "hand", "sunglasses")


def paint_cover(image: ImageArray, face: Face, cover: str, rng: np.random.Generator) -> ImageArray:
    """Paint a plain cover over a face: uint8 (H, W, 3), BGR. It follows the light and has a little noise."""
    points = face.landmarks
    eyes = (points[0] + points[1]) / 2
    across, down = points[1] - points[0], (points[3] + points[4]) / 2 - eyes
    outlines = {
        "mask": [
            (-0.95, 0.35),
            (-0.3, 0.3),
            (0, 0.22),
            (0.3, 0.3),
            (0.95, 0.35),
            (0.8, 1.2),
            (0, 1.65),
            (-0.8, 1.2),
        ],
        "hand": [(-0.6, 0.7), (0.6, 0.7), (0.6, 1.6), (-0.6, 1.6)],
    }
    where = np.zeros(image.shape[:2], np.uint8)
    if cover == "sunglasses":
        radius = float(np.linalg.norm(across))
        for eye in points[:2]:
            lens = (round(0.38 * radius), round(0.27 * radius))
            cv2.ellipse(where, eye.astype(int).tolist(), lens, 0, 0, 360, 255, -1)
        colour = np.array([25.0, 22.0, 20.0])
    else:
        outline = [eyes + x * across + y * down for x, y in outlines[cover]]
        cv2.fillPoly(where, [np.array(outline, np.int32)], 255)
        colour = np.array([(235, 240, 240), (200, 160, 90), (30, 30, 30), (120, 150, 200)], float)[
            rng.integers(4)
        ]
    soft = cv2.GaussianBlur(where, (0, 0), 0.8)[..., None] / 255.0
    light = cv2.GaussianBlur(image, (0, 0), 12).mean(axis=2, keepdims=True)
    cloth = colour * np.clip(light / light.mean(), 0.7, 1.3) + rng.normal(0, 3, image.shape)
    return np.clip(image * (1 - soft) + cloth * soft, 0, 255).astype(np.uint8)


def measure(images: Path, photos: int, weights: Path) -> None:
    """Print the figures of docs/explanation/face-quality.md."""
    detector = YuNetDetector(ensure_weights(weights).detector)
    paths = sorted(images.glob("*/*_0001.jpg"))
    random.Random(1).shuffle(paths)
    rng = np.random.default_rng(0)
    whole: dict[str, Counter[str]] = {"ENROLMENT": Counter(), "DOOR": Counter()}
    covered = {cover: Counter() for cover in COVERS}
    for path in paths[:photos]:
        image = read_picture(path)
        face = detector.detect(image)[0]
        crop = align(image, face.landmarks)
        for name, limits in (("ENROLMENT", ENROLMENT), ("DOOR", DOOR)):
            whole[name].update(assess(image, face, crop, limits).reasons or ("good",))
        for cover in COVERS:
            painted = paint_cover(image, face, cover, rng)
            found = [other for other in detector.detect(painted) if other.box.iou(face.box) > 0.3]
            if not found:
                covered[cover]["not found"] += 1
                continue
            crop = align(painted, found[0].landmarks)
            for name, limits in (("ENROLMENT", ENROLMENT), ("DOOR", DOOR)):
                reasons = assess(painted, found[0], crop, limits).reasons
                covered[cover][name] += QualityReason.OCCLUDED in reasons
    for name, reasons in whole.items():
        print(name, {str(reason): f"{100 * count / photos:.1f}%" for reason, count in reasons.most_common()})
    for cover, counts in covered.items():
        print(cover, {what: f"{100 * count / photos:.0f}%" for what, count in counts.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, default=Path("../shared/data/lfw_dev/images"))
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--weights", type=Path, default=Path(".doorward/weights"))
    chosen = parser.parse_args()
    measure(chosen.images, chosen.photos, chosen.weights)
