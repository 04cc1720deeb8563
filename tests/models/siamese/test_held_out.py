"""The error on held-out people."""

import numpy as np
import pytest
import torch

from models.siamese.held_out import error_if_normal


@pytest.mark.parametrize(("distance", "spread"), [(4.0, 1.0), (3.0, 2.0), (6.0, 1.5)])
def test_normal_scores_give_the_error_that_is_counted(distance: float, spread: float) -> None:
    rng = np.random.default_rng(1)
    mated, non_mated = distance + spread * rng.normal(size=200_000), rng.normal(size=400_000)
    threshold = np.quantile(non_mated, 0.999)
    counted = (mated <= threshold).mean()
    found = error_if_normal(torch.tensor(mated), torch.tensor(non_mated))
    assert found == pytest.approx(counted, abs=0.01)


def test_the_error_does_not_depend_on_the_scale_of_the_scores() -> None:
    rng = np.random.default_rng(2)
    mated, non_mated = (
        torch.tensor(0.6 + 0.1 * rng.normal(size=500)),
        torch.tensor(0.1 * rng.normal(size=5000)),
    )
    assert error_if_normal(3 * mated, 3 * non_mated) == pytest.approx(error_if_normal(mated, non_mated))
    assert error_if_normal(mated - 0.2, non_mated) > error_if_normal(mated, non_mated)
