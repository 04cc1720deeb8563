"""`HeldOutCheck`: the error of a network on people that training never sees; it decides when to stop."""

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from models.domain import ImageArray
from models.siamese.augmentation import Augmentation
from models.siamese.batches import FreshViews, Photos, embed_photos
from models.siamese.losses import Indices
from models.siamese.siamese_network import SiameseNetwork

OPERATING_FMR = 0.001
_NORMAL = NormalDist()


def photos_and_camera_views(
    people: Mapping[str, ImageArray], augmentation: Augmentation, seed: int
) -> tuple[ImageArray, Indices]:
    """Return every photo as it is, then every photo as the camera shows it, the same for the same seed.

    Args:
        people: uint8 (n, 112, 112, 3) by person.
        augmentation: what the camera does to a photo.
        seed: of the camera views.

    Returns:
        uint8 (2 N, 112, 112, 3), and the number of the person on each, (2 N,).
    """
    crops = np.concatenate(list(people.values()))  # (N, 112, 112, 3)
    photos = np.arange(len(crops), dtype=np.int64)
    seen = FreshViews(crops, augmentation, seed).batch(photos, 0)  # (N, 3, 112, 112)
    both = np.concatenate([crops, seen.permute(0, 2, 3, 1).numpy().astype(np.uint8)])
    owners = np.repeat(np.arange(len(people), dtype=np.int64), [len(photos) for photos in people.values()])
    return both, np.concatenate([owners, owners])


def error_if_normal(mated: Tensor, non_mated: Tensor) -> float:
    """Estimate the FNMR, 0 to 1, at an FMR of 0.1%, as if both kinds of scores were normally distributed.

    A handful of held-out people show no false match at the operating point; the means and spreads of their
    scores can still be compared, and unlike a loss they do not care how far apart a network spreads people.

    Args:
        mated, non_mated: (M,) and (N,) scores.
    """
    mean, spread = (float(each) for each in (non_mated.double().mean(), non_mated.double().std(correction=0)))
    threshold = mean - _NORMAL.inv_cdf(OPERATING_FMR) * spread
    own_mean, own_spread = float(mated.double().mean()), float(mated.double().std(correction=0))
    return _NORMAL.cdf((threshold - own_mean) / max(own_spread, 1e-6))


class HeldOutCheck:
    """Photos and camera views of the held-out people, and the error of a network on them.

    Args:
        crops: from `photos_and_camera_views`, as far as the frozen stages take them: photos first.
        labels: (2 N,) the number of the person on each.
    """

    def __init__(self, crops: Photos, labels: Indices) -> None:
        self.crops, self.labels = crops, torch.from_numpy(labels)

    def error(self, network: SiameseNetwork, autocast: torch.autocast) -> float:
        """Return `error_if_normal` of camera views against the other photos of the held-out people.

        Where every person has one photo, a view is compared with the photo it was made from.
        """
        trains = network.training
        network.eval()
        rows = embed_photos(network, self.crops, len(self.labels), autocast)  # (2 N, D)
        network.train(trains)
        photos, seen = rows.cpu().chunk(2)  # (N, D) each
        scores = seen @ photos.T  # (N, N)
        owners = self.labels[: len(photos)]
        own = owners[:, None] == owners[None, :]  # (N, N)
        another = own & ~torch.eye(len(photos), dtype=torch.bool)
        return error_if_normal(scores[another if another.any() else own], scores[~own])
