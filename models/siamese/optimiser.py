"""How far each tensor moves: a share of its own size, up over a warm-up and down along a cosine."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from models.siamese.plan import TrainingPlan


def build_optimiser(tensors: Iterable[Tensor], plan: TrainingPlan) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) with one group per tensor, for each has its own size."""
    groups = [{"params": [tensor], "size": _size(tensor)} for tensor in tensors]
    return torch.optim.AdamW(groups, lr=0.0, weight_decay=plan.weight_decay)


def set_learning_rate(optimiser: torch.optim.Optimizer, plan: TrainingPlan, step: int) -> float:
    """Set what `step`, from 1, may move; returns the share of a tensor's size."""
    warm = min(1.0, step / max(1, plan.warmup_steps))
    rate = plan.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * (step - 1) / plan.steps))
    for group in optimiser.param_groups:
        group["lr"] = rate * group["size"]
    return rate


def _size(tensor: Tensor) -> float:
    """Root mean square; a tensor of zeros counts as small, or it could never move."""
    return max(1e-3, tensor.detach().square().mean().sqrt().item())
