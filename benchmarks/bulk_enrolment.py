"""Measures a bulk enrolment of real people, one photo each: how many are refused, and why.

    python -m benchmarks.bulk_enrolment [--shared ../shared] [--people 700]

Everybody is somebody else, so whoever is refused as enrolled already (`duplicate_person`) is an error.
People are drawn from the last two folds; the reference that thresholds start from is made of the first three.
"""

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.lfw import CACHE, folds_of_people, identities
from benchmarks.own_reference import TESTED_FOLDS, doorward, leave_tested_out
from models.evaluation.bounds import binomial_interval
from models.evaluation.photos import people_in

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
DUPLICATE = "duplicate_person"


def draw(shared: Path, people: int) -> list[Path]:
    """Draw one photo of each of so many people of the tested folds; people of two names come once."""
    folders, fold = people_in(shared / "data" / "lfw_dev" / "images"), folds_of_people(shared)
    names = np.array(list(folders))
    real = identities(shared, names)
    several_names = {name for name, own in zip(names, real, strict=True) if name != own}
    known = [name for name in folders if fold[name] in TESTED_FOLDS and name not in several_names]
    if len(known) < people:
        raise SystemExit(f"the tested folds have {len(known)} people: ask for no more with --people")
    return [folders[known[row]][0] for row in np.random.default_rng(SEED).permutation(len(known))[:people]]


def main() -> None:
    """Enrol, and print what was refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--people", type=int, default=700)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(given.weights, home / "weights")
        leave_tested_out(reference := home / "reference.npz", given.shared, given.weights, given.cache)
        photos = home / "photos"
        for photo in draw(given.shared, given.people):
            (photos / photo.parent.name).mkdir(parents=True)
            shutil.copy(photo, photos / photo.parent.name)
        start = time.perf_counter()
        lines = doorward(
            home, "enroll", "--folder", str(photos), "--consent", "measured", reference=reference
        )
        seconds = time.perf_counter() - start
    answers = [line for line in lines if "outcome" in line]
    reasons = Counter(str(line["refusals"][0]["error"]) for line in answers if line["outcome"] == "refused")
    enrolled = sum(line["outcome"] == "enrolled" for line in answers)
    interval = binomial_interval(reasons[DUPLICATE], len(answers))
    print(f"enrolled: {enrolled} of {len(answers)} in {seconds:.0f} s")
    print(f"refused: {', '.join(f'{name} {count}' for name, count in reasons.most_common()) or 'nobody'}")
    print(
        f"taken for somebody else: {reasons[DUPLICATE]} of {len(answers)} "
        f"(95%: {interval.low:.2%} to {interval.high:.2%})"
    )


if __name__ == "__main__":
    main()
