"""`EvidenceLimits`: what the door demands of the pictures of one track before it opens."""

import math
from dataclasses import dataclass

from models.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """The demands on the evidence of one track. Times are seconds, scores cosine similarities.

    The score that is demanded belongs to the release, not here: `models.site.SiteView.threshold`.

    Attributes:
        min_margin: how far ahead of the next *person* the best one must be; it keeps lookalikes apart.
        min_frames: accepted pictures that must agree.
        window_s: pictures further apart than this are no evidence for each other.
        stale_s: a newest picture older than this is never judged.
        cooldown_s: after a grant, the same track is not judged again for this long.
        same_face_score: a picture less like the track's mean is of another person; evidence restarts.
        max_faces: faces embedded per frame; if there are more they take turns.
        visit_s: a face that was judged for this long without a grant rests (`access.attempts`).

    Raises:
        ValueError: a value is not finite or out of its range; the message names it.
    """

    min_margin: float = 0.05
    min_frames: int = 3
    window_s: float = 1.0
    stale_s: float = 0.5
    cooldown_s: float = 5.0
    same_face_score: float = 0.4
    max_faces: int = 3
    visit_s: float = 10.0

    def __post_init__(self) -> None:
        for name in ("min_margin", "window_s", "stale_s", "cooldown_s", "visit_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a finite number of 0 or more, not {value}")
        if not -1 <= self.same_face_score <= 1:
            raise ValueError(f"same_face_score is a cosine from -1 to 1, not {self.same_face_score}")
        for name in ("min_frames", "max_faces"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is 1 or more, not {getattr(self, name)}")


def evidence_limits(settings: Settings) -> EvidenceLimits:
    """The limits that the settings of a door ask for."""
    decision = settings.decision
    return EvidenceLimits(
        min_margin=decision.min_margin,
        min_frames=decision.min_frames,
        window_s=decision.window_s,
        stale_s=settings.camera.stale_s,
        cooldown_s=decision.cooldown_s,
        same_face_score=decision.same_face_score,
        max_faces=decision.max_faces,
        visit_s=decision.visit_s,
    )
