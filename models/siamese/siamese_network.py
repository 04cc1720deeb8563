"""The Siamese network: two pictures go through the very same weights, and only their distance counts.

    crops (B, 3, 112, 112) -> backbone stages -> features (B, F) -> head -> embeddings (B, D), length 1

There is one `embed`; the twin is the second call of it.
"""

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.siamese.backbones import SFACE_BACKBONE, Backbone, load_backbone, sface_of
from models.siamese.sface import DIMENSION, SFace


class SiameseNetwork(nn.Module):
    """A backbone under a projection head.

    The head is one linear layer. Above a backbone that embeds faces already it starts as the identity, so
    that an untrained Siamese network scores exactly as its backbone does; above any other it is random.
    """

    def __init__(self, backbone: Backbone, dimension: int = DIMENSION) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.features, dimension)
        if backbone.identity_head:
            nn.init.eye_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def features(self, crops: Tensor, stop: int) -> Tensor:
        """What the first `stop` stages say; with `stop` 0 the crops themselves.

        (B, 3, 112, 112) -> (B, ...), a shape that depends on the stage.
        """
        x = crops
        for stage in self.backbone.stages[:stop]:
            x = stage(x)
        return x

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Go on from stage `start`: 0 takes crops, the number of stages takes the backbone's features.

        Returns:
            float32 (B, D), each of length 1.
        """
        for stage in self.backbone.stages[start:]:
            x = stage(x)
        x = self.head(x)  # (B, D)
        return functional.normalize(x.float())  # (B, D)

    def embed(self, crops: Tensor) -> Tensor:
        """Embed aligned faces: uint8 or float (B, 3, 112, 112) RGB 0..255 -> float32 (B, D) of length 1."""
        return cast(Tensor, self(crops.float()))

    def distance(self, left: Tensor, right: Tensor) -> Tensor:
        """The twins' verdict: (B, 3, 112, 112) twice -> (B,), 0 for alike to 2 for opposite."""
        return cast(Tensor, torch.linalg.vector_norm(self.embed(left) - self.embed(right), dim=1))


def build_network(
    backbone: str = SFACE_BACKBONE, weights: Path | None = None, pretrained: bool = True, seed: int = 0
) -> SiameseNetwork:
    """A Siamese network in evaluation mode; `models.siamese.backbones.load_backbone` says what may be asked.

    Args:
        seed: of everything that starts at random; torch's own generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SiameseNetwork(load_backbone(backbone, weights, pretrained))
    return network.eval()


def merge_head(network: SiameseNetwork) -> SFace:
    """The trained network as a plain SFace, for export to the kiosk.

    Head, batch norm and SFace's own last layer are all linear, so the three become one:
    with y = s * (W x + b) + t and z = P y + q it is z = (P diag(s) W) x + P (s * b + t) + q.

    Raises:
        ModelError: the backbone is not SFace.
    """
    sface = sface_of(network.backbone)
    linear, norm = cast(nn.Linear, sface.head.linear), cast(nn.BatchNorm1d, sface.head.bn_out)
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    with torch.no_grad():
        s = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)  # (128,)
        t = norm.bias.double() - mean.double() * s  # (128,)
        p, q = network.head.weight.double(), network.head.bias.double()  # (D, 128), (D,)
        weight = (p * s) @ linear.weight.double()  # (D, 50176)
        bias = p @ (s * linear.bias.double() + t) + q  # (D,)
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
        # What is left of the batch norm must do nothing: (x - 0) / sqrt(v + eps) * 1 + 0 with v + eps = 1.
        norm.weight.fill_(1.0)
        norm.bias.zero_()
        mean.zero_()
        variance.fill_(1.0 - norm.eps)
    return sface.eval()
