"""`site_trainer` with few steps on patterns; what it learns is tested in tests/models/siamese."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from enrollment.retraining.train_site import camera_view, site_trainer
from models.domain import FaceCrop
from models.encoders.openvino import OpenVinoEncoder
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.siamese.plan import TrainingPlan
from models.siamese.siamese_network import Strategy
from tests.enrollment.retraining.small import people

SITE, GENERAL = people(0, 6, each=2), people(1000, 3, each=2)


@pytest.fixture
def settings(tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch) -> Settings:
    torch.set_num_threads(1)
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    return load_settings(home=tmp_path / "home")


@contextmanager
def silent(_description: str, _total: int) -> Iterator:
    yield lambda _steps: None


def test_the_untrained_network_is_handed_over_as_it_is(
    settings: Settings, weights: WeightFiles, tmp_path: Path
) -> None:
    train = site_trainer(settings, TrainingPlan(strategy=Strategy.PRETRAINED), silent)
    challenger = train(SITE, GENERAL, tmp_path)
    crops = [FaceCrop(image) for image in SITE["person 0"]]
    pairs = zip(
        OpenVinoEncoder(challenger.encoder, "a").embed(crops),
        OpenVinoEncoder(weights.sface, "a").embed(crops),
        strict=True,
    )
    assert max(float(np.abs(new.vector - old.vector).max()) for new, old in pairs) < 1e-5
    assert challenger.facts["strategy"] == "pretrained"


def test_a_short_run_gives_a_network_and_its_curves(settings: Settings, tmp_path: Path) -> None:
    plan = TrainingPlan(
        strategy=Strategy.FEATURE_EXTRACTOR, steps=4, validate_every=2, held_out_share=0.0, views=1
    )
    steps: list[int] = []

    @contextmanager
    def bar(_description: str, total: int) -> Iterator:
        assert total == 4
        yield steps.append

    challenger = site_trainer(settings, plan, bar)(SITE, GENERAL, tmp_path)
    assert sum(steps) == 4
    assert len(challenger.curves["loss"]) == 4
    assert challenger.facts["trained on"] == "6 people"
    (embedding,) = OpenVinoEncoder(challenger.encoder, "a").embed([FaceCrop(SITE["person 0"][0])])
    assert embedding.dimension == 128
    # The checkpoint of a finished run is of no use to anybody.
    assert not (settings.home / "training").exists()


def test_checkpoints_of_other_runs_are_removed(settings: Settings, tmp_path: Path) -> None:
    stale = settings.home / "training" / "0123456789abcdef"
    stale.mkdir(parents=True)
    (stale / "training.pt").write_bytes(b"of other people")
    train = site_trainer(settings, TrainingPlan(strategy=Strategy.PRETRAINED), silent)
    train(SITE, GENERAL, tmp_path)
    assert not stale.exists()


def test_a_run_without_improvement_reports_that_it_did_not_help(settings: Settings, tmp_path: Path) -> None:
    plan = TrainingPlan(
        strategy=Strategy.FEATURE_EXTRACTOR,
        steps=2,
        validate_every=1,
        learning_rate=0.0,
        views=1,
    )
    assert site_trainer(settings, plan, silent)(SITE, GENERAL, tmp_path).helped is False


@pytest.mark.parametrize("camera", ["door", "night"])
def test_a_camera_view_repeats_for_its_number_and_differs_for_the_next(camera: str) -> None:
    photos = np.concatenate(list(SITE.values()))
    torch.manual_seed(3)
    drawn = torch.rand(2)
    torch.manual_seed(3)
    first, again, other = (camera_view(camera, seed=1)(photos, view) for view in (0, 0, 1))
    assert first.shape == photos.shape
    assert np.array_equal(first, again)
    assert all(not np.array_equal(one, another) for one, another in zip(first, other, strict=True))
    assert torch.equal(torch.rand(2), drawn)  # nobody else's chance was used up
