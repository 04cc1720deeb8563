"""Measures Doorward and its peers on the same people, probes and strangers, each at its default settings.

    python -m benchmarks.peers --shared ../shared --weights .doorward/weights --peers-python PEERS/bin/python

writes docs/experiments/peers.md. benchmarks/README.md says how to make the environment of the peers; without
--peers-python only Doorward and plain OpenCV are run.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.lfw import CACHE, folds_of_people, identities, split_open_set
from benchmarks.own_reference import TESTED_FOLDS, doorward, leave_tested_out
from models.evaluation.photos import people_in

ROOT = Path(__file__).resolve().parent.parent
SEED = 0
PHOTOS_A_CALL = 500


def run_doorward(layout: dict, given: argparse.Namespace) -> dict:
    """Enrol and identify through the commands a user types, at their defaults.

    The packaged reference knows the strangers of this set; one of the folds that are not tested replaces it.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(given.weights, home / "weights")
        leave_tested_out(reference := home / "reference.npz", given.shared, given.weights, given.cache)
        for name, paths in layout["gallery"].items():
            (home / "photos" / name).mkdir(parents=True)
            for path in paths:
                shutil.copy(path, home / "photos" / name)
        doorward(
            home, "enroll", "--folder", str(home / "photos"), "--consent", "measured", reference=reference
        )
        spoken = {name.replace("_", " "): name for name in layout["gallery"]}
        enrolled = len(doorward(home, "people"))
        start = time.perf_counter()
        answers: list[str | None] = []
        photos = [path for _, path in layout["probes"]] + layout["strangers"]
        for first in range(0, len(photos), PHOTOS_A_CALL):
            part = photos[first : first + PHOTOS_A_CALL]
            lines = doorward(home, "identify", *part, reference=reference)
            answers += [
                spoken[str(line["person_name"])] if line.get("outcome") == "match" else None for line in lines
            ]
        ms = 1000 * (time.perf_counter() - start) / len(photos)
    print(f"Doorward enrolled {enrolled} of {len(layout['gallery'])} people", file=sys.stderr)
    return {
        "versions": [
            f"Doorward {importlib.metadata.version('doorward')}",
            f"Python {sys.version.split()[0]}",
        ],
        "probes": answers[: len(layout["probes"])],
        "strangers": answers[len(layout["probes"]) :],
        "ms": ms,
        "enrolled": enrolled,
    }


def peer(name: str, python: str, layout_file: Path, weights: Path) -> dict | None:
    """Return what a peer answers; None where it is not installed or fails."""
    script = str(ROOT / "benchmarks" / "peer_adapters.py")
    environment = os.environ | {"WEIGHTS": str(weights.resolve())}
    done = subprocess.run(
        [python, script, name, str(layout_file)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode != 0:
        print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def row(name: str, result: dict, layout: dict) -> str:
    """Return a line of the table."""
    truth = [person for person, _ in layout["probes"]]
    refused = np.mean([answer is None for answer in result["probes"]])
    wrong = np.mean(
        [answer not in (None, person) for answer, person in zip(result["probes"], truth, strict=True)]
    )
    accepted = np.mean([answer is not None for answer in result["strangers"]])
    return (
        f"| {name} | {100 * accepted:.1f}% | {100 * refused:.1f}% | {100 * wrong:.1f}% | "
        f"{result['ms']:.0f} | {', '.join(result['versions'])} |"
    )


def lay_out(shared: Path, people: int, probes: int, strangers: int) -> dict:
    """Draw the photographs to enrol, the probes and the strangers, the same for every peer."""
    images, fold = shared / "data" / "lfw_dev" / "images", folds_of_people(shared)
    paths = np.array([f"{p.parent.name}/{p.name}" for own in people_in(images).values() for p in own])
    names = identities(shared, paths)
    split = split_open_set(names, 1, np.isin([fold[name] for name in names], TESTED_FOLDS))
    rng = np.random.default_rng(SEED)

    def draw(items: Sequence, count: int) -> list:
        return [items[index] for index in rng.permutation(len(items))[:count]]

    enrolled = draw(sorted(split.gallery), people)
    shown = draw([(name, line) for name in enrolled for line in split.probes[name]], probes)

    def path_of(line: int) -> str:
        return str((images / paths[line]).resolve())

    return {
        "gallery": {name: [path_of(line) for line in split.gallery[name]] for name in enrolled},
        "probes": [[name, path_of(line)] for name, line in shown],
        "strangers": [path_of(line) for line in draw(split.strangers, strangers)],
    }


def main() -> None:
    """Run all, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--weights", type=Path, default=ROOT / ".doorward" / "weights")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--peers-python", help="the interpreter of the peers' environment")
    parser.add_argument("--note", default="", help="a sentence about the machine, for the document")
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--probes", type=int, default=500)
    parser.add_argument("--strangers", type=int, default=500)
    given = parser.parse_args()
    layout = lay_out(given.shared, given.people, given.probes, given.strangers)
    results = {"Doorward": run_doorward(layout, given)}
    with tempfile.TemporaryDirectory() as folder:
        layout_file = Path(folder) / "layout.json"
        layout_file.write_text(json.dumps(layout), encoding="utf-8")
        wanted = [("opencv", sys.executable)]
        if given.peers_python:
            wanted += [(name, given.peers_python) for name in ("verifyface", "face_recognition")]
        for name, python in wanted:
            result = peer(name, python, layout_file, given.weights)
            if result is not None:
                results[name] = result
    labels = {"opencv": "OpenCV YuNet + SFace, textbook threshold 0.363"}
    lines = [
        "# Doorward and its peers",
        "",
        "Made by `python -m benchmarks.peers`; do not edit by hand.",
        "",
        f"{given.people} people of Labeled Faces in the Wild enrolled by one photograph each,",
        f"{given.probes} other photographs of them, {given.strangers} strangers; every system at its default",
        f"settings, on one machine. {given.note}".strip(),
        "",
        "Doorward is run through `doorward enroll --folder` and `doorward identify`, with its quality",
        "checks, its check for people enrolled twice and its margin. One thing is exchanged: the packaged",
        "reference, from which thresholds start, holds the scores of the strangers of this very set. Here it",
        "is made of three folds, and all in the table are of the other two. Of the people Doorward refused",
        f"{given.people - results['Doorward']['enrolled']}; probes of these people count as refused.",
        "",
        "| system | strangers accepted | enrolled refused | wrong person | ms per search | versions |",
        "| --- | --- | --- | --- | --- | --- |",
        *(row(labels.get(name, name), result, layout) for name, result in results.items()),
        "",
        "A search is everything from the file to the answer. Enrolled who are refused are asked for another",
        "picture a moment later, and two or three pictures at enrolment refuse far fewer",
        "([Accuracy on faces never seen before](accuracy.md)). "
        "A stranger who was accepted is in the building.",
    ]
    text = "\n".join(lines) + "\n"
    (ROOT / "docs" / "experiments" / "peers.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
