"""The commands `enroll`, `people`, `revoke`, `erase`, `export` and `key`, on synthetic faces."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from enrollment import bulk
from enrollment.cli import enroll as enroll_command
from models.cli.app import main
from models.cli.output import Console
from models.clock import SimulatedClock
from models.domain import Frame, ImageArray
from models.ports import Clock
from models.register.records import Purpose
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.site import open_register, open_site
from models.synthetic.people import SyntheticPerson
from models.vision.pictures import read_picture

Run = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def portraits() -> dict[tuple[int, int], ImageArray]:
    """Person and visit -> picture."""
    return {
        (person, visit): SyntheticPerson(person).portrait(size=300, seed=visit)
        for person in (1, 2, 3)
        for visit in (1, 2, 3)
    }


@pytest.fixture
def photo(tmp_path: Path, portraits: dict[tuple[int, int], ImageArray]) -> Callable[[int, int], str]:
    def save(person: int, visit: int) -> str:
        path = tmp_path / f"{person}-{visit}.png"
        assert cv2.imwrite(str(path), portraits[person, visit])
        return str(path)

    return save


@pytest.fixture
def home(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with --json; the objects on stdout, or on stderr when it should fail."""

    def run_command(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
        with pytest.raises(SystemExit) as leaving:
            main(["--home", str(home), "--json", *arguments])
        captured = capsys.readouterr()
        assert leaving.value.code == status, captured.err
        return [json.loads(line) for line in (captured.err if status else captured.out).splitlines()]

    return run_command


@pytest.mark.slow
def test_from_enrolment_to_erasure(run: Run, home: Path, photo: Callable[[int, int], str]) -> None:
    (ada,) = run("enroll", "Ada", photo(1, 1), photo(1, 2), "--consent", "signed", "--allow-training")
    assert (ada["name"], ada["status"], len(ada["pictures"])) == ("Ada", "active", 2)
    (more,) = run("enroll", "Ada", photo(1, 3), "--add")
    assert more["person_id"] == ada["person_id"]
    assert (ada["photos"], more["photos"], len(more["pictures"])) == (2, 3, 1)
    assert more["purposes"] == ["recognition", "training"]
    run("enroll", "Grace", photo(2, 1), "--consent", "signed")
    listed = [(row["name"], row["photos"], row["consent_text"], row["purposes"]) for row in run("people")]
    assert listed == [
        ("Ada", 3, "signed", ["recognition", "training"]),
        ("Grace", 1, "signed", ["recognition"]),
    ]
    with open_register(load_settings(home)) as register:
        assert len(register.crops(Purpose.TRAINING)) == 3
    assert run("suspend", "Ada")[0]["status"] == "suspended"
    assert run("restore", "Ada")[0]["status"] == "active"
    assert run("revoke", "Ada")[0]["status"] == "revoked"
    assert run("restore", "Ada", status=1)[-1]["error"] == "person_revoked"
    assert run("enroll", "Ada", photo(1, 3), "--add", status=1)[-1]["error"] == "person_revoked"
    with open_site(load_settings(home)) as site:
        assert [site.register.person(one).name for one in site.view().gallery.people] == ["Grace"]
    (erased,) = run("erase", "Ada")
    assert (erased["type"], erased["person_id"]) == ("erasure", ada["person_id"])
    assert "/erasure\n" in erased["receipt"]
    assert [row["name"] for row in run("people")] == ["Grace"]


def test_each_change_leaves_a_threshold_for_the_gallery_as_it_is(
    run: Run, home: Path, photo: Callable[[int, int], str]
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    with open_site(load_settings(home)) as site:
        latest = site.register.latest_calibration(site.release.release_id)
        assert latest is not None
        assert latest.people == 1
        assert site.view().threshold.value == latest.details["identify"]["threshold"]


@pytest.mark.slow
def test_refusals_have_stable_codes_and_change_nothing(
    run: Run, tmp_path: Path, photo: Callable[[int, int], str]
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    (tmp_path / "note.jpg").write_text("not a picture")
    cv2.imwrite(str(tmp_path / "wall.png"), SyntheticPerson(1).portrait(size=300, seed=1)[:40, :40])
    failures = {
        "consent_missing": ["enroll", "Grace", photo(2, 1)],
        "duplicate_person": ["enroll", "Other", photo(1, 2), "--consent", "signed"],
        "invalid_input": ["enroll", "Grace", photo(2, 1), photo(3, 1), "--consent", "signed"],
        "unreadable_image": ["enroll", "Grace", str(tmp_path / "note.jpg"), "--consent", "signed"],
        "no_face": ["enroll", "Grace", str(tmp_path / "wall.png"), "--consent", "signed"],
        "unknown_person": ["revoke", "Grace", "--yes"],
    }
    for name, arguments in failures.items():
        assert run(*arguments, status=1)[-1]["error"] == name
    assert [row["name"] for row in run("people")] == ["Ada"]


def test_wrong_usage_is_told_apart_from_failure(run: Run, tmp_path: Path) -> None:
    for arguments in (["enroll"], ["enroll", "Ada"], ["enroll", "Ada", "--folder", str(tmp_path)], ["erase"]):
        assert run(*arguments, status=2)[-1]["error"] == "usage_error"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["Ada", "1.png", "--largest-face"], "--largest-face"),
        (["Ada", "1.png", "--photos-per-person", "2"], "--photos-per-person"),
        (["Ada", "1.png", "--add", "--photos-per-person", "2", "--largest-face"], "--photos-per-person"),
        (["Ada", "1.png", "--add", "--allow-duplicate"], "--allow-duplicate"),
        (["Ada", "1.png", "--pictures", "2"], "--pictures"),
        (["Ada", "1.png", "--timeout", "9"], "--timeout"),
        (["Ada", "1.png", "--camera"], "--camera"),
        (["--camera"], "NAME"),
        (["--folder", "staff", "--camera"], "--camera"),
        (["--folder", "staff", "--add"], "--add"),
    ],
)
def test_options_that_would_be_ignored_are_wrong_usage(
    run: Run, home: Path, arguments: list[str], named: str
) -> None:
    failure = run("enroll", *arguments, "--consent", "signed", status=2)[-1]
    assert failure["error"] == "usage_error"
    assert named in failure["message"]
    assert not home.exists()


@pytest.mark.slow
def test_a_folder_of_people_is_enrolled_with_a_report(
    run: Run, tmp_path: Path, portraits: dict[tuple[int, int], ImageArray]
) -> None:
    for (person, visit), image in portraits.items():
        folder = tmp_path / "staff" / f"Person_{person}"
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{visit}.png"), image)
    (tmp_path / "staff" / "Nobody").mkdir()
    (tmp_path / "staff" / "Nobody" / "1.png").write_text("not a picture")
    *people, last = run(
        "enroll", "--folder", str(tmp_path / "staff"), "--photos-per-person", "2", "--consent", "signed"
    )
    assert {row["name"]: row["outcome"] for row in people} == {
        "Nobody": "refused",
        "Person 1": "enrolled",
        "Person 2": "enrolled",
        "Person 3": "enrolled",
    }
    assert [len(row["pictures"]) for row in people] == [0, 2, 2, 2]
    assert people[0]["refusals"][0]["error"] == "unreadable_image"
    assert last == {"type": "enrolment_summary", "people": 4, "enrolled": 3, "skipped": 0, "refused": 1}
    *people, last = run("enroll", "--folder", str(tmp_path / "staff"), "--consent", "signed")
    assert [row["outcome"] for row in people] == ["refused", "skipped", "skipped", "skipped"]
    assert (people[1]["status"], people[1]["pictures"], people[1]["refusals"]) == ("active", [], [])
    assert last == {"type": "enrolment_summary", "people": 4, "enrolled": 0, "skipped": 3, "refused": 1}


def test_it_is_a_failure_when_every_person_of_a_folder_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "staff" / "Nobody").mkdir(parents=True)
    failure = run("enroll", "--folder", str(tmp_path / "staff"), "--consent", "signed", status=1)[-1]
    assert failure["error"] == "invalid_input"


@pytest.mark.slow
def test_an_interrupted_folder_is_reported_so_far(
    home: Path,
    tmp_path: Path,
    portraits: dict[tuple[int, int], ImageArray],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for person in (1, 2, 3):
        folder = tmp_path / "staff" / f"Person_{person}"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "1.png"), portraits[person, 1])

    def stop_at_the_third(path: Path) -> ImageArray:
        if path.parent.name == "Person_3":
            raise KeyboardInterrupt
        return read_picture(path)

    arguments = ["--home", str(home), "enroll", "--folder", str(tmp_path / "staff"), "--consent", "signed"]
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "read_picture", stop_at_the_third)
        with pytest.raises(SystemExit) as leaving:
            main(arguments)
    assert leaving.value.code == 130
    assert "Interrupted: 2 of 3 people are in; run it again to go on." in capsys.readouterr().out
    with open_site(load_settings(home)) as site:
        latest = site.register.latest_calibration(site.release.release_id)
        assert latest is not None
        assert latest.people == 2
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 0
    assert "Enrolled 1 of 3 people; 2 already enrolled." in capsys.readouterr().out


def test_a_consent_given_with_added_pictures_is_recorded(
    run: Run, home: Path, photo: Callable[[int, int], str]
) -> None:
    (ada,) = run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    missing = run("enroll", "Ada", photo(1, 2), "--add", "--allow-training", status=1)[-1]
    assert missing["error"] == "consent_missing"
    (more,) = run("enroll", "Ada", photo(1, 2), "--add", "--consent", "training too", "--allow-training")
    assert more["purposes"] == ["recognition", "training"]
    with open_register(load_settings(home)) as register:
        recorded = register.consents(ada["person_id"])
    assert [one.text for one in recorded] == ["signed", "training too"]


class Portraits:
    """A camera that shows pictures of one person, again and again, on the clock it is given."""

    def __init__(self, images: list[ImageArray], clock: Clock) -> None:
        self.images, self.clock, self.index = images, clock, 0

    def __enter__(self) -> "Portraits":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def read(self) -> Frame:
        self.clock.sleep(0.5)
        self.index += 1
        return Frame(self.images[self.index % len(self.images)], self.clock.monotonic_s(), self.index)


@pytest.fixture
def camera(portraits: dict[tuple[int, int], ImageArray], monkeypatch: pytest.MonkeyPatch) -> None:
    """The door's camera shows person 1, and the clock is simulated."""
    images = [portraits[1, visit] for visit in (1, 2, 3)]
    monkeypatch.setattr(enroll_command, "SystemClock", SimulatedClock)
    monkeypatch.setattr(Console, "open_camera", lambda _, clock: Portraits(images, clock))


@pytest.mark.slow
@pytest.mark.usefixtures("camera")
def test_pictures_are_taken_from_the_camera(run: Run, home: Path) -> None:
    (ada,) = run("enroll", "Ada", "--camera", "--consent", "signed")
    assert [one["picture"] for one in ada["pictures"]] == ["picture 1", "picture 2", "picture 3"]
    (more,) = run("enroll", "Ada", "--camera", "--pictures", "2", "--add")
    assert (len(more["pictures"]), more["photos"]) == (2, 5)
    assert (
        run("enroll", "Eve", "--camera", "--consent", "signed", status=1)[-1]["error"] == "duplicate_person"
    )


@pytest.mark.usefixtures("camera")
def test_a_name_is_checked_before_anybody_poses(
    run: Run, photo: Callable[[int, int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    monkeypatch.setattr(Console, "open_camera", pytest.fail)
    taken = run("enroll", "Ada", "--camera", "--consent", "signed", status=1)[-1]
    assert taken["error"] == "duplicate_person"
    assert run("enroll", "Eve", "--camera", status=1)[-1]["error"] == "consent_missing"
    unknown = run("enroll", "Adda", "--camera", "--add", status=1)[-1]
    assert (unknown["error"], "did you mean Ada?" in unknown["message"]) == ("unknown_person", True)


@pytest.mark.usefixtures("camera")
def test_the_camera_command_says_what_it_does_and_warns_of_a_synthetic_camera(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["--home", str(home), "enroll", "Ada", "--camera", "--pictures", "2", "--consent", "signed"])
    assert leaving.value.code == 0
    captured = capsys.readouterr()
    assert "Ada is enrolled; 2 pictures taken." in captured.out
    assert "Warning: the camera is synthetic: nobody real is seen" in captured.err
    assert "Picture 1 of 2 is taken." in captured.err


def test_the_consent_of_the_site_is_used_where_none_is_given(
    run: Run, home: Path, photo: Callable[[int, int], str]
) -> None:
    home.mkdir()
    (home / "doorward.toml").write_text('[site]\nconsent = "What everybody signs here."\n')
    (ada,) = run("enroll", "Ada", photo(1, 1))
    with open_register(load_settings(home)) as register:
        assert register.consent(ada["person_id"]).text == "What everybody signs here."


def test_the_key_is_rotated_and_faces_are_still_found(
    run: Run, home: Path, photo: Callable[[int, int], str]
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    (done,) = run("key", "rotate")
    with open_site(load_settings(home)) as site:
        assert len(site.view().gallery) == 1
        assert load_settings(home).storage.key_file == Path(done["key_file"])


def test_revoking_works_without_any_network(
    run: Run,
    home: Path,
    photo: Callable[[int, int], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(tmp_path / "no-weights"))
    monkeypatch.setenv("DOORWARD_WEIGHTS__SOURCE", str(tmp_path / "nowhere"))
    assert run("revoke", "Ada")[0]["status"] == "revoked"
    assert run("enroll", "Grace", photo(2, 1), "--consent", "signed", status=1)[-1]["error"] == (
        "weights_unavailable"
    )


def test_people_read_sentences_and_a_table(
    home: Path, photo: Callable[[int, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "signed on paper, in the folder beside the key cabinet of the porter"
    for arguments in (
        ["enroll", "Ada", photo(1, 1), "--consent", words],
        ["enroll", "Ada", photo(1, 2), "--add"],
        ["enroll", "Ada", photo(1, 3), "--add", "--consent", words],
        ["people"],
    ):
        with pytest.raises(SystemExit) as leaving:
            main(["--home", str(home), *arguments])
        assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "Ada is enrolled; 1 picture taken." in out
    assert "Ada is enrolled; 1 picture added, 2 now." in out
    assert "Ada is enrolled; 1 picture added, 3 now.\nThe consent covers recognition now." in out
    row = next(line for line in out.splitlines() if line.startswith("│ Ada"))
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells[:3] == ["Ada", "active", "3"]
    assert cells[4].startswith("recognition: signed on paper")
    assert "porter" not in out
    assert " ..." in out


def test_names_and_folders_like_markup_are_shown_as_they_are(
    home: Path, tmp_path: Path, photo: Callable[[int, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "[" / "red]"
    for arguments in (
        ["enroll", "[/red]", photo(1, 1), "--consent", "signed"],
        ["people"],
        ["export", "[/red]", str(folder)],
        ["revoke", "[/red]", "--yes"],
    ):
        with pytest.raises(SystemExit) as leaving:
            main(["--home", str(home), *arguments])
        assert leaving.value.code == 0
        assert "[/red]" in capsys.readouterr().out


def test_an_export_writes_all_that_is_kept_of_a_person(
    run: Run, tmp_path: Path, photo: Callable[[int, int], str]
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    (done,) = run("export", "Ada", str(tmp_path / "for-ada"))
    assert [Path(file).name for file in done["files"]] == [
        "person.json",
        "picture-1.png",
        "picture-1-second.png",
    ]
    assert all(Path(file).is_file() for file in done["files"])
    assert run("export", "Grace", str(tmp_path / "for-grace"), status=1)[-1]["error"] == "unknown_person"
    assert not (tmp_path / "for-grace").exists()


def test_revoking_asks_first(
    home: Path,
    photo: Callable[[int, int], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: Run,
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    for answer, left in (("n\n", "active"), ("y\n", "revoked")):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        with pytest.raises(SystemExit):
            main(["--home", str(home), "revoke", "Ada"])
        assert "Revoke Ada for good?" in capsys.readouterr().out
        assert run("people")[0]["status"] == left


def test_erasing_asks_first(
    home: Path,
    photo: Callable[[int, int], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    run: Run,
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    for answer, left in (("n\n", 1), ("y\n", 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        with pytest.raises(SystemExit):
            main(["--home", str(home), "erase", "Ada"])
        assert "Delete all that is kept of Ada for good?" in capsys.readouterr().out
        assert len(run("people")) == left


def test_the_report_of_a_folder_is_a_table_for_people(
    home: Path,
    tmp_path: Path,
    portraits: dict[tuple[int, int], ImageArray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("Ada", "Nobody"):
        (tmp_path / "staff" / name).mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "staff" / "Ada" / "1.png"), portraits[1, 1])
    (tmp_path / "staff" / "Nobody" / "1.png").write_text("not a picture")
    with pytest.raises(SystemExit) as leaving:
        main(["--home", str(home), "enroll", "--folder", str(tmp_path / "staff"), "--consent", "signed"])
    assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "Refused" in out
    assert "1.png" in out
    assert "Enrolled 1 of 2 people; 1 refused." in out


def test_adding_pictures_on_a_mistyped_home_makes_nothing(
    run: Run, home: Path, photo: Callable[[int, int], str]
) -> None:
    (error,) = run("enroll", "Ada", photo(1, 1), "--add", status=1)
    assert error["error"] == "register_absent"
    assert not home.exists()
