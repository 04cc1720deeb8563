"""Makes the fixed cohort of synthetic people, embedded by the pretrained network.

    python -m benchmarks.cohort --weights .doorward/weights

Writes models/evaluation/synthetic-sface-2021dec.npz, which `models.evaluation.reference` reads.
"""

import argparse
from pathlib import Path

import numpy as np

from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.evaluation.photos import subject_of
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.synthetic.people import SyntheticPerson
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "models" / "evaluation" / f"synthetic-{SFACE_MODEL_ID}.npz"
PEOPLE = 400
# Demonstrations and tests draw small seeds: nobody of the cohort may be a visitor of theirs.
FIRST_SEED = 1_000_000


def main() -> None:
    """Draw, embed and write the cohort."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    files = ensure_weights(parser.parse_args().weights)
    detector = YuNetDetector(files.detector)
    encoder = FlippedEncoder(OpenVinoEncoder(files.sface, SFACE_MODEL_ID))
    vectors = []
    for seed in range(FIRST_SEED, FIRST_SEED + PEOPLE):
        image = SyntheticPerson(seed).portrait(250, seed)
        face = subject_of(image, detector.detect(image))
        if face is not None:
            vectors.append(encoder.embed([align_face(image, face)])[0].vector)
    np.savez_compressed(TARGET, vectors=np.array(vectors, np.float16))
    print(f"{len(vectors)} of {PEOPLE} people")


if __name__ == "__main__":
    main()
