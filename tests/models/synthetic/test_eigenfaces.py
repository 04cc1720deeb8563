"""The space of faces: its layout, its file, and fitting it to data whose answer is known."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError, TrainingError
from models.synthetic.eigenfaces import (
    EIGENFACES_FILE,
    VECTOR_SIZE,
    Eigenfaces,
    image_of,
    load_eigenfaces,
    save_eigenfaces,
    vector_of,
)
from models.synthetic.fit import Sample, fit_eigenfaces, main, read_samples
from models.synthetic.geometry import MEAN_SHAPE, WINDOW_PX, head_mask
from models.synthetic.people import SyntheticPerson
from models.vision.detector import YuNetDetector


def _smooth_face(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:WINDOW_PX, :WINDOW_PX] / WINDOW_PX
    waves = sum(
        rng.normal(0, 10, 3) * np.cos(np.pi * (i * x + j * y))[..., None] for i, j in ((1, 0), (0, 2), (1, 1))
    )
    return np.asarray(np.clip(128 + waves, 0, 255), np.float32)


def test_a_face_survives_its_layout_as_a_vector() -> None:
    face = _smooth_face(np.random.default_rng(0))
    vector = vector_of(face)
    assert vector.shape == (VECTOR_SIZE,)
    assert np.abs(image_of(vector) - face).mean() < 1.5


def test_the_shipped_basis_is_compact_and_orthonormal() -> None:
    faces = load_eigenfaces()
    assert EIGENFACES_FILE.stat().st_size < 1.5e6
    products = faces.components @ faces.components.T
    assert np.abs(products - np.eye(len(products))).max() < 0.12
    assert (np.diff(faces.deviations) <= 0).all()
    assert len(faces.deviations) == 300


def test_the_shipped_basis_holds_nothing_but_averages() -> None:
    with np.load(EIGENFACES_FILE) as stored:
        assert set(stored.files) == {
            "mean",
            "components",
            "deviations",
            "shape_components",
            "shape_deviations",
        }


def test_the_basis_survives_its_file(tmp_path: Path) -> None:
    faces = load_eigenfaces()
    path = tmp_path / "again.npz"
    save_eigenfaces(faces, path)
    again = load_eigenfaces(path)
    overlap = np.abs((faces.components * again.components).sum(axis=1))
    assert overlap.min() > 0.99


def test_an_absent_or_foreign_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"models\.synthetic\.fit"):
        load_eigenfaces(tmp_path / "absent.npz")
    foreign = tmp_path / "foreign.npz"
    np.savez(foreign, something=np.zeros(3))
    with pytest.raises(ModelError):
        load_eigenfaces(foreign)


def _samples(count: int) -> list[Sample]:
    """Faces that differ along two directions only: brightness of the upper and of the lower half."""
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(count):
        image = np.full((WINDOW_PX, WINDOW_PX, 3), 120.0, np.float32)
        image[:30] += rng.normal(0, 12)
        image[82:] += rng.normal(0, 6)
        samples.append((image, MEAN_SHAPE.copy()))
    return samples


def test_fitting_finds_the_directions_that_were_put_in() -> None:
    faces = fit_eigenfaces(_samples(60), 5)
    assert faces.deviations[1] > 20 * faces.deviations[2]
    first = faces.texture(np.array([1.0, 0, 0, 0, 0])) - faces.texture(np.zeros(5))
    assert np.abs(first[5:25, 40:56]).mean() > 5 * np.abs(first[45:70, 40:56]).mean()
    assert np.abs(faces.shape_deviations).max() < 1e-3


def test_too_few_faces_are_refused() -> None:
    with pytest.raises(TrainingError, match="do not suffice"):
        fit_eigenfaces(_samples(4), 10)


def test_the_background_of_a_head_is_not_part_of_the_basis() -> None:
    samples = _samples(30)
    for number, (image, _) in enumerate(samples):
        image[:4, :8] = 255.0 * (number % 2)
    faces = fit_eigenfaces(samples, 5)
    corner = faces.components[:, : WINDOW_PX * WINDOW_PX].reshape(5, WINDOW_PX, WINDOW_PX)[:2, :4, :8]
    assert head_mask()[:4, :8].max() < 0.01
    assert np.abs(corner).max() < 0.01


@pytest.mark.slow
def test_the_whole_fit_runs_on_a_folder_of_photos(
    detector: YuNetDetector, detector_path: Path, tmp_path: Path
) -> None:
    """On photos of synthetic people: the script from pictures to a file that loads."""
    import cv2

    for seed in range(16):
        folder = tmp_path / "images" / f"person-{seed}"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "1.jpg"), SyntheticPerson(seed).portrait())
    paths = sorted((tmp_path / "images").glob("*/*.jpg"))
    assert len(read_samples(paths, detector)) >= 6
    main(tmp_path / "images", detector_path, tmp_path / "basis.npz", 10)
    faces: Eigenfaces = load_eigenfaces(tmp_path / "basis.npz")
    assert faces.face(np.zeros(10), np.zeros(6)).shape == (WINDOW_PX, WINDOW_PX, 3)
