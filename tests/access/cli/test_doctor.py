"""The command `doctor`: what each check finds, and that looking changes nothing."""

from pathlib import Path

import pytest

from access.cameras import shown_camera
from access.cli import doctor
from access.cli.doctor import examine
from models.cli.app import main
from models.release import weights as weights_module
from models.release.weights import WeightFiles
from models.rules.policy import EVERYONE, Policy, Rule
from models.settings.camera import ClipCameraSettings, DeviceCameraSettings, StreamCameraSettings
from models.settings.load import load_settings
from models.site import open_register


def found(home: Path, part: str) -> tuple[bool, str]:
    results = {result.part: result for result in examine(load_settings(home), with_camera=True)}
    return results[part].ok, results[part].detail


@pytest.fixture
def home(tmp_path: Path, weights: WeightFiles) -> Path:
    (tmp_path / "doorward.toml").write_text(
        f'[weights]\nfolder = "{weights.detector.parent.as_posix()}"\n'
        f'[camera]\nsource = "clip:{tmp_path}/none.mp4"\n'
    )
    return tmp_path


def test_a_healthy_part_is_ok_beside_a_broken_one(home: Path) -> None:
    assert found(home, "weights")[0]
    assert found(home, "clock")[0]
    ok, detail = found(home, "camera")
    assert not ok
    assert "none.mp4" in detail


def test_without_a_register_it_names_the_home_and_what_makes_one(home: Path) -> None:
    (result,) = [each for each in examine(load_settings(home)) if each.part == "key and database"]
    assert (result.ok, result.error) == (False, "register_absent")
    assert f"no register at {home}/register.sqlite:" in result.detail
    assert "--home" in result.detail and "doorward enroll" in result.detail


def test_it_creates_nothing_and_fetches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights_module, "_fetch", lambda *_arguments: pytest.fail("it fetches"))
    results = {result.part: result for result in examine(load_settings(tmp_path / "home"), with_camera=False)}
    assert results["weights"].error == results["index"].error == "weights_unavailable"
    assert "run doorward weights fetch" in results["weights"].detail
    assert not (tmp_path / "home").exists()


def test_a_register_without_weights_fetches_nothing_either(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_register(load_settings(home), create=True):
        pass
    monkeypatch.setattr(weights_module, "_fetch", lambda *_arguments: pytest.fail("it fetches"))
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(tmp_path / "none"))
    before = sorted(path.name for path in home.rglob("*"))
    assert not found(home, "index")[0]
    assert found(home, "key and database")[0]
    assert sorted(path.name for path in home.rglob("*")) == before


def test_the_first_check_is_the_version(home: Path) -> None:
    first = examine(load_settings(home), with_camera=False)[0]
    assert (first.part, first.ok) == ("version", True)
    assert first.detail.startswith("Doorward 0.")


def test_a_synthetic_camera_is_said_loudly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", "synthetic")
    ok, detail = found(home, "camera")
    assert ok
    assert detail.startswith("NOBODY REAL IS SEEN: the synthetic camera delivers 640x480; set camera.source")


def test_a_real_camera_is_shown_without_its_password() -> None:
    stream = StreamCameraSettings(source="rtsp://admin:hunter2@door.lan/live")
    assert shown_camera(stream) == "the camera at rtsp://door.lan"
    assert shown_camera(ClipCameraSettings(source=Path("/srv/cam.mp4"))) == "the clip /srv/cam.mp4"
    assert shown_camera(DeviceCameraSettings(source=2)) == "camera device 2"


def test_too_little_space_is_a_fault_with_advice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 10**18)
    ok, detail = found(home, "disk")
    assert not ok
    assert "make room" in detail


def test_a_clock_before_this_version_was_made_is_a_fault(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "BUILT_AT", doctor.BUILT_AT.replace(year=9999))
    ok, detail = found(home, "clock")
    assert not ok
    assert "set it" in detail


def test_a_folder_named_like_markup_is_shown_as_it_is(
    tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    home = tmp_path / "[" / "red]"
    with pytest.raises(SystemExit) as leaving:
        main(["--home", str(home), "doctor", "--no-camera"])
    assert leaving.value.code == 1  # nobody has made a register there
    assert "doorward enroll" in " ".join(capsys.readouterr().out.split())


def test_a_simulated_lock_and_a_site_without_rules_are_said_loudly(tmp_path: Path) -> None:
    with open_register(load_settings(tmp_path), create=True):
        pass
    assert found(tmp_path, "lock")[1].startswith("NOTHING MOVES: the lock is simulated; set lock.kind")
    ok, detail = found(tmp_path, "rules")
    assert ok
    assert detail.startswith("NO RULES: whoever is enrolled passes by the face")


def test_rules_that_do_not_name_this_door_let_nobody_in(tmp_path: Path) -> None:
    with open_register(load_settings(tmp_path), create=True) as register:
        register.set_policy(Policy(rules=(Rule("back", EVERYONE, frozenset({"back"})),)))
    assert found(tmp_path, "rules") == (True, "NOBODY PASSES: no rule names the door front")
    (tmp_path / "doorward.toml").write_text('[door]\nid = "back"\n')
    assert found(tmp_path, "rules")[1] == "rules that name the door back: 1; the door is locked now"
