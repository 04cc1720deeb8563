"""The command `retrain`: learn the site, compare with the release in use, promote or refuse."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from enrollment.thresholds import recalibrate_or_warn
from models.cli.output import Console, LineType, console_of
from models.clock import SystemClock
from models.errors import ReleaseError
from models.site import open_site

app = typer.Typer()

GENERAL_PEOPLE = 450
GENERAL_PHOTOS = 3
SYNTHETIC_PEOPLE = 80


@app.command("retrain")
def retrain_site(
    ctx: typer.Context,
    *,
    backbone: Annotated[
        str, typer.Option(help="Network to start from: sface, alexnet, vgg16, resnet18, mobilenet_v3_small.")
    ] = "sface",
    weights: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="File of its pretrained weights; default: fetched."),
    ] = None,
    strategy: Annotated[
        str, typer.Option(help="fine-tune-last, fine-tune, feature-extractor or pretrained.")
    ] = "fine-tune-last",
    camera: Annotated[
        str, typer.Option(help="What it does to a face: door, or night for grey, dark and noisy.")
    ] = "door",
    steps: Annotated[int, typer.Option(min=1, help="Updates of the weights at most.")] = 200,
    general: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a folder of pictures per real person, none of the site, who judge too."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Save the release whatever the gate says, without using it.")
    ] = False,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Show the hardest pairs in the report: it then holds faces.")
    ] = False,
) -> None:
    """Learn the site: train on consenting people, compare with the release in use, promote or refuse."""
    # Torch takes seconds to import, and no other command needs it.
    from enrollment.retraining.retrain import RetrainOptions, Stage, retrain
    from enrollment.retraining.train_site import CAMERAS, camera_view, site_trainer
    from models.siamese.backbones import BACKBONES
    from models.siamese.plan import TrainingPlan
    from models.siamese.siamese_network import Strategy

    if backbone not in BACKBONES:
        raise typer.BadParameter(f"{backbone} is no backbone: {', '.join(BACKBONES)}")
    if strategy not in {each.value for each in Strategy}:
        raise typer.BadParameter(f"{strategy} is no strategy: {', '.join(Strategy)}")
    if camera not in CAMERAS:
        raise typer.BadParameter(f"{camera} is no camera: {', '.join(CAMERAS)}")
    console = console_of(ctx)
    plan = TrainingPlan(strategy=Strategy(strategy), steps=steps, seed=seed)

    def show(stage: Stage) -> None:
        if not console.json:
            typer.echo(f"{stage.value} ...", err=True)

    with open_site(console.settings) as site:
        result = retrain(
            console.settings,
            site.register,
            SystemClock(),
            train=site_trainer(
                console.settings,
                plan,
                console.progress,
                camera=camera,
                backbone=backbone,
                weights=weights,
            ),
            general=partial(_general_faces, console, general, seed),
            camera_view=camera_view(camera, seed),
            options=RetrainOptions(seed=seed, promote=not keep, thumbnails=thumbnails),
            at_stage=show,
        )
        if result.promoted:
            recalibrate_or_warn(site, console.warn)
    outcome = "promoted" if result.promoted else "refused" if result.refusals else "saved"
    record: dict[str, Any] = {
        "outcome": outcome,
        "release": result.release_id,
        "report": result.report,
        "comparisons": result.verdict.as_record()["comparisons"],
    }
    lines = [*(each.explain() for each in result.verdict.comparisons), f"The report is {result.report}."]
    heading = f"{outcome}: {result.release_id or 'the release in use stays'}"
    if result.refusals and result.release_id is not None:
        lines.append(f"{result.release_id} is saved for a trial: doorward promote --override REASON")
    console.emit(LineType.RETRAINING, record, "\n".join([heading, *lines]))
    if result.refusals:
        raise ReleaseError("the gate refused the challenger: " + "; ".join(result.refusals))


def _general_faces(console: Console, folder: Path | None, seed: int) -> Any:
    from enrollment.retraining.general_faces import general_from_folder, synthetic_general
    from models.release.weights import ensure_weights
    from models.vision.detector import YuNetDetector

    weights = ensure_weights(console.settings.weights.folder, console.settings.weights.source)
    detector = console.settings.detector
    if folder is None:
        # Only rehearsed, and nothing learns from second crops.
        first_looks = YuNetDetector(weights.detector, detector.score, detector.max_side, second_looks=0)
        with console.progress("general faces", SYNTHETIC_PEOPLE) as advance:
            return synthetic_general(
                first_looks, count=SYNTHETIC_PEOPLE, photos=GENERAL_PHOTOS, seed=seed, advance=advance
            )
    as_the_door = YuNetDetector(weights.detector, detector.score, detector.max_side)
    with console.progress("general faces", GENERAL_PEOPLE) as advance:
        return general_from_folder(
            folder, as_the_door, limit=GENERAL_PEOPLE, photos=GENERAL_PHOTOS, seed=seed, advance=advance
        )
