"""`SFace`: the face embedding network as a torch module, faces in, 128 numbers out.

The network of Zhong, Deng, Hu, Zhao, Li and Wen, "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face
Recognition" (2021), as the OpenCV Zoo publishes it: a MobileNet (Howard et al. 2017) on 112x112 faces that
keeps its first resolution, PReLU after every convolution, and a linear layer over all 7x7 places instead of
pooling, for a face's parts stay where alignment put them.
"""

from collections import OrderedDict
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from models.release.dequantise import read_sface
from models.release.folding import CONV_BN_EPS, HEAD_BN_EPS, PIXEL_OFFSET, PIXEL_SCALE, write_folded

STEM_CHANNELS = 32
SEPARABLE = (  # channels out, stride
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)
FEATURES = 1024 * 7 * 7
DIMENSION = 128


class ConvUnit(nn.Module):
    """Convolution, batch norm, PReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=CONV_BN_EPS)
        self.act = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        x = self.conv(x)  # (B, outputs, H / stride, W / stride)
        x = self.bn(x)  # (B, outputs, H / stride, W / stride)
        return cast(Tensor, self.act(x))  # (B, outputs, H / stride, W / stride)


class SeparableBlock(nn.Module):
    """A 3x3 convolution in each channel by itself, then a 1x1 convolution across the channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = ConvUnit(inputs, inputs, kernel=3, stride=stride, groups=inputs)
        self.pointwise = ConvUnit(inputs, outputs, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        x = self.depthwise(x)  # (B, inputs, H / stride, W / stride)
        return cast(Tensor, self.pointwise(x))  # (B, outputs, H / stride, W / stride)


class SFace(nn.Module):
    """The backbone: 14 `blocks` in order, of which training may free the last K, then the `head`."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        blocks: list[nn.Module] = [ConvUnit(3, STEM_CHANNELS, kernel=3)]
        channels = STEM_CHANNELS
        for outputs, stride in SEPARABLE:
            blocks.append(SeparableBlock(channels, outputs, stride))
            channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(
            OrderedDict(
                bn_in=nn.BatchNorm2d(channels, eps=HEAD_BN_EPS),
                dropout=nn.Dropout(dropout),
                flatten=nn.Flatten(),  # in CHW order, as the published weights expect
                linear=nn.Linear(FEATURES, DIMENSION),
                bn_out=nn.BatchNorm1d(DIMENSION, eps=HEAD_BN_EPS),
            )
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Embed aligned faces.

        Args:
            crops: float32 (B, 3, 112, 112), RGB, 0 to 255.

        Returns:
            float32 (B, 128), not normalised: scores are cosines, so divide by the length first.
        """
        x = (crops - PIXEL_OFFSET) * PIXEL_SCALE  # (B, 3, 112, 112), -1 to 1
        x = self.blocks(x)  # (B, 1024, 7, 7)
        return cast(Tensor, self.head(x))  # (B, 128)


def load_sface(path: Path) -> SFace:
    """Build SFace with the published weights, float32, in evaluation mode.

    Args:
        path: the block-quantised file as published (`WeightFiles.sface_original`).

    Raises:
        ModelError: the file is not the SFace network.
    """
    network = SFace()
    arrays = read_sface(path)
    state = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    # The batch norms' step counters are not published; everything else must match exactly.
    counters = {name: value for name, value in network.state_dict().items() if name not in state}
    network.load_state_dict(state | counters)
    return network.eval()


def fold_and_export(network: SFace, path: Path) -> None:
    """Write the network as the kiosk runs it (`models.release.folding.write_folded`), atomically.

    Raises:
        OSError: `path` cannot be written.
    """
    state = network.state_dict()
    write_folded({name: tensor.detach().cpu().float().numpy() for name, tensor in state.items()}, path)
