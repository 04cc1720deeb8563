"""Synthetic crops: a smooth pattern per person, a little different in every photo."""

import cv2
import numpy as np
import pytest
import torch

from models.siamese.backbones import Backbone, Pixels, sface_backbone
from models.siamese.sface import ConvUnit, SFace
from models.siamese.siamese_network import SiameseNetwork


def make_people(count: int, photos: int, seed: int = 0, unlike: float = 12.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    people = {}
    for number in range(count):
        pattern = rng.integers(0, 256, (7, 7, 3)).astype(np.float32)
        crops = [
            np.clip(cv2.resize(pattern + rng.normal(0, unlike, pattern.shape), (112, 112)), 0, 255)
            for _ in range(photos)
        ]
        people[f"person-{number:02d}"] = np.stack(crops).astype(np.uint8)
    return people


@pytest.fixture(autouse=True)
def one_thread():
    """The machine is shared, and results then do not depend on its number of cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def untrained() -> SiameseNetwork:
    """SFace with random weights, so it needs no file; its batch norms fit these pictures."""
    torch.manual_seed(1)
    sface = SFace().train()
    for module in sface.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.momentum = 1.0  # one pass settles the statistics
    crops = np.concatenate(list(make_people(8, 1, seed=9).values()))
    with torch.no_grad():
        sface(torch.from_numpy(crops.transpose(0, 3, 1, 2)).float())
    return SiameseNetwork(sface_backbone(sface)).eval()


def make_tiny(seed: int = 1) -> SiameseNetwork:
    """A Siamese network of two small blocks, for tests of training."""
    torch.manual_seed(seed)
    pixels = Pixels((127.5,) * 3, (128.0,) * 3)
    blocks: list[torch.nn.Module] = [
        ConvUnit(3, 8, kernel=3, stride=4),
        ConvUnit(8, 16, kernel=3, stride=4),
        torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16 * 7 * 7, 24), torch.nn.BatchNorm1d(24)),
    ]
    return SiameseNetwork(Backbone("tiny", [pixels, *blocks], 24, identity_head=True), 24).eval()
