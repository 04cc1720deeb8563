"""What the door demands before it opens."""

import math
from dataclasses import dataclass

from models.domain import Threshold


@dataclass(frozen=True, slots=True)
class Policy:
    """The demands on the evidence of one track. Times are seconds, scores cosine similarities.

    Attributes:
        threshold: the fused score at or above which a person is recognised; carries its network.
        min_margin: how far ahead of the next *person* the best one must be; lookalikes are told apart by it.
        min_frames: accepted pictures that must agree.
        window_s: pictures further apart than this are no evidence for each other.
        stale_s: a newest picture older than this is never judged.
        cooldown_s: after a grant, the same track is not judged again for this long.
        min_likeness: a picture less like the track's mean than this is another person, and evidence restarts.
        max_faces: faces embedded per frame, the largest first.

    Raises:
        ValueError: a value is not finite or out of its range; the message names it.
    """

    threshold: Threshold
    min_margin: float = 0.05
    min_frames: int = 3
    window_s: float = 1.0
    stale_s: float = 0.5
    cooldown_s: float = 5.0
    min_likeness: float = 0.4
    max_faces: int = 3

    def __post_init__(self) -> None:
        for name in ("min_margin", "window_s", "stale_s", "cooldown_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a finite number of 0 or more, not {value}")
        if not -1 <= self.min_likeness <= 1:
            raise ValueError(f"min_likeness is a cosine from -1 to 1, not {self.min_likeness}")
        for name in ("min_frames", "max_faces"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more, not {getattr(self, name)}")
