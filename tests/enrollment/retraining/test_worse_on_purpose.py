"""Networks made worse on purpose, on real faces, with the real gate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from enrollment.retraining.compare import embed_all
from enrollment.retraining.gate import GateLimits, Verdict, judge
from enrollment.retraining.general_faces import CropsByPerson, images_of, read_people
from enrollment.retraining.train_site import camera_view, site_trainer
from models.release.store import pretrained_release
from models.release.weights import WeightFiles
from models.settings.load import load_settings
from models.siamese.losses import LossWeights
from models.siamese.plan import TrainingPlan
from models.siamese.siamese_network import Strategy
from models.vision.detector import YuNetDetector

SITE_PEOPLE, GENERAL_PEOPLE = 36, 60
# Among so few people the pretrained network errs on hardly anybody.
LIMITS = GateLimits(min_erring=0)


@contextmanager
def silent(_description: str, _total: int) -> Iterator:
    yield lambda _steps: None


# With the usual weights both stay as good as they were: templates and rehearsal hold them.
UNHELD = LossWeights(contrastive=1.0, template=0.0, anchor=0.0, rehearsal=0.0)
NONSENSE = TrainingPlan(
    strategy=Strategy.FEATURE_EXTRACTOR,
    steps=60,
    learning_rate=2e-2,
    weights=UNHELD,
    held_out_share=0.0,
    views=1,
    validate_every=30,
)
LEARNT_BY_HEART = TrainingPlan(
    strategy=Strategy.FINE_TUNE_LAST,
    last_stages=1,
    steps=150,
    learning_rate=2e-2,
    weights=UNHELD,
    held_out_share=0.0,
    views=1,
    validate_every=75,
)


def mislabelled(site: CropsByPerson, share: float) -> CropsByPerson:
    """The same photos, a share of them each under the name of another of the people."""
    rng = np.random.default_rng(0)
    names = list(site)
    given: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for number, name in enumerate(names):
        for photo in site[name]:
            wrong = rng.random() < share
            owner = names[(number + rng.integers(1, len(names))) % len(names)] if wrong else name
            given[owner].append(photo)
    return {name: np.stack(photos) for name, photos in given.items() if photos}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("plan", "learnt"),
    [
        pytest.param(NONSENSE, 16, id="taught wrong names"),
        pytest.param(LEARNT_BY_HEART, 3, id="three people for too long"),
    ],
)
def test_a_network_made_worse_is_refused(
    plan: TrainingPlan,
    learnt: int,
    shared: Path,
    weights: WeightFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
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
        {name: everybody[name] for name in part} for part in (names[:learnt], names[16:36], names[36:])
    )
    learnt_from, rehearsed = images_of(site), images_of(general)
    taught = mislabelled(learnt_from, share=0.9) if plan is NONSENSE else learnt_from
    challenger = site_trainer(settings, plan, silent)(taught, rehearsed, tmp_path)
    see = camera_view("door", 0)
    pretrained = pretrained_release(settings)

    def judged(encoder: Path) -> Verdict:
        trial = embed_all(
            pretrained,
            pretrained,
            encoder,
            held_out,
            general,
            camera_view=see,
            limits=LIMITS,
            network="sface",
        )
        return judge(trial.sets, LIMITS)

    verdict = judged(challenger.encoder)
    assert not verdict.passed
    assert any("FNMR at FMR" in failure for failure in verdict.failures)
    # The same gate lets the network through that it is compared with.
    unchanged = site_trainer(settings, TrainingPlan(strategy=Strategy.PRETRAINED), silent)(
        learnt_from, rehearsed, tmp_path
    )
    assert judged(unchanged.encoder).passed
