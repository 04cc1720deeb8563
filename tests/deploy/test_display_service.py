"""The units of the display and its screen: no directive that systemd does not know, and little else to do."""

import re
from pathlib import Path

from models.settings.display import DisplaySettings
from models.settings.storage import StorageSettings
from tests.conftest import ROOT
from tests.deploy.test_service import analyze, complaints, exposure

__all__ = ["analyze"]

DEPLOY = ROOT / "deploy"
DISPLAY, SCREEN = DEPLOY / "doorward-display.service", DEPLOY / "doorward-screen.service"
MAX_EXPOSURE = 1.5


def on_this_machine(unit: Path, folder: Path) -> Path:
    """A copy of the unit with programs that are on this machine in the place of the installed ones."""
    text = unit.read_text(encoding="utf-8")
    text, count = re.subn(r"/opt/doorward/bin/doorward|/usr/bin/cage", "/bin/true", text)
    assert count == 1
    copy = folder / unit.name
    copy.write_text(text)
    return copy


def test_systemd_knows_every_directive(analyze: str, tmp_path: Path) -> None:
    for unit in (DISPLAY, SCREEN):
        copy = on_this_machine(unit, tmp_path)
        assert complaints(analyze, copy) == ""
    copy.write_text(copy.read_text().replace("Restart=", "Restarted="))
    assert "Restarted" in complaints(analyze, copy), "the check hears of a wrong one"


def test_the_display_can_do_little_besides_its_task(analyze: str, tmp_path: Path) -> None:
    assert exposure(analyze, on_this_machine(DISPLAY, tmp_path)) < MAX_EXPOSURE


def test_the_display_cannot_reach_what_decides_who_gets_in() -> None:
    storage = StorageSettings()
    text = DISPLAY.read_text(encoding="utf-8")
    hidden = re.findall(r"-/var/lib/doorward/(\S+)", text)
    assert {storage.database, storage.key_file.parts[0]} <= set(hidden)


def test_the_screen_shows_the_port_of_the_settings() -> None:
    addresses = set(re.findall(r"http://127\.0\.0\.1:(\d+)/", SCREEN.read_text(encoding="utf-8")))
    assert addresses == {str(DisplaySettings().port)}
