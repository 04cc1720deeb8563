"""`StillChecker`: the door's decision on single photos; no liveness, no lock."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from access.decision import identify
from access.evidence import Evidence
from access.limits import evidence_limits
from models.domain import (
    Box,
    Candidate,
    Deny,
    DenyReason,
    LockState,
    PersonId,
    Quality,
    QualityReason,
    SearchResult,
    Threshold,
)
from models.errors import UnknownPersonError
from models.events import RECOGNISED, quality_record
from models.register.records import PersonStatus
from models.site import Site
from models.vision.analysis import FaceAnalysis
from models.vision.pictures import read_picture


@dataclass(frozen=True, slots=True)
class StillResult:
    """What a photo says.

    Attributes:
        matched: True when the person is recognised, or the claimed identity confirmed.
        reason: `recognised`, or why not.
        advice: what would make a better picture.
        person: the person most alike, or the claimed one; None when nobody is enrolled.
        runner_up: the next person.
        threshold: what was demanded.
        quality, box: of the face.
    """

    matched: bool
    reason: str
    advice: tuple[QualityReason, ...]
    person: Candidate | None
    runner_up: Candidate | None
    threshold: Threshold
    quality: Quality
    box: Box

    def to_record(self, names: Mapping[PersonId, str]) -> dict[str, Any]:
        """Plain JSON values, named as those of `models.events.DoorEvent`, with the people's names."""
        person, runner_up = self.person, self.runner_up
        margin = None if person is None or runner_up is None else person.score - runner_up.score
        return {
            "outcome": "match" if self.matched else "no_match",
            "reason": str(self.reason),
            "advice": [str(reason) for reason in self.advice],
            "person_id": None if person is None else person.person_id,
            "person_name": None if person is None else names.get(person.person_id),
            "score": None if person is None else person.score,
            "runner_up_id": None if runner_up is None else runner_up.person_id,
            "runner_up_name": None if runner_up is None else names.get(runner_up.person_id),
            "runner_up_score": None if runner_up is None else runner_up.score,
            "margin": margin,
            "threshold": self.threshold.value,
            "quality": quality_record(self.quality),
            "box": dataclasses.asdict(self.box),
        }


class StillChecker:
    """Checks photos against a site as it was when this was made."""

    def __init__(self, site: Site) -> None:
        view = site.view()
        self._gallery = view.gallery
        self._verify_threshold = view.thresholds.verify.threshold
        self._threshold = view.threshold
        self._limits = dataclasses.replace(evidence_limits(site.settings), min_frames=1)
        self._analyser = site.analyser
        self._register = site.register
        self.names: dict[PersonId, str] = {person.person_id: person.name for person in site.register.people()}

    def identify(self, photo: Path) -> StillResult:
        """Who of everyone is this (1:N)?

        Raises:
            ImageError, NoFaceError, SeveralFacesError: the photo cannot be used.
        """
        face = self._analyser.only_face(read_picture(photo))
        found = self._gallery.search(face.embedding)
        who = identify(self._evidence(face, found), self._limits, self._threshold, now=0.0)
        reason = who.reason if isinstance(who, Deny) else RECOGNISED
        return _result(face, reason, person=found.best, runner_up=found.runner_up, threshold=self._threshold)

    def verify(self, name: str, photo: Path) -> StillResult:
        """Is this the person of that name (1:1)? The runner-up is reported and decides nothing.

        Raises:
            UnknownPersonError: nobody of that name may be recognised.
            ImageError, NoFaceError, SeveralFacesError: the photo cannot be used.
        """
        person = self._register.person_named(name)
        if person.status is not PersonStatus.ACTIVE or person.person_id not in self._gallery.people:
            raise UnknownPersonError(
                f"{name} is {person.status} and has no template in force: nothing to compare with"
            )
        face = self._analyser.only_face(read_picture(photo))
        found = self._gallery.search(face.embedding)
        claimed = Candidate(person.person_id, self._gallery.scores_of(person.person_id, face.embedding))
        others = [c for c in (found.best, found.runner_up) if c and c.person_id != person.person_id]
        reason: str = DenyReason.POOR_QUALITY
        if face.quality.ok:
            alike = self._verify_threshold.accepts(claimed.score, self._gallery.scale)
            reason = RECOGNISED if alike else DenyReason.NOT_RECOGNISED
        next_one = others[0] if others else None
        return _result(face, reason, person=claimed, runner_up=next_one, threshold=self._verify_threshold)

    def _evidence(self, face: FaceAnalysis, found: SearchResult) -> Evidence:
        good = face.quality.ok
        return Evidence(
            frames=int(good),
            refused=int(not good),
            advice=face.quality.reasons,
            newest_at_s=0.0,
            result=found,
            enrolled=self._gallery.size,
            lock=LockState.LOCKED,
        )


def _result(
    face: FaceAnalysis,
    reason: str,
    *,
    person: Candidate | None,
    runner_up: Candidate | None,
    threshold: Threshold,
) -> StillResult:
    return StillResult(
        matched=reason == RECOGNISED,
        reason=reason,
        advice=face.quality.reasons,
        person=person,
        runner_up=runner_up,
        threshold=threshold,
        quality=face.quality,
        box=face.face.box,
    )
