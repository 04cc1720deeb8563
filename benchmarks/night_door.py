"""Measures what fine-tuning takes off the error of a door at night, where enrolment was in daylight.

    python -m benchmarks.night_door

Trains on folds 1 to 3 of LFW's development set, whose photographs the project's own camera model degrades at
a fixed strength, and measures on folds 4 and 5: other people, never seen. Killed, it goes on where it was.
Writes docs/experiments/night_door.json and renders docs/experiments/transfer.md anew.
"""

import argparse
import copy
import json
import os
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress, track
from safetensors.torch import load_file, save_file

from benchmarks.face_crops import FaceCrops, lfw_crops
from benchmarks.lfw import pairs_of
from benchmarks.transfer_report import EXPERIMENTS, render
from models.evaluation.metrics import fnmr_at_fmr
from models.evaluation.pairs import Pair, accuracy_by_fold, best_threshold
from models.release.weights import ensure_weights
from models.siamese.augmentation import NightView
from models.siamese.batches import embed_all
from models.siamese.interpolate import part_of_the_way
from models.siamese.losses import LossWeights
from models.siamese.plan import TrainingPlan, TrainingStep
from models.siamese.siamese_network import SiameseNetwork, Strategy, build_network
from models.siamese.train import fine_tune, keep_freed_memory
from models.vision.camera_model import NIGHT_DOOR, degrade

TRAIN_FOLDS = (0, 1, 2)
PHOTOS_PER_TEST_PERSON = 10
TEST_SEED = 7
DET_FMRS = np.geomspace(1e-4, 1e-1, 31)

# Night views carry the learning, so no pairs are mined among them: each is held against the daylight
# templates of everybody. Every step sees new ones, for a few views per photo are learnt by heart, and as many
# daylight photographs, whose pull towards their pretrained embeddings hardly anything may outweigh.
PLAN = TrainingPlan(
    strategy=Strategy.FINE_TUNE,
    steps=600,
    people_per_batch=16,
    photos_per_person=2,
    rehearsal_per_batch=32,
    learning_rate=5e-3,
    warmup_steps=15,
    weight_decay=0.0,
    weights=LossWeights(contrastive=0.0, template=1.0, anchor=1.0, rehearsal=20.0),
    min_photos=1,
    held_out_share=0.0,
    checkpoint_every=25,
)


# How far the network goes from the pretrained weights to the trained ones. A little short of the end, nearly
# all is kept of what was learnt, and what was known by day moves less: Wortsman et al. 2022, "Robust
# fine-tuning of zero-shot models".
SHARE = 0.9
OTHER_SHARES = (1.0, 0.8)


def night_views(crops: np.ndarray, seed: int) -> np.ndarray:
    """Degrade every crop once as the night door does; the same crops give the same pictures."""
    rng = np.random.default_rng(seed)
    return np.stack([degrade(crop, rng, NIGHT_DOOR) for crop in crops])


def measure(network: SiameseNetwork, faces: FaceCrops, folds: np.ndarray, pairs: list[Pair]) -> dict:
    """Measure error rates on people of the test folds."""
    test = faces.of(np.flatnonzero(~np.isin(folds, TRAIN_FOLDS))).at_most(PHOTOS_PER_TEST_PERSON)
    row_of = {path: row for row, path in enumerate(faces.paths.tolist())}
    wanted = {photo_path(photo) for pair in pairs for photo in (pair.first, pair.second)} | set(test.paths)
    needed = sorted(row_of[path] for path in wanted)
    vectors = np.zeros((len(row_of), network.head.out_features), np.float32)
    vectors[needed] = embed(network, faces.crops[needed], "daylight")
    day = vectors[[row_of[path] for path in test.paths.tolist()]]
    night = embed(network, night_views(test.crops, TEST_SEED), "night")
    own = test.people[:, None] == test.people[None, :]
    another_photo = ~np.eye(len(own), dtype=bool)
    mated, nonmated = (day @ night.T)[own & another_photo], (day @ night.T)[~own]
    clean = (day @ day.T)[own & another_photo], (day @ day.T)[~own]
    scores = [
        float(vectors[row_of[photo_path(pair.first)]] @ vectors[row_of[photo_path(pair.second)]])
        for pair in pairs
    ]
    return {
        "night_fnmr_at_fmr_0.1%": fnmr_at_fmr(mated, nonmated, 0.001),
        "night_fnmr_at_fmr_1%": fnmr_at_fmr(mated, nonmated, 0.01),
        "daylight_fnmr_at_fmr_0.1%": fnmr_at_fmr(*clean, 0.001),
        **pair_accuracy(scores, pairs),
        "mated": len(mated),
        "nonmated": len(nonmated),
        "people": len(np.unique(test.people)),
        "det_fmr": DET_FMRS.tolist(),
        "det_night": [fnmr_at_fmr(mated, nonmated, rate) for rate in DET_FMRS],
        "det_daylight": [fnmr_at_fmr(*clean, rate) for rate in DET_FMRS],
    }


def pair_accuracy(scores: list[float], pairs: list[Pair]) -> dict:
    """Measure the accuracy on the test folds' pairs, at the training folds' threshold and as LFW's View 2."""
    judged, same = np.array(scores), np.array([pair.same for pair in pairs])
    fold = np.array([pair.fold for pair in pairs])
    test = ~np.isin(fold, TRAIN_FOLDS)
    threshold = best_threshold(judged[~test], same[~test])
    by_fold = accuracy_by_fold(judged, same, fold.tolist())
    return {
        "daylight_pair_accuracy": float(((judged[test] >= threshold) == same[test]).mean()),
        "daylight_pair_accuracy_view2": float(np.delete(by_fold, TRAIN_FOLDS).mean()),
        "daylight_pairs": int(test.sum()),
    }


def photo_path(photo) -> str:
    """Return the path as `FaceCrops.paths` has it."""
    return f"{photo.person}/{photo.person}_{photo.number:04d}.jpg"


def embed(network: SiameseNetwork, crops: np.ndarray, what: str) -> np.ndarray:
    """Embed, each face averaged with its mirror image as at the door: float32 (N, 128), unit rows."""
    chunks = np.array_split(crops, max(1, len(crops) // 128))
    rows = [
        embed_all(network, chunk).numpy() + embed_all(network, chunk[:, :, ::-1]).numpy()
        for chunk in track(chunks, description=f"embedding {what}")
    ]
    sums = np.concatenate(rows)
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def main() -> None:
    """Train, measure before and after, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("DOORWARD_SHARED", "../shared")))
    parser.add_argument("--cache", type=Path, default=Path(".doorward/benchmarks"))
    parser.add_argument("--weights", type=Path, default=Path(".doorward/weights"))
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(os.cpu_count() or 1)
    faces, folds = lfw_crops(arguments.shared, arguments.weights, arguments.cache)
    pairs = pairs_of(arguments.shared)
    pretrained = build_network(weights=ensure_weights(arguments.weights).sface_original)
    train = faces.of(np.flatnonzero(np.isin(folds, TRAIN_FOLDS)))
    before = measured_before(pretrained, faces, folds, pairs, arguments.cache / "night_door_pretrained.json")
    network, spent = learn(train, pretrained, arguments.cache / "night_door")
    at_share = {
        share: measure(part_of_the_way(pretrained, network, share), faces, folds, pairs)
        for share in (SHARE, *OTHER_SHARES)
    }
    numbers = {
        "plan": {name: str(value) for name, value in asdict(PLAN).items()},
        "rehearsal_weight": PLAN.weights.rehearsal,
        "night": {name: str(value) for name, value in asdict(NIGHT_DOOR).items()},
        **spent,
        "trained_people": len(np.unique(train.people)),
        "trained_photos": len(train.crops),
        "pretrained": before,
        "share": SHARE,
        "fine_tuned": at_share[SHARE],
        "other_shares": {share: without_curves(at_share[share]) for share in OTHER_SHARES},
    }
    (EXPERIMENTS / "night_door.json").write_text(json.dumps(numbers, indent=1) + "\n")
    render()
    for name in ("night_fnmr_at_fmr_0.1%", "daylight_pair_accuracy_view2"):
        print(f"{name}: {numbers['pretrained'][name]:.4f} -> {numbers['fine_tuned'][name]:.4f}")


def without_curves(numbers: dict) -> dict:
    """Return the rates without the curves."""
    return {name: value for name, value in numbers.items() if not name.startswith("det_")}


def measured_before(network: SiameseNetwork, faces, folds, pairs, kept: Path) -> dict:
    """Measure the untouched network; the figures are kept, for they do not change."""
    if not kept.exists():
        kept.write_text(json.dumps(measure(network, faces, folds, pairs)))
    return json.loads(kept.read_text())


def learn(
    train: FaceCrops, pretrained: SiameseNetwork, folder: Path
) -> tuple[SiameseNetwork, dict[str, float]]:
    """Return the trained network, kept in `folder`, and the seconds it took, killed runs included."""
    given, clocks = folder / "network.safetensors", folder / "seconds.json"
    earlier = json.loads(clocks.read_text()) if clocks.exists() else {"seconds": 0.0, "cpu_seconds": 0.0}
    if given.exists():
        network = copy.deepcopy(pretrained)
        network.load_state_dict(load_file(given))
        return network, earlier
    wall, cpu = time.perf_counter(), time.process_time()

    def spent() -> dict[str, float]:
        return {
            "seconds": earlier["seconds"] + time.perf_counter() - wall,
            "cpu_seconds": earlier["cpu_seconds"] + time.process_time() - cpu,
        }

    with Progress() as bar:
        task = bar.add_task("fine-tuning", total=PLAN.steps)

        def show(step: TrainingStep) -> None:
            if step.step % PLAN.checkpoint_every == 0 and folder.exists():
                clocks.write_text(json.dumps(spent()))
            bar.update(task, completed=step.step, description=f"fine-tuning, anchor {step.anchor:.3f}")

        photos = {person: with_mirrored(crops) for person, crops in train.by_person().items()}
        result = fine_tune(
            photos,
            pretrained,
            PLAN,
            rehearsal_crops=np.concatenate(list(photos.values())),
            augmentation=NightView(),
            on_step=show,
            checkpoint_dir=folder,
        )
    clocks.write_text(json.dumps(spent()))
    save_file({name: value.contiguous() for name, value in result.network.state_dict().items()}, given)
    return result.network, spent()


def with_mirrored(crops: np.ndarray) -> np.ndarray:
    """Add the mirror images to crops: (N, 112, 112, 3) -> (2 N, 112, 112, 3)."""
    return np.concatenate([crops, crops[:, :, ::-1]])


if __name__ == "__main__":
    main()
