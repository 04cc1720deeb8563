"""The ways to transfer what a network knows, and the control that transfers nothing.

| strategy | starts from | learns |
| --- | --- | --- |
| `pretrained` | pretrained weights | nothing: as it is |
| `feature-extractor` | pretrained weights | the head, and layers put fresh on top |
| `fine-tune-last` | pretrained weights | the last K stages and the head |
| `fine-tune` | pretrained weights | everything |
| `scratch` | random weights | everything, batch-norm statistics too |

Except for `scratch`, batch-norm statistics stay as they were: a site's few faces would estimate worse ones.
"""

from enum import StrEnum

from torch import nn

from models.errors import TrainingError
from models.siamese.fixed_norm import fix_norms
from models.siamese.siamese_network import SiameseNetwork


class Strategy(StrEnum):
    """How to transfer; the module's table says what each does."""

    PRETRAINED = "pretrained"
    FEATURE_EXTRACTOR = "feature-extractor"
    FINE_TUNE_LAST = "fine-tune-last"
    FINE_TUNE = "fine-tune"
    SCRATCH = "scratch"


def frozen_stages(network: SiameseNetwork, strategy: Strategy, last_stages: int) -> int:
    """How many of the backbone's stages, from the first, the strategy keeps as they are.

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
    """The parameters that training may move, by name."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}
