"""Commands about releases: list, show, promote, roll back."""

import dataclasses
from typing import Annotated, Any

import typer

from enrollment.thresholds import recalibrate_or_warn
from models.cli.output import LineType, console_of
from models.errors import RegisterAbsentError
from models.release.manifest import Manifest, verify_release
from models.release.promotion import promote, rollback
from models.release.store import PRETRAINED_ID, list_releases, release_folder
from models.site import open_register, open_site

app = typer.Typer()
releases_app = typer.Typer(no_args_is_help=True, help="Networks with their thresholds, as doors use them.")
app.add_typer(releases_app, name="releases")

ReleaseId = Annotated[
    str, typer.Argument(metavar="RELEASE", help="The release's id, as `doorward releases list` shows it.")
]


@releases_app.command("list")
def list_all(ctx: typer.Context) -> None:
    """Every release, oldest first, and which one doors use."""
    console = console_of(ctx)
    try:
        with open_register(console.settings) as register:
            active = register.active_release_id() or PRETRAINED_ID
    except RegisterAbsentError:  # a new site uses the pretrained one
        active = PRETRAINED_ID
    known = [(PRETRAINED_ID, None), *list_releases(console.settings)]
    for release_id, manifest in known:
        made = manifest.created_at.isoformat() if manifest else None
        text = f"{'*' if release_id == active else ' '} {release_id}"
        console.emit(
            LineType.RELEASE,
            {"release": release_id, "active": release_id == active, "created_at": made},
            f"{text}  from {manifest.parent}" if manifest else text,
        )


@releases_app.command("show")
def show_release(ctx: typer.Context, release_id: ReleaseId) -> None:
    """What a release says of itself, every byte checked."""
    console = console_of(ctx)
    manifest = verify_release(release_folder(console.settings, release_id))
    console.emit(LineType.RELEASE, _record_of(release_id, manifest), manifest.to_bytes().decode())


@app.command("promote")
def promote_release(ctx: typer.Context, release_id: ReleaseId) -> None:
    """Make a release the one that every door uses: embed every stored crop anew, then change all at once."""
    console = console_of(ctx)
    with open_site(console.settings) as site, console.progress("embedding", None) as advance:
        release = promote(console.settings, site.register, release_id, advance)
        recalibrate_or_warn(site, console.warn)
    console.emit(
        LineType.RELEASE,
        {"release": release.release_id, "active": True},
        f"{release.release_id} is in use now.",
    )


@app.command("rollback")
def rollback_release(ctx: typer.Context) -> None:
    """Go back to the release that the one in use was made from."""
    console = console_of(ctx)
    with open_site(console.settings) as site, console.progress("embedding", None) as advance:
        release = rollback(console.settings, site.register, advance)
        recalibrate_or_warn(site, console.warn)
    console.emit(
        LineType.RELEASE,
        {"release": release.release_id, "active": True},
        f"{release.release_id} is in use now.",
    )


def _record_of(release_id: str, manifest: Manifest) -> dict[str, Any]:
    return {"release": release_id, **dataclasses.asdict(manifest)}
