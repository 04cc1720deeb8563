"""The command `osdp install`: gives OSDP devices, and gets from a panel, the key of the secure channel."""

from typing import Annotated

import typer

from models.cli.output import LineType, console_of
from models.errors import ConfigError
from models.settings.osdp import OsdpLine, OsdpPanelSettings

app = typer.Typer()
osdp = typer.Typer(no_args_is_help=True, help="Locks, card readers and panels that are connected over OSDP.")
app.add_typer(osdp, name="osdp")


@osdp.command()
def install(
    ctx: typer.Context,
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="lock, reader or panel; without it, all of kind osdp."),
    ] = None,
) -> None:
    """Give each OSDP device a secure-channel key of its own, or get one from the panel.

    Put the device, or the panel's side of this reader, into install mode first.
    Do it beside the device: whoever listens on the cable meanwhile learns the key.
    The key is kept in the table's key_file. A kiosk must not be running.
    """
    from access.hardware.osdp_install import install_device, install_panel

    console = console_of(ctx)
    lines = {name: table for name, table in console.settings if isinstance(table, OsdpLine)}
    for name in tables or lines or ["lock"]:
        if name not in lines:
            raise ConfigError(f"{name}.kind is not osdp: write the device into the table {name} first")
        line = lines[name]
        if isinstance(line, OsdpPanelSettings):
            console.note("Waiting for the panel to give this reader a key ...")
            install_panel(line)
        else:
            install_device(line)
        record = {
            "table": name,
            "port": line.port,
            "address": line.address,
            "key_file": str(line.key_file),
        }
        console.emit(
            LineType.OSDP_KEY,
            record,
            f"{name}: address {line.address} on {line.port} has its key, kept in {line.key_file}",
        )
