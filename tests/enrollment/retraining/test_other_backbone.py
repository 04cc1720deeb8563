"""MobileNet with a fresh head, from a local file of weights to the door: trained, judged, promoted, in use.

Its weights are random: this is about the way to the door, not about how well such a network tells people
apart. It sees nearly the same in all faces. So the gate must refuse it, and a trial of it must let nobody in,
neither strangers nor those enrolled, who get in under the pretrained network. That a door can open under it
shows only where nearly a third of all strangers may get in, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from access.assembly import build_open_loop
from access.demo import demonstration
from access.record import RegisterAudit
from enrollment.retraining.gate import GateLimits
from enrollment.retraining.general_faces import CropsByPerson, GeneralFaces, draw_people, images_of
from enrollment.retraining.retrain import RetrainOptions, RetrainResult, retrain
from enrollment.retraining.train_site import camera_view, site_trainer
from models.clock import SimulatedClock
from models.domain import FaceCrop, Frame, ImageArray
from models.errors import ReleaseError
from models.events import DoorEvent
from models.register.register import Register
from models.release.manifest import STRANGERS_NAME
from models.release.promotion import promote, rollback
from models.release.store import PRETRAINED_ID, active_release, check_release, pretrained_release
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.siamese.batches import to_tensor
from models.siamese.plan import TrainingPlan
from models.siamese.siamese_network import Strategy
from models.siamese.torchvision_cpu import import_torchvision
from models.site import Site
from models.vision.alignment import align_face
from models.vision.detector import YuNetDetector
from models.vision.pictures import read_picture
from tests.enrollment.retraining.small import enrol, open_register

BACKBONE = "mobilenet_v3_small"
# Nobody is held out while training: with random convolutions it may well help nobody, and end there.
PLAN = TrainingPlan(strategy=Strategy.FEATURE_EXTRACTOR, steps=20, held_out_share=0.0, views=1)
REHEARSED, JUDGING, STRANGERS = 20, 46, 24
STRANGERS_SEED = 9
"""Neither the demo's people nor those who judge the network or are rehearsed."""
DEMO_VISITS, LAX_VISITS = 4, 8
LAX = {"error_rates": {"target_far": 0.3}, "decision": {"visit_s": 1.0, "min_margin": 0.05}}


@contextmanager
def silent(_description: str, _total: int) -> Iterator:
    yield lambda _steps: None


@pytest.fixture
def settings(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of the demo."""
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    home = tmp_path / "home"
    home.mkdir()
    return demonstration.prepare_home(load_settings(home=home))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def local_weights(path: Path, faces: CropsByPerson) -> Path:
    """A state dict as torchvision publishes them: random weights, batch norms that fit faces."""
    import_torchvision()
    from torchvision.models import mobilenet_v3_small

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = mobilenet_v3_small(weights=None).train()
    for each in network.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            each.momentum = 1.0  # one pass settles the statistics
    with torch.no_grad():
        network((to_tensor(np.concatenate(list(faces.values()))) - 118) / 58)
    torch.save(network.state_dict(), path)
    return path


def train_and_keep(
    settings: Settings, register: Register, file: Path, general: GeneralFaces
) -> RetrainResult:
    return retrain(
        settings,
        register,
        SimulatedClock(),
        train=site_trainer(settings, PLAN, silent, backbone=BACKBONE, weights=file),
        general=lambda: general,
        camera_view=camera_view("door", 0),
        options=RetrainOptions(limits=GateLimits(draws_beyond=1), promote=False),
    )


def come(site: Site, picture: ImageArray) -> list[DoorEvent]:
    """Somebody stands at the door for a second, a little noise in every frame."""
    clock = SimulatedClock()
    loop, lock = build_open_loop(site, clock, RegisterAudit(site.register))
    rng = np.random.default_rng(0)
    events = []
    for index in range(8):
        clock.sleep(0.125)
        noisy = np.clip(picture + rng.normal(0, 1, picture.shape), 0, 255).astype(np.uint8)
        events += loop.step(Frame(noisy, clock.monotonic_s(), index))
    events += loop.finish()
    lock.close()
    return events


def best_scores(site: Site, strangers: list[FaceCrop]) -> np.ndarray:
    view = site.view()
    return np.array([view.gallery.search(each).best.score for each in view.encoder.embed(strangers)])


@pytest.mark.slow
def test_a_mobilenet_is_trained_refused_tried_at_the_demos_door_and_rolled_back(
    settings: Settings, weights: WeightFiles, tmp_path: Path
) -> None:
    detector = YuNetDetector(weights.detector, second_looks=0)
    drawn = list(draw_people(detector, count=REHEARSED + JUDGING, photos=2, seed=5).items())
    general = GeneralFaces(images_of(dict(drawn[:REHEARSED])), dict(drawn[REHEARSED:]))
    strangers = [
        own[0] for own in draw_people(detector, count=STRANGERS, photos=2, seed=STRANGERS_SEED).values()
    ]
    folders = sorted(demonstration.draw_photos(settings, 0, lambda _people: None).iterdir())
    photos = {each.name: [read_picture(file) for file in sorted(each.iterdir())] for each in folders}
    file = local_weights(tmp_path / "mobilenet.pth", general.rehearsed)
    with open_register(settings) as register:
        site = Site(settings, register)
        found = {
            name: [align_face(picture, face) for picture in own for face in site.detector.detect(picture)[:1]]
            for name, own in photos.items()
        }
        enrol(register, pretrained_release(settings), found)

        # The gate judges it, and refuses it for its errors.
        result = train_and_keep(settings, register, file, general)
        assert result.release_id is not None
        assert not result.promoted
        assert not result.verdict.passed
        (of_general,) = (each for each in result.verdict.comparisons if each.name == "general")
        assert of_general.missing == ""
        assert of_general.challenger_fnmr > 0.5 > of_general.champion_fnmr
        assert register.active_release_id() is None

        with pytest.raises(ReleaseError, match="was not let through by the gate"):
            promote(settings, register, result.release_id)
        assert register.active_release_id() is None
        promote(settings, register, result.release_id, override_reason="to try another backbone")

        # Doors load it: its own network, its own embeddings, thresholds from its own strangers.
        release = active_release(settings, register)
        manifest, record = check_release(settings, register, release.release_id)
        assert (manifest.network, manifest.parent) == (BACKBONE, PRETRAINED_ID)
        assert record.override_reason == "to try another backbone"
        assert release.model_id.startswith(f"{BACKBONE}-")
        assert release.strangers_path == release.encoder_path.parent / STRANGERS_NAME
        assert len(register.templates(release.model_id)) == sum(map(len, found.values()))
        view = site.view()
        assert view.gallery.size == len(found)
        assert set(view.thresholds.identify.by_source) == {"reference"}

        # Nobody gets in, at the rate of the settings.
        names = demonstration.names_in(site)
        assert (best_scores(site, strangers) < view.threshold.value).all()
        guests = demonstration.invite(DEMO_VISITS, 0, set(names.values()))
        visits = list(demonstration.receive(site, guests))
        assert {each.guest.name is None for each in visits} == {True, False}
        assert [each.granted_to for each in visits] == [None] * DEMO_VISITS
        assert {each.event and (each.event.outcome, each.event.reason) for each in visits} == {
            ("denied", "not_recognised")
        }

        # Where nearly a third of the strangers may get in, no more than that do, and the door opens.
        lax = Site(Settings.model_validate(settings.model_dump() | LAX), register)
        rates = lax.view().thresholds.identify
        assert (best_scores(lax, strangers) >= rates.threshold.value).mean() <= rates.bound < 1
        granted = {}
        for name in list(found)[:LAX_VISITS]:
            for event in come(lax, photos[name][0]):
                if event.outcome == "unlocked":
                    assert event.release == release.release_id
                    granted[name] = names[event.person_id]
        assert granted
        assert granted == {name: name for name in granted}

        # And back.
        assert rollback(settings, register).release_id == PRETRAINED_ID
        visits = list(demonstration.receive(site, guests))
        assert all(each.right for each in visits)
