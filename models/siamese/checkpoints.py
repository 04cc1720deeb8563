"""`save` and `load` the state of a training run, so that a killed run resumes.

Files are written atomically, and read as tensors and plain values only.
"""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from models.domain import ImageArray
from models.errors import TrainingError
from models.siamese.plan import TrainingPlan, TrainingStep
from models.siamese.siamese_network import SiameseNetwork

NAME = "training.pt"


def fingerprint(pretrained: SiameseNetwork, plan: TrainingPlan, *crops: ImageArray) -> str:
    """Return a hash of everything a run depends on; it resumes only a checkpoint with its own.

    Args:
        pretrained: where training starts: the name of its backbone and every weight count.
        plan: how to train.
        crops: every photo, uint8 (n, 112, 112, 3).
    """
    digest = hashlib.sha256(repr((pretrained.backbone.name, asdict(plan))).encode())
    weights = [tensor.cpu().numpy() for tensor in pretrained.state_dict().values()]
    for array in (*weights, *crops):
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write the state; a kill at any moment leaves the previous checkpoint or this one.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{NAME}.draft"
    with draft.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / NAME)


def load(folder: Path, expected: str) -> dict[str, Any] | None:
    """Return the saved state, or None where there is none.

    Raises:
        TrainingError: it belongs to another network, to another plan or to other photos.
    """
    path = folder / NAME
    if not path.exists():
        return None
    state = cast(dict[str, Any], torch.load(path, map_location="cpu", weights_only=True))
    if state["fingerprint"] != expected:
        raise TrainingError(
            f"the checkpoint in {folder} is of another network, another plan or other photos: "
            "name another folder or delete it"
        )
    return state


def pack_history(history: list[TrainingStep]) -> list[dict[str, Any]]:
    """Convert steps to plain values."""
    return [asdict(step) for step in history]


def unpack_history(packed: list[dict[str, Any]]) -> list[TrainingStep]:
    """Convert plain values back to steps."""
    return [TrainingStep(**step) for step in packed]
