"""A site's parts belong together, whatever changes in between."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import CalibrationError, EncryptionKeyError, ReleaseError
from models.evaluation.tail import fit_searches
from models.register.records import Calibration
from models.release.store import PRETRAINED_ID
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.site import Site, open_register, open_site
from models.vision.quality import DOOR
from tests.models.register.faces import face

SFACE = "sface-2021dec"


@pytest.fixture
def site(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    with open_site(load_settings(tmp_path), create=True) as opened:
        yield opened


def calibrate(site: Site, tails: dict[str, Any]) -> None:
    release = site.release
    revision = site.register.gallery_revision()
    site.register.save_calibration(
        Calibration(release.release_id, release.model_id, revision, 1, tails, {}, datetime.now(UTC))
    )


def tail_around(score: float) -> dict[str, Any]:
    """Of a site whose strangers score so high, among one person."""
    scores = np.random.default_rng(0).normal(score, 0.02, 800)
    return fit_searches(scores, 1).to_record() | {"photos_each": 1.0}


def test_a_new_site_has_the_pretrained_release_and_nobody(site: Site) -> None:
    view = site.view()
    assert view.release.release_id == PRETRAINED_ID
    assert view.encoder.model_id == view.gallery.model_id == view.release.model_id == SFACE
    assert len(view.gallery) == 0


def test_the_gallery_holds_the_templates_of_the_active_network_only(site: Site) -> None:
    site.register.add_person("Ada", [face(1, SFACE)], "I agree.")
    site.register.add_person("Grace", [face(2, "another-network")], "I agree.")
    assert [site.register.person(one).name for one in site.view().gallery.people] == ["Ada"]


def test_the_threshold_is_looked_up_for_the_people_of_the_moment(site: Site) -> None:
    values = []
    for number in range(12):
        site.register.add_person(f"Person {number}", [face(number, SFACE)], "I agree.")
        values.append(site.view().threshold.value)
    assert values == sorted(values)
    assert values[-1] > values[0], "it rises with the people, and nothing was calibrated"


def test_what_was_fitted_at_the_site_raises_the_threshold_and_never_lowers_it(site: Site) -> None:
    own = site.view().threshold.value
    calibrate(site, {"searches": tail_around(0.1)})
    assert site.view().threshold.value == own
    calibrate(site, {"searches": tail_around(0.6)})
    assert site.view().threshold.value > 0.6


@pytest.mark.parametrize(
    "change",
    [
        {"highest": [-1.0] * 200},
        {"highest": [float("nan")] * 200},
        {"highest": []},
        {"searches": 3},
        {"searched": 0},
        {"units": "many"},
        {"unit_highest": [0.9, 0.1] * 50},
    ],
    ids=lambda change: f"{next(iter(change))} {str(next(iter(change.values())))[:6]}",
)
def test_impossible_scores_of_strangers_open_no_door(site: Site, change: dict[str, Any]) -> None:
    """Somebody with write access may put any numbers there: none lowers the threshold."""
    own = site.view().threshold.value
    calibrate(site, {"searches": tail_around(0.3) | change})
    try:
        assert site.view().threshold.value >= own
    except CalibrationError as error:
        assert "calibrate" in str(error)


def test_an_active_release_that_is_absent_is_no_reason_to_use_another(site: Site) -> None:
    site.register.activate_release("20260101T000000Z-gone", "network-b")
    with pytest.raises(ReleaseError, match="no release"):
        site.view()


def test_the_settings_reach_the_analyser(site: Site) -> None:
    assert site.analyser._limits == DOOR


def test_a_lost_key_closes_the_site(site: Site) -> None:
    site.settings.storage.key_file.unlink()
    with pytest.raises(EncryptionKeyError, match="restore it"), open_register(site.settings):
        pass
