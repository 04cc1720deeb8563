"""Runs `doorward` with a reference of strangers of one's own in place of the packaged one.

    python -m benchmarks.own_reference STRANGERS.npz identify photo.jpg

The packaged reference holds the scores of strangers of Labeled Faces in the Wild. Whoever tests thresholds on
people of that set has to leave them out of it; `leave_tested_out` makes such a file from the other folds.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.lfw import door_vectors, folds_of, identities, load_views
from benchmarks.reference import searches_of

REFERENCE_FOLDS = (0, 1, 2)
TESTED_FOLDS = (3, 4)


def leave_tested_out(file: Path, shared: Path, weights: Path, cache: Path) -> None:
    """Write the reference of `REFERENCE_FOLDS`, for tests on people of `TESTED_FOLDS`."""
    views = load_views(shared, weights, cache)
    people = identities(shared, views.paths)
    inside = views.acquired & np.isin(folds_of(shared, people), REFERENCE_FOLDS)
    np.savez_compressed(file, **searches_of(door_vectors(views), people, inside))


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
