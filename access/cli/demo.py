"""The command `demo`: all the visits at once, or in the browser for as long as a person likes."""

from contextlib import AbstractContextManager, ExitStack
from socket import socket
from typing import Annotated

import typer

from models.cli.output import console_of
from models.site import open_site
from models.storage.single import single_run_lock

app = typer.Typer()


@app.command()
def demo(
    ctx: typer.Context,
    headless: Annotated[
        bool,
        typer.Option("--headless", metavar="", help="All visits at once; exit status 1 when one went wrong."),
    ] = False,
    visits: Annotated[int, typer.Option(min=1, metavar="N", help="How many come to the door.")] = 60,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Another seed is another set of people.")] = 0,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Where the page is shown; 0: any.")
    ] = 8080,
) -> None:
    """Enrol synthetic people, let them and strangers come to a simulated door, show it in the browser.

    Its home is the folder demo inside the home, made anew at each start.
    """
    # What recognises faces takes a second to import, and the shell imports every command.
    from access.demo import demonstration as show
    from access.demo.acts import prepare_rules
    from access.demo.run import run_headless, run_in_browser

    console = console_of(ctx)
    home = console.settings.home
    taken = (
        f"another demo runs on {home}: stop it, or give this one another folder by --home and another port "
        'by --port, with make by HOME_DIR=OTHER DEMO="--port 8081"'
    )
    with ExitStack() as stack:
        # Both before the old demo is removed: it may be running.
        stack.enter_context(single_run_lock(home / "demo.lock", taken))
        listener = None if headless else stack.enter_context(_listen_on(port))
        settings = show.prepare_home(console.settings)
        with console.progress("Drawing people", show.ENROLLED) as advance:
            photos = show.draw_photos(settings, seed, advance)
        with console.progress("Enrolling them", None):
            show.enrol(settings, photos)
        site = stack.enter_context(open_site(settings))
        with console.progress("Importing rules", None):
            prepare_rules(site)
        guests = show.invite(visits, seed, show.names_in(site).values())
        if listener is None:
            run_headless(console, site, guests, seed)
        else:
            run_in_browser(console, site, guests, listener, seed)


def _listen_on(port: int) -> AbstractContextManager[socket]:
    from access.display.live_page import listen_on  # needs Flask, which a headless demo does without

    return listen_on(port)
