"""`SiameseNetwork`: a backbone and a head that embed two pictures with the very same weights.

    crops (B, 3, 112, 112) -> backbone stages -> features (B, F) -> head -> embeddings (B, D), length 1

Then `Strategy` and `prepare`: what of it learns in training, and what stays frozen; and `fix_norms`: the same
network in a form that trains faster on a processor.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import TrainingError
from models.siamese.backbones import SFACE_BACKBONE, Backbone, load_backbone, sface_of
from models.siamese.sface import DIMENSION, ConvUnit, SeparableBlock, SFace


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
        """Return the output of the first `stop` stages; with `stop` 0 the crops themselves.

        (B, 3, 112, 112) -> (B, ...), a shape that depends on the stage.
        """
        x = crops
        for stage in self.backbone.stages[:stop]:
            x = stage(x)
        return x

    def forward(self, x: Tensor, start: int = 0) -> Tensor:
        """Embed from stage `start` on: 0 takes crops, the number of stages takes the backbone's features.

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
        """Return the distances of pairs: (B, 3, 112, 112) twice -> (B,), 0 for equal to 2 for opposite."""
        return cast(Tensor, torch.linalg.vector_norm(self.embed(left) - self.embed(right), dim=1))


def build_network(
    backbone: str = SFACE_BACKBONE, weights: Path | None = None, pretrained: bool = True, seed: int = 0
) -> SiameseNetwork:
    """Build a Siamese network in evaluation mode.

    Args:
        backbone, weights, pretrained: see `models.siamese.backbones.load_backbone`.
        seed: of everything that starts at random; torch's own generator is left as it was.

    Raises:
        ModelError, WeightsUnavailableError: see `load_backbone`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SiameseNetwork(load_backbone(backbone, weights, pretrained))
    return network.eval()


def merge_head(network: SiameseNetwork) -> SFace:
    """Merge the head into SFace's last layer: a plain SFace, for export to the kiosk.

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
        # The batch norm that remains must do nothing: (x - 0) / sqrt(v + eps) * 1 + 0 with v + eps = 1.
        norm.weight.fill_(1.0)
        norm.bias.zero_()
        mean.zero_()
        variance.fill_(1.0 - norm.eps)
    return sface.eval()


class Strategy(StrEnum):
    """How to transfer what a network knows, and a control that transfers nothing.

    | strategy | starts from | learns |
    | --- | --- | --- |
    | `pretrained` | pretrained weights | nothing: the network as it is |
    | `feature-extractor` | pretrained weights | the head, and layers put fresh on top |
    | `fine-tune-last` | pretrained weights | the last K stages and the head |
    | `fine-tune` | pretrained weights | everything |
    | `scratch` | random weights | everything, batch-norm statistics too |

    Except for `scratch`, batch-norm statistics stay as they were: a site's few faces estimate worse ones.
    """

    PRETRAINED = "pretrained"
    FEATURE_EXTRACTOR = "feature-extractor"
    FINE_TUNE_LAST = "fine-tune-last"
    FINE_TUNE = "fine-tune"
    SCRATCH = "scratch"


def frozen_stages(network: SiameseNetwork, strategy: Strategy, last_stages: int) -> int:
    """Return how many of the backbone's stages, from the first, the strategy keeps as they are.

    Raises:
        TrainingError: `last_stages` is not between 1 and the number of stages.
    """
    backbone = network.backbone
    stages = len(backbone.stages)
    if strategy == Strategy.PRETRAINED:
        return stages
    if strategy == Strategy.FEATURE_EXTRACTOR:
        return backbone.pretrained_stages
    if strategy == Strategy.FINE_TUNE_LAST:
        if not 1 <= last_stages <= stages:
            raise TrainingError(f"{backbone.name} has {stages} stages: {last_stages} of them cannot be freed")
        return min(stages - last_stages, backbone.pretrained_stages)
    return 0


def prepare(network: SiameseNetwork, strategy: Strategy, last_stages: int) -> int:
    """Freeze and free parameters in place, and put the network into the mode that the strategy trains in.

    Returns:
        the number of frozen stages: `network.forward(features, start=...)` trains all that comes after them.

    Raises:
        TrainingError: see `frozen_stages`.
    """
    frozen = frozen_stages(network, strategy, last_stages)
    network.requires_grad_(strategy != Strategy.PRETRAINED)
    network.backbone.stages[:frozen].requires_grad_(False)
    network.train(strategy == Strategy.SCRATCH)
    if strategy != Strategy.SCRATCH:
        fix_norms(network.backbone.stages)
    return frozen


def free_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that training may change, by name."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


class _SlopeFunction(torch.autograd.Function):
    """PReLU, y = max(x, 0) + a * min(x, 0), with its gradient in vectorised operations."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return functional.prelu(x, slope.to(x.dtype))  # (B, C, H, W)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        x, slope = ctx.saved_tensors
        a = slope.to(x.dtype).view(1, -1, 1, 1)  # (1, C, 1, 1)
        grad_slope = None
        if ctx.needs_input_grad[1]:
            low = x.clamp(max=0).mul_(grad)  # (B, C, H, W)
            # A matrix product sums over places and pictures faster than `sum` does on channels-last memory.
            places = low.permute(0, 2, 3, 1).reshape(-1, x.shape[1])  # (B * H * W, C)
            ones = torch.ones(1, places.shape[0], dtype=x.dtype, device=x.device)
            grad_slope = (ones @ places)[0].to(slope.dtype)  # (C,)
        # where(x > 0, grad, a * grad), for `where` is slow on bfloat16.
        passed = torch.ops.aten.threshold_backward(grad, x, 0.0)  # (B, C, H, W)
        return passed.mul_(1 - a).add_(grad * a), grad_slope


def slope(x: Tensor, weight: Tensor) -> Tensor:
    """PReLU with a fast backward pass: (B, C, H, W) and (C,) -> (B, C, H, W)."""
    return cast(Tensor, _SlopeFunction.apply(x, weight))  # type: ignore[no-untyped-call]


class FixedNormUnit(nn.Module):
    """A `ConvUnit` whose batch-norm statistics no longer move; its parameters are the unit's own."""

    def __init__(self, unit: ConvUnit) -> None:
        super().__init__()
        self.conv, self.bn, self.act = unit.conv, unit.bn, unit.act

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        mean, variance = cast(Tensor, self.bn.running_mean), cast(Tensor, self.bn.running_var)
        scale = self.bn.weight * torch.rsqrt(variance + self.bn.eps)  # (outputs,)
        shift = self.bn.bias - mean * scale  # (outputs,)
        weight = self.conv.weight * scale.view(-1, 1, 1, 1)  # (outputs, inputs / groups, k, k)
        conv = self.conv
        x = functional.conv2d(x, weight, shift, conv.stride, conv.padding, conv.dilation, conv.groups)
        return slope(x, self.act.weight)  # (B, outputs, H / stride, W / stride)


def fix_norms(stages: nn.ModuleList) -> None:
    """Replace every `ConvUnit` of SFace's stages by a `FixedNormUnit`, in place.

    Two things make SFace slow to train on a processor. A batch norm with fixed statistics is only a scale and
    a shift, yet it costs two more passes over the largest tensors: here the scale goes into the convolution's
    weight, which is tiny. And torch's backward pass of PReLU is not vectorised: here it is written with
    operations that are. The arithmetic is the same and every parameter keeps its name, so that state dicts
    pass freely between both forms.
    """
    for index, stage in enumerate(stages):
        if isinstance(stage, ConvUnit):
            stages[index] = FixedNormUnit(stage)
        elif isinstance(stage, SeparableBlock):
            # `nn.Module` takes any module under a name; the annotation of the block names the usual kind.
            stage._modules["depthwise"] = FixedNormUnit(stage.depthwise)
            stage._modules["pointwise"] = FixedNormUnit(stage.pointwise)
