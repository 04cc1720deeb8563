"""`StepLoss`: the loss of one training step. Its terms: contrastive, template, anchor and rehearsal."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

Indices = npt.NDArray[np.int64]
"""Photos or people by number."""


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
    """Return how far embeddings are from their targets: the mean of 1 - cosine, 0 to 2.

    Args:
        embeddings, targets: (B, D), rows of length 1.
    """
    return (1.0 - (embeddings * targets).sum(dim=1)).mean()


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The weight of each term of the loss.

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
    """The contrastive terms: within a batch, and against templates.

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


@dataclass(frozen=True, slots=True, eq=False)
class LossTerms:
    """The loss of a step and its terms, scalars: `loss` is the weighted sum, the terms are unweighted."""

    loss: Tensor
    contrastive: Tensor
    anchor: Tensor
    rehearsal: Tensor


class StepLoss:
    """Computes the loss of a step from embeddings; it knows all training photos and their targets.

    Args:
        labels: (N,) the person on each photo of the site, as a number.
        targets: (N, D) the pretrained network's embeddings of them; no rows: no template and no anchor term.
        general_targets: (R, D) its embeddings of the general faces.
        weights: of the terms.
        margin: of the contrastive loss.
    """

    def __init__(
        self,
        labels: Indices,
        targets: Tensor,
        general_targets: Tensor,
        *,
        weights: LossWeights,
        margin: float,
    ) -> None:
        self.labels = torch.from_numpy(labels).to(targets.device)
        self.targets, self.general_targets = targets, general_targets
        self.weights = weights
        self.loss = SiteLoss(weights, margin)

    def compute(self, site: Tensor, chosen: Indices, rest: Tensor, general: Indices) -> LossTerms:
        """Compute the loss of one step.

        Args:
            site: (B, D) embeddings of camera views of the photos `chosen`, (B,).
            rest: (R, D) embeddings of the general faces `general`, (R,).
        """
        weights = self.weights
        people = self.labels[torch.from_numpy(chosen).to(site.device)]  # (B,)
        contrastive = self.loss.contrastive(site, people)
        loss = weights.contrastive * contrastive if len(self.targets) else contrastive
        anchor = rehearsal = torch.zeros((), device=site.device)
        if len(self.targets):
            anchor = pull(site, self.targets[chosen])
            loss = loss + weights.anchor * anchor
            if weights.template > 0:
                # Every view against the pretrained embeddings of all photos.
                against = self.loss.against_templates(site, people, self.targets, self.labels)
                loss = loss + weights.template * against
        if len(general):
            rehearsal = pull(rest, self.general_targets[general])
            loss = loss + weights.rehearsal * rehearsal
        return LossTerms(loss, contrastive, anchor, rehearsal)
