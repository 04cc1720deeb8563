"""`hold_out`: divides people, not pictures, so that nobody is on two sides.

In a file without torch: `enrollment.retraining.retrain` divides people too, and loads torch only to train.
"""

from collections.abc import Iterable

import numpy as np

from models.errors import TrainingError


def hold_out(people: Iterable[str], share: float, seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Draw people to hold out, at least two: one alone has nobody to be compared with.

    Args:
        people: their ids; order does not matter.
        share: of all people, above 0 and below 1.
        seed: the same seed holds the same people out.

    Returns:
        who stays and who is held out, each in sorted order.

    Raises:
        TrainingError: fewer than two people would be left on either side.
        ValueError: `share` is out of range.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    everybody = sorted(set(people))
    count = max(2, round(share * len(everybody)))
    if len(everybody) - count < 2:
        raise TrainingError(
            f"{len(everybody)} people are too few: two to learn from and two to check on is the least"
        )
    order = np.random.default_rng(seed).permutation(len(everybody))
    chosen = {everybody[index] for index in order[:count]}
    kept = tuple(person for person in everybody if person not in chosen)
    return kept, tuple(sorted(chosen))
