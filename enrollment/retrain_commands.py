"""Commands of re-training and of releases."""

import dataclasses
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from enrollment.desk import find_thresholds
from models.clock import SystemClock
from models.console import Console, console_of
from models.errors import ReleaseError
from models.release.manifest import Manifest, verify_release
from models.release.promotion import promote, rollback
from models.release.store import PRETRAINED_ID, list_releases, releases_folder
from models.site import open_register, open_site

app = typer.Typer()
releases_app = typer.Typer(no_args_is_help=True, help="Networks with their thresholds, as doors use them.")
app.add_typer(releases_app, name="releases")

GENERAL_PEOPLE = 450
GENERAL_PHOTOS = 3
SYNTHETIC_PEOPLE = 80


@app.command("retrain")
def retrain_site(
    ctx: typer.Context,
    *,
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
            help="Folder with a folder of pictures per person, none of the site; default: synthetic."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Save a release that passes, without using it.")
    ] = False,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Show the hardest pairs in the report: it then holds faces.")
    ] = False,
) -> None:
    """Learn the site: train on consenting people, compare with the release in use, promote or refuse."""
    # Torch takes seconds to import, and no other command needs it.
    from enrollment.retrain import RetrainOptions, Stage, retrain
    from enrollment.training import CAMERAS, seen_by, site_trainer
    from models.siamese.plan import TrainingPlan
    from models.siamese.strategies import Strategy

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
            train=site_trainer(console.settings, plan, console.progress, camera),
            general=partial(_people_in_general, console, general, seed),
            see=seen_by(camera, seed),
            options=RetrainOptions(seed=seed, promote=not keep, thumbnails=thumbnails),
            at_stage=show,
        )
        if result.promoted:
            find_thresholds(site, console.warn)
    outcome = "promoted" if result.promoted else "saved" if result.release_id else "refused"
    record: dict[str, Any] = {
        "outcome": outcome,
        "release": result.release_id,
        "report": result.report,
        "comparisons": [dataclasses.asdict(each) for each in result.verdict.comparisons],
    }
    lines = [*(each.explain() for each in result.verdict.comparisons), f"The report is {result.report}."]
    console.emit(record, "\n".join([f"{outcome}: {result.release_id or 'the release in use stays'}", *lines]))
    if result.release_id is None:
        raise ReleaseError("the gate refused the challenger: " + "; ".join(result.refusals))


@releases_app.command("list")
def list_all(ctx: typer.Context) -> None:
    """Every release, oldest first, and which one doors use."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        active = register.active_release_id() or PRETRAINED_ID
    known = [(PRETRAINED_ID, None), *list_releases(console.settings)]
    for release_id, manifest in known:
        made = manifest.created_at.isoformat() if manifest else None
        text = f"{'*' if release_id == active else ' '} {release_id}"
        console.emit(
            {"release": release_id, "active": release_id == active, "created_at": made},
            f"{text}  from {manifest.parent}" if manifest else text,
        )


@releases_app.command("show")
def show_release(ctx: typer.Context, release_id: str) -> None:
    """What a release says of itself, every byte checked."""
    console = console_of(ctx)
    manifest = verify_release(releases_folder(console.settings) / release_id)
    console.emit(_record_of(release_id, manifest), manifest.to_bytes().decode())


@app.command("promote")
def promote_release(ctx: typer.Context, release_id: str) -> None:
    """Make a release the one that every door uses: embed every stored crop anew, then change all at once."""
    console = console_of(ctx)
    with open_site(console.settings) as site, console.progress("embedding", None) as advance:
        release = promote(console.settings, site.register, release_id, advance)
        find_thresholds(site, console.warn)
    console.emit({"active": release.release_id}, f"{release.release_id} is in use now.")


@app.command("rollback")
def rollback_release(ctx: typer.Context) -> None:
    """Go back to the release that the one in use was made from."""
    console = console_of(ctx)
    with open_site(console.settings) as site, console.progress("embedding", None) as advance:
        release = rollback(console.settings, site.register, advance)
        find_thresholds(site, console.warn)
    console.emit({"active": release.release_id}, f"{release.release_id} is in use now.")


def _record_of(release_id: str, manifest: Manifest) -> dict[str, Any]:
    return {"release": release_id, **dataclasses.asdict(manifest)}


def _people_in_general(console: Console, folder: Path | None, seed: int) -> Any:
    from enrollment.people_in_general import draw_people, read_people
    from models.release.weights import ensure_weights
    from models.vision.detector import YuNetDetector

    weights = ensure_weights(console.settings.weights.folder, console.settings.weights.source)
    detector = YuNetDetector(weights.detector, closer_looks=0)  # only the first look is embedded here
    if folder is None:
        with console.progress("people in general", SYNTHETIC_PEOPLE) as advance:
            return draw_people(
                detector, count=SYNTHETIC_PEOPLE, photos=GENERAL_PHOTOS, seed=seed, advance=advance
            )
    with console.progress("people in general", GENERAL_PEOPLE) as advance:
        return read_people(
            folder, detector, limit=GENERAL_PEOPLE, photos=GENERAL_PHOTOS, seed=seed, advance=advance
        )
