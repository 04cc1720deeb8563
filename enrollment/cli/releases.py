"""Commands about releases: list, show, promote, roll back."""

import dataclasses
from typing import Annotated, Any

import typer
from rich.markup import escape

from enrollment.thresholds import recalibrate_or_warn
from models.cli.output import LineType, console_of
from models.errors import RegisterAbsentError
from models.register.records import ReleaseRecord
from models.release.promotion import promote, rollback
from models.release.store import PRETRAINED_ID, Release, check_release
from models.site import open_register, open_site

app = typer.Typer()
releases_app = typer.Typer(no_args_is_help=True, help="The networks that doors use.")
app.add_typer(releases_app, name="releases")

ReleaseId = Annotated[
    str, typer.Argument(metavar="RELEASE", help="The release's id, as `doorward releases list` shows it.")
]


@releases_app.command("list")
def list_all(ctx: typer.Context) -> None:
    """Every release that was made here, oldest first, and which one doors use."""
    console = console_of(ctx)
    try:
        with open_register(console.settings) as register:
            active, records = register.active_release_id() or PRETRAINED_ID, register.release_records()
    except RegisterAbsentError:  # a new site uses the pretrained one
        active, records = PRETRAINED_ID, []
    pretrained = {"release": PRETRAINED_ID, "created_at": None, "passed": None, "override_reason": None}
    console.emit(
        LineType.RELEASE,
        pretrained | {"active": active == PRETRAINED_ID},
        _marked(PRETRAINED_ID, active),
    )
    for each in records:
        console.emit(
            LineType.RELEASE,
            {
                "release": each.release_id,
                "active": each.release_id == active,
                "created_at": each.recorded_at.isoformat(),
                "passed": each.passed,
                "override_reason": each.override_reason,
            },
            f"{_marked(each.release_id, active)}  from {each.parent}  {_verdict(each)}",
        )


@releases_app.command("show")
def show_release(ctx: typer.Context, release_id: ReleaseId) -> None:
    """What a release says of itself, every byte checked, and what the gate found."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        manifest, record = check_release(console.settings, register, release_id)
        active = register.active_release_id()
    shown = {
        "release": release_id,
        "active": release_id == active,
        "passed": record.passed,
        "override_reason": record.override_reason,
        "trained_on": len(record.trained_on),
        **dataclasses.asdict(manifest),
    }
    learnt = f"\nIt learnt from {len(record.trained_on)} people who are enrolled. "
    console.emit(LineType.RELEASE, shown, escape(manifest.to_bytes().decode()) + learnt + _verdict(record))


@app.command("promote")
def promote_release(
    ctx: typer.Context,
    release_id: ReleaseId,
    override: Annotated[
        str | None,
        typer.Option(
            metavar="REASON",
            help="Use it without the gate's verdict, for a trial; the reason is kept.",
        ),
    ] = None,
) -> None:
    """Make a release the one that every door uses: embed every stored crop anew, then change all at once.

    The gate must have let it through, compared with the release in use.
    """
    console = console_of(ctx)
    with open_site(console.settings) as site, console.progress("embedding", None) as advance:
        release = promote(console.settings, site.register, release_id, advance, override_reason=override)
        recalibrate_or_warn(site, console.warn)
        record = site.register.release_record(release.release_id)
    if record is not None and record.override_reason is not None:
        console.warn(
            f"{release.release_id} is used on your word, not on the gate's: {record.override_reason}"
        )
    console.emit(LineType.RELEASE, _in_use(release), f"{release.release_id} is in use now.")


@app.command("rollback")
def rollback_release(ctx: typer.Context) -> None:
    """Go back to the release that the one in use was made from."""
    console = console_of(ctx)
    with open_site(console.settings) as site, console.progress("embedding", None) as advance:
        release = rollback(console.settings, site.register, advance)
        recalibrate_or_warn(site, console.warn)
    console.emit(LineType.RELEASE, _in_use(release), f"{release.release_id} is in use now.")


def _in_use(release: Release) -> dict[str, Any]:
    return {"release": release.release_id, "active": True}


def _marked(release_id: str, active: str) -> str:
    return f"{'*' if release_id == active else ' '} {release_id}"


def _verdict(record: ReleaseRecord) -> str:
    """Return the gate's verdict in words, as rich text: in red where it was not followed."""
    if record.override_reason is not None:
        return f"[bold red]WITHOUT THE GATE'S VERDICT: {escape(record.override_reason)}[/]"
    if record.passed:
        return "The gate let it through."
    return "[red]The gate did not let it through.[/]"
