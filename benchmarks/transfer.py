"""Compares transfer learning with training from scratch: data, time and final error.

    python -m benchmarks.transfer            about 20 minutes on 2 idle cores

Each cell is written to docs/experiments/transfer.json as soon as it is measured, and a cell that is there is
not computed again: killed, the benchmark goes on where it was. Renders docs/experiments/transfer.md.
"""

import argparse
import itertools
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress

from benchmarks.face_crops import FaceCrops, lfw_crops, orl_crops
from benchmarks.night_door import TRAIN_FOLDS, night_views
from benchmarks.transfer_report import EXPERIMENTS, render
from models.evaluation.metrics import equal_error_rate, fnmr_at_fmr
from models.release.weights import ensure_weights
from models.siamese.augmentation import NightView, door_camera
from models.siamese.batches import embed_all
from models.siamese.losses import LossWeights
from models.siamese.plan import TrainingPlan, TrainingStep
from models.siamese.siamese_network import SiameseNetwork, Strategy, build_network
from models.siamese.train import fine_tune

NUMBERS = EXPERIMENTS / "transfer.json"
PEOPLE, PHOTOS = (10, 50, 200), (2, 5, 10)
TEST_PEOPLE, TEST_PHOTOS = 100, 3
# What random weights learn in minutes is poor with any amount of data: the control is spared the rest.
SCRATCH_CELLS = ((50, 5), (200, 5))

TRANSFER = TrainingPlan(
    steps=40,
    people_per_batch=10,
    photos_per_person=2,
    rehearsal_per_batch=8,
    learning_rate=6e-3,
    weight_decay=0.0,
    views=3,
    weights=LossWeights(contrastive=0.0, template=1.0, anchor=1.0, rehearsal=2.0),
    held_out_share=0.0,
)
PLANS = {
    Strategy.PRETRAINED: replace(TRANSFER, strategy=Strategy.PRETRAINED, steps=0, views=1),
    Strategy.FEATURE_EXTRACTOR: replace(TRANSFER, strategy=Strategy.FEATURE_EXTRACTOR, steps=150),
    Strategy.FINE_TUNE_LAST: replace(TRANSFER, strategy=Strategy.FINE_TUNE_LAST, steps=100),
    Strategy.FINE_TUNE: replace(TRANSFER, strategy=Strategy.FINE_TUNE),
    # Nothing to be pulled to and nothing to rehearse: only pairs teach, so all of the batch are pairs.
    Strategy.SCRATCH: replace(
        TRANSFER,
        strategy=Strategy.SCRATCH,
        steps=60,
        people_per_batch=14,
        learning_rate=2e-2,
        weights=LossWeights(contrastive=1.0, anchor=0.0, rehearsal=0.0),
    ),
}


class Comparison:
    """Measures equal error rates on the same unseen people for every network."""

    def __init__(self, faces: FaceCrops, folds: np.ndarray) -> None:
        unseen = faces.of(np.flatnonzero(~np.isin(folds, TRAIN_FOLDS))).at_most(TEST_PHOTOS)
        people, counts = np.unique(unseen.people, return_counts=True)
        chosen = people[counts >= 2][:TEST_PEOPLE]
        self.test = unseen.of(np.flatnonzero(np.isin(unseen.people, chosen)))
        self.night = night_views(self.test.crops, seed=11)

    def day(self, network: SiameseNetwork) -> tuple[np.ndarray, dict]:
        """Return the daylight vectors, and the error in daylight."""
        vectors = embed_all(network, self.test.crops).numpy()
        return vectors, {"day_eer": equal_error_rate(*scores(vectors, vectors, self.test.people))}

    def at_night(self, network: SiameseNetwork) -> dict:
        """Measure daylight against night, and daylight alone."""
        vectors, numbers = self.day(network)
        mated, nonmated = scores(vectors, embed_all(network, self.night).numpy(), self.test.people)
        return {
            "night_eer": equal_error_rate(mated, nonmated),
            "night_fnmr": fnmr_at_fmr(mated, nonmated, 0.01),
            **numbers,
        }


def scores(one: np.ndarray, other: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mated and non-mated cosines of all photographs, none with itself."""
    own = people[:, None] == people[None, :]
    another_photo = ~np.eye(len(people), dtype=bool)
    return (one @ other.T)[own & another_photo], (one @ other.T)[~own]


def learnable(faces: FaceCrops, folds: np.ndarray, people: int, photos: int) -> dict[str, np.ndarray]:
    """Return the people of the training folds with the most photographs, so many of each."""
    pool = faces.of(np.flatnonzero(np.isin(folds, TRAIN_FOLDS)))
    names, counts = np.unique(pool.people, return_counts=True)
    chosen = names[np.argsort(-counts, kind="stable")][:people]
    return pool.of(np.flatnonzero(np.isin(pool.people, chosen))).at_most(photos).by_person()


def train(site: dict, pretrained: SiameseNetwork, plan: TrainingPlan, *, camera, bar: Progress, words: str):
    """Train the network of one cell; returns it and the processor time it took."""
    task = bar.add_task(words, total=plan.steps)

    def show(step: TrainingStep) -> None:
        bar.update(task, completed=step.step)

    began = time.process_time()
    result = fine_tune(
        site,
        pretrained,
        plan,
        rehearsal_crops=np.concatenate(list(site.values())),
        augmentation=camera,
        on_step=show,
    )
    bar.remove_task(task)
    return result.network, time.process_time() - began


class Notebook:
    """Stores the numbers on disk, cell by cell."""

    def __init__(self) -> None:
        self.numbers = json.loads(NUMBERS.read_text()) if NUMBERS.exists() else {"amounts": {}, "orl": {}}

    def write(self) -> None:
        """Store all numbers, and render the document."""
        NUMBERS.write_text(json.dumps(self.numbers, indent=1) + "\n")
        render()


def amounts(notebook: Notebook, bench: Comparison, faces, folds, *, pretrained, bar: Progress) -> None:
    """Measure strategies by amount of data, at the night door."""
    notebook.numbers["setting"] = {
        "test_people": len(np.unique(bench.test.people)),
        "test_photos": len(bench.test.people),
    }
    for people, photos in itertools.product(PEOPLE, PHOTOS):
        for strategy, plan in PLANS.items():
            name = (
                strategy.value if strategy == Strategy.PRETRAINED else f"{strategy.value} {people}x{photos}"
            )
            left_out = strategy == Strategy.SCRATCH and (people, photos) not in SCRATCH_CELLS
            if left_out or name in notebook.numbers["amounts"]:
                continue
            site = learnable(faces, folds, people, photos)
            network, seconds = train(site, pretrained, plan, camera=NightView(), bar=bar, words=name)
            notebook.numbers["amounts"][name] = {
                "strategy": strategy.value,
                "people": people,
                "photos": photos,
                "photos_in_all": sum(len(crops) for crops in site.values()),
                "steps": plan.steps,
                "cpu_seconds": seconds,
                **bench.at_night(network),
            }
            notebook.write()


def orl(notebook: Notebook, bench: Comparison, faces: FaceCrops, pretrained, bar: Progress) -> None:
    """Train on 20 people of ORL, test on the other 20."""
    people = sorted(np.unique(faces.people), key=lambda name: int(name[1:]))
    site = faces.of(np.flatnonzero(np.isin(faces.people, people[:20]))).by_person()
    test = faces.of(np.flatnonzero(np.isin(faces.people, people[20:])))
    for strategy, plan in PLANS.items():
        if strategy.value in notebook.numbers["orl"]:
            continue
        weights = plan.weights if strategy == Strategy.SCRATCH else LossWeights()
        network, seconds = train(
            site,
            pretrained,
            replace(plan, weights=weights),
            camera=door_camera(),
            bar=bar,
            words=f"ORL {strategy.value}",
        )
        vectors = embed_all(network, test.crops).numpy()
        mated, nonmated = scores(vectors, vectors, test.people)
        notebook.numbers["orl_setting"] = {"mated": len(mated), "nonmated": len(nonmated)}
        notebook.numbers["orl"][strategy.value] = {
            "strategy": strategy.value,
            "eer": equal_error_rate(mated, nonmated),
            "fnmr": fnmr_at_fmr(mated, nonmated, 0.01),
            "cpu_seconds": seconds,
            **bench.day(network)[1],
        }
        notebook.write()


def main() -> None:
    """Run the cells that have not been run yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("DOORWARD_SHARED", "../shared")))
    parser.add_argument("--cache", type=Path, default=Path(".doorward/benchmarks"))
    parser.add_argument("--weights", type=Path, default=Path(".doorward/weights"))
    arguments = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    faces, folds = lfw_crops(arguments.shared, arguments.weights, arguments.cache)
    office = orl_crops(arguments.shared, arguments.weights, arguments.cache)
    pretrained = build_network(weights=ensure_weights(arguments.weights).sface_original)
    notebook, bench = Notebook(), Comparison(faces, folds)
    with Progress() as bar:
        orl(notebook, bench, office, pretrained, bar)
        amounts(notebook, bench, faces, folds, pretrained=pretrained, bar=bar)


if __name__ == "__main__":
    main()
