"""A site's parts belong together, whatever changes in between."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.domain import COSINE, Threshold
from models.errors import EncryptionKeyError, ReleaseError
from models.register.records import Calibration, ThresholdPurpose
from models.release.store import PRETRAINED_ID, Release
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


def calibrate(site: Site, value: float, release: Release) -> None:
    site.register.save_calibration(
        Calibration(
            release.release_id,
            ThresholdPurpose.IDENTIFY,
            Threshold(value, COSINE, release.model_id),
            site.register.gallery_revision(),
            {},
            datetime.now(UTC),
        )
    )


def test_a_new_site_has_the_pretrained_release_and_nobody(site: Site) -> None:
    view = site.view()
    assert view.release.release_id == PRETRAINED_ID
    assert view.encoder.model_id == view.gallery.model_id == view.release.model_id == SFACE
    assert len(view.gallery) == 0


def test_the_gallery_holds_the_templates_of_the_active_network_only(site: Site) -> None:
    site.register.add_person("Ada", [face(1, SFACE)], "I agree.")
    site.register.add_person("Grace", [face(2, "another-network")], "I agree.")
    assert [site.register.person(one).name for one in site.gallery().people] == ["Ada"]


def test_a_calibration_counts_for_its_gallery_and_later_only_to_be_stricter(site: Site) -> None:
    own = site.threshold()
    calibrate(site, own.value - 0.1, site.release)
    assert site.threshold().value == own.value - 0.1
    site.register.add_person("Ada", [face(1, SFACE)], "I agree.")
    assert site.threshold() == own, "a threshold for fewer people is not trusted"
    calibrate(site, own.value + 0.1, site.release)
    site.register.add_person("Grace", [face(2, SFACE)], "I agree.")
    assert site.threshold().value == own.value + 0.1, "unless it is the stricter one"


def test_an_active_release_that_is_absent_is_no_reason_to_use_another(site: Site) -> None:
    site.register.activate_release("20260101T000000Z-gone", "network-b", [])
    with pytest.raises(ReleaseError, match="no release"):
        site.view()


def test_the_settings_reach_the_analyser(site: Site) -> None:
    assert site.analyser._limits == DOOR


def test_a_lost_key_closes_the_site(site: Site) -> None:
    site.settings.storage.key_file.unlink()
    with pytest.raises(EncryptionKeyError, match="restore it"), open_register(site.settings):
        pass
