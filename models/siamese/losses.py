"""What training wants: pictures of one person close, of two people apart, and nothing old forgotten."""

from dataclasses import dataclass

import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor


class HadsellLoss(ContrastiveLoss):  # type: ignore[misc]
    """The contrastive loss: d^2 for a pair of one person, max(0, margin - d)^2 for a pair of two.

    d is the Euclidean distance of unit vectors, 0 to 2. Hadsell, Chopra and LeCun 2006, "Dimensionality
    reduction by learning an invariant mapping", equation 4, without its factor of one half. Each kind is
    averaged over its own pairs, so that the many pairs of two people do not drown the few of one.
    """

    def __init__(self, margin: float) -> None:
        super().__init__(
            pos_margin=0.0,
            neg_margin=margin,
            distance=LpDistance(normalize_embeddings=False),
            reducer=MeanReducer(),
        )

    def pos_calc(self, pos_pair_dist: Tensor, margin: float) -> Tensor:
        """(pairs,) distances -> (pairs,) losses."""
        return torch.relu(pos_pair_dist - margin).square()

    def neg_calc(self, neg_pair_dist: Tensor, margin: float) -> Tensor:
        """(pairs,) distances -> (pairs,) losses."""
        return torch.relu(margin - neg_pair_dist).square()


def pull(embeddings: Tensor, targets: Tensor) -> Tensor:
    """How far embeddings went from where they should be: the mean of 1 - cosine, 0 to 2.

    Args:
        embeddings, targets: (B, D), rows of length 1.
    """
    return (1.0 - (embeddings * targets).sum(dim=1)).mean()


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each term counts.

    Attributes:
        contrastive: between the people of a batch, on the pairs that the miner finds worth it. Where the
            pretrained network embeds faces it is better left out: everybody moves closer together. A network
            that does not has this term alone, with weight 1.
        template: contrastive again, between the views of a batch and the pretrained embeddings of all
            training photos, as a door compares what it sees with what is enrolled; of other people only the
            hardest few.
        anchor: pull of every view towards the pretrained embedding of its own unspoilt photo.
        rehearsal: pull of general faces towards where the pretrained network has them, so that a few people's
            photos do not ruin the network for everybody else.
    """

    contrastive: float = 0.0
    template: float = 1.0
    anchor: float = 1.0
    rehearsal: float = 10.0


class SiteLoss:
    """All terms, weighed.

    Args:
        margin: distance from which two people are far enough apart; 1.2 is a cosine of 0.28.
        hardest: templates of other people that each view is held against in the template term.
    """

    def __init__(self, weights: LossWeights, margin: float, hardest: int = 8) -> None:
        self.weights = weights
        self.hardest = hardest
        self.contrast = HadsellLoss(margin)
        # Wang et al. 2019, "Multi-similarity loss": pairs that are harder than the easiest of the other kind.
        self.miner = MultiSimilarityMiner(epsilon=0.1)

    def contrastive(self, embeddings: Tensor, people: Tensor) -> Tensor:
        """(B, D), (B,) -> scalar, 0 when no pair is hard."""
        loss: Tensor = self.contrast(embeddings, people, self.miner(embeddings.detach(), people))
        return loss

    def against_templates(
        self, embeddings: Tensor, people: Tensor, templates: Tensor, owners: Tensor
    ) -> Tensor:
        """(B, D), (B,), (T, D), (T,) -> scalar: every own template, and the hardest of others."""
        distance = torch.cdist(embeddings.detach(), templates)  # (B, T)
        own = people[:, None] == owners[None, :]  # (B, T)
        nearest = distance.masked_fill(own, torch.inf).topk(min(self.hardest, len(templates)), largest=False)
        a2 = torch.arange(len(embeddings), device=people.device)[:, None].expand_as(nearest.indices)  # (B, h)
        other = torch.isfinite(nearest.values)  # (B, h)
        a1, p = torch.nonzero(own, as_tuple=True)
        pairs = (a1, p, a2[other], nearest.indices[other])
        loss: Tensor = self.contrast(embeddings, people, pairs, templates, owners)
        return loss
