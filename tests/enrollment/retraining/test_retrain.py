from pathlib import Path

import pytest

from enrollment.retraining import retrain as retrain_module
from enrollment.retraining.gate import GateLimits
from enrollment.retraining.general_faces import GeneralFaces
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
from models.evaluation.recalibration import recalibrate
from models.register.records import GateAttempt, PersonStatus
from models.register.register import Register
from models.release.promotion import promote, rollback
from models.release.store import active_release, check_release, load_release, releases_folder
from models.settings.load import load_settings
from models.settings.settings import Settings
from tests.enrollment.retraining.small import (
    LIMITS,
    NOON,
    activate_champion,
    add_release,
    copy_trainer,
    dim,
    enrol,
    open_register,
    people,
    photos,
    small_general,
    small_release,
)

GENERAL = small_general()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    return load_settings(home=home)


@pytest.fixture
def register(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Register:
    monkeypatch.setattr(retrain_module, "pretrained_release", lambda _settings: small_release(settings.home))
    with open_register(settings) as register:
        activate_champion(settings, register)
        yield register


def run(
    settings: Settings,
    register: Register,
    train: Train,
    at_stage=lambda _stage: None,
    general: GeneralFaces = GENERAL,
    **options: object,
) -> RetrainResult:
    return retrain(
        settings,
        register,
        SimulatedClock(),
        train=train,
        general=lambda: general,
        camera_view=dim,
        options=RetrainOptions(**{"limits": LIMITS} | options),
        at_stage=at_stage,
    )


def test_a_challenger_no_worse_is_promoted_whole(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    stages: list[Stage] = []
    result = run(settings, register, copy_trainer(), stages.append)
    assert result.promoted
    assert stages == list(Stage)
    release = active_release(settings, register)
    assert release.release_id == result.release_id
    assert release.model_id != champion.model_id
    assert len(register.templates(release.model_id)) == 96
    manifest, record = check_release(settings, register, release.release_id)
    assert manifest.parent == champion.release_id
    names = [each["name"] for each in manifest.evaluation["comparisons"]]
    assert names == [
        "site",
        "site, against the pretrained network,",
        "general",
        "general, against the pretrained network,",
    ]
    assert record.passed
    assert 0 < manifest.evaluation["comparisons"][0]["people"] == 24 - len(record.trained_on)
    # Its thresholds rest on people whom it was not trained on.
    assert recalibrate(register, release, settings).searches["reference"] == 32
    page = result.report.read_text()
    assert "The gate was passed" in page
    assert page.count("data:image/png") == 3
    assert "data:image/jpeg" not in page


def test_a_worse_challenger_is_refused_and_nothing_changes(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    revision = register.gallery_revision()
    result = run(settings, register, copy_trainer(blindness=0.9999))
    assert (result.release_id, result.promoted) == (None, False)
    assert any(failure.startswith("general failed") for failure in result.verdict.failures)
    assert "The gate was failed" in result.report.read_text()
    assert register.gallery_revision() == revision
    assert [record.release_id for record in register.release_records()] == [champion.release_id]


def test_training_that_does_not_help_is_refused_with_a_report(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    result = run(settings, register, copy_trainer(helped=False))
    assert (result.release_id, result.promoted) == (None, False)
    assert not result.verdict.passed
    assert len(result.refusals) == 1
    assert result.refusals[0].startswith("training did not help people")
    page = result.report.read_text()
    assert "The gate was failed" in page
    assert result.refusals[0] in page
    assert [record.release_id for record in register.release_records()] == [champion.release_id]


@pytest.mark.slow
def test_a_release_can_be_kept_for_later_and_rolled_back(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    kept = run(settings, register, copy_trainer(), promote=False)
    assert not kept.promoted
    assert active_release(settings, register).release_id == champion.release_id
    promote(settings, register, kept.release_id)
    enrol(register, load_release(settings, register, kept.release_id), people(50, 1))
    assert rollback(settings, register).release_id == champion.release_id
    # Also whoever was enrolled in between is found by the old network.
    assert len(register.templates(champion.model_id)) == 100


def test_thumbnails_are_shown_only_when_asked_for(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 24))
    result = run(settings, register, copy_trainer(), thumbnails=True)
    assert "data:image/jpeg" in result.report.read_text()
    assert result.report.stat().st_mode & 0o077 == 0


def test_without_consent_nobody_is_trained_on(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 24), training=False)
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
    enrol(register, active_release(settings, register), people(0, 24))
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
    enrol(register, champion, people(0, 24))

    def enrol_late(stage: Stage) -> None:
        if stage == Stage.PROMOTE:
            enrol(register, champion, people(70, 1))

    result = run(settings, register, copy_trainer(), enrol_late)
    assert len(register.templates(load_release(settings, register, result.release_id).model_id)) == 100


@pytest.mark.slow
def test_a_release_promoted_meanwhile_is_not_overtaken(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 24))

    def interfere(stage: Stage) -> None:
        if stage == Stage.PROMOTE:
            activate_champion(settings, register, seed=7)

    with pytest.raises(ReleaseError, match="meanwhile"):
        run(settings, register, copy_trainer(), interfere)
    assert active_release(settings, register).model_id == "small-7"


def test_general_faces_are_only_fetched_for_a_site_that_suffices(
    settings: Settings, register: Register
) -> None:
    def fetch() -> GeneralFaces:
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
    enrol(register, active_release(settings, register), people(0, 24))
    before = {path.name for path in releases_folder(settings).iterdir()}

    def fail(site, general, scratch):
        (scratch / "half").write_bytes(b"half")
        raise TrainingError("the loss is no longer a number")

    with pytest.raises(TrainingError, match="loss"):
        run(settings, register, fail)
    assert {path.name for path in releases_folder(settings).iterdir()} - {".lock"} == before


def test_promoting_a_damaged_release_changes_nothing(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    kept = run(settings, register, copy_trainer(), promote=False).release_id
    path = load_release(settings, register, kept).encoder_path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReleaseError, match="altered"):
        promote(settings, register, kept)
    assert active_release(settings, register).release_id == champion.release_id


def test_a_release_that_the_gate_refused_needs_a_reason(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    kept = run(settings, register, copy_trainer(blindness=0.9999), promote=False)
    assert kept.refusals
    assert not kept.promoted
    with pytest.raises(ReleaseError, match=r"not let through by the gate.*--override"):
        promote(settings, register, kept.release_id)
    assert active_release(settings, register).release_id == champion.release_id
    promote(settings, register, kept.release_id, override_reason="a trial at the back door")
    assert active_release(settings, register).release_id == kept.release_id
    record = register.release_record(kept.release_id)
    assert (record.passed, record.override_reason) == (False, "a trial at the back door")


def test_a_verdict_counts_against_the_release_it_was_found_for(
    settings: Settings, register: Register
) -> None:
    """Judged against one champion, a release may still be worse than the next one."""
    stale = add_release(settings, register, seed=5)
    other = activate_champion(settings, register, seed=6)
    with pytest.raises(ReleaseError, match=f"was compared with .*, and {other} is in use"):
        promote(settings, register, stale)
    promote(settings, register, stale, override_reason="a test")
    assert register.active_release_id() == stale


def test_a_rollback_needs_no_verdict_and_not_the_files_of_the_release_in_use(
    settings: Settings, register: Register
) -> None:
    first = register.active_release_id()
    second = activate_champion(settings, register, seed=6)
    for path in (releases_folder(settings) / second).iterdir():
        path.unlink()
    assert rollback(settings, register).release_id == first


def test_a_release_unknown_to_the_register_is_left_by_promoting_the_pretrained_one(
    settings: Settings, register: Register
) -> None:
    register.activate_release("20260101T000000Z-0123456789abcdef", "elsewhere")
    with pytest.raises(ReleaseError, match="run doorward promote pretrained-sface-2021dec"):
        rollback(settings, register)


def test_every_judged_challenger_is_counted_and_makes_the_next_one_harder(
    settings: Settings, register: Register
) -> None:
    champion = active_release(settings, register).release_id
    enrol(register, active_release(settings, register), people(0, 24))
    found = [
        run(settings, register, copy_trainer(blindness=0.9999)).verdict.comparisons[0].confidence
        for _ in range(2)
    ]
    assert found == pytest.approx([1 - 0.05 / 2, 1 - 0.05 / 6])
    assert register.count_attempts(champion) == 2
    run(settings, register, copy_trainer(helped=False))
    assert register.count_attempts(champion) == 2, "nothing was judged"


def test_after_too_many_attempts_nothing_is_trained(settings: Settings, register: Register) -> None:
    champion = active_release(settings, register)
    enrol(register, champion, people(0, 24))
    limits = GateLimits(draws_beyond=30, max_fmr=1.0, min_erring=0)
    for _ in range(12):
        register.record_attempt(GateAttempt(champion.release_id, "ab" * 32, False, {}, NOON))

    def fail(site, general, scratch):
        raise AssertionError("nothing should have been trained")

    with pytest.raises(ReleaseError, match="12 challengers were judged"):
        run(settings, register, fail, limits=limits)


def test_a_site_too_small_for_a_verdict_is_refused_before_training(
    settings: Settings, register: Register
) -> None:
    enrol(register, active_release(settings, register), people(0, 24, each=2))

    def fail(site, general, scratch):
        raise AssertionError("nothing should have been trained")

    with pytest.raises(TrainingError, match=r"too few for a verdict: about \d+ people .*--keep"):
        run(settings, register, fail, limits=GateLimits())
    # For a trial it is trained, but not let through.
    kept = run(settings, register, copy_trainer(), limits=GateLimits(), promote=False)
    assert kept.release_id is not None
    assert any("site cannot be judged" in refusal for refusal in kept.refusals)


def test_synthetic_people_judge_nothing(settings: Settings, register: Register) -> None:
    """Without real people in general, the site's own judge, and they are compared with both networks."""
    enrol(register, active_release(settings, register), people(0, 24))
    synthetic = GeneralFaces(GENERAL.rehearsed, None)
    with pytest.raises(TrainingError, match=r"thresholds with: 30 .* --general"):
        run(settings, register, copy_trainer(), general=synthetic)


@pytest.mark.slow
def test_a_large_site_judges_on_its_own_against_both_networks(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 220, each=2))
    result = run(settings, register, copy_trainer(), general=GeneralFaces(GENERAL.rehearsed, None))
    names = [each.name for each in result.verdict.comparisons]
    assert names == ["site", "site, against the pretrained network,"]
    assert result.promoted


def test_nobody_whom_a_network_learnt_from_judges_it(settings: Settings, register: Register) -> None:
    enrol(register, active_release(settings, register), people(0, 24))
    learnt: list[set[str]] = []

    def watch(site, general, scratch):
        learnt.append(set(site))
        return copy_trainer()(site, general, scratch)

    first = run(settings, register, watch)
    enrol(register, active_release(settings, register), people(100, 12))
    second = run(settings, register, watch)
    everybody = {person.person_id for person in register.people()}
    judged = second.verdict.comparisons[0].people
    assert judged == len(everybody - learnt[1])
    assert learnt[0] <= learnt[1], "whoever was held out once is held out again"
    assert set(register.release_record(first.release_id).trained_on) == learnt[0]


def test_people_held_out_now_whom_the_champion_learnt_from_do_not_judge(
    settings: Settings, register: Register
) -> None:
    """As when a release was trained by a version that divided people in another way."""
    enrol(register, active_release(settings, register), people(0, 24))
    before = run(settings, register, copy_trainer(), promote=False).verdict.comparisons[0].people
    everybody = tuple(person.person_id for person in register.people())
    release_id = add_release(settings, register, seed=4, trained_on=everybody)
    promote(settings, register, release_id)
    assert before > 0
    with pytest.raises(TrainingError, match="0 are held out to judge"):
        run(settings, register, copy_trainer())


def test_the_pretrained_release_cannot_be_rolled_back(settings: Settings, tmp_path: Path) -> None:
    with (
        Register.open(tmp_path / "fresh.sqlite", bytes(32)) as fresh,
        pytest.raises(ReleaseError, match="none to roll back to"),
    ):
        rollback(settings, fresh)
