"""No command and no log shows a password or a key, wherever in the settings it stands."""

import base64
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from access import kiosk
from access.kiosk import log_events
from access.logs import configure_logging
from models.cli import settings as settings_command
from models.cli.app import main
from models.cli.output import Console
from models.errors import ConfigError
from models.events import DoorEvent
from models.register.register import Register
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.settings.log import LogSettings
from models.settings.settings import setting_keys, variable_name
from models.storage.keys import KeyFile

PASSWORDS = ("hunter2", "h@nter2/x", "two\nhunter2")
FORMS = ([], ["--json"])


def address(password: str) -> str:
    return f"rtsp://doorman:{password}@127.0.0.1:9/live"


def output_of(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> str:
    with pytest.raises(SystemExit):
        main(["--home", str(home), *words])
    out, err = capsys.readouterr()
    assert out + err
    return out + err


def check_hidden(text: str) -> None:
    for secret in ("hunter2", "nter2/x", "doorman"):
        assert secret not in text


def settings_shown(home: Path, *, as_json: bool) -> str:
    """What `config show` writes, or the error that it ends with."""
    console = Console(home=home, config=None, json=as_json)
    result = CliRunner().invoke(settings_command.app, ["config", "show"], obj=console)
    assert result.output or isinstance(result.exception, ConfigError)
    return f"{result.output}{result.exception}"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("key", setting_keys())
def test_an_address_with_a_password_is_not_shown_whichever_setting_it_is_given_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, as_json: bool
) -> None:
    for password in PASSWORDS:
        monkeypatch.setenv(variable_name(key), address(password))
        check_hidden(settings_shown(tmp_path, as_json=as_json))


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("kind", [None, "device", "clip", "folder", "nonsense"])
def test_a_camera_of_the_wrong_kind_keeps_its_password_too(
    tmp_path: Path, kind: str | None, as_json: bool
) -> None:
    named = f'kind = "{kind}"\n' if kind else ""
    for wrong in ("", 'width = "rtsp://doorman:hunter2@h"\n', "stale_s = -1\n"):
        (tmp_path / "doorward.toml").write_text(f'[camera]\n{named}source = "{address("hunter2")}"\n{wrong}')
        check_hidden(settings_shown(tmp_path, as_json=as_json))


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_doctor_shows_neither_the_password_of_the_camera_nor_that_of_the_weights(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    Register.open(tmp_path / "register.sqlite", KeyFile(tmp_path / "keys" / "register.key")).close()
    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", address("hunter2"))
    monkeypatch.setenv("DOORWARD_WEIGHTS__SOURCE", address("hunter2"))
    text = output_of(capfd, tmp_path, *form, "doctor")
    assert "127.0.0.1" in text
    check_hidden(text)


@pytest.mark.parametrize("form", FORMS)
def test_no_command_shows_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    path = tmp_path / "keys" / "register.key"
    Register.open(tmp_path / "register.sqlite", KeyFile(path)).close()
    keys = []
    text = ""
    for words in (["config", "show"], ["doctor", "--no-camera"], ["key", "rotate"]):
        keys.append(path.read_text().split()[1])
        text += output_of(capsys, tmp_path, *form, *words)
    keys.append(path.read_text().split()[1])
    assert len(set(keys)) == 2, "the rotation has made another"
    for key in keys:
        assert key not in text
        assert base64.b64decode(key).hex() not in text


@pytest.mark.slow
@pytest.mark.parametrize("form", ["console", "json"])
def test_the_log_of_a_kiosk_and_its_events_hide_the_password(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    weights: WeightFiles,
    form: str,
) -> None:
    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", address("hunter2"))
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    monkeypatch.setenv("DOORWARD_LOG__FORMAT", form)
    settings = load_settings(tmp_path)
    configure_logging(LogSettings(level="debug", format=settings.log.format))
    stop = threading.Event()

    def log_and_stop(events: list[DoorEvent], names_of: Any) -> None:
        log_events(events, names_of)
        if events:
            stop.set()

    monkeypatch.setattr(kiosk, "log_events", log_and_stop)
    kiosk.run_kiosk(settings, stop)
    out, err = capfd.readouterr()
    assert "127.0.0.1" in err, "the fault of the camera"
    check_hidden(out + err)
    for file in tmp_path.glob("register.sqlite*"):
        assert b"hunter2" not in file.read_bytes()
