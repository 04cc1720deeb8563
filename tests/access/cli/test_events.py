"""The command `events`: which events it lists, and in which form."""

import csv
import io
import re
from datetime import timedelta

import pytest

from access.printing import CSV_COLUMNS
from models.domain import DenyReason, PersonId, Quality, QualityReason
from models.settings.settings import Settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from tests.access.cli.conftest import Run
from tests.access.conftest import Enrol
from tests.door_events import NOON, door_event

GOOD = Quality(112.0, 100.0, 0.0, 0.0, 0.0, 120.0, 40.0, ())
LONG_DOOR = "north-entrance-of-the-old-building"


@pytest.fixture
def people(settings: Settings, enrol: Enrol, monkeypatch: pytest.MonkeyPatch) -> dict[str, PersonId]:
    """Ada and Bo; an event each day from the second of November at noon, UTC; a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    with open_site(settings, create=True) as site:
        ada, bo = (
            enrol(site, name, [SyntheticPerson(seed).portrait(seed=1)]).person_id
            for name, seed in (("Ada Lovelace, Countess", 501), ("Bo", 502))
        )
        events = [
            door_event(
                outcome="granted",
                reason="recognised",
                person_id=ada,
                score=0.9,
                runner_up_id=bo,
                runner_up_score=0.25,
                threshold=0.5,
                quality=GOOD,
                frames=3,
            ),
            door_event(person_id=bo, score=-0.1, threshold=0.5, door=LONG_DOOR),
            door_event(
                reason=DenyReason.POOR_QUALITY, advice=(QualityReason.TOO_DARK, QualityReason.TURNED_AWAY)
            ),
            door_event(
                outcome="fault",
                reason=DenyReason.CAMERA_FAULT,
                track=None,
                detail="no picture: check the [cable]",
            ),
        ]
        for day, event in enumerate(events):
            site.register.append_event(door_event(**fields_of(event) | {"at": NOON + timedelta(days=day)}))
    return {"Ada": ada, "Bo": bo}


def fields_of(event: object) -> dict[str, object]:
    return {name: getattr(event, name) for name in type(event).__slots__}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ([], [2, 3, 4, 5]),
        (["-n", "2"], [4, 5]),
        (["--limit", "1"], [5]),
        (["--since", "2026-11-03T12:00Z"], [3, 4, 5]),
        (["--until", "2026-11-03T12:00Z"], [2]),
        (["--since", "2026-11-03T00:00Z", "--until", "2026-11-05T00:00Z"], [3, 4]),
        (["--person", "Bo"], [3]),
        (["--door", LONG_DOOR], [3]),
        (["--door", "nowhere"], []),
        (["--outcome", "granted"], [2]),
        (["--outcome", "denied"], [3, 4]),
        (["--outcome", "fault"], [5]),
        (["--outcome", "denied", "--person", "Bo", "-n", "9"], [3]),
        (["--outcome", "fault", "--person", "Bo"], []),
    ],
)
def test_the_options_choose_the_events_and_the_oldest_comes_first(
    run: Run, people: dict[str, PersonId], options: list[str], days: list[int]
) -> None:
    status, lines, _ = run("events", *options)
    assert status == 0
    assert [int(line["at"][8:10]) for line in lines] == days


def test_without_a_time_the_newest_twenty_are_listed_and_with_one_all(
    run: Run, settings: Settings, people: dict[str, PersonId]
) -> None:
    with open_site(settings) as site:
        for minute in range(30):
            site.register.append_event(door_event(at=NOON + timedelta(days=10, minutes=minute)))
    assert len(run("events")[1]) == 20
    assert len(run("events", "--since", "2026-11-01")[1]) == 34
    assert len(run("events", "--since", "2026-11-01", "-n", "25")[1]) == 25
    assert len(run("events", "--csv", as_json=False)[2].splitlines()) == 1 + 34


def test_a_terminal_of_80_columns_shows_whole_dates_names_and_causes(
    run: Run, people: dict[str, PersonId]
) -> None:
    _, _, text = run("events", as_json=False)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line[1:11] for line in lines if re.match(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", line)] == [
        "2026-11-02",
        "2026-11-03",
        "2026-11-04",
        "2026-11-05",
    ]
    words = " ".join(text.split())
    assert "Ada Lovelace, Countess" in words
    assert "0.900 0.500" in words
    assert "-0.100 0.500" in words
    door_at, why_at = lines[0].index("door"), lines[0].index("who or why")
    cells = " ".join(line[why_at:].strip() for line in lines)
    assert "no picture: check the [cable]" in cells
    assert "too little light on your face" in cells
    doors = "".join(line[door_at:why_at].strip() for line in lines)
    assert LONG_DOOR in doors


def test_csv_has_the_fields_of_each_event(run: Run, people: dict[str, PersonId]) -> None:
    status, _, text = run("events", "--csv", as_json=False)
    granted, denied, poor, fault = csv.DictReader(io.StringIO(text))
    assert status == 0
    assert tuple(granted) == CSV_COLUMNS
    assert granted == {
        "event_id": "3",  # what operators did has numbers too: two people were added before
        "intent_id": "",
        "at": "2026-11-02T12:00:00.000000+00:00",
        "door": "front",
        "track": "1",
        "outcome": "granted",
        "reason": "recognised",
        "person_name": "Ada Lovelace, Countess",
        "person_id": people["Ada"],
        "score": "0.9",
        "runner_up_name": "Bo",
        "runner_up_id": people["Bo"],
        "runner_up_score": "0.25",
        "threshold": "0.5",
        "margin": "0.65",
        "advice": "",
        "detail": "",
        "release": "",
        "frames": "3",
        "face_px": "112.0",
        "clip_s": "",
        "factors": "",
    }
    assert (denied["door"], denied["score"], denied["margin"]) == (LONG_DOOR, "-0.1", "")
    assert poor["advice"] == "too_dark turned_away"
    assert (fault["detail"], fault["track"]) == ("no picture: check the [cable]", "")


def test_csv_without_an_event_is_the_header_alone(run: Run, people: dict[str, PersonId]) -> None:
    assert run("events", "--csv", "--door", "nowhere", as_json=False)[2] == ",".join(CSV_COLUMNS) + "\n"


def test_an_empty_result_and_an_empty_register_have_different_messages(run: Run, settings: Settings) -> None:
    with open_site(settings, create=True):
        pass
    assert run("events", as_json=False)[2].strip() == "Nothing has happened yet."
    assert run("events", "--door", "side", as_json=False)[2].strip() == "No event fits."


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        (["--person", "Nobody"], 1, "unknown_person"),
        (["--since", "yesterday"], 1, "invalid_input"),
        (["--outcome", "refused"], 2, "usage_error"),
        (["--csv"], 2, "usage_error"),
        (["-n", "0"], 2, "usage_error"),
    ],
)
def test_wrong_options_are_refused(
    run: Run, people: dict[str, PersonId], options: list[str], status: int, code: str
) -> None:
    left_with, (error,), _ = run("events", *options)
    assert (left_with, error["error"]) == (status, code)


def test_without_a_register_nothing_is_made(run: Run, settings: Settings) -> None:
    status, (error,), _ = run("events")
    assert (status, error["error"]) == (1, "register_absent")
    assert not settings.home.exists()
