"""The systemd units: no directive that systemd does not know, and little that the kiosk could do besides."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

UNIT = ROOT / "deploy" / "doorward-kiosk.service"
TEMPLATE = ROOT / "deploy" / "doorward-kiosk@.service"
NAMES = {UNIT: UNIT.name, TEMPLATE: "doorward-kiosk@north.service"}
"""The files, and the services that they are started as."""

of_each_unit = pytest.mark.parametrize("file", NAMES, ids=lambda file: file.name)
MAX_EXPOSURE = 2.0
BREAK_THE_KIOSK = {"MemoryDenyWriteExecute", "ProcSubset"}


@pytest.fixture(scope="module")
def analyze() -> str:
    """`systemd-analyze`; skips with a reason where it is absent, fails where it is required."""
    found = shutil.which("systemd-analyze")
    if found is None:
        if os.environ.get("DOORWARD_REQUIRE_SERVICES"):
            pytest.fail("DOORWARD_REQUIRE_SERVICES is set, but there is no systemd-analyze")
        pytest.skip("no systemd-analyze: install systemd to run this test")
    return found


def unit_text(file: Path = UNIT) -> str:
    """A unit with a program that is on this machine in the place of the installed one."""
    text = file.read_text(encoding="utf-8")
    assert text.count("/opt/doorward/bin/doorward") == 1
    return text.replace("/opt/doorward/bin/doorward", sys.executable)


def complaints(analyze: str, unit: Path) -> str:
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    return done.stderr


def exposure(analyze: str, unit: Path) -> float:
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d+)", done.stdout)
    assert found is not None, done.stderr
    return float(found[1])


@of_each_unit
def test_systemd_knows_every_directive(analyze: str, tmp_path: Path, file: Path) -> None:
    unit = tmp_path / NAMES[file]
    unit.write_text(unit_text(file))
    assert complaints(analyze, unit) == ""
    unit.write_text(unit_text(file).replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in complaints(analyze, unit), "the check hears of a wrong one"


def test_the_kiosk_can_do_little_besides_its_task(analyze: str, tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(unit_text())
    assert exposure(analyze, unit) < MAX_EXPOSURE
    unit.write_text(unit_text().replace("CapabilityBoundingSet=", "#"))
    assert exposure(analyze, unit) > MAX_EXPOSURE, "the check hears of an open one"


def test_the_unit_for_several_doors_differs_only_in_the_door() -> None:
    one, several = (
        [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        for file in (UNIT, TEMPLATE)
    )
    added = {
        "Description=Doorward kiosk of the door %i: opens it for the faces enrolled at this site",
        "Environment=DOORWARD_CONFIG=/var/lib/doorward/%i.toml",
        "Environment=DOORWARD_DOOR__ID=%i",
    }
    assert [line for line in several if line not in added] == [
        line for line in one if not line.startswith("Description=")
    ]
    assert added <= set(several)


def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    return unit["Service"]


def test_the_service_starts_the_kiosk_again_whatever_ended_it() -> None:
    assert service()["Restart"] == "always"
    assert service()["ExecStart"].endswith("doorward kiosk")


def test_the_service_waits_for_the_kiosk_and_ends_one_that_hangs() -> None:
    assert service()["Type"] == "notify"
    assert int(service()["WatchdogSec"]) > 4 * 5.0, "four times the default of camera.lost_s"


def test_no_directive_that_breaks_the_kiosk_is_set() -> None:
    assert not BREAK_THE_KIOSK & set(service())
    assert "@resources" not in "".join(
        line for line in UNIT.read_text(encoding="utf-8").splitlines() if not line.startswith("#")
    )
