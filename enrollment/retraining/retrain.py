"""`retrain`: trains on a site's consenting people; ends with a promoted release or with a refusal.

    gather -> train -> evaluate -> report -> save -> promote

Only the last stage changes what doors use, in one transaction (`models.release.promotion`); a run killed
before leaves the old release in use and at most a draft, which the next run removes.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from enrollment.retraining.compare import CameraView, challenger_manifest, embed_with_both
from enrollment.retraining.gate import GateLimits, Verdict, judge
from enrollment.retraining.gather import gather_site
from enrollment.retraining.general_faces import CropsByPerson
from enrollment.retraining.report import ReportedSet, write_report
from models.errors import RegisterChangedError, ReleaseError
from models.ports import Clock
from models.register.register import Register
from models.release.promotion import promote
from models.release.store import (
    DRAFT_PREFIX,
    active_release,
    releases_folder,
    remove_drafts,
    save_release,
)
from models.settings.settings import Settings
from models.siamese.splits import hold_out
from models.storage import single
from models.storage.files import sha256_of

NOTHING_LEARNT = (
    "training did not help people who were not trained on: more people, or more photos of each, may "
    "change that"
)
MAX_HELD_OUT_PEOPLE = 250
"""People of the site who are held out for the gate at most: all their comparisons are in memory at once."""
GATE_SHARE = 2 / 3
"""Share of the general people who are used by the gate; the others are rehearsed."""


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
        encoder: the network as the kiosk runs it, an ONNX file.
        curves: learning curves by name, pairs of step and value.
        facts: about the run, for the report; text by name.
        helped: False when held-out people were told apart best before the first step.
    """

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
        held_out_share: of the site's people, kept from training for the gate.
        limits: of the gate.
        seed: of every draw.
        promote: False saves a release that passed without making it active.
        thumbnails: show the hardest pairs in the report, which then holds faces.
    """

    held_out_share: float = 0.25
    limits: GateLimits = field(default_factory=GateLimits)
    seed: int = 0
    promote: bool = True
    thumbnails: bool = False


@dataclass(frozen=True, slots=True)
class RetrainResult:
    """How a run ended.

    Attributes:
        release_id: of the saved release; None when the gate refused.
        promoted: True when doors use it now.
        verdict: of the gate; without comparisons when training did not help.
        report: the HTML file.
        refusals: why the release in use stays, a sentence each; none when it was saved.
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
    general: Callable[[], CropsByPerson],
    camera_view: CameraView,
    options: RetrainOptions,
    at_stage: OnStage = lambda _stage: None,
) -> RetrainResult:
    """Train a challenger on the site, compare it with the active release, and promote it or refuse it.

    Args:
        general: returns people who have nothing to do with the site; called only when the site's own photos
            suffice. Some are rehearsed, the others are used by the gate.
        train: trains a challenger (`enrollment.retraining.train_site.site_trainer`).
        camera_view: of the site's camera, for the gate.
        options: of the run.
        at_stage: called before each stage.

    Raises:
        TrainingError: the site's photos do not suffice; the message says what is missing.
        AlreadyRunningError: another run is going on.
        ReleaseError: the active release is damaged, or it changed in the meantime.
    """
    with single_run_lock(releases_folder(settings)) as scratch:
        at_stage(Stage.GATHER)
        champion = active_release(settings, register)
        site = gather_site(register)
        share = min(options.held_out_share, MAX_HELD_OUT_PEOPLE / len(site))
        trained_on, held_out = _divide(site, share, options.seed)
        rehearsed, strangers = _divide(general(), GATE_SHARE, options.seed)
        at_stage(Stage.TRAIN)
        challenger = train(trained_on, rehearsed, scratch)
        if not challenger.helped:  # then it is the network it started from, and there is nothing to compare
            at_stage(Stage.REPORT)
            no_verdict = Verdict(())
            report = _report(settings, clock, challenger, no_verdict, objections=(NOTHING_LEARNT,))
            return RetrainResult(None, False, no_verdict, report, (NOTHING_LEARNT,))
        at_stage(Stage.EVALUATE)
        compared = embed_with_both(champion, challenger.encoder, held_out, strangers, camera_view)
        verdict = judge(compared.site, compared.general, options.limits, options.seed)
        at_stage(Stage.REPORT)
        sets = (
            ReportedSet("site", compared.site, compared.site_crops if options.thumbnails else None),
            ReportedSet("general", compared.general),
        )
        report = _report(settings, clock, challenger, verdict, sets=sets)
        if not verdict.passed:
            return RetrainResult(None, False, verdict, report, verdict.failures)
        at_stage(Stage.SAVE)
        manifest = challenger_manifest(clock.now(), champion, compared, verdict)
        release_id = save_release(releases_folder(settings), challenger.encoder, manifest)
        if options.promote:
            at_stage(Stage.PROMOTE)
            try:
                promote(settings, register, release_id, champion_id=champion.release_id)
            except RegisterChangedError as error:
                raise ReleaseError(
                    f"another release was promoted meanwhile: {release_id} is saved, not in use"
                ) from error
        at_stage(Stage.DONE)
        return RetrainResult(release_id, options.promote, verdict, report)


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


def _divide(people: CropsByPerson, share: float, seed: int) -> tuple[CropsByPerson, CropsByPerson]:
    kept, held_out = hold_out(people, share, seed)
    return {person: people[person] for person in kept}, {person: people[person] for person in held_out}


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
