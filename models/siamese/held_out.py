"""People that training never sees: when they stop getting better told apart, it stops."""

from collections.abc import Mapping

import numpy as np
import torch

from models.domain import ImageArray
from models.siamese.augmentation import Augmentation
from models.siamese.batches import EMBED_BATCH, FreshViews, Indices, Photos, to_device
from models.siamese.losses import HadsellLoss
from models.siamese.twin import SiameseNetwork


def two_views(
    people: Mapping[str, ImageArray], augmentation: Augmentation, seed: int
) -> tuple[ImageArray, Indices]:
    """Every photo as it is, as enrolled, and as the camera sees it: the same view throughout a run.

    Args:
        people: uint8 (n, 112, 112, 3) by person.
        augmentation: what the camera does.
        seed: of the views.

    Returns:
        uint8 (2 N, 112, 112, 3), and whose each is, (2 N,).
    """
    crops = np.concatenate(list(people.values()))  # (N, 112, 112, 3)
    photos = np.arange(len(crops), dtype=np.int64)
    seen = FreshViews(crops, augmentation, seed).batch(photos, 0)  # (N, 3, 112, 112)
    both = np.concatenate([crops, seen.permute(0, 2, 3, 1).numpy().astype(np.uint8)])
    owners = np.repeat(np.arange(len(people), dtype=np.int64), [len(photos) for photos in people.values()])
    return both, np.concatenate([owners, owners])


class HeldOut:
    """The views of the held-out people, and how well they are told apart.

    Args:
        views: of `two_views`, as far as the frozen stages take them.
        labels: (2 N,) whose each is.
        margin: of the contrastive loss.
    """

    def __init__(self, views: Photos, labels: Indices, margin: float) -> None:
        self.views, self.labels = views, torch.from_numpy(labels)
        self.contrast = HadsellLoss(margin)

    def loss(self, network: SiameseNetwork, autocast: torch.autocast) -> float:
        """The contrastive loss over all pairs of views."""
        trains = network.training
        network.eval()
        rows = []
        everything = np.arange(len(self.labels), dtype=np.int64)
        with torch.no_grad(), autocast:
            for first in range(0, len(everything), EMBED_BATCH):
                x = self.views.batch(everything[first : first + EMBED_BATCH], 0)
                rows.append(network(to_device(x, network), self.views.start))
        network.train(trains)
        embeddings = torch.cat(rows)  # (2 N, D)
        return float(self.contrast(embeddings, self.labels.to(embeddings.device)))
