from pathlib import Path

import pytest

from access.cli import doctor
from access.cli.doctor import examine
from models.cli.app import main
from models.release.weights import WeightFiles
from models.settings.load import load_settings


def found(home: Path, part: str) -> tuple[bool, str]:
    findings = {finding.part: finding for finding in examine(load_settings(home), with_camera=True)}
    return findings[part].ok, findings[part].detail


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


def test_without_a_register_it_says_what_makes_one_and_makes_none(home: Path) -> None:
    ok, detail = found(home, "key and database")
    assert not ok
    assert "doorward enroll" in detail
    assert not (home / "keys").exists()


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
    assert "doorward enroll" in capsys.readouterr().out
