"""The commands `pin`, `card`, `face` and `add-person`: what a person shows at a door."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from models.cli.access import access_record
from models.cli.names import PersonName
from models.cli.output import LineType, console_of
from models.domain import PersonId
from models.errors import ConsentError, InputError
from models.register.access_records import Card, PinKind
from models.register.records import Person
from models.site import open_register

app = typer.Typer()
pin_app = typer.Typer(no_args_is_help=True, help="PINs: set one, set one for duress, remove both.")
card_app = typer.Typer(no_args_is_help=True, help="Cards: add, remove, list.")
face_app = typer.Typer(no_args_is_help=True, help="People who do not want the face recognised.")
app.add_typer(pin_app, name="pin")
app.add_typer(card_app, name="card")
app.add_typer(face_app, name="face")

FromStdin = Annotated[
    bool, typer.Option("--stdin", help="Read the PIN from the first line of the standard input; do not ask.")
]
Number = Annotated[str, typer.Argument(help="Decimal or hexadecimal digits, as the reader gives them.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@pin_app.command("set")
def set_pin(ctx: typer.Context, name: PersonName, stdin: FromStdin = False) -> None:
    """Give a person a PIN, in the place of the one before; asks for it twice and does not show it."""
    _set_pin(ctx, name, PinKind.NORMAL, stdin)


@pin_app.command("duress")
def set_duress_pin(ctx: typer.Context, name: PersonName, stdin: FromStdin = False) -> None:
    """Give a person a second PIN, which opens as well and raises a silent alarm."""
    _set_pin(ctx, name, PinKind.DURESS, stdin)


@pin_app.command("remove")
def remove_pin(ctx: typer.Context, name: PersonName) -> None:
    """Take both PINs of a person away."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        removed = register.remove_pin(person.person_id)
        record = access_record(register, person)
    has_now = "has no PIN any more" if removed else "had no PIN"
    console.emit(LineType.ACCESS, record, f"{escape(person.name)} {has_now}.")


@card_app.command("add")
def add_card(ctx: typer.Context, name: PersonName, number: Number) -> None:
    """Give a person a card; a person may have several."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        card = register.add_card(person.person_id, number)
    text = f"The card {card.number} is {escape(person.name)}'s."
    console.emit(LineType.CARD, asdict(card) | {"name": person.name}, text)


@card_app.command("remove")
def remove_card(ctx: typer.Context, number: Number) -> None:
    """Take a card away from its owner, when it is lost for example."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        card = register.remove_card(number)
        owner = register.person(card.person_id)
    text = f"The card {card.number} is {escape(owner.name)}'s no more."
    console.emit(LineType.CARD, asdict(card) | {"name": owner.name}, text)


@card_app.command("list")
def list_cards(
    ctx: typer.Context,
    person: Annotated[str | None, typer.Option(metavar="NAME", help="Cards of this person alone.")] = None,
) -> None:
    """List cards with their owners."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        owner = None if person is None else register.person_named(person).person_id
        cards, names = register.cards(owner), {each.person_id: each.name for each in register.people()}
    for card in cards:
        console.emit(LineType.CARD, asdict(card) | {"name": names.get(card.person_id)})
    console.show(_card_table(cards, names) if cards else "There are no cards.")


@face_app.command("refuse")
def refuse_face(ctx: typer.Context, name: PersonName, yes: Yes = False) -> None:
    """Delete a person's pictures and templates, and store none from now on (asks first); the person stays."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        if not yes and not console.json:
            question = f"Delete the pictures and templates of {person.name} for good, and keep PIN and cards?"
            typer.confirm(question, abort=True)
        photos = register.refuse_face(person.person_id)
        record = access_record(register, person)
    text = f"{photos} pictures of {escape(person.name)} are deleted, and no face is stored from now on."
    console.emit(LineType.ACCESS, record, text)
    if not record["pins"] and not record["cards"]:
        console.note(
            f"{person.name} has neither a PIN nor a card: see doorward pin set and doorward card add."
        )


@face_app.command("allow")
def allow_face(ctx: typer.Context, name: PersonName) -> None:
    """Let pictures of a person be enrolled again: `doorward enroll NAME --add --consent TEXT PHOTO...`."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        register.allow_face(person.person_id)
        record = access_record(register, person)
    text = f"The face of {escape(person.name)} may be enrolled again, under a new consent."
    console.emit(LineType.ACCESS, record, text)


@app.command("add-person")
def add_person(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person's name, a new one.")],
    consent: Annotated[
        str | None,
        typer.Option(help="What the person was told and agreed to; default: the setting site.consent."),
    ] = None,
) -> None:
    """Add a person who comes in by PIN or card, and of whom no face is kept."""
    console = console_of(ctx)
    text = consent if consent is not None else console.settings.site.consent
    if text is None:
        raise ConsentError(
            "say what the person was told and agreed to: --consent TEXT, or the setting site.consent"
        )
    with open_register(console.settings, create=True) as register:
        person = register.add_person_without_face(name, text)
        record = access_record(register, person)
    words = f"{escape(person.name)} is in the register, without a face. Next: doorward pin set, or card add."
    console.emit(LineType.ACCESS, record, words)


def _set_pin(ctx: typer.Context, name: str, kind: PinKind, from_stdin: bool) -> None:
    console = console_of(ctx)
    with open_register(console.settings) as register:
        person = register.person_named(name)
        pin = _pin_of_stdin() if from_stdin else _asked_pin(person)
        register.set_pin(person.person_id, pin, kind)
        record = access_record(register, person)
    what = "a new PIN" if kind is PinKind.NORMAL else "a new PIN for duress"
    console.emit(LineType.ACCESS, record, f"{escape(person.name)} has {what}.")


def _pin_of_stdin() -> str:
    line = sys.stdin.readline().strip()
    if not line:
        raise InputError("the standard input has no PIN in its first line")
    return line


def _asked_pin(person: Person) -> str:
    """Ask twice, on stderr, so that JSON on stdout stays what it is."""
    pin: str = typer.prompt(f"PIN of {person.name}", hide_input=True, confirmation_prompt=True, err=True)
    return pin


def _card_table(cards: list[Card], names: dict[PersonId, str]) -> Table:
    table = Table("number", "owner")
    for card in cards:
        table.add_row(card.number, escape(names.get(card.person_id, "")))
    return table
