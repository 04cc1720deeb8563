"""The tables `[lock]` and `[reader]`: kinds, wrong values, and passwords that nobody sees."""

import re
from pathlib import Path

import pytest

from models.cli.settings import values_of
from models.errors import ConfigError
from models.settings.load import load_settings
from models.settings.lock import HttpLockSettings, SimulatedLockSettings
from models.settings.reader import NoReaderSettings, SerialReaderSettings


def write(folder: Path, text: str) -> Path:
    (folder / "doorward.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_table_the_lock_is_simulated_and_there_is_no_reader(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.lock == SimulatedLockSettings()
    assert settings.reader == NoReaderSettings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[lock]\nkind = 'laser'\n", r"lock\.kind = 'laser': input should be 'simulated', 'gpio'"),
        ("[lock]\npin = 17\n", r"a lock of kind simulated has no such setting, only one of kind gpio"),
        ("[lock]\nkind = 'gpio'\n", r"lock\.pin = .*field required"),
        ("[lock]\nkind = 'gpio'\npin = 99\n", r"lock\.pin = 99"),
        ("[lock]\nkind = 'http'\naddress = 'https://x'\n", r"lock\.address = 'https://x'"),
        (
            "[lock]\nkind = 'mqtt'\nbroker = 'http://x'\ncommand_topic = 'a'\nstate_topic = 'b'\n",
            r"lock\.broker = 'http://x'",
        ),
        ("[reader]\nkind = 'serial'\n", r"reader\.port = .*field required"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_settings(write(tmp_path, text))


def test_a_lock_is_named_in_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_LOCK__KIND", "http")
    monkeypatch.setenv("DOORWARD_LOCK__ADDRESS", "http://192.0.2.1")
    monkeypatch.setenv("DOORWARD_READER__KIND", "serial")
    monkeypatch.setenv("DOORWARD_READER__PORT", "/dev/ttyUSB7")
    settings = load_settings(tmp_path)
    assert settings.lock == HttpLockSettings(address="http://192.0.2.1")
    assert settings.reader == SerialReaderSettings(port="/dev/ttyUSB7")


@pytest.mark.parametrize(
    "text",
    [
        "[lock]\nkind = 'http'\naddress = 'http://admin:SECRET@192.0.2.1'\n",
        "[lock]\nkind = 'mqtt'\nbroker = 'mqtts://me:SECRET@b'\ncommand_topic = 'a'\nstate_topic = 'b'\n",
    ],
)
def test_the_password_of_a_lock_is_not_shown(tmp_path: Path, text: str) -> None:
    shown = str(values_of(load_settings(write(tmp_path, text)), "lock"))
    assert "SECRET" not in shown
    assert re.search(r"(http|mqtts)://\*\*\*@", shown)
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, text.replace("http://", "https://").replace("mqtts://", "ws://")))
    assert "SECRET" not in str(caught.value)
