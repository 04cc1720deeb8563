"""Measures how the real networks find and tell apart synthetic people.

    python -m benchmarks.synthetic_people --people 200 --frames 6

Each person is enrolled by a portrait and seen in frames of a scene, where they walk up and look about.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from models.domain import Embedding, FaceCrop, FloatArray
from models.encoders.openvino import OpenVinoEncoder
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene
from models.vision.alignment import align
from models.vision.detector import YuNetDetector
from models.vision.quality import DOOR, ENROLMENT, assess

# Before the door, the way in and out left aside.
STANDING = (0.18, 0.82)


def measure(people: int, frames: int, weights: Path) -> None:
    """Print the figures of docs/explanation/synthetic-faces.md."""
    files = ensure_weights(weights)
    detector = YuNetDetector(files.detector)
    encoder = OpenVinoEncoder(files.sface, SFACE_MODEL_ID)
    references: list[FaceCrop] = []
    probes: list[FaceCrop] = []
    owners: list[int] = []
    missed, overlaps, refused = 0, [], {"portraits": 0, "frames": 0}
    for seed in range(people):
        person = SyntheticPerson(seed)
        portrait = person.portrait()
        faces = detector.detect(portrait)
        if not faces:
            missed += 1
            continue
        references.append(align(portrait, faces[0].landmarks))
        refused["portraits"] += not assess(portrait, faces[0], references[-1], ENROLMENT).ok
        scene = Scene((Appearance(person, 0.0, 8.0, seed=1),), background_seed=seed)
        for share in np.linspace(*STANDING, frames):
            image, (truth,) = scene.frame_at(8.0 * share)
            found = [face for face in detector.detect(image) if face.box.iou(truth.box) > 0.3]
            if not found:
                missed += 1
                continue
            overlaps.append(found[0].box.iou(truth.box))
            probes.append(align(image, found[0].landmarks))
            refused["frames"] += not assess(image, found[0], probes[-1], DOOR).ok
            owners.append(len(references) - 1)
    scores = stack(encoder.embed(probes)) @ stack(encoder.embed(references)).T
    same = np.arange(len(references))[None] == np.array(owners)[:, None]
    mated, others = scores[same], scores[~same]
    low = np.percentile(mated, 5)
    print(f"people {people}, faces {people * (1 + frames)}, not found {missed}")
    print(f"overlap with the true box: mean {np.mean(overlaps):.2f}, lowest {np.min(overlaps):.2f}")
    print(f"mated: mean {mated.mean():.3f}, 5th percentile {low:.3f}, lowest {mated.min():.3f}")
    high = np.percentile(others, [50, 99, 99.9])
    print(
        f"others: median {high[0]:.3f}, 99th {high[1]:.3f}, 99.9th {high[2]:.3f}, highest {others.max():.3f}"
    )
    best = np.where(same, -1.0, scores).max(axis=1)
    print(
        f"best of all others, per frame: median {np.median(best):.3f}; above the own: {(best >= mated).sum()}"
    )
    print(
        f"refused by quality: {refused['portraits']} portraits, {refused['frames']} of {len(probes)} frames"
    )


def measure_speed() -> None:
    """Print how fast frames are drawn, with one person in the picture, on one thread."""
    cv2.setNumThreads(1)
    scene = Scene((Appearance(SyntheticPerson(0), 0.0, 100.0),))
    scene.frame_at(30.0)
    start = time.perf_counter()
    for index in range(200):
        scene.frame_at(30.0 + index / 10)
    print(f"drawing 640x480: {200 / (time.perf_counter() - start):.0f} frames/s on one thread")


def stack(embeddings: list[Embedding]) -> FloatArray:
    """Embed pictures: float32 (N, D)."""
    return np.stack([embedding.vector for embedding in embeddings])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--weights", type=Path, default=Path(".doorward/weights"))
    chosen = parser.parse_args()
    measure(chosen.people, chosen.frames, chosen.weights)
    measure_speed()
