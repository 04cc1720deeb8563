"""`fit_eigenfaces`: fits the space of synthetic faces to a folder of photos.

    python -m models.synthetic.fit --images FOLDER --detector YUNET.onnx --out FILE

One photo per person is taken, from the front and of good quality, and used as it is and mirrored. The result
holds averages over all of them: no name, no photo, and no person's own coordinates.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from rich.progress import track

from models.domain import FloatArray
from models.errors import TrainingError
from models.synthetic.eigenfaces import EIGENFACES_FILE, Eigenfaces, save_eigenfaces, vector_of
from models.synthetic.geometry import MEAN_SHAPE, WINDOW_PX, head_mask, spline_map
from models.vision.alignment import align, similarity_transform
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture
from models.vision.quality import QualityLimits, assess

# Only faces that look at the camera: turns come from geometry, not from the basis.
FRONTAL = QualityLimits(
    min_face_px=90, min_sharpness=40, max_yaw_deg=14, max_pitch_deg=10, max_roll_deg=12, min_contrast=30
)

SHAPE_COMPONENTS = 6

# The skin of the average photo, and the share of a photo's difference from it that is ascribed to the light.
_USUAL_SKIN_BGR = (95.0, 112.0, 150.0)
_LIGHT_BALANCED = 0.4
_COLOUR_BALANCED = 0.65
_MIRRORED_ORDER = [1, 0, 2, 4, 3]

Sample = tuple[FloatArray, FloatArray]
"""A face in the window, float32 (96, 96, 3) BGR, and its landmarks there, float32 (5, 2)."""


def read_samples(paths: Iterable[Path], detector: YuNetDetector) -> list[Sample]:
    """Find the frontal faces of good quality in these photos, and align them to the window."""
    samples: list[Sample] = []
    for path in paths:
        image = read_picture(path)
        faces = detector.detect(image)
        if not faces or assess(image, faces[0], align(image, faces[0].landmarks), FRONTAL).reasons:
            continue
        matrix = similarity_transform(faces[0].landmarks, MEAN_SHAPE)
        window = cv2.warpAffine(
            image, matrix, (WINDOW_PX, WINDOW_PX), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
        )
        landmarks = faces[0].landmarks @ matrix[:, :2].T + matrix[:, 2]
        samples.append((window.astype(np.float32), landmarks))
    return samples


def fit_eigenfaces(samples: list[Sample], components: int) -> Eigenfaces:
    """Compute the principal components of textures and of shapes.

    Raises:
        TrainingError: fewer faces than components.
    """
    if 2 * len(samples) <= components:
        raise TrainingError(f"{len(samples)} frontal faces do not suffice for {components} components")
    both = [sample for pair in ((one, _mirrored(one)) for one in samples) for sample in pair]
    shapes = np.array([(landmarks - MEAN_SHAPE).ravel() for _, landmarks in both])
    shape_components, shape_deviations = _principal(shapes, SHAPE_COMPONENTS)
    vectors = np.array([_texture(image, landmarks) for image, landmarks in both])  # (N, V)
    mean = vectors.mean(axis=0)
    inside = head_mask()
    weights = vector_of(np.repeat(inside[..., None], 3, axis=2) * 255.0) / 255.0
    chroma = vectors.shape[1] - inside.size
    weights[-chroma:] = np.tile(cv2.resize(inside, (32, 32), interpolation=cv2.INTER_AREA).ravel(), 2)
    vectors -= mean
    vectors *= weights  # the background is not part of a face
    directions, deviations = _principal(vectors, components)
    return Eigenfaces(mean, directions, deviations, shape_components, shape_deviations)


def _texture(image: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Return the face with its landmarks moved to the average places, as a vector."""
    moves = spline_map(landmarks, MEAN_SHAPE)
    moved = cv2.remap(image, moves, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return vector_of(_balanced(np.asarray(moved, np.float32)))


def _balanced(image: FloatArray) -> FloatArray:
    """Bring light and its colour nearer to the average: the basis should describe faces, not the light."""
    seen = image[30:80, 25:71].mean(axis=(0, 1)) + 1.0  # blue, green, red of the skin
    brightness, usual = seen.mean(), np.mean(_USUAL_SKIN_BGR)
    colour = (seen / brightness) / (np.array(_USUAL_SKIN_BGR) / usual)
    gain = (usual / brightness) ** _LIGHT_BALANCED / colour**_COLOUR_BALANCED
    return np.asarray(np.clip(image * gain, 0.0, 255.0), np.float32)


def _mirrored(sample: Sample) -> Sample:
    image, landmarks = sample
    flipped = (landmarks * (-1, 1) + (WINDOW_PX - 1, 0))[_MIRRORED_ORDER]
    return image[:, ::-1].copy(), flipped.astype(np.float32)


def _principal(centred: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Return the first principal directions of the rows, (count, V), and their deviations, (count,)."""
    wide = centred.shape[1] > centred.shape[0]
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    directions = (centred.T @ vectors).T if wide else vectors.T
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return directions.astype(np.float32), np.sqrt(values / len(centred)).astype(np.float32)


def main(
    images: Annotated[Path, typer.Option(help="A folder of photos, a folder per person.", exists=True)],
    detector: Annotated[Path, typer.Option(help="The YuNet network.", exists=True)],
    out: Annotated[Path, typer.Option(help="Where the basis is written.")] = EIGENFACES_FILE,
    components: Annotated[int, typer.Option(min=10, help="How many ways in which faces differ.")] = 300,
) -> None:
    """Fit the space of synthetic faces and write it to a file."""
    people = sorted(folder for folder in images.iterdir() if folder.is_dir())
    photos = [min(folder.glob("*.jpg")) for folder in people]
    paths = track(photos, description="Reading faces")
    samples = read_samples(paths, YuNetDetector(detector))
    typer.echo(f"{len(samples)} frontal faces of {len(people)} people")
    faces = fit_eigenfaces(samples, components)
    save_eigenfaces(faces, out)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    typer.run(main)
