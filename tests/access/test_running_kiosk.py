"""What reaches a kiosk that is running: a promoted release, whole, and without a restart."""

import json
import signal
from datetime import UTC, datetime

import numpy as np
import pytest

from models.register.records import ReleaseRecord
from models.register.register import Register
from models.release.manifest import PREPROCESSING, Manifest
from models.release.promotion import promote
from models.release.store import PRETRAINED_ID, Strangers, releases_folder, save_release
from models.release.weights import WeightFiles
from models.settings.settings import Settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from tests.access.conftest import Enrol
from tests.access.test_kiosk import KIOSK, kiosk_process, said_by

NEXT_NETWORK = "sface-site-next"


def save_next_release(settings: Settings, register: Register, weights: WeightFiles) -> str:
    """The pretrained network under another name: its templates cannot be mixed with the old ones."""
    manifest = Manifest(
        network="sface",
        model_id=NEXT_NETWORK,
        parent=PRETRAINED_ID,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        evaluation={},
        files={},
        preprocessing=PREPROCESSING,
    )
    strangers = Strangers(np.linspace(0.1, 0.4, 40, dtype=np.float32), searched=20)
    manifest = save_release(releases_folder(settings), weights.sface, strangers, manifest)
    register.record_release(
        ReleaseRecord(
            manifest.release_id, manifest.sha256, manifest.parent, True, {}, None, (), manifest.created_at
        )
    )
    return manifest.release_id


@pytest.mark.slow
def test_a_running_kiosk_takes_a_promoted_release_without_a_restart(
    settings: Settings, enrol: Enrol, weights: WeightFiles
) -> None:
    with open_site(settings, create=True) as site:
        enrol(site, "Ada", [SyntheticPerson(7).portrait(seed=1)])
        release_id = save_next_release(settings, site.register, weights)
    process = kiosk_process(settings, "synthetic", KIOSK)
    said_by(process, "the door is watched")
    assert process.stderr is not None
    with open_site(settings, create=True) as site:
        promote(settings, site.register, release_id)
    loaded = next(line for line in map(json.loads, process.stderr) if line["event"] == "site view loaded")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert loaded["release"] == release_id
    assert process.returncode == 0


def test_a_view_after_promotion_has_no_part_of_the_old_release(
    settings: Settings, enrol: Enrol, weights: WeightFiles
) -> None:
    with open_site(settings, create=True) as site:
        enrol(site, "Ada", [SyntheticPerson(7).portrait(seed=1)])
        before = site.view()
        promote(settings, site.register, save_next_release(settings, site.register, weights))
        after = site.view()
    assert after.revision > before.revision
    parts = (
        after.release.model_id,
        after.encoder.model_id,
        after.gallery.model_id,
        after.threshold.scale.model_id,
    )
    assert set(parts) == {NEXT_NETWORK}
    assert before.gallery.model_id != NEXT_NETWORK, "the old view stays whole for whoever still holds it"
    assert after.gallery.people == before.gallery.people
