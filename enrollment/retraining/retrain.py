"""Re-training, top to bottom: the site's consenting people go in, a promoted release or a refusal comes out.

    gather -> train -> evaluate -> report -> save -> promote

Only the last stage changes what doors use, in one transaction (`models.release.promotion`); a run killed
anywhere before leaves the old release in force and at most a draft, which the next run sweeps away.
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
from models.errors import ReleaseError
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
    "nothing that was learnt helps people who were not learnt from: more people, or more photos of each, may "
    "change that"
)
MAX_HELD_OUT_PEOPLE = 250
"""People of the site; more would judge no better, and all their comparisons are in memory at once."""
JUDGING_SHARE = 2 / 3
"""Of the general faces; the gate needs more of them than rehearsal does."""


class Stage(StrEnum):
    """Where a run is."""

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
    """What training hands over.

    Attributes:
        encoder: the network as the kiosk runs it, an ONNX file.
        curves: learning curves by name, pairs of step and value.
        facts: about the run, in words, for the report.
        helped: False when people who were not learnt from were told apart best before the first step.
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
        verdict: of the gate; without comparisons when training taught nothing that helps.
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
        general: gives people who have nothing to do with the site, asked only when the site's own photos
            suffice; some are rehearsed, the others judge.
        see: what the site's camera makes of a photo, for the gate.
        at_stage: told before each stage.

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
        learnt, held_out = _divide(site, share, options.seed)
        rehearsed, strangers = _divide(general(), JUDGING_SHARE, options.seed)
        at_stage(Stage.TRAIN)
        challenger = train(learnt, rehearsed, scratch)
        if not challenger.helped:  # then it is the network it started from, and there is nothing to compare
            at_stage(Stage.REPORT)
            nothing = Verdict(())
            report = _report(settings, clock, challenger, nothing, objections=(NOTHING_LEARNT,))
            return RetrainResult(None, False, nothing, report, (NOTHING_LEARNT,))
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
            if active_release(settings, register).release_id != champion.release_id:
                raise ReleaseError(
                    f"another release was promoted meanwhile: {release_id} is saved, not in use"
                )
            promote(settings, register, release_id)
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
