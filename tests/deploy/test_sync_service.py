"""The systemd unit of `doorward sync`: every directive is known, and it can do little besides its task."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.deploy.test_service import MAX_EXPOSURE, analyze, complaints, exposure

__all__ = ["analyze"]

UNIT = ROOT / "deploy" / "doorward-sync.service"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is on this machine in the place of the installed one."""
    text = UNIT.read_text(encoding="utf-8")
    assert text.count("/opt/doorward/bin/doorward sync") == 1
    path = tmp_path / UNIT.name
    path.write_text(text.replace("/opt/doorward/bin/doorward", "/bin/sh"))
    return path


def test_systemd_knows_every_directive(analyze: str, unit: Path) -> None:
    assert complaints(analyze, unit) == ""


def test_it_can_do_little_besides_its_task(analyze: str, unit: Path) -> None:
    assert exposure(analyze, unit) < MAX_EXPOSURE


def test_it_starts_again_and_is_watched() -> None:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    assert {"Type=notify", "WatchdogSec=60", "Restart=always", "PrivateDevices=true"} <= set(lines)
