"""The command `display`: serves the page until it is asked to stop, beside a kiosk that comes and goes."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from access.display.state import DisplayMode, DisplayState
from tests.access.cli.conftest import Run
from tests.access.display.test_feed import LIMIT_S, Kiosk
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "doorward.toml").write_text(
        f'[door]\nid = "north"\n[site]\ntime_zone = "Europe/Berlin"\n'
        f'[display]\nport = {free_port()}\nlanguages = ["de"]\n',
        encoding="utf-8",
    )
    return tmp_path


@pytest.fixture
def display(home: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    command = [sys.executable, "-m", "models.cli.app", "--home", str(home), "--json", "display"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def states(address: str) -> Iterator[DisplayState]:
    with urllib.request.urlopen(f"{address}/states", timeout=LIMIT_S) as stream:
        lines: IO[bytes] = stream
        for line in lines:
            if line.startswith(b"data: "):
                yield DisplayState.from_record(json.loads(line.removeprefix(b"data: "))["state"])


def test_the_page_is_served_until_the_command_is_asked_to_stop(
    display: subprocess.Popen[str], home: Path
) -> None:
    assert display.stdout is not None
    line = json.loads(display.stdout.readline())
    assert line["type"] == "address"
    with urllib.request.urlopen(line["address"], timeout=LIMIT_S) as answer:
        assert b'<html lang="de">' in answer.read()
    seen = states(line["address"])
    away = next(seen)
    assert (away.mode, away.door, away.time_zone) == (DisplayMode.OUT_OF_ORDER, "north", "Europe/Berlin")
    with Kiosk(home / "display-north.sock"):
        assert next(state for state in seen if state.mode is DisplayMode.IDLE)
    display.send_signal(signal.SIGTERM)
    assert display.wait(LIMIT_S) == 0
    assert display.stderr is not None and display.stderr.read() == ""
    assert sorted(file.name for file in home.iterdir()) == ["doorward.toml"], "it leaves nothing behind"


def test_a_port_that_is_taken_is_a_clear_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("DOORWARD_DISPLAY__PORT", str(taken.getsockname()[1]))
        status, (line,), _ = run("display")
    assert (status, line["error"]) == (1, "config_error")
    assert "display.port" in line["message"]


def test_the_settings_say_what_is_allowed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ('["fr"]', "[]", '["en", "en"]'):
        monkeypatch.setenv("DOORWARD_DISPLAY__LANGUAGES", value)
        status, (line,), _ = run("config", "show")
        assert (status, line["error"]) == (1, "config_error")
        assert "display.languages" in line["message"]
