"""Runs `doorward` with a reference of strangers of one's own in place of the packaged one.

    python -m benchmarks.own_reference STRANGERS.npz identify photo.jpg

The packaged reference holds the scores of strangers of Labeled Faces in the Wild. Whoever tests thresholds on
people of that set has to leave them out of it; `write_reference` makes such a file from some folds.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.lfw import Split, door_vectors, folds_of_people, identities, load_views, split_open_set
from models.evaluation.identification import OpenSet, search_open_set

REFERENCE_FOLDS = (0, 1, 2)
TESTED_FOLDS = (3, 4)


def search_as_the_door(vectors: np.ndarray, split: Split) -> OpenSet:
    """Search with everything that the door does."""
    return search_open_set(
        {name: vectors[rows] for name, rows in split.gallery.items()},
        {name: vectors[rows] for name, rows in split.probes.items()},
        vectors[split.strangers],
    )


def write_reference(file: Path, vectors: np.ndarray, people: np.ndarray, inside: np.ndarray) -> None:
    """Search the people of one photograph among those of several, one each, and keep the best scores.

    Args:
        file: to write; the form of the packaged one.
        vectors: float32 (N, D) unit rows.
        people: (N,) who is in each photograph.
        inside: bool (N,) photographs of the folds to take.
    """
    split = split_open_set(people, 1, inside)
    tested = search_as_the_door(vectors, split)
    best = np.sort(tested.strangers).astype(np.float32)
    np.savez_compressed(file, best=best, searched=len(tested.people))


def folds_of(shared: Path, people: np.ndarray) -> np.ndarray:
    """Return the fold of each of these names, from 0, int (N,)."""
    by_name = folds_of_people(shared)
    return np.array([by_name[name] for name in people])


def leave_tested_out(file: Path, shared: Path, weights: Path, cache: Path) -> None:
    """Write the reference of `REFERENCE_FOLDS`, for tests on people of `TESTED_FOLDS`."""
    views = load_views(shared, weights, cache)
    people = identities(shared, views.paths)
    write_reference(file, door_vectors(views), people, np.isin(folds_of(shared, people), REFERENCE_FOLDS))


def doorward(home: Path, *arguments: str, reference: Path | None = None) -> list[dict[str, object]]:
    """Run one command, with this reference where one is given, and return its JSON lines."""
    program = ["models.cli.app"] if reference is None else ["benchmarks.own_reference", str(reference)]
    command = [sys.executable, "-m", *program, "--home", str(home), "--json", *arguments]
    # Status 1 is usual: some photo could not be used, and its line says why.
    shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if shown.returncode not in (0, 1):
        raise SystemExit(f"doorward {arguments[0]} ended with status {shown.returncode}")
    return [json.loads(line) for line in shown.stdout.splitlines()]


def main() -> None:
    """Exchange the reference, and run the command."""
    from models.cli.app import main as run_command
    from models.evaluation import reference

    own, packaged = Path(sys.argv[1]), reference._packaged

    def exchanged(name: str) -> dict[str, np.ndarray] | None:
        if not name.startswith("strangers-"):
            return packaged(name)
        with np.load(own, allow_pickle=False) as kept:
            return dict(kept)

    reference._packaged = exchanged
    sys.argv[1:2] = []
    run_command()


if __name__ == "__main__":
    main()
