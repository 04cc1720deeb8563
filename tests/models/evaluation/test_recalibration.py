"""Thresholds in the register: found again whenever people change."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.clock import SimulatedClock
from models.domain import COSINE, FaceCrop, Threshold
from models.errors import CalibrationError
from models.evaluation.recalibration import calibrate_gallery, recalibrate
from models.register.records import EnrolledFace, ThresholdPurpose
from models.register.register import Register
from models.release.networks import SFACE_MODEL_ID
from models.release.store import Release
from models.settings.load import load_settings
from models.storage.keys import KeyFile
from tests.models.evaluation.people import make_templates

RELEASE = Release(
    "pretrained",
    SFACE_MODEL_ID,
    Path("absent.onnx"),
    COSINE,
    Threshold(0.55, COSINE, SFACE_MODEL_ID),
    Threshold(0.50, COSINE, SFACE_MODEL_ID),
    Threshold(0.55, COSINE, SFACE_MODEL_ID),
)


@pytest.fixture
def register(tmp_path):
    with Register.open(tmp_path / "register.sqlite", KeyFile(tmp_path / "keys" / "register.key")) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path):
    return load_settings(tmp_path)


def enrol(register, count, start=0):
    crop = FaceCrop(np.zeros((112, 112, 3), np.uint8))
    templates = make_templates(start + count, photos=2, model_id=SFACE_MODEL_ID)[2 * start :]
    for number in range(count):
        faces = [EnrolledFace(crop, t.embedding) for t in templates[2 * number : 2 * number + 2]]
        register.add_person(f"Person {start + number}", faces, "I agree.")


def test_three_thresholds_are_kept_for_the_gallery_as_it_is(register, settings):
    enrol(register, 3)
    clock = SimulatedClock(datetime(2026, 11, 1, tzinfo=UTC))
    found = recalibrate(register, RELEASE, settings, clock)
    kept = register.latest_calibrations(RELEASE.release_id)
    assert set(kept) == set(ThresholdPurpose)
    for purpose, finding in (
        (ThresholdPurpose.IDENTIFY, found.identify),
        (ThresholdPurpose.VERIFY, found.verify),
        (ThresholdPurpose.DUPLICATE, found.duplicate),
    ):
        assert kept[purpose].threshold == finding.threshold
        assert kept[purpose].gallery_revision == register.gallery_revision()
        assert kept[purpose].created_at == clock.now()
        assert kept[purpose].details["target"] == finding.target
    assert kept[ThresholdPurpose.IDENTIFY].details["people"] == 3


def test_a_few_more_people_never_lower_the_threshold(register, settings):
    values = []
    for start in range(0, 8, 2):
        enrol(register, 2, start)
        values.append(recalibrate(register, RELEASE, settings).identify.threshold.value)
    assert values == sorted(values)
    assert values[0] < values[-1]


def test_calibrate_gallery_stores_nothing(register, settings):
    enrol(register, 2)
    found, revision = calibrate_gallery(register, RELEASE, settings)
    assert (found.people, revision) == (2, register.gallery_revision())
    assert register.latest_calibrations(RELEASE.release_id) == {}


def test_people_who_change_in_the_meantime_are_calibrated_again(register, settings, monkeypatch):
    enrol(register, 2)
    save, late = register.save_calibration, iter([True, False])

    def save_late(*records):
        if next(late):
            enrol(register, 1, 2)
        return save(*records)

    monkeypatch.setattr(register, "save_calibration", save_late)
    assert recalibrate(register, RELEASE, settings).people == 3

    def never(*records):
        raise CalibrationError("changed")

    monkeypatch.setattr(register, "save_calibration", never)
    with pytest.raises(CalibrationError):
        recalibrate(register, RELEASE, settings)
