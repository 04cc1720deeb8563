"""How far a step moves each tensor."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from models.siamese.optimiser import build_optimiser, set_learning_rate
from models.siamese.plan import TrainingPlan

PLAN = TrainingPlan(steps=100, learning_rate=0.01, warmup_steps=10, weight_decay=0.0)


def test_first_step_moves_each_tensor_by_the_same_share_of_its_size():
    tensors = [torch.full((4, 4), size, requires_grad=True) for size in (0.01, 1.0, 50.0)]
    optimiser = build_optimiser(tensors, replace(PLAN, warmup_steps=0))
    assert set_learning_rate(optimiser, replace(PLAN, warmup_steps=0), 1) == pytest.approx(0.01)
    for tensor in tensors:
        tensor.grad = torch.randn(4, 4)
    optimiser.step()
    for tensor, size in zip(tensors, (0.01, 1.0, 50.0), strict=True):
        # Adam's first step is the learning rate itself, whatever the gradient's size.
        assert torch.allclose((tensor.detach() / size - 1).abs(), torch.tensor(0.01), rtol=1e-2)


def test_rate_rises_evenly_then_falls_to_nothing():
    optimiser = build_optimiser([torch.ones(2, requires_grad=True)], PLAN)
    rates = [set_learning_rate(optimiser, PLAN, step) for step in range(1, 101)]
    assert rates[4] == pytest.approx(0.5 * rates[9], rel=0.02)
    assert all(later < earlier for earlier, later in pairwise(rates[9:]))
    assert rates[-1] < 1e-3 * 0.01 * 10
    assert max(rates) == pytest.approx(0.01, rel=0.03)


def test_tensors_of_zeros_can_move():
    zeros = torch.zeros(3, requires_grad=True)
    optimiser = build_optimiser([zeros], PLAN)
    set_learning_rate(optimiser, PLAN, 20)
    assert optimiser.param_groups[0]["lr"] > 0
