"""Thresholds in the register: found again whenever people change."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.clock import SimulatedClock
from models.domain import FaceCrop
from models.evaluation.recalibration import calibrate_gallery, recalibrate, site_thresholds
from models.register.records import EnrolledFace, ReleaseRecord
from models.register.register import Register
from models.release.networks import SFACE_MODEL_ID
from models.release.store import PRETRAINED_ID, Release
from models.settings.load import load_settings
from models.storage.keys import KeyFile
from tests.models.evaluation.people import make_templates

RELEASE = Release(PRETRAINED_ID, SFACE_MODEL_ID, Path("absent.onnx"))


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


def test_what_was_fitted_is_kept_and_gives_the_same_thresholds_again(register, settings):
    enrol(register, 40)
    clock = SimulatedClock(datetime(2026, 11, 1, tzinfo=UTC))
    found = recalibrate(register, RELEASE, settings, clock)
    kept = register.latest_calibration(RELEASE.release_id)
    assert (kept.people, kept.created_at, kept.model_id) == (40, clock.now(), SFACE_MODEL_ID)
    assert set(kept.tails) == {"searches", "synthetic"}
    looked_up = site_thresholds(RELEASE, kept, settings).for_gallery(40, 2.0)
    assert looked_up.identify == found.identify
    assert looked_up.verify == found.verify
    assert looked_up.duplicate == found.duplicate


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
    assert register.latest_calibration(RELEASE.release_id) is None


def test_people_whom_a_sites_own_release_was_trained_on_are_not_searched(register, settings):
    enrol(register, 40)
    learnt = tuple(person.person_id for person in register.people()[:8])
    own = Release("own", SFACE_MODEL_ID, Path("absent.onnx"))
    register.record_release(
        ReleaseRecord(
            "own", "a" * 64, PRETRAINED_ID, True, {}, None, learnt, datetime(2026, 11, 1, tzinfo=UTC)
        )
    )
    everybody, _ = calibrate_gallery(register, RELEASE, settings)
    others, _ = calibrate_gallery(register, own, settings)
    assert everybody.searches["searches"] - others.searches["searches"] == 2 * 8
    assert others.people == 40
