"""`lfw_crops`, `orl_crops`: aligned crops of the photographs to train and test on, cut out once and kept."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.lfw import folds_of_people, identities
from models.evaluation.photos import people_in, subject_of
from models.release.weights import ensure_weights
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture


@dataclass(frozen=True)
class FaceCrops:
    """N photographs: `paths` NAME/FILE, `crops` uint8 (N, 112, 112, 3) RGB, `people` who is in each."""

    paths: np.ndarray
    crops: np.ndarray
    people: np.ndarray

    def of(self, rows: np.ndarray) -> "FaceCrops":
        """Return the chosen photographs."""
        return FaceCrops(self.paths[rows], self.crops[rows], self.people[rows])

    def at_most(self, photos: int) -> "FaceCrops":
        """Return the first photographs of each person: a few people have hundreds, too much weight."""
        seen: dict[str, int] = {}
        rows = []
        for row, person in enumerate(self.people.tolist()):
            seen[person] = seen.get(person, 0) + 1
            if seen[person] <= photos:
                rows.append(row)
        return self.of(np.array(rows, int))

    def by_person(self) -> dict[str, np.ndarray]:
        """Return crops by person, in alphabetical order."""
        return {str(person): self.crops[self.people == person] for person in np.unique(self.people)}


def lfw_crops(shared: Path, weights: Path, cache: Path) -> tuple[FaceCrops, np.ndarray]:
    """Return LFW's development folds, and the fold of each photograph, from 0."""
    images = shared / "data" / "lfw_dev" / "images"
    paths, crops = _cut_out(images, weights, cache / "lfw_crops.npz")
    folds = folds_of_people(shared)
    faces = FaceCrops(paths, crops, identities(shared, paths))
    return faces, np.array([folds[path.split("/")[0]] for path in paths])


def orl_crops(shared: Path, weights: Path, cache: Path) -> FaceCrops:
    """Return AT&T/ORL: 40 people, 10 grey photographs each."""
    paths, crops = _cut_out(shared / "data" / "orl", weights, cache / "orl_crops.npz", enlarge=3)
    return FaceCrops(paths, crops, np.array([path.split("/")[0] for path in paths]))


def _cut_out(folder: Path, weights: Path, cache: Path, enlarge: int = 1) -> tuple[np.ndarray, np.ndarray]:
    if not cache.exists():
        detector = YuNetDetector(ensure_weights(weights).detector, score_threshold=0.5)
        files = [path for photos in people_in(folder).values() for path in photos]
        names, crops = [], []
        for path in track(files, description=f"cutting faces out of {folder.name}"):
            image = read_picture(path)
            # The detector was trained on larger pictures than ORL's 92x112, with some margin around the face.
            if enlarge > 1:
                larger = image.repeat(enlarge, 0).repeat(enlarge, 1)
                image = np.pad(larger, ((60, 60), (60, 60), (0, 0)), "edge")
            face = subject_of(image, detector.detect(image))
            if face is not None:
                names.append(f"{path.parent.name}/{path.name}")
                crops.append(align_face(image, face).image)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, paths=np.array(names), crops=np.stack(crops))
    with np.load(cache, allow_pickle=False) as kept:
        return kept["paths"], kept["crops"]
