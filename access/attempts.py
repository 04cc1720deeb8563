"""`Attempts`: for how long one face has been judged without a grant, and when it is judged again.

Each further picture of a stranger is another chance of a false acceptance, so error rates are stated per
visit of `decision.visit_s` seconds. After a visit without a grant the face rests: 5 s, then 10, 20, 40, at
most 60. A face is remembered for 60 s after it was last seen, by its embedding: whoever steps away and comes
back, or is lost by the tracker, goes on where they were. These embeddings are kept in memory alone.
"""

import math
from dataclasses import dataclass

from models.domain import Embedding

FIRST_REST_S = 5.0
LONGEST_REST_S = 60.0
REMEMBERED_S = 60.0
"""A face that was not seen for longer is a new visitor. No shorter than a rest: stepping away ends none."""


@dataclass(slots=True, eq=False)
class Attempts:
    """What the door has tried with one face. Times are seconds of the door's clock.

    Attributes:
        face: its embedding, the mean of its latest pictures; None before the first.
        since_s: when the first picture of this visit was searched; None before it.
        seen_s: when the face was last in a picture.
        rests: how many visits without a grant there were.
        resting_until_s: not judged before this time.
    """

    face: Embedding | None = None
    since_s: float | None = None
    seen_s: float = -math.inf
    rests: int = 0
    resting_until_s: float = -math.inf

    def see(self, at_s: float, visit_s: float) -> bool:
        """Note that the face is in a picture; True when it is not to be judged in it."""
        self.seen_s = at_s
        if self.since_s is not None and at_s - self.since_s >= visit_s:
            self.resting_until_s = at_s + min(FIRST_REST_S * 2.0**self.rests, LONGEST_REST_S)
            self.rests += 1
            self.since_s = None
        return at_s < self.resting_until_s

    def begin(self, at_s: float) -> None:
        """Note that a picture of the face was searched."""
        if self.since_s is None:
            self.since_s = at_s

    def forgive(self) -> None:
        """Start anew: the person was recognised."""
        self.since_s, self.rests = None, 0


class AttemptMemory:
    """The attempts of everyone who was at the door in the last `REMEMBERED_S` seconds.

    Args:
        same_face_score: two embeddings at least as alike as this are of one face.
    """

    def __init__(self, same_face_score: float) -> None:
        self._same_face_score = same_face_score
        self._known: list[Attempts] = []

    def attempts_of(self, face: Embedding, current: Attempts, at_s: float) -> Attempts:
        """The attempts of the face that a track shows.

        Args:
            face: the mean of the track's latest pictures.
            current: the track's attempts so far.
            at_s: the time of the newest picture.

        Returns:
            `current` while the track shows the same face, else those of a face seen before, else new ones.
            Time in which a face was away does not count.
        """
        known = current.face
        if known is None or (known.model_id == face.model_id and self._likeness(known, face) is None):
            current = self._find(face, at_s) or (Attempts() if known is not None else current)
        current.face, current.seen_s = face, at_s
        if current not in self._known:
            self._known.append(current)
        return current

    def forget(self, at_s: float) -> None:
        """Forget whoever was not seen for longer than `REMEMBERED_S`."""
        self._known = [each for each in self._known if at_s - each.seen_s <= REMEMBERED_S]

    def _find(self, face: Embedding, at_s: float) -> Attempts | None:
        alike = [
            (likeness, each)
            for each in self._known
            if each.face is not None and (likeness := self._likeness(each.face, face)) is not None
        ]
        found = max(alike, key=lambda pair: pair[0], default=(0.0, None))[1]
        if found is not None and found.since_s is not None:
            found.since_s += at_s - found.seen_s
        return found

    def _likeness(self, one: Embedding, other: Embedding) -> float | None:
        """Their cosine; None when they are not of one face, or cannot be compared."""
        if one.model_id != other.model_id:
            return None
        score = float(one.vector @ other.vector)
        return score if score >= self._same_face_score else None
