"""The commands about people, on faces that do not exist, from pictures on disk to the sealed register."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from models.cli.app import main
from models.domain import ImageArray
from models.register.records import Purpose
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.site import open_register, open_site
from models.synthetic.people import SyntheticPerson

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


def test_from_enrolment_to_erasure(run: Run, home: Path, photo: Callable[[int, int], str]) -> None:
    (ada,) = run("enroll", "Ada", photo(1, 1), photo(1, 2), "--consent", "signed", "--allow-training")
    assert (ada["name"], ada["status"], len(ada["pictures"])) == ("Ada", "active", 2)
    (more,) = run("enroll", "Ada", photo(1, 3), "--add")
    assert more["person_id"] == ada["person_id"]
    run("enroll", "Grace", photo(2, 1), "--consent", "signed")
    assert [(row["name"], row["purposes"]) for row in run("people")] == [
        ("Ada", ["recognition", "training"]),
        ("Grace", ["recognition"]),
    ]
    with open_register(load_settings(home)) as register:
        assert len(register.crops(Purpose.TRAINING)) == 3
    assert run("suspend", "Ada")[0]["status"] == "suspended"
    assert run("restore", "Ada")[0]["status"] == "active"
    assert run("revoke", "Ada")[0]["status"] == "revoked"
    with open_site(load_settings(home)) as site:
        assert [site.register.person(one).name for one in site.gallery().people] == ["Grace"]
    assert run("erase", "Ada") == [{"type": "erasure", "person_id": ada["person_id"]}]
    assert [row["name"] for row in run("people")] == ["Grace"]


def test_each_change_leaves_a_threshold_for_the_gallery_as_it_is(
    run: Run, home: Path, photo: Callable[[int, int], str]
) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    with open_site(load_settings(home)) as site:
        latest = site.register.latest_calibration(site.release.release_id)
        assert latest is not None
        assert latest.gallery_revision == site.register.gallery_revision()
        assert site.threshold() == latest.threshold


def test_what_is_refused_has_a_name_and_changes_nothing(
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
        "unknown_person": ["revoke", "Grace"],
    }
    for name, arguments in failures.items():
        assert run(*arguments, status=1)[-1]["error"] == name
    assert [row["name"] for row in run("people")] == ["Ada"]


def test_wrong_usage_is_told_apart_from_failure(run: Run, tmp_path: Path) -> None:
    for arguments in (["enroll"], ["enroll", "Ada"], ["enroll", "Ada", "--folder", str(tmp_path)], ["erase"]):
        assert run(*arguments, status=2)[-1]["error"] == "usage_error"


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
    assert last == {"type": "enrolment_summary", "people": 4, "enrolled": 3, "refused": 1}
    failure = run("enroll", "--folder", str(tmp_path / "staff"), "--consent", "signed", status=1)[-1]
    assert failure["error"] == "invalid_input"


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
        assert len(site.gallery()) == 1
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


def test_for_people_the_outcome_is_words(
    home: Path, photo: Callable[[int, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["enroll", "Ada", photo(1, 1), "--consent", "signed"], ["people"]):
        with pytest.raises(SystemExit) as leaving:
            main(["--home", str(home), *arguments])
        assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "Ada is enrolled; 1 picture taken." in out
    assert "recognition" in out


def test_names_and_folders_like_markup_are_shown_as_they_are(
    home: Path, tmp_path: Path, photo: Callable[[int, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "[" / "red]"
    for arguments in (
        ["enroll", "[/red]", photo(1, 1), "--consent", "signed"],
        ["people"],
        ["export", "[/red]", str(folder)],
        ["revoke", "[/red]"],
    ):
        with pytest.raises(SystemExit) as leaving:
            main(["--home", str(home), *arguments])
        assert leaving.value.code == 0
        assert "[/red]" in capsys.readouterr().out


def test_a_person_gets_all_that_is_kept(run: Run, tmp_path: Path, photo: Callable[[int, int], str]) -> None:
    run("enroll", "Ada", photo(1, 1), "--consent", "signed")
    (done,) = run("export", "Ada", str(tmp_path / "for-ada"))
    assert [Path(file).name for file in done["files"]] == ["person.json", "picture-1.png"]
    assert all(Path(file).is_file() for file in done["files"])
    assert run("export", "Grace", str(tmp_path / "for-grace"), status=1)[-1]["error"] == "unknown_person"
    assert not (tmp_path / "for-grace").exists()


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
    assert "Enrolled 1 of 2 people." in out
