"""Measures Doorward and its peers on the same people, probes and strangers, each at its default settings.

    python -m benchmarks.peers --shared ../shared --weights .doorward/weights --peers-python PEERS/bin/python

writes docs/experiments/peers.md. benchmarks/README.md says how to make the environment of the peers; without
--peers-python only Doorward and plain OpenCV are run.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.accuracy import split_open_set
from benchmarks.lfw import identities
from benchmarks.peer_adapters import run
from models.domain import Embedding, FaceCrop, PersonId, Template
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.evaluation.calibration import ErrorRateTargets, calibrate
from models.evaluation.photos import people_in, subject_of
from models.evaluation.reference import reference_for
from models.gallery.gallery import Gallery
from models.release.manifest import Thresholds
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture

ROOT = Path(__file__).resolve().parent.parent
SEED = 0


def doorward(layout: dict, weights: Path) -> dict:
    """Search with Doorward at its default target rate, one stranger in a thousand."""
    files = ensure_weights(weights)
    detector = YuNetDetector(files.detector)
    encoder = FlippedEncoder(OpenVinoEncoder(files.sface, SFACE_MODEL_ID))

    def embed(path: str) -> Embedding | None:
        image = read_picture(Path(path))
        face = subject_of(image, detector.detect(image))
        crop: FaceCrop | None = None if face is None else align_face(image, face)
        return None if crop is None else encoder.embed([crop])[0]

    templates = [
        Template(path, PersonId(name), embedding)
        for name, paths in layout["gallery"].items()
        for path in paths
        if (embedding := embed(path)) is not None
    ]
    gallery = Gallery.build(templates, SFACE_MODEL_ID)
    threshold = calibrate(
        templates,
        SFACE_MODEL_ID,
        ErrorRateTargets(),
        Thresholds(0.6, 0.6, 0.6),
        reference=reference_for(SFACE_MODEL_ID),
    ).identify.threshold

    def identify(path: str) -> str | None:
        embedding = embed(path)
        best = None if embedding is None else gallery.search(embedding).best
        return best.person_id if best is not None and threshold.accepts(best.score, SFACE_MODEL_ID) else None

    return run(identify, [f"Doorward {importlib.metadata.version('doorward')}"], layout)


def peer(name: str, python: str, layout_file: Path, weights: Path) -> dict | None:
    """Return what a peer answers; None where it is not installed or fails."""
    script = str(ROOT / "benchmarks" / "peer_adapters.py")
    environment = os.environ | {"WEIGHTS": str(weights.resolve())}
    done = subprocess.run(
        [python, script, name, str(layout_file)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def row(name: str, result: dict, layout: dict) -> str:
    """Return a line of the table."""
    truth = [person for person, _ in layout["probes"]]
    refused = np.mean([answer is None for answer in result["probes"]])
    wrong = np.mean(
        [answer not in (None, person) for answer, person in zip(result["probes"], truth, strict=True)]
    )
    accepted = np.mean([answer is not None for answer in result["strangers"]])
    return (
        f"| {name} | {100 * accepted:.1f}% | {100 * refused:.1f}% | {100 * wrong:.1f}% | "
        f"{result['ms']:.0f} | {', '.join(result['versions'])} |"
    )


def lay_out(shared: Path, people: int, probes: int, strangers: int) -> dict:
    """Draw the photographs to enrol, the probes and the strangers, the same for every peer."""
    images = shared / "data" / "lfw_dev" / "images"
    paths = np.array([f"{p.parent.name}/{p.name}" for own in people_in(images).values() for p in own])
    names = identities(shared, paths)
    split = split_open_set(names, 1, np.ones(len(names), bool))
    rng = np.random.default_rng(SEED)

    def draw(items: Sequence, count: int) -> list:
        return [items[index] for index in rng.permutation(len(items))[:count]]

    enrolled = draw(sorted(split.gallery), people)
    shown = draw([(name, line) for name in enrolled for line in split.probes[name]], probes)

    def path_of(line: int) -> str:
        return str((images / paths[line]).resolve())

    return {
        "gallery": {name: [path_of(line) for line in split.gallery[name]] for name in enrolled},
        "probes": [[name, path_of(line)] for name, line in shown],
        "strangers": [path_of(line) for line in draw(split.strangers, strangers)],
    }


def main() -> None:
    """Run all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--peers-python", help="the interpreter of the peers' environment")
    parser.add_argument("--note", default="", help="a sentence about the machine, for the document")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--probes", type=int, default=500)
    parser.add_argument("--strangers", type=int, default=500)
    given = parser.parse_args()
    layout = lay_out(given.shared, given.people, given.probes, given.strangers)
    results = {"Doorward": doorward(layout, given.weights)}
    with tempfile.TemporaryDirectory() as folder:
        layout_file = Path(folder) / "layout.json"
        layout_file.write_text(json.dumps(layout), encoding="utf-8")
        wanted = [("opencv", sys.executable)]
        if given.peers_python:
            wanted += [(name, given.peers_python) for name in ("verifyface", "face_recognition")]
        for name, python in wanted:
            result = peer(name, python, layout_file, given.weights)
            if result is not None:
                results[name] = result
    labels = {"opencv": "OpenCV YuNet + SFace, textbook threshold 0.363"}
    lines = [
        "# Doorward and its peers",
        "",
        "Made by `python -m benchmarks.peers`; do not edit by hand.",
        "",
        f"{given.people} people of Labeled Faces in the Wild enrolled by one photograph each,",
        f"{given.probes} other photographs of them, {given.strangers} strangers; every system at its default",
        f"settings, on one machine. {given.note}".strip(),
        "",
        "| system | strangers accepted | enrolled refused | wrong person | ms per search | versions |",
        "| --- | --- | --- | --- | --- | --- |",
        *(row(labels.get(name, name), result, layout) for name, result in results.items()),
        "",
        "A search is everything from the file to the answer. Enrolled who are refused are asked for another",
        "picture a moment later, and two or three pictures at enrolment refuse far fewer",
        "([Accuracy on faces never seen before](accuracy.md)). "
        "A stranger who was accepted is in the building.",
    ]
    text = "\n".join(lines) + "\n"
    (ROOT / "docs" / "experiments" / "peers.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
