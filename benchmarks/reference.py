"""Makes the packaged reference of strangers' scores: `python -m benchmarks.reference`.

Every person of the development folds of Labeled Faces in the Wild, one photograph each, is searched among all
others, as the door searches. Writes models/evaluation/strangers-sface-2021dec.npz: the best scores, which of
them belong together, and the number of people searched. It holds no face and no embedding.

`searches_of` and `reference_of` make the same of a part of the people: an evaluation must not know the
strangers it judges.
"""

import argparse
from pathlib import Path

import numpy as np

from benchmarks.lfw import CACHE, door_vectors, identities, load_views
from models.domain import FloatArray
from models.evaluation.searches import search_gallery
from models.evaluation.tail import SearchTail, fit_searches
from models.gallery.mean import GalleryMean

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "models" / "evaluation" / "strangers-sface-2021dec.npz"


def searches_of(vectors: FloatArray, people: np.ndarray, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Search everybody among all others: `best`, `units` and `searched`, as the package keeps them.

    Args:
        vectors: (P, D) an embedding of each photograph.
        people: (P,) who is on it; nobody under two names.
        inside: bool (P,), photographs that may be used.
    """
    rows: dict[str, int] = {}
    for row in np.flatnonzero(inside):
        rows.setdefault(str(people[row]), int(row))
    chosen = vectors[list(rows.values())]
    gallery = GalleryMean.of(chosen).remove(chosen)
    found = search_gallery([vector[np.newaxis] for vector in gallery], gallery)
    return {
        "best": found.best.astype(np.float32),
        "units": found.unit.astype(np.int32),
        "searched": np.array(len(rows) - 1),
    }


def reference_of(vectors: FloatArray, people: np.ndarray, inside: np.ndarray) -> SearchTail:
    """Return the reference that these people give."""
    found = searches_of(vectors, people, inside)
    return fit_searches(found["best"].astype(np.float64), int(found["searched"]), found["units"])


def main() -> None:
    """Search, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    views = load_views(given.shared, given.weights, given.cache)
    people = identities(given.shared, views.paths)
    found = searches_of(door_vectors(views), people, views.acquired)
    np.savez_compressed(REFERENCE, **found)
    print(f"{len(found['best'])} searches, each among {int(found['searched'])} people")


if __name__ == "__main__":
    main()
