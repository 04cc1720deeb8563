"""The command `demo`: all the visits at once, or in the browser for as long as a person likes."""

from typing import Annotated

import typer

from models.cli.output import console_of
from models.site import open_site

app = typer.Typer()


@app.command()
def demo(
    ctx: typer.Context,
    headless: Annotated[
        bool, typer.Option("--headless", help="All visits at once; exit status 1 when one went wrong.")
    ] = False,
    visits: Annotated[int, typer.Option(min=1, help="How many come to the door.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another set of people.")] = 0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the page is shown; 0: any.")] = 8080,
) -> None:
    """Enrol people who do not exist; they and strangers come to a door, in the browser or headless."""
    # What recognises faces takes a second to import, and the shell imports every command.
    from access.demo import demonstration as show
    from access.demo.run import run_headless, run_in_browser

    console = console_of(ctx)
    settings = show.prepare_home(console.settings)
    with console.progress("Drawing people", show.ENROLLED) as advance:
        photos = show.draw_photos(settings, seed, advance)
    with console.progress("Enrolling them", None):
        show.enrol(settings, photos)
    with open_site(settings) as site:
        guests = show.invite(visits, seed, show.names_in(site).values())
        if headless:
            run_headless(console, site, guests)
        else:
            run_in_browser(console, site, guests, port)
