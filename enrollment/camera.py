"""`take_pictures`: takes the pictures to enrol somebody by from a camera, and says what to do meanwhile."""

from enrollment.enrol import EnrolmentService
from enrollment.pictures import ExaminedPicture, NamedPicture
from models.domain import QualityReason
from models.errors import CameraError, InputError, NoFaceError, QualityError, SeveralFacesError
from models.messages import ADVICE_MESSAGE
from models.ports import Camera, Clock
from models.progress import Note

PAUSE_S = 0.7
"""Pictures closer in time than this show the same moment."""
SAME_VIEW_SCORE = 0.97
"""Two pictures of one person that score at least this differ too little for both to be of use."""
VARY_S = 3.0
"""How long to wait for a picture that differs from those taken, before one that does not is taken as well."""
ADVICE_PAUSE_S = 1.0
"""Advice that changes faster than this cannot be followed."""

STEP_IN_FRONT = "Step in front of the camera."
ONE_PERSON = "One person alone, please."
SAME_PERSON = "This is somebody else than on the pictures before."
TURN_A_LITTLE = "Turn your head a little."


def take_pictures(
    camera: Camera, service: EnrolmentService, clock: Clock, *, count: int, timeout_s: float, say: Note
) -> list[ExaminedPicture]:
    """Take pictures of one person that are good enough to enrol by.

    They are at least `PAUSE_S` apart, and differ from each other unless nothing differs for `VARY_S`.

    Args:
        camera: not opened yet.
        service: judges each picture by the limits of enrolment.
        clock: the one that the camera was made with.
        count: how many pictures, from 1.
        timeout_s: give up after so many seconds from the first picture on.
        say: is given advice for the person, whenever it changes, and how many pictures are taken.

    Returns:
        `count` examined pictures, named `picture 1` and so on.

    Raises:
        InputError: the time is over.
        CameraError: the camera fails, or ended before there were enough pictures.
    """
    taken: list[ExaminedPicture] = []
    advice = _Advice(say)
    last_s = float("-inf")
    start_s: float | None = None
    with camera:
        while len(taken) < count:
            frame = camera.read()
            now_s = clock.monotonic_s()
            if frame is None:
                raise CameraError(
                    f"the camera ended after {len(taken)} of {count} pictures, and nothing was stored: use a "
                    "live camera, or a longer recording"
                )
            start_s = now_s if start_s is None else start_s
            if now_s - start_s > timeout_s:
                raise InputError(
                    f"only {len(taken)} of {count} pictures were good enough in {timeout_s:g} seconds, and "
                    f"nothing was stored. {advice.last or STEP_IN_FRONT} Then try again; --timeout allows "
                    "more time"
                )
            waited_s = frame.captured_at_s - last_s
            if waited_s < PAUSE_S:
                continue
            found = _judge(service, NamedPicture(f"picture {len(taken) + 1}", frame.image), taken, waited_s)
            if isinstance(found, str):
                advice.give(found, now_s)
                continue
            taken.append(found)
            last_s = frame.captured_at_s
            advice = _Advice(say)
            say(f"Picture {len(taken)} of {count} is taken.")
    return taken


def _judge(
    service: EnrolmentService, picture: NamedPicture, taken: list[ExaminedPicture], waited_s: float
) -> ExaminedPicture | str:
    """Return the picture when it is to be taken, else what the person should do."""
    try:
        found = service.examine(picture)
    except NoFaceError:
        return STEP_IN_FRONT
    except SeveralFacesError:
        return ONE_PERSON
    except QualityError as error:
        return " ".join(ADVICE_MESSAGE[QualityReason(reason)] for reason in error.reasons)
    if service.pictures_of_other_people([*taken, found]):
        return SAME_PERSON
    if waited_s < VARY_S and any(_score(found, other) >= SAME_VIEW_SCORE for other in taken):
        return TURN_A_LITTLE
    return found


def _score(first: ExaminedPicture, second: ExaminedPicture) -> float:
    return float(first.analysis.embedding.vector @ second.analysis.embedding.vector)


class _Advice:
    """Says advice when it is new, and not more often than it can be followed."""

    def __init__(self, say: Note) -> None:
        self._say = say
        self._at_s = float("-inf")
        self.last = ""

    def give(self, text: str, now_s: float) -> None:
        if text != self.last and now_s - self._at_s >= ADVICE_PAUSE_S:
            self._say(text)
            self.last, self._at_s = text, now_s
