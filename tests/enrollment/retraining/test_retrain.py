from pathlib import Path

import pytest

from enrollment.retraining.gate import GateLimits
from enrollment.retraining.general_faces import CropsByPerson
from enrollment.retraining.retrain import (
    RetrainOptions,
    RetrainResult,
    Stage,
    Train,
    retrain,
    single_run_lock,
)
from models.clock import SimulatedClock
from models.domain import PersonId
from models.errors import AlreadyRunningError, ReleaseError, TrainingError
from models.register.records import PersonStatus
from models.register.register import Register
from models.release.manifest import verify_release
from models.release.promotion import promote, rollback
from models.release.store import active_release, list_releases, load_release, releases_folder
from models.settings.load import load_settings
from models.settings.settings import Settings
from tests.enrollment.retraining.small import (
    activate_champion,
    copy_trainer,
    dim,
    enrol,
    open_register,
    people,
    photos,
)

GENERAL = people(1000, 40)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    return load_settings(home=home)


@pytest.fixture
def register(settings: Settings) -> Register:
    with open_register(settings) as register:
        activate_champion(settings, register)
        yield register


def run(
    settings: Settings, register: Register, train: Train, at_stage=lambda _stage: None, **options: object
) -> RetrainResult:
    return retrain(
        settings,
        register,
        SimulatedClock(),
        train=train,
        general=lambda: GENERAL,
        camera_view=dim,
        options=RetrainOptions(limits=GateLimits(draws=100), **options),
        at_stage=at_stage,
    )


def test_a_challenger_no_worse_is_promoted_whole(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 12))
    stages: list[Stage] = []
    result = run(settings, register, copy_trainer(), stages.append)
    assert result.promoted
    assert stages == list(Stage)
    release = active_release(settings, register)
    assert release.release_id == result.release_id
    assert release.model_id != champion.model_id
    assert len(register.templates(release.model_id)) == 48
    manifest = verify_release(release.encoder_path.parent)
    assert manifest.parent == champion.release_id
    assert manifest.evaluation["site"]["people"] == 3
    page = result.report.read_text()
    assert "The gate was passed" in page
    assert page.count("data:image/png") == 3
    assert "data:image/jpeg" not in page


def test_a_worse_challenger_is_refused_and_nothing_changes(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 12))
    revision = register.gallery_revision()
    result = run(settings, register, copy_trainer(blindness=0.9999))
    assert (result.release_id, result.promoted) == (None, False)
    assert any(failure.startswith("general failed") for failure in result.verdict.failures)
    assert "The gate was failed" in result.report.read_text()
    assert register.gallery_revision() == revision
    assert [release_id for release_id, _ in list_releases(settings)] == [champion.release_id]


def test_training_that_does_not_help_is_refused_with_a_report(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 12))
    result = run(settings, register, copy_trainer(helped=False))
    assert (result.release_id, result.promoted) == (None, False)
    assert not result.verdict.passed
    assert len(result.refusals) == 1
    assert result.refusals[0].startswith("training did not help people")
    page = result.report.read_text()
    assert "The gate was failed" in page
    assert result.refusals[0] in page
    assert [release_id for release_id, _ in list_releases(settings)] == [champion.release_id]


@pytest.mark.slow
def test_a_release_can_be_kept_for_later_and_rolled_back(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 12))
    kept = run(settings, register, copy_trainer(), promote=False)
    assert not kept.promoted
    assert active_release(settings, register).release_id == champion.release_id
    promote(settings, register, kept.release_id)
    enrol(register, load_release(settings, kept.release_id), people(50, 1))
    assert rollback(settings, register).release_id == champion.release_id
    # Also whoever was enrolled in between is found by the old network.
    assert len(register.templates(champion.model_id)) == 52


def test_thumbnails_are_shown_only_when_asked_for(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 12))
    result = run(settings, register, copy_trainer(), thumbnails=True)
    assert "data:image/jpeg" in result.report.read_text()
    assert result.report.stat().st_mode & 0o077 == 0


def test_without_consent_nobody_is_trained_on(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 12), training=False)
    with pytest.raises(TrainingError, match="consent"):
        run(settings, register, copy_trainer())


@pytest.mark.parametrize(
    "site",
    [
        people(0, 1),
        people(0, 7),
        people(0, 12, each=1),
        {f"person {seed}": photos(seed, 1).repeat(4, axis=0) for seed in range(12)},
    ],
    ids=["one person", "few people", "one photo each", "the same photo again and again"],
)
def test_photos_that_do_not_suffice_are_a_clear_refusal(
    settings: Settings, register: Register, site: dict
) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, site)
    with pytest.raises(TrainingError, match="two photos that differ"):
        run(settings, register, copy_trainer())
    assert active_release(settings, register).release_id == champion.release_id


def test_revoked_people_are_not_trained_on_and_need_no_template(
    settings: Settings, register: Register
) -> None:
    enrol(register, active_release(settings, register), people(0, 12))
    gone = register.find_person("person 3")
    register.set_status(PersonId(gone.person_id), PersonStatus.REVOKED)
    learnt: list[str] = []
    train = copy_trainer()

    def watch(site, general, scratch):
        learnt.extend(site)
        return train(site, general, scratch)

    assert run(settings, register, watch).promoted
    assert gone.person_id not in learnt


@pytest.mark.slow
def test_a_newcomer_during_training_is_embedded_too(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 12))

    def enrol_late(stage: Stage) -> None:
        if stage == Stage.PROMOTE:
            enrol(register, champion, people(70, 1))

    result = run(settings, register, copy_trainer(), enrol_late)
    assert len(register.templates(load_release(settings, result.release_id).model_id)) == 52


@pytest.mark.slow
def test_a_release_promoted_meanwhile_is_not_overtaken(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 12))

    def interfere(stage: Stage) -> None:
        if stage == Stage.PROMOTE:
            activate_champion(settings, register, seed=7)

    with pytest.raises(ReleaseError, match="meanwhile"):
        run(settings, register, copy_trainer(), interfere)
    assert active_release(settings, register).model_id == "small-7"


def test_general_faces_are_only_fetched_for_a_site_that_suffices(
    settings: Settings, register: Register
) -> None:
    def fetch() -> CropsByPerson:
        raise AssertionError("nobody should have asked")

    with pytest.raises(TrainingError):
        retrain(
            settings,
            register,
            SimulatedClock(),
            train=copy_trainer(),
            general=fetch,
            camera_view=dim,
            options=RetrainOptions(),
        )


def test_one_run_at_a_time(settings: Settings, register: Register) -> None:
    with (
        single_run_lock(releases_folder(settings)),
        pytest.raises(AlreadyRunningError, match="already"),
    ):
        run(settings, register, copy_trainer())


def test_a_failing_trainer_leaves_no_trace(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 12))
    before = {path.name for path in releases_folder(settings).iterdir()}

    def fail(site, general, scratch):
        (scratch / "half").write_bytes(b"half")
        raise TrainingError("the loss is no longer a number")

    with pytest.raises(TrainingError, match="loss"):
        run(settings, register, fail)
    assert {path.name for path in releases_folder(settings).iterdir()} - {".lock"} == before


def test_promoting_a_damaged_release_changes_nothing(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 12))
    kept = run(settings, register, copy_trainer(), promote=False).release_id
    path = load_release(settings, kept).encoder_path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReleaseError, match="altered"):
        promote(settings, register, kept)
    assert active_release(settings, register).release_id == champion.release_id


def test_the_pretrained_release_cannot_be_rolled_back(settings: Settings, tmp_path: Path) -> None:
    with (
        Register.open(tmp_path / "fresh.sqlite", bytes(32)) as fresh,
        pytest.raises(ReleaseError, match="none to roll back to"),
    ):
        rollback(settings, fresh)
