"""The door's commands, as a script and as a person use them."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.domain import PersonId
from models.register.records import PersonStatus
from models.settings.settings import Settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, write_clip
from tests.access.cli.conftest import Run
from tests.access.conftest import Enrol

ADA, BO, STRANGER = (SyntheticPerson(seed) for seed in (501, 502, 599))


@pytest.fixture
def enrolled(settings: Settings, enrol: Enrol) -> dict[str, PersonId]:
    with open_site(settings, create=True) as site:
        return {
            name: enrol(site, name, [person.portrait(seed=seed) for seed in (1, 2)]).person_id
            for name, person in {"Ada": ADA, "Bo": BO}.items()
        }


def photo(folder: Path, name: str, person: SyntheticPerson, seed: int = 7) -> Path:
    path = folder / f"{name}.png"
    cv2.imwrite(str(path), person.portrait(seed=seed))
    return path


@pytest.mark.slow
def test_identify_finds_the_enrolled_and_not_the_stranger(
    run: Run, enrolled: dict[str, PersonId], tmp_path: Path
) -> None:
    known, unknown = photo(tmp_path, "known", ADA), photo(tmp_path, "unknown", STRANGER)
    status, (found, not_found), _ = run("identify", known, unknown)
    assert status == 0
    assert (found["outcome"], found["reason"], found["person_name"]) == ("match", "recognised", "Ada")
    assert found["person_id"] == enrolled["Ada"]
    assert found["score"] >= found["threshold"]
    assert found["margin"] == pytest.approx(found["score"] - found["runner_up_score"])
    assert found["runner_up_name"] == "Bo"
    assert found["box"]["left"] < found["box"]["right"]
    assert found["quality"]["face_px"] > 48
    assert (not_found["outcome"], not_found["reason"]) == ("no_match", "not_recognised")


def test_identify_goes_on_after_a_photo_that_cannot_be_used(
    run: Run, enrolled: dict[str, PersonId], tmp_path: Path
) -> None:
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.full((200, 200, 3), 127, np.uint8))
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    status, lines, _ = run("identify", empty, text, photo(tmp_path, "known", BO))
    assert status == 1
    assert [(line["outcome"], line.get("error")) for line in lines] == [
        ("failed", "no_face"),
        ("failed", "unreadable_image"),
        ("match", None),
    ]


def test_identify_with_nobody_enrolled_says_so(run: Run, settings: Settings, tmp_path: Path) -> None:
    with open_site(settings, create=True):
        pass
    _, (line,), _ = run("identify", photo(tmp_path, "known", ADA))
    assert (line["outcome"], line["reason"], line["person_name"]) == ("no_match", "nobody_enrolled", None)


def test_identify_prints_its_findings_as_sentences(
    run: Run, enrolled: dict[str, PersonId], tmp_path: Path
) -> None:
    blurred = tmp_path / "blurred.png"
    cv2.imwrite(str(blurred), cv2.GaussianBlur(ADA.portrait(seed=7), (0, 0), 5))
    status, _, text = run(
        "identify", photo(tmp_path, "known", ADA), blurred, tmp_path / "none.png", as_json=False
    )
    assert status == 1
    lines = text.splitlines()
    assert "match Ada" in lines[0]
    assert "the face is blurred" in lines[1]
    assert "failed" in lines[2]


def test_verify_confirms_the_claimed_person_alone(
    run: Run, enrolled: dict[str, PersonId], tmp_path: Path
) -> None:
    path = photo(tmp_path, "ada", ADA)
    status, (right,), _ = run("verify", "Ada", path)
    assert status == 0
    assert (right["outcome"], right["person_name"], right["runner_up_name"]) == ("match", "Ada", "Bo")
    status, (wrong,), _ = run("verify", "Bo", path)
    assert status == 0
    assert (wrong["outcome"], wrong["reason"], wrong["person_name"]) == ("no_match", "not_recognised", "Bo")
    assert wrong["runner_up_name"] == "Ada"
    assert wrong["margin"] < 0


def test_verify_refuses_names_it_cannot_confirm(
    run: Run, settings: Settings, enrolled: dict[str, PersonId], tmp_path: Path
) -> None:
    path = photo(tmp_path, "ada", ADA)
    status, (error,), _ = run("verify", "Nobody", path)
    assert (status, error["error"]) == (1, "unknown_person")
    with open_site(settings, create=True) as site:
        site.register.set_status(enrolled["Ada"], PersonStatus.SUSPENDED)
    status, (error,), _ = run("verify", "Ada", path)
    assert (status, error["error"]) == (1, "unknown_person")
    assert "suspended" in error["message"]


@pytest.mark.slow
def test_replay_and_kiosk_and_events(
    run: Run,
    settings: Settings,
    enrolled: dict[str, PersonId],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip = tmp_path / "visit.mp4"
    write_clip(Scene((Appearance(ADA, 0.0, 4.0, seed=1),)), clip, fps=8)
    status, (line,), _ = run("replay", clip)
    assert (status, line["outcome"], line["person_name"], line["runner_up_name"]) == (
        0,
        "granted",
        "Ada",
        "Bo",
    )
    assert line["clip_s"] < 2
    _, _, text = run("replay", clip, as_json=False)
    assert "granted" in text and "Ada" in text

    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", f"clip:{clip}")
    monkeypatch.setenv("DOORWARD_CAMERA__STALE_S", "5")
    status, _, _ = run("kiosk", as_json=False)
    assert status == 0
    _, lines, _ = run("events")
    assert [lines[0]["reason"], lines[-1]["reason"]] == ["kiosk_started", "kiosk_stopped"]
    event, action, *_ = lines[1:-1]  # a slow machine may lose the track, and grant again
    assert (action["outcome"], action["intent_id"]) == ("unlocked", event["event_id"])
    assert (event["outcome"], event["person_name"], event["door"]) == ("granted", "Ada", "front")
    assert set(event["stages_ms"]) >= {"detect", "embed"}
    _, _, text = run("events", "-n", "5", as_json=False)
    assert "granted" in text and "Ada" in text


@pytest.mark.slow
def test_a_kiosk_prints_the_line_of_replay_with_the_time_of_day(
    run: Run,
    enrolled: dict[str, PersonId],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip = tmp_path / "visit.mp4"
    write_clip(Scene((Appearance(ADA, 0.0, 4.0, seed=1),)), clip, fps=8)
    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", f"clip:{clip}")
    monkeypatch.setenv("DOORWARD_CAMERA__STALE_S", "5")
    status, _, text = run("kiosk", as_json=False)
    assert status == 0
    watched, started, granted, unlocked, *_, stopped, ended, locked = text.splitlines()
    assert "the door is watched" in watched
    assert "Kiosk started" in started
    assert "Kiosk stopped" in stopped
    assert re.match(
        r"\d\d:\d\d:\d\d \w+  track \d+   granted    Ada 0\.\d{3}, next -?0\.\d{3}, needed", granted
    )
    assert re.match(r"\d\d:\d\d:\d\d \w+  track \d+   unlocked  Ada$", unlocked)
    assert "the clip has ended" in ended
    assert "the door is locked" in locked
    assert enrolled["Ada"] not in text


def test_a_replay_of_nothing_is_an_error_as_json(
    run: Run, enrolled: dict[str, PersonId], tmp_path: Path
) -> None:
    status, (error,), _ = run("replay", tmp_path / "none.mp4")
    assert (status, error["error"]) == (1, "camera_absent")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("identify", ["Who is on the photo, out of everyone enrolled (1:N)?", "PHOTO..."]),
        ("verify", ["Is it this person (1:1)?", "NAME", "PHOTO"]),
        ("kiosk", ["camera.source", "lock.kind", "doorward.toml"]),
        ("demo", ["simulated door"]),
    ],
)
def test_help_says_what_a_command_is_for(run: Run, command: str, words: list[str]) -> None:
    _, _, text = run(command, "--help", as_json=False)
    assert [word for word in words if word not in " ".join(text.split())] == []


@pytest.mark.parametrize(
    "words",
    [
        ["identify", "none.png"],
        ["verify", "Ada", "none.png"],
        ["replay", "none.mp4"],
        ["events"],
    ],
)
def test_a_reading_command_without_a_register_makes_nothing(
    run: Run, settings: Settings, words: list[str]
) -> None:
    status, (error,), _ = run(*words)
    assert (status, error["error"]) == (1, "register_absent")
    assert not settings.home.exists()
