"""`reference_for`, `synthetic_cohort`: what is known of strangers' scores before anybody is enrolled.

The package holds, for each pretrained network, the best scores of a few thousand searches (made by
`python -m benchmarks.reference`; `docs/explanation/thresholds.md` says from which photographs) and the
embeddings of a few hundred synthetic people (made by `python -m benchmarks.cohort`). It holds no real face
and no embedding of one. A release that a site has trained brings a file of its own.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.errors import ReleaseError
from models.evaluation.tail import SearchTail, fit_searches
from models.release.store import Release


def reference_for(release: Release) -> SearchTail | None:
    """Return the reference searches of a release; None for a network that has none.

    Raises:
        ReleaseError: the release's file of them cannot be read.
    """
    if release.strangers_path is not None:
        return read_reference(release.strangers_path)
    kept = _packaged(f"strangers-{release.model_id}.npz")
    return None if kept is None else _fitted(kept)


def read_reference(path: Path) -> SearchTail:
    """Read searches of strangers from a file.

    Args:
        path: an .npz with `best`, float32 (P,), P >= 30, the best score of each search, `searched`, the
            number of people that each was made among, and perhaps `units`, int (P,), as `fit_searches` takes
            them.

    Raises:
        ReleaseError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as kept:
            return _fitted(dict(kept))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ReleaseError(
            f"{path} does not hold the scores of strangers: train the release again"
        ) from error


def synthetic_cohort(model_id: str) -> FloatArray | None:
    """Return unit vectors of synthetic people, float32 (C, D); None for a network without them."""
    kept = _packaged(f"synthetic-{model_id}.npz")
    if kept is None:
        return None
    vectors = kept["vectors"].astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _fitted(kept: Mapping[str, npt.NDArray[np.float32]]) -> SearchTail:
    return fit_searches(kept["best"].astype(np.float64), int(kept["searched"]), kept.get("units"))


def _packaged(name: str) -> dict[str, npt.NDArray[np.float32]] | None:
    file = resources.files("models.evaluation").joinpath(name)
    if not file.is_file():
        return None
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        return dict(kept)
