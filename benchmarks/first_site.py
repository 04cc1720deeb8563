"""Measures a first site: 200 real people enrolled by one photo each, through the commands a user types.

    python -m benchmarks.first_site [--shared ../shared] [--people 200] [--strangers 800] [--write]

Enrols a folder of people with `doorward enroll --folder`, then shows their other photos and
photos of people who are not enrolled to `doorward identify`. All of them are of the last two folds, and the
reference that thresholds start from is made of the first three. `--write` puts the figures into
docs/experiments/first-site.md.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.lfw import CACHE, folds_of_people, identities
from benchmarks.own_reference import TESTED_FOLDS, doorward, leave_tested_out
from models.evaluation.bounds import binomial_interval

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "experiments" / "first-site.md"
PROBES_A_CALL = 500
ACCEPTED = "match"


@dataclass(frozen=True, slots=True)
class Photos:
    """Enrolment photo by person, probes with their person's name, and photos of strangers."""

    enrolled: dict[str, Path]
    probes: list[tuple[str, Path]]
    strangers: list[Path]


def choose(shared: Path, people: int, strangers: int) -> Photos:
    """Choose people of the tested folds: the first by name with several photos, and strangers with one."""
    images, fold = shared / "data" / "lfw_dev" / "images", folds_of_people(shared)
    everybody = sorted(folder.name for folder in images.iterdir())
    once = np.array(everybody) == identities(shared, np.array(everybody))  # people of two names come once
    named = [
        name for name, first in zip(everybody, once, strict=True) if first and fold[name] in TESTED_FOLDS
    ]
    folders = {name: sorted((images / name).glob("*.jpg")) for name in named}
    several = {name: photos for name, photos in folders.items() if len(photos) > 1}
    chosen = dict(list(several.items())[:people])
    return Photos(
        enrolled={spoken(name): photos[0] for name, photos in chosen.items()},
        probes=[(spoken(name), photo) for name, photos in chosen.items() for photo in photos[1:]],
        strangers=[photos[0] for photos in folders.values() if len(photos) == 1][:strangers],
    )


def spoken(folder: str) -> str:
    """Return a person's name as enrolment takes it from a folder."""
    return folder.replace("_", " ")


def enrol(home: Path, reference: Path, photos: Photos) -> float:
    """Enrol everyone and return the seconds it took."""
    folder = home / "photos"
    for name, photo in photos.enrolled.items():
        (folder / name).mkdir(parents=True)
        shutil.copy(photo, folder / name)
    started = time.perf_counter()
    doorward(home, "enroll", "--folder", str(folder), "--consent", "measurement", reference=reference)
    return time.perf_counter() - started


def identify(home: Path, reference: Path, photos: list[Path]) -> tuple[list[dict[str, object]], float]:
    """Identify the people on photos; returns the answers and the seconds it took."""
    answers: list[dict[str, object]] = []
    started = time.perf_counter()
    for first in range(0, len(photos), PROBES_A_CALL):
        part = map(str, photos[first : first + PROBES_A_CALL])
        answers += doorward(home, "identify", *part, reference=reference)
    return answers, time.perf_counter() - started


def reasons(answers: list[dict[str, object]]) -> str:
    """Count each reason, the most frequent first."""
    counted = Counter(str(answer.get("reason") or answer.get("error")) for answer in answers)
    return ", ".join(f"{reason} {count}" for reason, count in counted.most_common())


def rate(count: int, total: int) -> str:
    """Format a share in percent with its exact 95% interval."""
    interval = binomial_interval(count, total, 0.95)
    return f"{count} of {total}: {count / total:.2%} (95%: {interval.low:.2%} to {interval.high:.2%})"


def main() -> None:
    """Enrol, identify, count, and print or write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("DOORWARD_SHARED", ROOT.parent / "shared"))
    )
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--strangers", type=int, default=800)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    photos = choose(given.shared, given.people, given.strangers)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(ROOT / ".doorward" / "weights", home / "weights")
        leave_tested_out(reference := home / "reference.npz", given.shared, home / "weights", given.cache)
        enrol_s = enrol(home, reference, photos)
        enrolled = {str(person["name"]) for person in doorward(home, "people")}
        mated, mated_s = identify(home, reference, [photo for _, photo in photos.probes])
        strangers, strangers_s = identify(home, reference, photos.strangers)
    judged = [
        (name, answer) for (name, _), answer in zip(photos.probes, mated, strict=True) if name in enrolled
    ]
    granted = [(name, answer) for name, answer in judged if answer["outcome"] == ACCEPTED]
    right = sum(answer["person_name"] == name for name, answer in granted)
    accepted = [answer for answer in strangers if answer["outcome"] == ACCEPTED]
    refused = [answer for _, answer in judged if answer["outcome"] != ACCEPTED]
    rows = [
        ("people enrolled by one photo", f"{len(enrolled)} of {len(photos.enrolled)}"),
        ("enrolment", f"{enrol_s:.1f} s, {len(photos.enrolled) / enrol_s:.0f} people/s"),
        ("their other photos, the right person found", rate(right, len(judged))),
        ("... another person found", rate(len(granted) - right, len(judged))),
        ("... refused, by reason", reasons(refused) or "none"),
        ("strangers accepted", rate(len(accepted), len(strangers))),
        ("strangers refused, by reason", reasons([a for a in strangers if a["outcome"] != ACCEPTED])),
        (
            "identification",
            f"{(len(mated) + len(strangers)) / (mated_s + strangers_s):.0f} photos/s, start included",
        ),
        ("threshold, found for this gallery", f"{strangers[0]['threshold']:.4f}"),
    ]
    table = "\n".join(
        ["| what | measured |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in rows)]
    )
    print(table)
    if given.write:
        head, _, _ = PAGE.read_text(encoding="utf-8").partition("<!-- figures -->")
        PAGE.write_text(f"{head}<!-- figures -->\n\n{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
