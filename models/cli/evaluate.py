"""The commands `evaluate`, `calibrate` and `whatif`: error rates on photographs, and thresholds.

SciPy is imported when a command runs: a door must start without it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.cli.dates import parse_time
from models.cli.output import Console, LineType, console_of
from models.encoders.flipped import FlippedEncoder
from models.encoders.openvino import OpenVinoEncoder
from models.errors import CalibrationError
from models.release.store import PRETRAINED_ID, active_release, load_release, pretrained_release
from models.release.weights import ensure_weights
from models.site import open_register, open_site
from models.vision.detector import YuNetDetector

if TYPE_CHECKING:
    from models.evaluation.evaluator import Evaluator

FACES_PER_PHOTO = 3

app = typer.Typer()
evaluate_app = typer.Typer(no_args_is_help=True, help="Error rates on photographs, by ISO/IEC 19795.")
app.add_typer(evaluate_app, name="evaluate")

Out = Annotated[Path | None, typer.Option(help="Folder for the plots: det.png, roc.png, scores.png.")]
ReleaseName = Annotated[str, typer.Option("--release", help="The release to measure.")]


def _evaluator(console: Console, release_id: str) -> "Evaluator":
    from models.evaluation.evaluator import Evaluator

    settings = console.settings
    if release_id == PRETRAINED_ID:
        release = pretrained_release(settings)  # also where there is no register yet
    else:
        with open_register(settings) as register:
            release = load_release(settings, register, release_id)
    weights = ensure_weights(settings.weights.folder, settings.weights.source)
    detector = YuNetDetector(
        weights.detector, settings.detector.score, settings.detector.max_side, FACES_PER_PHOTO
    )
    encoder = FlippedEncoder(
        OpenVinoEncoder(release.encoder_path, release.model_id, settings.encoder.threads)
    )
    return Evaluator(detector, encoder, release, console.progress, settings.decision.min_margin)


@evaluate_app.command("pairs")
def evaluate_pairs(
    ctx: typer.Context,
    *,
    pairs: Annotated[Path, typer.Option(help="Pairs in LFW's format.")],
    images: Annotated[Path, typer.Option(help="NAME/NAME_0001.jpg for everyone in it.")],
    calibrate_on: Annotated[
        Path | None, typer.Option(help="Other pairs to take the threshold from; default: the other folds.")
    ] = None,
    calibrate_images: Annotated[
        Path | None, typer.Option(help="The photographs of those; default: --images.")
    ] = None,
    release: ReleaseName = PRETRAINED_ID,
    out: Out = None,
) -> None:
    """Measure 1:1 on pairs of photographs: accuracy, error rates with bounds, and the worst errors."""
    from models.evaluation.reports import pairs_text

    console = console_of(ctx)
    others = None if calibrate_on is None else (calibrate_on, calibrate_images or images)
    record = _evaluator(console, release).pairs(pairs, images, others, out)
    console.emit(LineType.EVALUATION_PAIRS, record, pairs_text(record))


@evaluate_app.command("identification")
def evaluate_identification(
    ctx: typer.Context,
    *,
    gallery: Annotated[Path, typer.Option(help="The enrolled: one folder per person.")],
    probes: Annotated[Path, typer.Option(help="Other photographs of them, in folders of the same names.")],
    strangers: Annotated[Path, typer.Option(help="People who are not enrolled: one folder per person.")],
    calibrate_on: Annotated[
        Path | None,
        typer.Option(help="Further people, neither enrolled nor strangers, to find the threshold with."),
    ] = None,
    target_fpir: Annotated[
        float | None,
        typer.Option(help="The FPIR to ask for, of one search; default: error_rates.target_far."),
    ] = None,
    release: ReleaseName = PRETRAINED_ID,
    out: Out = None,
) -> None:
    """Measure 1:N: strangers accepted, enrolled refused, under the threshold of a target error rate.

    Without --calibrate-on the threshold starts from the packaged reference, which holds the scores of
    strangers of Labeled Faces in the Wild: on photographs of that set it is too favourable.
    """
    from models.evaluation.reports import identification_text

    console = console_of(ctx)
    section = console.settings.error_rates
    target = section.target_far if target_fpir is None else target_fpir
    record = _evaluator(console, release).identification(
        gallery,
        probes,
        strangers,
        calibrate_on=calibrate_on,
        target_fpir=target,
        confidence=section.confidence,
        out=out,
    )
    console.emit(LineType.EVALUATION_IDENTIFICATION, record, identification_text(record))


@app.command()
def calibrate(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, keep the old thresholds.")] = False,
) -> None:
    """Find the thresholds that keep the target error rates for those enrolled now, and what to expect."""
    from models.evaluation.recalibration import calibrate_gallery, recalibrate
    from models.evaluation.reports import calibration_record, calibration_text

    console = console_of(ctx)
    with open_site(console.settings) as site:
        release = active_release(console.settings, site.register)
        if dry_run:
            found, _ = calibrate_gallery(site.register, release, console.settings)
        else:
            found = recalibrate(site.register, release, console.settings)
        names = {person.person_id: person.name for person in site.register.people()}
    console.emit(
        LineType.CALIBRATION,
        calibration_record(found, release.release_id, names),
        calibration_text(found, console.settings.error_rates.strangers_per_day, names),
    )


@app.command()
def whatif(
    ctx: typer.Context,
    target_far: Annotated[float, typer.Option(help="The other target, of a visit, such as 0.01.")],
    since: Annotated[str, typer.Option(help="From when on, such as 2026-11-01.")],
) -> None:
    """Judge the stored decisions again, under the threshold of another target error rate."""
    from models.evaluation.recalibration import site_thresholds
    from models.evaluation.reports import replay_record, replay_text
    from models.evaluation.whatif import replay_decisions

    console = console_of(ctx)
    settings = console.settings
    other = settings.model_copy(
        update={"error_rates": settings.error_rates.model_copy(update={"target_far": target_far})}
    )
    start = parse_time(since, settings.site.time_zone)
    with open_site(settings) as site:
        release = active_release(settings, site.register)
        calibration = site.register.latest_calibration(release.release_id)
        gallery = site.view().gallery
        thresholds = site_thresholds(release, calibration, other)
        found = thresholds.identify(gallery.size, gallery.photos_each)
        events = [e for e in site.register.events(since=start) if e.release == release.release_id]
    if not events:
        raise CalibrationError(f"no decision of release {release.release_id} is stored since {since}")
    replayed = replay_decisions(events, found.threshold.value, settings.decision.min_margin)
    record = replay_record(replayed, found, since)
    console.emit(LineType.WHATIF, record, replay_text(record))
