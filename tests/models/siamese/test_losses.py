"""The library's losses against a double loop."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from models.siamese.losses import HadsellLoss, LossWeights, SiteLoss, pull


def naive_contrastive(embeddings, people, others, owners, margin, pairs=None):
    """Hadsell's loss by hand: the mean over pairs of one person plus the mean over pairs of two."""
    alike, apart = [], []
    for i in range(len(embeddings)):
        for j in range(len(others)):
            if (others is embeddings and i == j) or (pairs is not None and (i, j) not in pairs):
                continue
            squares = sum((float(a) - float(b)) ** 2 for a, b in zip(embeddings[i], others[j], strict=True))
            distance = math.sqrt(squares)
            if int(people[i]) == int(owners[j]):
                alike.append(distance**2)
            else:
                apart.append(max(0.0, margin - distance) ** 2)
    return sum(sum(kind) / len(kind) for kind in (alike, apart) if kind)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), margin=st.floats(0.2, 2.0), count=st.integers(3, 9))
def test_contrastive_loss_is_the_double_loop(seed, margin, count):
    generator = torch.Generator().manual_seed(seed)
    embeddings = functional.normalize(torch.randn(count, 5, generator=generator))
    people = torch.randint(0, 3, (count,), generator=generator)
    expected = naive_contrastive(embeddings, people, embeddings, people, margin)
    assert float(HadsellLoss(margin)(embeddings, people)) == pytest.approx(expected, abs=1e-5)


def test_gradient_moves_one_person_together_and_two_apart():
    embeddings = functional.normalize(torch.tensor([[1.0, 0.1], [1.0, -0.4], [0.9, 0.3]])).requires_grad_()
    HadsellLoss(margin=1.2)(embeddings, torch.tensor([0, 0, 1])).backward()
    moved = (embeddings - 0.05 * embeddings.grad).detach()
    before, after = torch.cdist(embeddings.detach(), embeddings.detach()), torch.cdist(moved, moved)
    assert after[0, 1] < before[0, 1]
    assert after[0, 2] > before[0, 2]


def test_miner_keeps_only_pairs_that_are_hard_for_their_anchor():
    # Person 0's two views are alike and far from person 1's: nothing to learn there.
    easy = functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.01], [-1.0, 0.0], [-1.0, 0.01]]))
    people = torch.tensor([0, 0, 1, 1])
    loss = SiteLoss(LossWeights(), margin=1.2)
    assert float(loss.contrastive(easy, people)) == 0.0
    hard = functional.normalize(torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.9, 0.1], [-1.0, 0.0]]))
    assert float(loss.contrastive(hard, people)) > 1.0


@pytest.mark.parametrize("hardest", [1, 2, 50])
def test_template_loss_is_the_double_loop_over_own_and_hardest(hardest):
    generator = torch.Generator().manual_seed(3)
    embeddings = functional.normalize(torch.randn(4, 5, generator=generator))
    templates = functional.normalize(torch.randn(9, 5, generator=generator))
    people, owners = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 0, 1, 1, 1, 2, 3, 3, 4])
    pairs = set()
    for i in range(4):
        strangers = [j for j in range(9) if owners[j] != people[i]]
        strangers.sort(key=lambda j: float((embeddings[i] - templates[j]).norm()))
        pairs |= {(i, j) for j in range(9) if owners[j] == people[i]}
        pairs |= {(i, j) for j in strangers[:hardest]}
    loss = SiteLoss(LossWeights(), margin=1.4, hardest=hardest)
    expected = naive_contrastive(embeddings, people, templates, owners, 1.4, pairs)
    assert float(loss.against_templates(embeddings, people, templates, owners)) == pytest.approx(
        expected, abs=1e-5
    )


def test_pull_is_zero_in_place_and_two_at_the_opposite():
    rows = functional.normalize(torch.randn(6, 4))
    assert float(pull(rows, rows)) == pytest.approx(0.0, abs=1e-6)
    assert float(pull(rows, -rows)) == pytest.approx(2.0, abs=1e-6)
