"""`take_pictures` with a scripted camera on a simulated clock."""

from collections.abc import Sequence

import pytest

from enrollment import camera as capture
from enrollment.camera import take_pictures
from enrollment.pictures import ExaminedPicture, NamedPicture
from models.clock import SimulatedClock
from models.domain import Frame
from models.errors import CameraError, CameraLostError, InputError
from models.messages import ADVICE_MESSAGE, QualityReason
from tests.enrollment.painted import BLURRED, NOBODY, SEVERAL, PaintedDesk, picture

STEP_S = 0.25
"""Time between two frames; whole in binary, so that sums are exact."""


class ScriptedCamera:
    """Delivers the given pictures, one every `STEP_S`; an exception among them is raised."""

    def __init__(self, clock: SimulatedClock, shown: Sequence[NamedPicture | Exception]) -> None:
        self.clock, self.shown, self.index, self.open = clock, shown, 0, False

    def __enter__(self) -> "ScriptedCamera":
        self.open = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.open = False

    def read(self) -> Frame | None:
        assert self.open
        if self.index == len(self.shown):
            return None
        shown = self.shown[self.index]
        if isinstance(shown, Exception):
            raise shown
        self.clock.set_elapsed(self.index * STEP_S)
        self.index += 1
        return Frame(shown.image, self.clock.monotonic_s(), self.index - 1)


class Taking:
    """One run of `take_pictures`: what was said, and which pictures were examined."""

    def __init__(self, service: PaintedDesk) -> None:
        self.service = service
        self.said: list[str] = []
        self.camera: ScriptedCamera

    def __call__(
        self, shown: Sequence[NamedPicture | Exception], count: int = 3, timeout_s: float = 60
    ) -> list[ExaminedPicture]:
        clock = SimulatedClock()
        self.camera = ScriptedCamera(clock, shown)
        return take_pictures(
            self.camera, self.service, clock, count=count, timeout_s=timeout_s, say=self.said.append
        )


@pytest.fixture
def taking(service: PaintedDesk) -> Taking:
    return Taking(service)


def takes_of(
    taken: Sequence[ExaminedPicture], shown: Sequence[NamedPicture], service: PaintedDesk
) -> list[int]:
    """The positions of the taken pictures among those shown, told by their embeddings."""
    known = [service.examine(one).analysis.embedding.vector.tobytes() for one in shown]
    return [known.index(one.analysis.embedding.vector.tobytes()) for one in taken]


def test_good_pictures_are_taken_at_least_the_pause_apart(taking: Taking, service: PaintedDesk) -> None:
    shown = [picture(1, take) for take in range(20)]
    taken = taking(shown)
    assert takes_of(taken, shown, service) == [0, 3, 6]
    assert [one.name for one in taken] == ["picture 1", "picture 2", "picture 3"]
    assert taking.said == [f"Picture {number} of 3 is taken." for number in (1, 2, 3)]
    assert not taking.camera.open


def test_pictures_that_cannot_be_used_are_passed_over_with_advice(
    taking: Taking, service: PaintedDesk
) -> None:
    bad = [picture(1, 1, NOBODY)] * 5 + [picture(1, 2, SEVERAL)] * 5 + [picture(1, 3, BLURRED)] * 5
    taken = taking([*bad, picture(1, 4)], count=1)
    assert len(taken) == 1
    assert taking.said == [
        capture.STEP_IN_FRONT,
        capture.ONE_PERSON,
        ADVICE_MESSAGE[QualityReason.BLURRED],
        "Picture 1 of 1 is taken.",
    ]


def test_advice_that_changes_with_every_frame_is_said_once_a_second(taking: Taking) -> None:
    flicker = [picture(1, 1, state) for _ in range(8) for state in (NOBODY, BLURRED)]
    taking([*flicker, picture(1, 2)], count=1)
    assert len(taking.said) - 1 <= len(flicker) * STEP_S / capture.ADVICE_PAUSE_S


def test_a_view_that_differs_is_waited_for(taking: Taking, service: PaintedDesk) -> None:
    shown = [picture(1, 1)] * 6 + [picture(1, 2)] * 10
    taken = taking(shown, count=2)
    assert [one.analysis.embedding.vector.tobytes() for one in taken] == [
        service.examine(picture(1, take)).analysis.embedding.vector.tobytes() for take in (1, 2)
    ]
    assert taking.camera.index == 7
    assert capture.TURN_A_LITTLE in taking.said


def test_the_same_view_is_taken_again_when_nothing_changes_for_a_while(taking: Taking) -> None:
    assert len(taking([picture(1, 1)] * 40, count=2)) == 2
    assert (taking.camera.index - 1) * STEP_S == capture.VARY_S


def test_somebody_else_in_front_of_the_camera_is_not_taken(taking: Taking, service: PaintedDesk) -> None:
    shown = [picture(1, 1), *[picture(2, take) for take in range(8)], *[picture(1, 10 + n) for n in range(8)]]
    taken = taking(shown)
    assert takes_of(taken, shown, service) == [0, 9, 12]
    assert capture.SAME_PERSON in taking.said


def test_the_time_limit_ends_with_a_typed_error_that_says_what_to_do(taking: Taking) -> None:
    with pytest.raises(InputError, match=r"only 1 of 3 .* 5 seconds.*Hold still.*--timeout"):
        taking([picture(1, 1), *[picture(1, 2, BLURRED)] * 100], timeout_s=5)
    assert not taking.camera.open
    assert 5 < (taking.camera.index - 1) * STEP_S <= 5 + STEP_S


@pytest.mark.parametrize(
    ("last", "error"), [([], CameraError), ([CameraLostError("no picture came")], CameraLostError)]
)
def test_a_camera_that_ends_or_fails_gives_no_pictures(
    taking: Taking, last: list[Exception], error: type[CameraError]
) -> None:
    with pytest.raises(error):
        taking([picture(1, 1), *last])
    assert not taking.camera.open
