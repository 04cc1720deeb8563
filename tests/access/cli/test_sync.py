"""The command `sync`, as far as it goes without a receiver."""

from pathlib import Path

import pytest

from models.register.register import Register
from models.settings.settings import Settings
from models.storage.keys import KeyFile
from models.storage.single import single_run_lock
from tests.access.cli.conftest import Run


@pytest.fixture
def home(settings: Settings) -> Path:
    """A home with a register."""
    Register.open(settings.storage.database, KeyFile(settings.storage.key_file)).close()
    return settings.home


def configure(home: Path, text: str) -> None:
    (home / "doorward.toml").write_text(text)


@pytest.mark.parametrize("words", [["sync"], ["sync", "--once"], ["sync", "--forget", "front"]])
def test_without_a_receiver_it_says_what_to_set(home: Path, run: Run, words: list[str]) -> None:
    status, (line,), _ = run(*words)
    assert (status, line["error"]) == (1, "config_error")
    assert "mqtt.host" in line["message"]


def test_without_a_register_it_says_where_it_looked(settings: Settings, run: Run) -> None:
    status, (line,), _ = run("sync", "--once")
    assert (status, line["error"]) == (1, "register_absent")


def test_two_in_one_home_are_refused(home: Path, run: Run) -> None:
    with single_run_lock(home / "sync.lock", ""):
        status, (line,), _ = run("sync")
    assert (status, line["error"]) == (1, "already_running")


@pytest.mark.parametrize("door", ["a/b", "#", "", "a" * 65])
def test_what_is_no_name_of_a_door_is_not_forgotten(home: Path, run: Run, door: str) -> None:
    configure(home, '[mqtt]\nhost = "127.0.0.1"\n')
    status, (line,), _ = run("sync", f"--forget={door}")
    assert (status, line["error"]) == (2, "usage_error")


def test_a_key_that_is_none_is_refused_before_anything_is_sent(home: Path, run: Run) -> None:
    configure(home, '[[webhook]]\nname = "a"\nurl = "https://a/"\nkey = "hunter2"\n')
    status, (line,), text = run("sync", "--once")
    assert (status, line["error"]) == (1, "config_error")
    assert "hunter2" not in text
