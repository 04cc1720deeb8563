"""The commands `consent show`, `consent record` and `consent withdraw`."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from enrollment.desk import open_roster
from enrollment.people import consent_record
from models.cli.names import PersonName
from models.cli.output import Console, LineType, console_of
from models.register.records import Consent, Person

app = typer.Typer()
consent_app = typer.Typer(no_args_is_help=True, help="What a person agreed to: show, record, withdraw.")
app.add_typer(consent_app, name="consent")


@consent_app.command("show")
def show_consent(ctx: typer.Context, name: PersonName) -> None:
    """Show every consent on record of a person, newest last; the newest is in force."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person, consents = roster.named(name), roster.consents(name)
    for number, consent in enumerate(consents, start=1):
        in_force = number == len(consents)
        when = f"{consent.given_at.astimezone():%Y-%m-%d %H:%M}"
        heading = f"{when}  {', '.join(sorted(consent.purposes))}{'  (in force)' if in_force else ''}"
        text = f"{heading}\n    {escape(consent.text)}"
        console.emit(LineType.CONSENT, _record(person, consent, in_force=in_force), text)


@consent_app.command("record")
def record_consent(
    ctx: typer.Context,
    name: PersonName,
    text: Annotated[str, typer.Option(help="What the person agreed to, in words.")],
    allow_training: Annotated[
        bool,
        typer.Option("--allow-training", help="It covers training on the stored pictures, too."),
    ] = False,
) -> None:
    """Record what a person agrees to from now on, in the place of what was agreed before."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person, consent = roster.named(name), roster.record_consent(name, text, allow_training=allow_training)
    _show_newest(console, person, consent)


@consent_app.command("withdraw")
def withdraw_consent(
    ctx: typer.Context,
    name: PersonName,
    training: Annotated[
        bool, typer.Option("--training", help="Withdraw training only; recognition goes on.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before erasing.")] = False,
) -> None:
    """Withdraw consent to training, or to everything, which erases the person (asks first)."""
    console = console_of(ctx)
    with open_roster(console.settings, console.warn) as roster:
        person = roster.named(name)
        if training:
            _show_newest(console, person, roster.withdraw_training(name))
            return
        if not yes and not console.json:
            question = (
                f"Without consent nothing may be kept: delete all that is kept of {person.name} for good?"
            )
            typer.confirm(question, abort=True)
        receipt = roster.erase(name)
    console.emit(
        LineType.ERASURE,
        {"person_id": person.person_id, "receipt": receipt},
        f"{escape(person.name)} is erased. The receipt for it, signed with the site's key:\n\n"
        f"{escape(receipt)}",
    )


def _show_newest(console: Console, person: Person, consent: Consent) -> None:
    text = f"The consent of {escape(person.name)} covers {' and '.join(sorted(consent.purposes))} now."
    console.emit(LineType.CONSENT, _record(person, consent, in_force=True), text)


def _record(person: Person, consent: Consent, *, in_force: bool) -> dict[str, Any]:
    who = {"person_id": person.person_id, "name": person.name}
    return who | consent_record(consent) | {"in_force": in_force}
