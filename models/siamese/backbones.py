"""`load_backbone`: the network under the head: SFace, or one that was trained on ImageNet only.

Every backbone is a chain of `stages`. Training may freeze the first of them; their features of a picture are
then computed once and kept (`models.siamese.siamese_network.frozen_stages`).
"""

import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from pickle import UnpicklingError  # only its name: torch raises it for a file it refuses to unpickle
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models.errors import ModelError, WeightsUnavailableError
from models.release.folding import PIXEL_OFFSET, PIXEL_SCALE
from models.siamese.sface import DIMENSION, SFace, load_sface
from models.siamese.torchvision_cpu import import_torchvision
from models.vision.alignment import CROP_PX

# Mean and standard deviation of ImageNet's photos, RGB, 0 to 1: torchvision's weights expect them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HIDDEN_FEATURES = 512
SFACE_BACKBONE = "sface"
BACKBONES = (SFACE_BACKBONE, "alexnet", "vgg16", "resnet18", "mobilenet_v3_small")


class Pixels(nn.Module):
    """The first stage: converts 0..255 to the range that the weights were trained on."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 3, 112, 112), 0 to 255 -> (B, 3, 112, 112), about -2 to 2."""
        mean, std = cast(Tensor, self.mean), cast(Tensor, self.std)
        return (crops - mean) / std  # (B, 3, 112, 112)


class Backbone(nn.Module):
    """A chain of stages, each a module.

    Attributes:
        name: one of `BACKBONES`.
        stages: in the order a picture passes them; the first turns pixels into the network's own range.
        features: numbers per picture that the last stage gives.
        pretrained_stages: how many stages, from the first, carry pretrained weights; the rest are fresh.
        identity_head: True when the features are already an embedding of faces that a head must not lose.
    """

    def __init__(
        self, name: str, stages: list[nn.Module], features: int, fresh: int = 0, identity_head: bool = False
    ) -> None:
        super().__init__()
        self.name = name
        self.stages = nn.ModuleList(stages)
        self.features = features
        self.pretrained_stages = len(stages) - fresh
        self.identity_head = identity_head

    def forward(self, crops: Tensor) -> Tensor:
        """(B, 3, 112, 112) RGB 0..255 -> (B, features)."""
        x = crops
        for stage in self.stages:
            x = stage(x)
        return x


def sface_backbone(network: SFace) -> Backbone:
    """Return SFace as stages: pixels, its 14 blocks, and the layer that makes 128 numbers of 7x7 places."""
    scale = 1.0 / PIXEL_SCALE
    pixels = Pixels((float(PIXEL_OFFSET),) * 3, (float(scale),) * 3)
    stages = [pixels, *network.blocks, network.head]
    return Backbone(SFACE_BACKBONE, stages, DIMENSION, identity_head=True)


def sface_of(backbone: Backbone) -> SFace:
    """Return the SFace of an SFace backbone, as a copy that shares no memory with it.

    Raises:
        ModelError: another kind of backbone.
    """
    if backbone.name != SFACE_BACKBONE:
        raise ModelError(f"only an SFace backbone can be exported as SFace, not {backbone.name}")
    network = SFace()
    last = len(backbone.stages) - 1
    for index, stage in enumerate(backbone.stages):
        if index > 0:
            target = network.head if index == last else network.blocks[index - 1]
            target.load_state_dict(stage.state_dict())
    return network.eval()


def _classic(name: str) -> Callable[[nn.Module], Backbone]:
    """Return a builder for AlexNet or VGG, with fresh layers for their three fully connected ones."""

    def build(network: nn.Module) -> Backbone:
        features = cast(nn.Sequential, network.features)
        with torch.no_grad():
            inputs = features(torch.zeros(1, 3, CROP_PX, CROP_PX)).numel()
        fresh = nn.Sequential(
            OrderedDict(
                fc1=nn.Linear(inputs, HIDDEN_FEATURES),
                relu1=nn.ReLU(),
                fc2=nn.Linear(HIDDEN_FEATURES, HIDDEN_FEATURES),
                relu2=nn.ReLU(),
                fc3=nn.Linear(HIDDEN_FEATURES, HIDDEN_FEATURES),
            )
        )
        # Their pooling is left out: a crop is half as wide as an ImageNet photo, it would only repeat places.
        stages = [Pixels255(), *features, nn.Flatten(), fresh]
        return Backbone(name, stages, HIDDEN_FEATURES, fresh=1)

    return build


def Pixels255() -> Pixels:  # noqa: N802 - reads as the module it makes
    """ImageNet's normalisation for values from 0 to 255."""
    return Pixels(tuple(255 * m for m in IMAGENET_MEAN), tuple(255 * s for s in IMAGENET_STD))


def _resnet(network: nn.Module) -> Backbone:
    children = dict(network.named_children())
    stem = nn.Sequential(*[children[name] for name in ("conv1", "bn1", "relu", "maxpool")])
    pool = nn.Sequential(children["avgpool"], nn.Flatten())  # (B, 512)
    layers = [children[f"layer{number}"] for number in (1, 2, 3, 4)]
    return Backbone("resnet18", [Pixels255(), stem, *layers, pool], 512)


def _mobilenet(network: nn.Module) -> Backbone:
    features = cast(nn.Sequential, network.features)
    pool = nn.Sequential(cast(nn.Module, network.avgpool), nn.Flatten())  # (B, 576)
    return Backbone("mobilenet_v3_small", [Pixels255(), *features, pool], 576)


_FROM_TORCHVISION: Mapping[str, Callable[[nn.Module], Backbone]] = {
    "alexnet": _classic("alexnet"),
    "vgg16": _classic("vgg16"),
    "resnet18": _resnet,
    "mobilenet_v3_small": _mobilenet,
}


def load_backbone(name: str, weights: Path | None = None, pretrained: bool = True) -> Backbone:
    """Load a backbone in evaluation mode.

    Args:
        name: one of `BACKBONES`.
        weights: for `sface` the published ONNX file; for the others a state dict of torchvision's model,
            `.safetensors` or a file of tensors that torch reads with `weights_only=True`. None asks
            torchvision's own loader, which fetches ImageNet weights from the network.
        pretrained: False gives random weights.

    Raises:
        ModelError: no such backbone, or the file does not fit it.
        WeightsUnavailableError: the file cannot be read, or the hub cannot be reached.
    """
    if name not in BACKBONES:
        raise ModelError(f"no backbone is called {name!r}: choose one of {', '.join(BACKBONES)}")
    if name == SFACE_BACKBONE:
        return sface_backbone(_pretrained_sface(weights) if pretrained else SFace().eval())
    import_torchvision()
    from torchvision.models import get_model  # only now: importing it may need the line above

    network = cast(nn.Module, get_model(name, weights=None))
    if pretrained:
        _load_state(network, name, weights)
    return _FROM_TORCHVISION[name](network).eval()


def _pretrained_sface(weights: Path | None) -> SFace:
    if weights is None:
        raise WeightsUnavailableError(
            "SFace needs its weights file: run `doorward weights fetch` and name the file"
        )
    return load_sface(weights)


_UNREADABLE = (RuntimeError, UnpicklingError, SafetensorError, EOFError, KeyError, TypeError, ValueError)


def _load_state(network: nn.Module, name: str, path: Path | None) -> None:
    """Load tensors only: torch itself refuses a file that would run code when read."""
    try:
        if path is None:
            state = _from_hub(name)
        elif path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state)
    except OSError as error:
        raise WeightsUnavailableError(
            f"the ImageNet weights of {name} could not be fetched ({error}): "
            "fetch them elsewhere and name the file"
            if path is None
            else f"no weights at {path}: {error.strerror or error}"
        ) from error
    except _UNREADABLE as error:
        source = f"torch's copy in {torch.hub.get_dir()}" if path is None else path.name
        raise ModelError(f"{source} is not a file of this network's tensors: {error}") from error


def _from_hub(name: str) -> dict[str, Tensor]:
    """Return ImageNet weights, fetched at first use and then kept in torch's own folder."""
    from torchvision.models import get_model_weights

    # The hub announces a download on the standard output, where only a command's own lines belong.
    with redirect_stdout(sys.stderr):
        weights = get_model_weights(name).DEFAULT
        return cast(
            dict[str, Tensor], weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
        )
