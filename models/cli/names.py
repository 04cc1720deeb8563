"""`PersonName`: the argument NAME of commands about one person, completed from the register by the shell."""

from typing import Annotated

import typer

from models.errors import DoorwardError
from models.register.people import name_key
from models.settings.load import load_settings
from models.site import open_register


def complete_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names in the register that begin with `incomplete`, without regard to case.

    None when there is no register or it cannot be read: a shell that completes must not show errors.
    """
    options = ctx.find_root().params
    try:
        with open_register(load_settings(options.get("home"), options.get("config"))) as register:
            names = [person.name for person in register.people()]
    except (DoorwardError, OSError):
        return []
    beginning = incomplete.casefold()
    return [name for name in names if name_key(name).startswith(beginning)]


PersonName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The person's name, as `doorward people` shows it.",
        autocompletion=complete_name,
    ),
]
