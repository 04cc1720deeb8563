"""What is known before anybody is enrolled: how strangers scored elsewhere, and people who do not exist.

The package holds, for each pretrained network, the best scores of a few thousand searches (made by
`python -m benchmarks.accuracy --reference`; `docs/calibration.md` says from which photographs) and the
embeddings of a few hundred synthetic people (made by `python -m benchmarks.cohort`). It holds no real face
and no embedding of one.
"""

from importlib import resources

import numpy as np
import numpy.typing as npt

from models.domain import FloatArray
from models.evaluation.tail import SearchTail, fit_searches


def reference_for(model_id: str) -> SearchTail | None:
    """The reference of a network; None for one that was never measured, such as a site's own release."""
    kept = _packaged(f"strangers-{model_id}.npz")
    return None if kept is None else fit_searches(kept["best"].astype(np.float64), int(kept["searched"]))


def synthetic_cohort(model_id: str) -> FloatArray | None:
    """Unit vectors of people who do not exist, float32 (C, D); None for a network that never saw them."""
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
