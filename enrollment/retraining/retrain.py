"""`retrain`: trains on a site's consenting people; ends with a promoted release or with a refusal.

    gather -> train -> evaluate -> report -> save -> promote

Only the last stage changes what doors use, in one transaction (`models.release.promotion`); a run killed
before leaves the old release in use, and at most a draft, which the next run removes, or a folder that is not
in the register and is never loaded.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from enrollment.retraining.compare import (
    CAMERA_VIEWS,
    CameraView,
    ComparedEmbeddings,
    challenger_manifest,
    embed_all,
    non_mated_of,
    strangers_among,
)
from enrollment.retraining.divide import divide
from enrollment.retraining.gate import GateLimits, Verdict, judge
from enrollment.retraining.gather import gather_site
from enrollment.retraining.general_faces import CropsByPerson, FacesByPerson, GeneralFaces, images_of
from enrollment.retraining.report import ReportedSet, write_report
from models.domain import PersonId
from models.errors import RegisterChangedError, ReleaseError, TrainingError
from models.ports import Clock
from models.register.records import GateAttempt, ReleaseRecord
from models.register.register import Register
from models.release.manifest import Manifest
from models.release.promotion import promote
from models.release.store import (
    DRAFT_PREFIX,
    MIN_STRANGERS,
    PRETRAINED_ID,
    Release,
    load_release,
    pretrained_release,
    releases_folder,
    remove_drafts,
    save_release,
)
from models.settings.settings import Settings
from models.storage import single
from models.storage.files import sha256_of

NOTHING_LEARNT = (
    "training did not help people who were not trained on: more people, or more photos of each, may "
    "change that"
)
HELD_OUT_SHARE = 0.25
"""Share of the site's people who are kept from training for the gate, the same people in every run."""
MAX_HELD_OUT_PEOPLE = 250
"""People of the site who judge at most: all their comparisons are in memory at once."""


class Stage(StrEnum):
    """The stages of a run, in order."""

    GATHER = "gather"
    TRAIN = "train"
    EVALUATE = "evaluate"
    REPORT = "report"
    SAVE = "save"
    PROMOTE = "promote"
    DONE = "done"


OnStage = Callable[[Stage], None]


@dataclass(frozen=True, slots=True)
class Challenger:
    """The result of training.

    Attributes:
        network: name of its backbone, which the release's manifest and the id of its embeddings carry.
        encoder: the network as the kiosk runs it, an ONNX file.
        curves: learning curves by name, pairs of step and value.
        facts: about the run, for the report; text by name.
        helped: False when held-out people were told apart best before the first step.
    """

    network: str
    encoder: Path
    curves: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    helped: bool = True


Train = Callable[[CropsByPerson, CropsByPerson, Path], Challenger]
"""Learns from the site's people and rehearses general faces; the folder is its own to write to."""


@dataclass(frozen=True, slots=True)
class RetrainOptions:
    """What to do beyond training.

    Attributes:
        limits: of the gate.
        seed: of every draw.
        promote: False saves the release whatever the gate says, without making it active.
        thumbnails: show the hardest pairs in the report, which then holds faces.
    """

    limits: GateLimits = field(default_factory=GateLimits)
    seed: int = 0
    promote: bool = True
    thumbnails: bool = False


@dataclass(frozen=True, slots=True)
class RetrainResult:
    """How a run ended.

    Attributes:
        release_id: of the saved release; None when none was saved.
        promoted: True when doors use it now.
        verdict: of the gate; without comparisons when training did not help.
        report: the HTML file.
        refusals: why the challenger may not be used, a sentence each; none when it passed.
    """

    release_id: str | None
    promoted: bool
    verdict: Verdict
    report: Path
    refusals: tuple[str, ...] = ()


def retrain(
    settings: Settings,
    register: Register,
    clock: Clock,
    *,
    train: Train,
    general: Callable[[], GeneralFaces],
    camera_view: CameraView,
    options: RetrainOptions,
    at_stage: OnStage = lambda _stage: None,
) -> RetrainResult:
    """Train a challenger on the site, compare it with the active release, and promote it or refuse it.

    Args:
        general: returns people who have nothing to do with the site; called only when the site's own photos
            suffice.
        train: trains a challenger (`enrollment.retraining.train_site.site_trainer`).
        camera_view: of the site's camera, for the gate.
        options: of the run.
        at_stage: called before each stage.

    Raises:
        TrainingError: there are too few people, or too few photos; the message says what is missing.
        AlreadyRunningError: another run is going on.
        ReleaseError: the active release is damaged, it changed in the meantime, or too many challengers were
            judged against it.
    """
    with single_run_lock(releases_folder(settings)) as scratch:
        at_stage(Stage.GATHER)
        champion = load_release(settings, register, register.active_release_id() or PRETRAINED_ID)
        attempt = register.count_attempts(champion.release_id) + 1
        options.limits.confidence_of(attempt)  # raises before anything is trained in vain
        trained_on, held_out = _divide(register, champion, gather_site(register))
        others = general()
        _demand_people(held_out, others, options)
        at_stage(Stage.TRAIN)
        challenger = train(images_of(trained_on), others.rehearsed, scratch)
        if not challenger.helped:  # then it is the network it started from, and there is nothing to compare
            at_stage(Stage.REPORT)
            no_verdict = Verdict(())
            report = _report(settings, clock, challenger, no_verdict, objections=(NOTHING_LEARNT,))
            return RetrainResult(None, False, no_verdict, report, (NOTHING_LEARNT,))
        at_stage(Stage.EVALUATE)
        compared = embed_all(
            champion,
            pretrained_release(settings),
            challenger.encoder,
            held_out,
            others.judging,
            camera_view=camera_view,
            limits=options.limits,
            network=challenger.network,
        )
        verdict = judge(compared.sets, options.limits, attempt, options.seed)
        # Recorded before anybody sees the verdict: an attempt cannot be taken back.
        register.record_attempt(
            GateAttempt(
                champion.release_id,
                sha256_of(challenger.encoder),
                verdict.passed,
                verdict.as_record(),
                clock.now(),
            )
        )
        at_stage(Stage.REPORT)
        report = _report(
            settings, clock, challenger, verdict, sets=_reported(compared, thumbnails=options.thumbnails)
        )
        if not verdict.passed and options.promote:
            return RetrainResult(None, False, verdict, report, verdict.failures)
        at_stage(Stage.SAVE)
        now = clock.now()
        manifest = save_release(
            releases_folder(settings),
            challenger.encoder,
            compared.strangers,
            challenger_manifest(now, champion, compared, verdict),
        )
        register.record_release(_record(manifest, verdict, trained_on, now))
        release_id = manifest.release_id
        if options.promote:
            at_stage(Stage.PROMOTE)
            try:
                promote(settings, register, release_id, champion_id=champion.release_id)
            except RegisterChangedError as error:
                raise ReleaseError(
                    f"another release was promoted meanwhile: {release_id} is saved, not in use"
                ) from error
        at_stage(Stage.DONE)
        return RetrainResult(release_id, options.promote, verdict, report, verdict.failures)


def _divide(
    register: Register, champion: Release, site: FacesByPerson
) -> tuple[FacesByPerson, FacesByPerson]:
    """Return who is learnt from and who judges; nobody from whom the champion learnt judges."""
    trained_on, held_out = divide(site, HELD_OUT_SHARE)
    record = register.release_record(champion.release_id)
    known = set() if record is None else set(record.trained_on)
    judging = [person for person in held_out if person not in known][:MAX_HELD_OUT_PEOPLE]
    if len(judging) < 2 or len(trained_on) < 2:
        raise TrainingError(
            f"of {len(site)} people {len(judging)} are held out to judge and {len(trained_on)} are left to "
            "learn from; two each are the least: ask more people to consent to training. Nothing was changed"
        )
    return trained_on, {person: held_out[person] for person in judging}


def _demand_people(held_out: FacesByPerson, others: GeneralFaces, options: RetrainOptions) -> None:
    """Refuse before training what cannot be judged after it."""
    limits = options.limits
    lacking = limits.missing_people(len(held_out), non_mated_of(held_out, CAMERA_VIEWS))
    if lacking and options.promote:
        needed = math.ceil((len(held_out) + lacking) / HELD_OUT_SHARE)
        raise TrainingError(
            f"{len(held_out)} of the site's people are held out to judge, too few for a verdict: about "
            f"{needed} people with two photos have to consent to training. For a trial, train with --keep "
            "and promote with --override. Nothing was changed"
        )
    judging = held_out if others.judging is None else others.judging
    lacking = limits.missing_people(len(judging), non_mated_of(judging, 0))
    if others.judging is not None and lacking and options.promote:
        raise TrainingError(
            f"{len(judging)} people in general are too few for a verdict: about {len(judging) + lacking} "
            "are needed beside those rehearsed; name a folder of more with --general. Nothing was changed"
        )
    if strangers_among(len(judging)) < MIN_STRANGERS:
        raise TrainingError(
            f"{len(judging)} people are too few to find the new network's thresholds with: {MIN_STRANGERS} "
            "have to be searched among half as many others. Name a folder of more real people with "
            "--general. Nothing was changed"
        )


def _reported(compared: ComparedEmbeddings, *, thumbnails: bool) -> Sequence[ReportedSet]:
    """Return the sets for the report, each with the champion as the opponent."""
    site = ReportedSet("site", compared.site, compared.site_crops if thumbnails else None)
    return (site,) if compared.general is None else (site, ReportedSet("general", compared.general))


def _record(manifest: Manifest, verdict: Verdict, trained_on: FacesByPerson, now: datetime) -> ReleaseRecord:
    """Return what the register keeps of a saved release."""
    return ReleaseRecord(
        release_id=manifest.release_id,
        manifest_sha256=manifest.sha256,
        parent=manifest.parent,
        passed=verdict.passed,
        verdict=verdict.as_record(),
        override_reason=None,
        trained_on=tuple(PersonId(person) for person in sorted(trained_on)),
        recorded_at=now,
    )


@contextmanager
def single_run_lock(folder: Path) -> Iterator[Path]:
    """Hold the lock on re-training; yields a folder that is removed at the end.

    Raises:
        AlreadyRunningError: another run holds it.
    """
    with single.single_run_lock(folder / ".lock", "another run is training already: wait for its end"):
        remove_drafts(folder)
        with tempfile.TemporaryDirectory(prefix=DRAFT_PREFIX, dir=folder) as scratch:
            yield Path(scratch)


def _report(
    settings: Settings,
    clock: Clock,
    challenger: Challenger,
    verdict: Verdict,
    *,
    sets: Sequence[ReportedSet] = (),
    objections: Sequence[str] = (),
) -> Path:
    now = clock.now()
    name = f"retrain-{now:%Y%m%dT%H%M%SZ}-{sha256_of(challenger.encoder)[:16]}.html"
    path = settings.home / "reports" / name
    write_report(
        path,
        f"Re-training for {settings.site.name}, {now:%d %B %Y}",
        facts=challenger.facts,
        verdict=verdict,
        curves=challenger.curves,
        sets=sets,
        objections=objections,
    )
    return path
