"""The command `display`: the page for the screen beside the door."""

import typer

from models.cli.output import LineType, console_of

app = typer.Typer()


@app.command()
def display(ctx: typer.Context) -> None:
    """Serve the page of the screen beside the door to a browser of this machine, until stopped.

    It shows what the kiosk of this home says, and passes the keys of its PIN pad to it.
    While the kiosk is away it says that the door is out of order.

    The table [display] of doorward.toml has the port, the languages and the texts.
    """
    from access.display.client import FeedClient
    from access.display.display_page import THREADS, create_app
    from access.display.page_server import listen_on, serve
    from access.display.wire import socket_path
    from access.logs import configure_logging
    from access.signals import stopped_by_signals

    console = console_of(ctx)
    settings = console.settings
    zone, door = settings.site.time_zone, settings.door.id
    configure_logging(settings.log, zone)
    advice = "set display.port to another one, or stop the program that has it"
    path = socket_path(settings.display, settings.home, door)
    with (
        stopped_by_signals() as stop,
        listen_on(settings.display.port, advice) as listener,
        FeedClient(path, door, "" if zone is None else zone.key) as client,
        serve(create_app(client, settings.display), listener, threads=THREADS) as address,
    ):
        console.emit(
            LineType.ADDRESS,
            {"address": address},
            f"The display of {door} is at [bold]{address}[/] (on this machine alone). Stop with Ctrl+C.",
        )
        stop.wait()
