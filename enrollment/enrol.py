"""`EnrolmentService`: enrols people by pictures, and adds pictures later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enrollment.duplicates import DuplicateIndex
from enrollment.people import purposes_of_consent
from enrollment.pictures import ExaminedPicture, NamedPicture, examine, pictures_of_other_people
from models.clock import SystemClock
from models.domain import Candidate, PersonId, Quality
from models.errors import (
    ConsentError,
    DuplicatePersonError,
    InputError,
    RegisterChangedError,
    ReleaseError,
    RevokedPersonError,
)
from models.ports import Clock
from models.register.records import EnrolledFace, Person, PersonStatus, Purpose
from models.register.register import Register
from models.release.store import Release
from models.vision.analysis import FaceAnalyser

if TYPE_CHECKING:
    from models.evaluation.thresholds import Thresholds

ATTEMPTS = 5
"""How often an enrolment is tried anew because people changed between looking for duplicates and writing."""


@dataclass(frozen=True, slots=True)
class Lookalike:
    """Somebody enrolled who looks so much like the newcomer that the door may not tell them apart.

    Attributes:
        name: of that person.
        score: the best cosine similarity with the newcomer's pictures.
    """

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The result of enrolling a person, or of adding pictures.

    Attributes:
        person: as the register keeps it.
        pictures: name and quality of each picture that was stored now.
        photos: number of pictures stored of the person, those from before included.
        purposes: what the consent in force covers.
        lookalikes: people whom the operator should know about, the most alike first.
    """

    person: Person
    pictures: tuple[tuple[str, Quality], ...]
    photos: int
    purposes: frozenset[Purpose]
    lookalikes: tuple[Lookalike, ...]


class EnrolmentService:
    """Enrols people in a register with one release.

    Args:
        register: where people are kept.
        analyser: with the release's network and the limits of quality for enrolment.
        release: of that network.
        thresholds: gives what thresholds are looked up from, for the people enrolled at the moment: they
            tell duplicates and pictures of different people.
        lookalike_margin: people who score less than this below the door's threshold are reported.
        after_change: called after every change of people, to find the thresholds again.
        clock: for the time of consent.
    """

    def __init__(
        self,
        register: Register,
        analyser: FaceAnalyser,
        release: Release,
        thresholds: "Callable[[], Thresholds]",
        *,
        lookalike_margin: float = 0.05,
        after_change: Callable[[], None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._register = register
        self._analyser = analyser
        self._thresholds = thresholds
        self._lookalike_margin = lookalike_margin
        self._after_change = after_change
        self._clock = clock if clock is not None else SystemClock()
        self._duplicates = DuplicateIndex(register, release.model_id)
        self._active_release_id = register.active_release_id()

    def examine(self, picture: NamedPicture, *, largest: bool = False) -> ExaminedPicture:
        """Return the one good face of a picture, or the largest; raises as `enrollment.pictures.examine`."""
        return examine(self._analyser, picture, largest=largest)

    def pictures_of_other_people(self, pictures: Sequence[ExaminedPicture]) -> list[ExaminedPicture]:
        """Return the pictures that are not of the person most of them show."""
        threshold, index = self._thresholds().for_gallery(1).verify.threshold, self._duplicates
        return pictures_of_other_people(
            pictures, lambda one, other: threshold.accepts(index.compare(one, other), index.scale)
        )

    def find_person(self, name: str) -> Person | None:
        """Return who is enrolled under that name, if anybody. Raises InputError: it is no name."""
        return self._register.find_person(name)

    def check_new_name(self, name: str) -> None:
        """Refuse a name that cannot be enrolled; worth a call before pictures are taken.

        Raises:
            DuplicatePersonError: somebody is enrolled under it.
            InputError: it is no name.
        """
        taken = self.find_person(name)
        if taken is not None:
            raise DuplicatePersonError(
                f"{taken.name} is enrolled already ({taken.status}): add pictures with --add, erase that "
                "person first, or choose another name"
            )

    def person_for_pictures(self, name: str) -> Person:
        """Return the person to whom pictures can be added.

        Raises:
            UnknownPersonError: nobody has that name.
            FaceRefusedError: the person does not want the face recognised.
            RevokedPersonError: the person was revoked.
        """
        person = self._register.person_named(name)
        self._register.check_face_allowed(person.person_id)
        if person.status is PersonStatus.REVOKED:
            raise RevokedPersonError(f"{person.name} was revoked for good: erase the person and enrol anew")
        return person

    def enrol_examined(
        self,
        name: str,
        pictures: Sequence[ExaminedPicture],
        consent: str,
        *,
        allow_training: bool = False,
        allow_duplicate: bool = False,
    ) -> Enrolment:
        """Enrol a person by examined pictures.

        Raises:
            InputError: no picture, a picture of somebody else among them, or no proper name.
            DuplicatePersonError: the name is taken, or this face is enrolled under another name.
            ConsentError: there is no consent text.
            ReleaseError: another release became active since this service was made.
            RegisterChangedError: others changed people each time this was tried.
        """
        if not consent.strip():
            raise ConsentError("nobody is enrolled without consent: give the text that the person agreed to")
        if not pictures:
            raise InputError(f"{name}: there is no picture to enrol")
        self.check_new_name(name)
        self._refuse_odd(pictures)
        purposes = purposes_of_consent(allow_training)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                person, alike = self._check_and_insert(name, pictures, consent, purposes, allow_duplicate)
                break
            except RegisterChangedError:
                if attempt == ATTEMPTS:
                    raise
        near = self._near(alike)
        self._duplicates.add(person.person_id, [picture.analysis.embedding for picture in pictures])
        self._after_change()
        return self._report(person, pictures, len(pictures), near)

    def add_examined(
        self,
        name: str,
        examined: Sequence[ExaminedPicture],
        consent: str | None = None,
        *,
        allow_training: bool = False,
    ) -> Enrolment:
        """Add examined pictures of somebody who is enrolled, and a new consent where one is given.

        Args:
            name: the person's.
            examined: pictures that are all recognised as this person.
            consent: what the person agrees to from now on; None leaves the consent as it is.
            allow_training: that consent covers training.

        Raises:
            UnknownPersonError, FaceRefusedError, RevokedPersonError: as `person_for_pictures`.
            InputError: no picture, or one that is not of this person.
            DuplicatePersonError: the first pictures of a person show somebody else who is enrolled.
            ConsentError: the new consent has no text, or covers training without being given.
            ReleaseError: another release became active since this service was made.
        """
        person = self.person_for_pictures(name)
        if allow_training and consent is None:
            raise ConsentError("training is agreed to by a consent of its own: give its text")
        if not examined:
            raise InputError(f"{name}: there is no picture to add")
        self._duplicates.refresh()
        if self._duplicates.has(person.person_id):
            self._refuse_pictures_of_another(person, examined)
        else:  # somebody without a face until now: nothing to compare with but everybody else
            self._refuse_odd(examined)
            self._refuse_duplicate(self._people_like(examined), len(examined))
        near = self._near([o for o in self._people_like(examined) if o.person_id != person.person_id])
        self._check_release()
        photos = self._register.add_templates(
            person.person_id,
            [_face_of(picture) for picture in examined],
            consent,
            purposes_of_consent(allow_training),
            self._clock.now(),
        )
        self._after_change()
        return self._report(person, examined, photos, near)

    def _refuse_odd(self, pictures: Sequence[ExaminedPicture]) -> None:
        """Raise InputError when a picture is not of the person whom most of them show."""
        odd = self.pictures_of_other_people(pictures)
        if odd:
            names = ", ".join(picture.name for picture in odd)
            raise InputError(f"{names}: not the person of the other pictures; take it out or take another")

    def _refuse_pictures_of_another(self, person: Person, pictures: Sequence[ExaminedPicture]) -> None:
        """Raise InputError when a picture is not recognised as the person."""
        index = self._duplicates
        threshold = self._thresholds().for_gallery(index.people, index.photos_each).verify.threshold
        for picture in pictures:
            score = index.score(person.person_id, picture.analysis.embedding)
            if not threshold.accepts(score, index.scale):
                raise InputError(
                    f"{picture.name}: not recognised as {person.name} (score {score:.2f}, needed "
                    f"{threshold.value:.2f}); if it is, erase the person and enrol anew with all pictures"
                )

    def _check_and_insert(
        self,
        name: str,
        pictures: Sequence[ExaminedPicture],
        consent: str,
        purposes: frozenset[Purpose],
        allow_duplicate: bool,
    ) -> tuple[Person, list[Candidate]]:
        """Look for duplicates and write, unless people changed in between: two desks may enrol one newcomer.

        Raises:
            RegisterChangedError: people changed in between; try again.
        """
        alike = self._people_like(pictures)
        self._check_release()
        if not allow_duplicate:
            self._refuse_duplicate(alike, len(pictures))
        person = self._register.add_person(
            name,
            [_face_of(picture) for picture in pictures],
            consent,
            purposes,
            self._clock.now(),
            seen_revision=self._duplicates.revision,
        )
        return person, alike

    def _check_release(self) -> None:
        """Raise ReleaseError when another release is active: no door would find a template of this one."""
        if self._register.active_release_id() != self._active_release_id:
            raise ReleaseError("another release has become active: start the enrolment again")

    def _people_like(self, pictures: Sequence[ExaminedPicture]) -> list[Candidate]:
        """Return the two people most like each picture, with their best scores, the most alike first."""
        self._duplicates.refresh()
        best: dict[PersonId, float] = {}
        for picture in pictures:
            for candidate in self._duplicates.nearest(picture.analysis.embedding):
                best[candidate.person_id] = max(candidate.score, best.get(candidate.person_id, -1.0))
        return [
            Candidate(person_id, score)
            for person_id, score in sorted(best.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _refuse_duplicate(self, alike: Sequence[Candidate], pictures: int) -> None:
        """Raise DuplicatePersonError when the best of so many searches is one too many for a newcomer."""
        if not alike:
            return
        index = self._duplicates
        threshold = self._thresholds().duplicate(index.people, index.photos_each, pictures).threshold
        if threshold.accepts(alike[0].score, index.scale):
            other = self._register.person(alike[0].person_id)
            raise DuplicatePersonError(
                f"this face is enrolled as {other.name} ({other.status}; score {alike[0].score:.2f}, "
                f"duplicates from {threshold.value:.2f}): add the pictures there with --add, or give "
                "--allow-duplicate if they are two people"
            )

    def _near(self, alike: Sequence[Candidate]) -> list[Candidate]:
        """Return those whom the door may take for the person, now that the gallery is as large as it is."""
        index = self._duplicates
        door = self._thresholds().identify(index.people, index.photos_each).threshold
        return [other for other in alike if other.score >= door.value - self._lookalike_margin]

    def _report(
        self,
        person: Person,
        pictures: Sequence[ExaminedPicture],
        photos: int,
        near: Sequence[Candidate],
    ) -> Enrolment:
        return Enrolment(
            person,
            tuple((picture.name, picture.analysis.quality) for picture in pictures),
            photos,
            self._register.consent(person.person_id).purposes,
            tuple(Lookalike(self._register.person(other.person_id).name, other.score) for other in near),
        )


def _face_of(picture: ExaminedPicture) -> EnrolledFace:
    return EnrolledFace(picture.analysis.crop, picture.analysis.embedding)
