"""Labeled Faces in the Wild, development folds: identities, folds, pairs, vectors and open-set splits."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.domain import FaceCrop
from models.encoders.flipped import mirrored
from models.encoders.openvino import OpenVinoEncoder
from models.evaluation.pairs import Pair, read_pairs
from models.evaluation.photos import people_in, subject_of
from models.release.networks import SFACE_MODEL_ID
from models.release.weights import ensure_weights
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture

SAME_PERSON = (
    ("Andrew_Caldecott", "Andrew_Gilligan"),
    ("Shinya_Taniguchi", "Takahiro_Mori"),
    ("Noer_Moeis", "Noer_Muis"),
    ("Bison_Dele", "Brian_Williams"),
    ("Doc_Rivers", "Glenn_Rivers"),
    ("Chyung_Dai-chul", "Dai_Chul_Chyung"),
    ("Jason_Kapono", "Ray_Young"),
    ("Bill_Pryor", "William_Pryor_Jr"),
)
"""Pairs of names whose photographs show one person, as the eye sees, beside those that
same_person_two_names.txt lists. They score 0.64 to 0.95; the highest score of two different people is 0.58,
two sisters score 0.56."""

CACHE = Path(__file__).resolve().parent.parent / ".doorward" / "benchmarks" / "lfw_views.npz"


@dataclass(frozen=True)
class LfwViews:
    """Every photograph embedded in four ways, unit rows (N, D); `acquired` is True where a face was found.

    plain and mirror: of the picture as it is, one alignment. first and second_mirror: of the door's two
    alignments.
    """

    paths: np.ndarray
    plain: np.ndarray
    mirror: np.ndarray
    first: np.ndarray
    second_mirror: np.ndarray
    acquired: np.ndarray


def load_views(shared: Path, weights: Path, cache: Path) -> LfwViews:
    """Return the vectors of every photograph, from `cache` where that exists, else computed and stored."""
    if not cache.exists():
        _embed_all(shared / "data" / "lfw_dev" / "images", weights, cache)
    with np.load(cache, allow_pickle=False) as kept:
        return LfwViews(**{name: kept[name] for name in kept.files})


def _embed_all(images: Path, weights: Path, cache: Path) -> None:
    files = ensure_weights(weights)
    bare = YuNetDetector(files.detector, second_looks=0, enlarged_side=0)
    door = YuNetDetector(files.detector, second_looks=3)
    encoder = OpenVinoEncoder(files.sface, SFACE_MODEL_ID)
    paths = [path for photos in people_in(images).values() for path in photos]
    views = np.zeros((4, len(paths), encoder.dimension), np.float32)
    acquired = np.zeros(len(paths), bool)
    start = time.perf_counter()
    for row, path in enumerate(paths):
        image = read_picture(path)
        for part, detector in ((0, bare), (2, door)):
            face = subject_of(image, detector.detect(image))
            acquired[row] = face is not None
            if face is not None:
                crop = align_face(image, face)
                both = encoder.embed([FaceCrop(crop.image), mirrored(crop)])
                views[part : part + 2, row] = [embedding.vector for embedding in both]
        if row % 500 == 0:
            print(f"{row} of {len(paths)} photographs, {time.perf_counter() - start:.0f} s", flush=True)
    cache.parent.mkdir(parents=True, exist_ok=True)
    names = np.array([f"{path.parent.name}/{path.name}" for path in paths])
    parts = dict(zip(("plain", "mirror", "first", "second_mirror"), views, strict=True))
    # Another program may read the file meanwhile: it appears when it is whole.
    unfinished = cache.with_name(f"{cache.stem}-{os.getpid()}.npz")
    np.savez(unfinished, paths=names, acquired=acquired, **parts)
    unfinished.replace(cache)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to length 1, float32; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)


def door_vectors(views: LfwViews) -> np.ndarray:
    """Return the vectors as the door embeds: both alignments averaged, float32 (N, D) unit rows."""
    return unit(views.first + views.second_mirror)


def identities(shared: Path, paths: np.ndarray) -> np.ndarray:
    """Return who is in each photograph, with the people who appear under two names as one: their first."""
    same = {second: first for first, second in SAME_PERSON}
    for line in (shared / "data" / "lfw_dev" / "same_person_two_names.txt").read_text().splitlines():
        first, second = line.split("\t")
        same[second] = first
    names = [path.split("/")[0] for path in paths]
    return np.array([same.get(name, name) for name in names])


def folds_of_people(shared: Path) -> dict[str, int]:
    """Return the fold of each name, from 0."""
    lines = (shared / "data" / "lfw_dev" / "people_dev.txt").read_text().splitlines()
    found, at = {}, 1
    for fold in range(int(lines[0])):
        count = int(lines[at])
        for line in lines[at + 1 : at + 1 + count]:
            found[line.split("\t")[0]] = fold
        at += 1 + count
    return found


def folds_of(shared: Path, people: np.ndarray) -> np.ndarray:
    """Return the fold of each of these names, from 0, int (N,)."""
    by_name = folds_of_people(shared)
    return np.array([by_name[name] for name in people])


def pairs_of(shared: Path) -> list[Pair]:
    """Read the 3,000 pairs."""
    return read_pairs(shared / "data" / "lfw_dev" / "pairs_dev.txt")


@dataclass(frozen=True)
class Split:
    """Rows of photographs: each person's templates, their other photographs, and people of one photograph."""

    gallery: dict[str, list[int]]
    probes: dict[str, list[int]]
    strangers: list[int]


def split_open_set(people: np.ndarray, enrolled: int, inside: np.ndarray) -> Split:
    """Split photographs: everybody with more than `enrolled` of them is enrolled by the first ones."""
    rows: dict[str, list[int]] = {}
    for row in np.flatnonzero(inside):
        rows.setdefault(str(people[row]), []).append(int(row))
    known = {name: own for name, own in rows.items() if len(own) > enrolled}
    return Split(
        {name: own[:enrolled] for name, own in known.items()},
        {name: own[enrolled:] for name, own in known.items()},
        [own[0] for own in rows.values() if len(own) == 1],
    )
