"""`best_share`: how far a network should go from its pretrained weights to the trained ones.

A little short of the end, nearly all is kept of what was learnt, and what was known before moves less:
Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (measured: docs/experiments/transfer.md).
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from models.domain import ImageArray
from models.siamese.augmentation import Augmentation
from models.siamese.batches import FreshViews
from models.siamese.distributed import autocast_for
from models.siamese.held_out import HeldOutCheck, photos_and_camera_views
from models.siamese.siamese_network import SiameseNetwork

SHARES = (1.0, 0.9, 0.8, 0.6, 0.4)
"""Shares of the way that are tried."""


def best_share(
    start: SiameseNetwork,
    end: SiameseNetwork,
    held_out: Mapping[str, ImageArray],
    augmentation: Augmentation,
    seed: int = 0,
) -> tuple[SiameseNetwork, float]:
    """Return the network on the way from `start` to `end` that errs least, and its share of the way.

    Layers that were fresh have no pretrained weights to stay near: they are taken as trained. Where nothing
    else learnt, the trained network is returned, and its share is 1.

    Args:
        start: the pretrained network.
        end: the network that was trained from it, of the same architecture.
        held_out: uint8 (n, 112, 112, 3) by person: people of whom nothing was learnt.
        augmentation: what the camera does to a photo.
        seed: of the camera views.
    """
    if not _pretrained_moved(start, end):
        return end, 1.0
    crops, owners = photos_and_camera_views(held_out, augmentation, seed)
    check = HeldOutCheck(FreshViews(crops, None, seed), owners)
    exact = autocast_for(start.head.weight.device, wanted=False)
    # From the start on: of equally good networks the one that moved less is taken.
    on_the_way = ((share, part_of_the_way(start, end, share)) for share in sorted(SHARES))
    share, network = min(on_the_way, key=lambda item: check.error(item[1], exact))
    return network, share


def part_of_the_way(start: SiameseNetwork, end: SiameseNetwork, share: float) -> SiameseNetwork:
    """Return a network `share` of the way from `start` to `end`, in evaluation mode.

    Every pretrained weight is between both; the weights of fresh layers are those of `end`.
    """
    network, last = copy.deepcopy(start), end.state_dict()
    mixed = {
        name: torch.lerp(value, last[name].to(value.device), share) if value.is_floating_point() else value
        for name, value in _pretrained_state(start).items()
    }
    network.load_state_dict(last | mixed)
    return network.eval()


def _pretrained_state(network: SiameseNetwork) -> dict[str, Tensor]:
    """Return the weights by name, without those of layers that are fresh."""
    backbone = network.backbone
    stages = range(backbone.pretrained_stages, len(backbone.stages))
    fresh = [f"backbone.stages.{stage}." for stage in stages]
    if not backbone.identity_head:
        fresh.append("head.")
    state = network.state_dict()
    return {name: value for name, value in state.items() if not name.startswith(tuple(fresh))}


def _pretrained_moved(start: SiameseNetwork, end: SiameseNetwork) -> bool:
    last = end.state_dict()
    return any(
        not torch.equal(value, last[name].to(value.device))
        for name, value in _pretrained_state(start).items()
    )
