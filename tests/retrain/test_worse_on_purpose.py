"""A network trained on wrong labels, on real faces, with the real gate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from enrollment.gate import GateLimits, judge
from enrollment.people_in_general import read_people
from enrollment.training import site_trainer
from enrollment.trial import hold_trial
from models.config import load_settings
from models.release.store import pretrained_release
from models.release.weights import WeightFiles
from models.siamese.plan import TrainingPlan
from models.siamese.strategies import Strategy
from models.vision.detector import YuNetDetector

SITE_PEOPLE, GENERAL_PEOPLE = 24, 60


@contextmanager
def silent(_description: str, _total: int) -> Iterator:
    yield lambda _steps: None


@pytest.mark.shared
@pytest.mark.slow
def test_a_network_taught_nonsense_is_refused(
    shared: Path, weights: WeightFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.detector.parent))
    settings = load_settings(home=tmp_path / "home")
    images = shared / "data" / "lfw_dev" / "images"
    everybody = read_people(
        images, YuNetDetector(weights.detector), limit=SITE_PEOPLE + GENERAL_PEOPLE, photos=3, seed=3
    )
    names = sorted(everybody)
    site, held_out, general = (
        {name: everybody[name] for name in part} for part in (names[:16], names[16:24], names[24:])
    )
    plan = TrainingPlan(
        strategy=Strategy.FEATURE_EXTRACTOR,
        steps=60,
        learning_rate=2e-2,
        label_noise=0.9,
        held_out_share=0.0,
        views=1,
        validate_every=30,
    )
    challenger = site_trainer(settings, plan, silent)(site, general, tmp_path)
    trial = hold_trial(pretrained_release(settings), challenger.encoder, held_out, general)
    verdict = judge(trial.site, trial.general, GateLimits())
    assert not verdict.passed
    assert any("FNMR at FMR" in failure for failure in verdict.failures)
