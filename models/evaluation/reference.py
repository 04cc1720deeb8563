"""`reference_for`, `synthetic_cohort`: what is known of strangers' scores before anybody is enrolled.

The package holds, for each pretrained network, the best scores of a few thousand searches (made by
`python -m benchmarks.accuracy --reference`; `docs/explanation/thresholds.md` says from which
photographs) and the embeddings of a few hundred synthetic people (made by `python -m benchmarks.cohort`). It
holds no real face and no embedding of one.
"""

from importlib import resources

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.evaluation.tail import SearchTail, fit_searches


def reference_for(model_id: str) -> SearchTail | None:
    """Return the reference searches of a network; None for one without, such as a site's own release."""
    kept = _packaged(f"strangers-{model_id}.npz")
    return None if kept is None else fit_searches(kept["best"].astype(np.float64), int(kept["searched"]))


def synthetic_cohort(model_id: str) -> FloatArray | None:
    """Return unit vectors of synthetic people, float32 (C, D); None for a network without them."""
    kept = _packaged(f"synthetic-{model_id}.npz")
    if kept is None:
        return None
    vectors = kept["vectors"].astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _packaged(name: str) -> dict[str, npt.NDArray[np.float32]] | None:
    file = resources.files("models.evaluation").joinpath(name)
    if not file.is_file():
        return None
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
        return dict(kept)
