"""What one step is judged by: embeddings go in, the loss and its terms come out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.siamese.batches import Indices
from models.siamese.losses import LossWeights, SiteLoss, pull


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Scalars: the weighed sum, and the terms as they are."""

    loss: Tensor
    contrastive: Tensor
    anchor: Tensor
    rehearsal: Tensor


class Lesson:
    """All photos that are learnt from, and where their embeddings should be.

    Args:
        labels: (N,) whose each photo of the site is.
        targets: (N, D) where the pretrained network has them; no rows: nothing to be pulled back to.
        general_targets: (R, D) where it has the general faces.
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

    def judge(self, site: Tensor, chosen: Indices, rest: Tensor, general: Indices) -> Terms:
        """Weigh one step.

        Args:
            site: (B, D), views of the photos `chosen`, (B,).
            rest: (R, D), the general faces `general`, (R,).
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
        return Terms(loss, contrastive, anchor, rehearsal)
