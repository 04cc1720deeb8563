"""The commands of `audit`: check the event log, export it, prove one event, sign checkpoints."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.audit.checkpoint import NoteError, SiteVerifier
from models.audit.export import ExportError, check_export
from models.cli.dates import parse_time
from models.cli.output import Console, LineType, console_of
from models.errors import InputError, LogAlteredError
from models.register.log_check import ChainReport, describe
from models.site import open_register
from models.storage.files import write_atomically

app = typer.Typer()
audit = typer.Typer(no_args_is_help=True, help="Prove that nobody changed what happened at the doors.")
app.add_typer(audit, name="audit")

NOTE_BEGINS = re.compile(r"^(?=doorward/)", re.MULTILINE)
PRIVATE = 0o600


@audit.command()
def verify(
    ctx: typer.Context,
    *,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Checkpoints that another machine kept; may be given again."),
    ] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Check this export or proof, not the register.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="With --file: the site's public key; default: the register's."),
    ] = None,
) -> None:
    """Check the whole event log, or a file made of it; status 1 and the place when anything was changed."""
    console = console_of(ctx)
    if file is not None:
        _verify_file(console, file, key)
        return
    notes = [note for path in checkpoint or [] for note in split_notes(_read(path))]
    with open_register(console.settings) as register:
        report = register.verify_log(notes)
    for chain in report.chains:
        console.emit(LineType.AUDIT_CHAIN, _chain_record(chain), _chain_line(chain))
    _report_problems(console, [(each.chain, each.seq, describe(each)) for each in report.problems])


@audit.command()
def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Made; must not exist.")],
    *,
    door: Annotated[
        str | None, typer.Option(metavar="DOOR", help="This chain alone: a door, DOOR/silent, or site.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Without the events of days (UTC) before: 2026-11-01.")
    ] = None,
) -> None:
    """Write the log into a file that others can check; it names nobody."""
    console = console_of(ctx)
    if file.exists():
        raise InputError(f"{file} exists already: name a new file; nothing was overwritten")
    day = None if since is None else parse_time(since, console.settings.site.time_zone).date().isoformat()
    with open_register(console.settings) as register:
        lines = list(register.export_log(door, day))
        verifier = str(register.site_verifier())
    _write(file, "".join(f"{line}\n" for line in lines))
    events = sum('"kind": "event"' in line for line in lines)
    console.emit(
        LineType.AUDIT_EXPORT,
        {"file": str(file), "events": events, "key": verifier},
        f"{events} events are in {escape(str(file))}. Whoever checks it needs this key from you:\n"
        f"{escape(verifier)}",
    )


@audit.command()
def prove(
    ctx: typer.Context,
    door: Annotated[str, typer.Argument(metavar="DOOR", help="A door, DOOR/silent, or site.")],
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The event's number at that door.")],
) -> None:
    """Print the proof of one event: without the others, it shows that the event was signed as it is."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        proof = register.prove_event(door, seq)
    if console.json:
        console.emit(LineType.AUDIT_PROOF, proof)
    else:
        typer.echo(json.dumps(proof))


@audit.command()
def checkpoint(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Write them here instead; overwritten.")
    ] = None,
) -> None:
    """Sign how far each chain is, and print that: keep it on another machine."""
    console = console_of(ctx)
    with open_register(console.settings) as register:
        register.write_checkpoints()
        notes = register.checkpoints()
        verifier = str(register.site_verifier())
    for note in notes:
        console.emit(LineType.AUDIT_CHECKPOINT, {"checkpoint": note, "key": verifier})
    if file is not None:
        _write(file, "".join(notes))
        console.note(f"{len(notes)} checkpoints are in {file}. The site's public key: {verifier}")
    elif not console.json:
        typer.echo("".join(notes), nl=False)
        console.note(f"The site's public key: {verifier}")


def split_notes(text: str) -> list[str]:
    """Return the checkpoints that stand in a file one after another."""
    return [note for note in NOTE_BEGINS.split(text) if note.strip()]


def _verify_file(console: Console, file: Path, key: str | None) -> None:
    lines = _read(file).splitlines()
    try:
        if key is None:
            with open_register(console.settings) as register:
                verifier = register.site_verifier()
        else:
            verifier = SiteVerifier.parse(key)
        report = check_export(lines, verifier)
    except (ExportError, NoteError) as error:
        raise InputError(f"{file}: {error}") from error
    for chain, events in sorted(report.events.items()):
        record = {"chain": chain, "events": events, "file": str(file)}
        console.emit(LineType.AUDIT_FILE, record, f"{escape(chain)}: {events} events")
    _report_problems(console, [(each.chain, each.seq, describe(each)) for each in report.problems])


def _report_problems(console: Console, problems: list[tuple[str, int | None, str]]) -> None:
    """Write every problem. Raises LogAlteredError when there is one."""
    for chain, seq, text in problems:
        record = {"chain": chain, "seq": seq, "message": text}
        console.emit(LineType.AUDIT_PROBLEM, record, f"[red]{escape(text)}[/]")
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise LogAlteredError(problems[0][2] + more)
    console.show("Nothing was changed.")


def _chain_record(report: ChainReport) -> dict[str, object]:
    return {
        "chain": report.chain,
        "events": report.events,
        "days": report.days,
        "days_deleted": report.pruned,
        "problems": len(report.problems),
        "checkpoints_not_compared": report.not_compared,
    }


def _chain_line(report: ChainReport) -> str:
    line = f"{escape(report.chain)}: {report.events} events, {report.days} closed days"
    if report.pruned:
        line += f" ({report.pruned} of them without their events, which are older than the settings keep)"
    if report.not_compared:
        line += f"; {report.not_compared} checkpoints lie before these events and tell nothing any more"
    return line


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _write(path: Path, text: str) -> None:
    try:
        write_atomically(path, text.encode(), PRIVATE)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
