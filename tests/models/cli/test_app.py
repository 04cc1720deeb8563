import json
import os
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

from models.cli import app as cli
from models.cli.app import global_options_first, main
from models.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["people", "--json"], ["--json", "people"]),
        (["people", "--home", "/h", "--all"], ["--home", "/h", "people", "--all"]),
        (["people", "--home=/h"], ["--home=/h", "people"]),
        (["identify", "--", "--json"], ["identify", "--", "--json"]),
        (["people", "--home"], ["--home", "people"]),
    ],
)
def test_global_options_may_stand_anywhere_before_a_double_dash(
    given: list[str], expected: list[str]
) -> None:
    assert global_options_first(given) == expected


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as leaving:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(leaving.value.code or 0), out, err


def test_wrong_usage_is_status_2_for_people_and_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = run(capsys, "no-such-command")
    assert status == 2
    assert "no-such-command" in err
    status, _, err = run(capsys, "no-such-command", "--json")
    assert status == 2
    assert json.loads(err)["error"] == "usage_error"


def test_a_typed_failure_is_status_1_and_one_json_object(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "doorward.toml").write_text("[door]\nunlok_s = 3\n")
    status, out, err = run(capsys, "--home", str(tmp_path), "people", "--json")
    assert (status, out) == (1, "")
    record = json.loads(err)
    assert record["error"] == "config_error"
    assert "door.unlock_s" in record["message"]


def test_a_typed_failure_is_one_line_for_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text("[door]\nunlok_s = 3\n")
    status, out, err = run(capsys, "--home", str(tmp_path), "people")
    assert (status, out) == (1, "")
    assert err.startswith("config_error: ")
    assert "Traceback" not in err


def test_a_command_without_its_extra_says_which_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(cli, "build_app", absent)
    status, _, err = run(capsys, "retrain", "--json")
    assert status == 1
    record = json.loads(err)
    assert (record["type"], record["error"]) == ("error", "extra_missing")
    assert "pip install '.[training]'" in record["message"], "of the checkout: no index has Doorward"


def test_a_module_of_ours_that_is_missing_is_a_bug_and_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> None:
        raise ModuleNotFoundError("No module named 'models.x'", name="models.x")

    monkeypatch.setattr(cli, "build_app", absent)
    with pytest.raises(ModuleNotFoundError):
        main(["people"])


def test_a_terminal_that_knows_few_letters_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text('[site]\nname = "Zoë"\n', encoding="utf-8")
    shown = subprocess.run(
        [sys.executable, "-m", "models.cli.app", "--home", str(tmp_path), "config", "show"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    ).stdout
    assert b"Zo\\xeb" in shown


def test_every_extra_that_is_named_exists() -> None:
    declared = metadata("doorward").get_all("Provides-Extra") or []
    assert set(cli.EXTRAS.values()) <= set(declared)


def test_another_distributions_models_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cli, "OUR_PACKAGES", ("models", "json"))
    with pytest.raises(ConfigError, match="environment of its own"):
        cli.check_packages()


def test_the_help_names_every_command_a_door_needs() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "models.cli.app", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in (
        *("weights", "config", "enroll", "people", "revoke", "erase", "identify", "verify", "replay"),
        *("kiosk", "demo", "doctor", "events", "evaluate", "calibrate", "whatif", "retrain", "releases"),
    ):
        assert f" {command} " in shown, command


def test_asking_for_help_loads_no_network_and_no_web_framework() -> None:
    """The shell imports every room's commands; what is heavy is imported by the command that needs it."""
    program = (
        "import sys, models.cli.app as c; c.build_app(); "
        "print([m for m in ('torch', 'flask', 'openvino', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[]"


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--version")
    assert (status, out) == (0, f"doorward {metadata('doorward')['Version']}\n")


def test_a_home_that_is_a_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    status, _, err = run(capsys, "--home", str(tmp_path / "photo.jpg"), "people", "--json")
    assert status == 1
    assert json.loads(err)["error"] == "config_error"
    assert "name a folder" in json.loads(err)["message"]


@pytest.mark.parametrize(
    "command",
    [
        ["people"],
        ["events"],
        ["export", "Ada", "out"],
        ["calibrate", "--dry-run"],
        ["whatif", "--target-far", "0.01", "--since", "2026-11-01"],
        ["backup", "copy.sqlite"],
        ["key", "rotate"],
        ["revoke", "Ada"],
        ["promote", "x"],
        ["rollback"],
        ["suspend", "Ada"],
        ["restore", "Ada"],
        ["erase", "Ada", "--yes"],
        ["consent", "show", "Ada"],
        ["consent", "withdraw", "Ada", "--yes"],
        ["retrain"],
    ],
    ids=lambda command: command[0],
)
def test_a_command_on_a_mistyped_home_makes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    status, _, err = run(capsys, "--home", str(tmp_path / "typo"), "--json", *command)
    assert (status, json.loads(err)["error"]) == (1, "register_absent")
    assert "typo" in json.loads(err)["message"]
    assert list(tmp_path.iterdir()) == []


def test_an_absent_camera_is_one_line_without_those_of_opencv(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_text("[camera]\nsource = 250\n")
    environment = {name: value for name, value in os.environ.items() if name != "OPENCV_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-m", "models.cli.app", "--home", str(tmp_path), "doctor"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "could not be opened" in " ".join(done.stdout.split())
    assert done.stderr == ""
