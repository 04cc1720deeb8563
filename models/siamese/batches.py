"""`schedule` draws the photos of each training step; `FreshViews` and `KeptFeatures` make its tensors."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from pytorch_metric_learning.samplers import MPerClassSampler
from pytorch_metric_learning.utils import common_functions
from torch import Tensor

from models.domain import ImageArray
from models.siamese.augmentation import Augmentation, seeded_view
from models.siamese.losses import Indices
from models.siamese.plan import TrainingPlan
from models.siamese.siamese_network import SiameseNetwork
from models.vision.alignment import CROP_PX

# Features of frozen stages that take more are not kept but computed in every step.
MAX_KEPT_BYTES = 3 * 2**30
EMBED_BATCH = 32


def flatten(site: Mapping[str, ImageArray]) -> tuple[ImageArray, Indices]:
    """Return all photos in one array (N, 112, 112, 3), and the number of the person on each (N,)."""
    labels = [np.full(len(crops), number, np.int64) for number, crops in enumerate(site.values())]
    return np.concatenate(list(site.values())), np.concatenate(labels)


def schedule(labels: Indices, plan: TrainingPlan) -> Indices:
    """Draw the photos of every step: P people, K photos of each.

    Args:
        labels: (N,) the person of each photo, as a number.

    Returns:
        (steps, P * K) indices into the photos, the same for the same seed. Numpy's global generator, which
        the sampler would draw from, is left alone.
    """
    people = min(plan.people_per_batch, len(np.unique(labels)))
    batch = people * plan.photos_per_person
    before = common_functions.NUMPY_RANDOM
    common_functions.NUMPY_RANDOM = np.random.RandomState(plan.seed)
    try:
        sampler = MPerClassSampler(labels, plan.photos_per_person, batch, max(1, plan.steps) * batch)
        drawn = np.array(list(sampler), np.int64)
    finally:
        common_functions.NUMPY_RANDOM = before
    return drawn.reshape(-1, batch)


class Photos(Protocol):
    """Photos as a training step takes them: pixels, or the features of the frozen stages."""

    start: int
    """The stage of the network that takes them next; 0 for pixels."""

    def batch(self, photos: Indices, step: int) -> Tensor:
        """Return one view of each of these photos for this step, in order: (n,) -> (n, ...)."""
        ...


class FreshViews:
    """Draws new views of the photos in every step and keeps nothing.

    Args:
        crops: uint8 (N, 112, 112, 3), RGB.
        transform: what the camera does; None leaves the photos as they are.
        seed: of the views; a view depends on it, on the photo, on the step and on its place in the batch.
    """

    start = 0

    def __init__(self, crops: ImageArray, transform: Augmentation | None, seed: int) -> None:
        self.crops, self.transform, self.seed = crops, transform, seed

    def batch(self, photos: Indices, step: int) -> Tensor:
        """(n,) -> float32 (n, 3, 112, 112), 0 to 255."""
        views = self.crops[photos]  # (n, 112, 112, 3)
        if self.transform is not None:
            with torch.random.fork_rng(devices=[]):
                views = np.stack(
                    [
                        seeded_view(self.crops[photo], self.transform, self.seed, step, place, photo)
                        for place, photo in enumerate(photos.tolist())
                    ]
                )
        return to_tensor(views)


class KeptFeatures:
    """Draws a few views per photo once, and keeps the features that the frozen stages make of them.

    Args:
        network: its first `start` stages are frozen.
        views: how many per photo; without a transform one, the photo itself.
    """

    def __init__(
        self,
        network: SiameseNetwork,
        start: int,
        *,
        crops: ImageArray,
        transform: Augmentation | None,
        views: int,
        seed: int,
        autocast: torch.autocast,
    ) -> None:
        self.start, self.seed = start, seed
        self.views = views if transform is not None else 1
        photos = np.arange(len(crops), dtype=np.int64)
        kept = []
        for view in range(self.views):
            fresh = FreshViews(crops, transform, seed)
            for first in range(0, max(1, len(crops)), EMBED_BATCH):  # no photos: once, for the shape
                pixels = fresh.batch(photos[first : first + EMBED_BATCH], view)  # (b, 3, 112, 112)
                with torch.no_grad(), autocast:
                    kept.append(network.features(to_device(pixels, network), start))
        self.features = torch.cat(kept)  # (views * N, ...)
        self.count = len(crops)

    def batch(self, photos: Indices, step: int) -> Tensor:
        """(n,) -> (n, ...), a view of each drawn by seed, step and place."""
        rng = np.random.default_rng((self.seed, step, len(photos)))
        view = rng.integers(self.views, size=len(photos))  # (n,)
        return self.features[torch.from_numpy(view * self.count + photos)]


def embed_photos(network: SiameseNetwork, photos: Photos, count: int, autocast: torch.autocast) -> Tensor:
    """Embed the first `count` photos without gradients: float32 (count, D), length 1."""
    everything = np.arange(count, dtype=np.int64)
    rows = [torch.empty(0, network.head.out_features, device=network.head.weight.device)]
    with torch.no_grad(), autocast:
        for first in range(0, count, EMBED_BATCH):
            x = photos.batch(everything[first : first + EMBED_BATCH], 0)
            rows.append(network(to_device(x, network), photos.start))
    return torch.cat(rows)


def can_be_kept(network: SiameseNetwork, frozen: int, photos: int) -> bool:
    """Return True when stages are frozen and their features of so many photos fit into memory."""
    if frozen <= 1:
        return False
    with torch.no_grad():
        sample = network.features(to_device(torch.zeros(1, 3, CROP_PX, CROP_PX), network), frozen)
    return sample.nbytes * photos <= MAX_KEPT_BYTES


def to_tensor(crops: ImageArray) -> Tensor:
    """Convert uint8 (B, 112, 112, 3) to float32 (B, 3, 112, 112), channels last in memory: it is faster."""
    pixels = torch.from_numpy(np.ascontiguousarray(crops)).permute(
        0, 3, 1, 2
    )  # a view: already channels last
    return pixels.float()


def to_device(x: Tensor, network: SiameseNetwork) -> Tensor:
    """Move a tensor to the device of the network."""
    return x.to(network.head.weight.device)


def embed_all(network: SiameseNetwork, crops: ImageArray, autocast: torch.autocast | None = None) -> Tensor:
    """Embed many crops in batches, without gradients: uint8 (N, 112, 112, 3) -> float32 (N, D), length 1."""
    autocast = autocast or torch.autocast("cpu", enabled=False)
    return embed_photos(network, FreshViews(crops, None, 0), len(crops), autocast)
