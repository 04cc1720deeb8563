"""`enroll --folder` stopped by a signal: whoever is in the register has consent, crops and templates."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from models.register.records import Purpose
from models.release.store import PRETRAINED_ID, SFACE_MODEL_ID
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.site import open_register
from models.synthetic.people import SyntheticPerson

PEOPLE = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(PEOPLE):
        place = tmp_path / "people" / f"Person_{number:02d}"
        place.mkdir(parents=True)
        assert cv2.imwrite(str(place / "1.png"), SyntheticPerson(number).portrait(size=300, seed=1))
    return tmp_path / "people"


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_bulk_enrolment_leaves_whole_people(
    folder: Path, tmp_path: Path, weights: WeightFiles, sign: signal.Signals
) -> None:
    home = tmp_path / "home"
    command = [sys.executable, "-m", "models.cli.app", "--home", str(home), "--json"]
    command += ["enroll", "--folder", str(folder), "--consent", "I agree.", "--allow-duplicate"]
    environment = os.environ | {"DOORWARD_WEIGHTS__FOLDER": str(weights.detector.parent)}
    # Tests that run in the background of a shell ignore SIGINT, and so would their children.
    with (
        heeding_interrupts(),
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as running,
    ):
        assert running.stdout is not None
        first = running.stdout.readline()
        assert '"outcome": "enrolled"' in first
        running.send_signal(sign)
        rest, errors = running.communicate(timeout=60)
    assert running.returncode == (130 if sign is signal.SIGINT else -sign)
    assert "Traceback" not in errors
    with open_register(load_settings(home)) as register:
        people = register.people()
        assert 1 <= len(people) < PEOPLE
        if sign is signal.SIGINT:
            summary = json.loads(rest.splitlines()[-1])
            assert (summary["type"], summary["people"]) == ("enrolment_summary", PEOPLE)
            assert summary["enrolled"] <= len(people)
            assert register.latest_calibration(PRETRAINED_ID) is not None
        owners = {person.person_id for person in people}
        assert {crop.person_id for crop in register.crops(Purpose.RECOGNITION)} == owners
        assert {template.person_id for template in register.templates(SFACE_MODEL_ID)} == owners
        assert all(register.consent(owner).text == "I agree." for owner in owners)
