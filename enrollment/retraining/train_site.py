"""`site_trainer`: fine-tunes a network on a site with `models.siamese`, and exports it for the door."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from enrollment.retraining.compare import CameraView
from enrollment.retraining.general_faces import CropsByPerson
from enrollment.retraining.retrain import Challenger, Train
from models.domain import ImageArray
from models.progress import Progress
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.siamese.augmentation import Augmentation, door_camera, night_camera, seeded_view
from models.siamese.backbones import SFACE_BACKBONE
from models.siamese.checkpoints import fingerprint
from models.siamese.export import export_network
from models.siamese.interpolate import best_share
from models.siamese.plan import TrainingPlan, TrainingResult
from models.siamese.siamese_network import Strategy, build_network
from models.siamese.train import fine_tune

ENCODER_NAME = "challenger.onnx"

CAMERAS: Mapping[str, Callable[[], Augmentation]] = {"door": door_camera, "night": night_camera}
"""What the camera at the door does to a face, by name."""


def camera_view(camera: str, seed: int) -> CameraView:
    """Return the camera view of a camera of `CAMERAS`; the same photo and number give the same picture."""
    augmentation = CAMERAS[camera]()

    def view_of(crops: ImageArray, view: int) -> ImageArray:
        with torch.random.fork_rng(devices=[]):
            views = [seeded_view(crop, augmentation, seed, view, photo) for photo, crop in enumerate(crops)]
        return np.stack(views)

    return view_of


def site_trainer(
    settings: Settings,
    plan: TrainingPlan,
    progress: Progress,
    *,
    camera: str = "door",
    backbone: str = SFACE_BACKBONE,
    weights: Path | None = None,
) -> Train:
    """Return a trainer that starts from a pretrained network, whatever release is in use.

    Each run thus learns from all people who consent today, and from nobody whose consent has ended. After a
    kill it resumes from its last checkpoint when network, people and plan are the same.

    Args:
        settings: of the site.
        plan: how to train.
        progress: shows the steps.
        camera: name in `CAMERAS`.
        backbone: name in `models.siamese.backbones.BACKBONES`.
        weights: file of its pretrained weights (`models.siamese.backbones.load_backbone`); None fetches them:
            SFace's as the site's settings say, ImageNet's through torchvision.

    The trainer raises:
        WeightsError, ModelError: the weights cannot be had, or the file does not fit the backbone.
        TrainingError: as `models.siamese.train.fine_tune`.
    """

    def train(site: CropsByPerson, general: CropsByPerson, scratch: Path) -> Challenger:
        file = weights
        if backbone == SFACE_BACKBONE and file is None:
            file = ensure_weights(settings.weights.folder, settings.weights.source).sface_original
        pretrained = build_network(backbone, file, seed=plan.seed)
        rehearsal = np.concatenate(list(general.values()))
        run = fingerprint(pretrained, plan, *site.values(), rehearsal)[:16]
        checkpoints = _checkpoint_folder(settings.home / "training", run)
        with progress("training", plan.steps) as advance:
            result = fine_tune(
                site,
                pretrained,
                plan,
                rehearsal_crops=rehearsal,
                augmentation=CAMERAS[camera](),
                on_step=lambda step: advance(min(1, step.step)),
                checkpoint_dir=checkpoints,
            )
        shutil.rmtree(checkpoints.parent, ignore_errors=True)
        helped = result.best_step > 0 or plan.strategy == Strategy.PRETRAINED
        rehearses = pretrained.backbone.identity_head and plan.strategy != Strategy.SCRATCH
        facts = _facts(plan, camera, result, len(rehearsal) if rehearses else 0)
        network = result.network
        # From scratch there is no way back to the pretrained weights.
        if helped and result.held_out and plan.strategy != Strategy.SCRATCH:
            judging = {person: site[person] for person in result.held_out}
            network, share = best_share(pretrained, network, judging, CAMERAS[camera](), plan.seed)
            facts["weights"] = f"{share:.0%} of the way from the pretrained to the trained ones"
        path = scratch / ENCODER_NAME
        export_network(network, path)
        return Challenger(backbone, path, _curves(result), facts, helped)

    return train


def _checkpoint_folder(parent: Path, run: str) -> Path:
    """Return the folder of this run; checkpoints of others are removed."""
    folder = parent / run
    if parent.is_dir():
        for other in parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
    return folder


def _curves(result: TrainingResult) -> dict[str, list[tuple[float, float]]]:
    steps = [step for step in result.history if step.step]
    curves = {
        "loss": [(float(step.step), step.loss) for step in steps],
        "held-out error": [
            (float(step.step), step.held_out_error)
            for step in result.history
            if step.held_out_error is not None
        ],
    }
    return {name: points for name, points in curves.items() if points}


def _facts(plan: TrainingPlan, camera: str, result: TrainingResult, rehearsed: int) -> dict[str, str]:
    return {
        "network": result.network.backbone.name,
        "strategy": plan.strategy.value,
        "camera": camera,
        "steps": f"{max(0, len(result.history) - 1)} of at most {plan.steps}, best at {result.best_step}",
        "trained on": f"{len(result.trained_on)} people",
        "held out while training": f"{len(result.held_out)} people",
        "rehearsed": f"{rehearsed} photos of general faces",
        "training took": f"{result.seconds:.0f} s",
    }
