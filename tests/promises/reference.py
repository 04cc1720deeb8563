"""Writes the reference pages that are made of the code: `python -m tests.promises.reference` writes them anew."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer.main

from access.hardware import door_machine
from models import errors
from models.cli.app import USAGE_ERROR, build_app
from models.errors import DoorwardError
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "reference"

CLI_INTRO = """# Commands

One command, `doorward`, with the commands below. `doorward --help` and `doorward COMMAND --help` show the same.

Global options may stand before or after the command:

{options}

Exit status: 0 when the command did what it says, 1 for a failure that has a [code](errors.md), 2 for wrong usage,
130 when it was interrupted. With `--json` each result is one [line of JSON](json.md) on stdout, and a failure is one
on stderr. `doorward --install-completion` completes commands in your shell.
"""

ERRORS_INTRO = f"""# Error codes

A failure has one shape everywhere. On the shell with `--json` it is one line on stderr:

```json
{{"type": "error", "error": "poor_quality", "message": "ada.jpg: the face is blurred; take another picture", "details": {{"reasons": ["blurred"]}}}}
```

- `error` is the code: it stays the same from version to version, and programs should decide by it.
- `message` is for people, and says what to do. It may change.
- `details` has what a program needs beside it; `{{}}` for most.

A page answers with the same members as `application/problem+json` (RFC 9457), beside `type`
(`urn:doorward:error:CODE`), `title`, `status` and `detail`. HTTP errors that are no failure of Doorward, such as 404,
have the same shape with the name of the status as code, such as `not_found`. Reports of many pictures or people, and
`doorward doctor`, use the same codes.

`{USAGE_ERROR}` is the code of wrong usage: an option that does not exist, a missing argument. Its exit status is 2;
that of all others is 1. What to do about each: [Troubleshooting](../troubleshooting.md).

| code | HTTP | what it means | class |
| --- | --- | --- | --- |
"""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it, by name."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name in sorted(command.commands):
        yield from commands(command.commands[name], (*path, name))


def cli_page() -> str:
    """docs/reference/cli.md."""
    app = typer.main.get_command(build_app())
    parts = [CLI_INTRO.format(options=_table(app, shown=("--home", "--config", "--json", "--version")))]
    for path, command in commands(app):
        words = " ".join(path)
        arguments = [_metavar(each) for each in command.params if each.param_type_name == "argument"]
        usage = " ".join(["doorward", words, "[OPTIONS]", *arguments])
        text = inspect.cleandoc(command.help or "")
        table = _table(command)
        parts.append(
            f"## doorward {words}\n\n{text}\n\n```console\n$ {usage}\n```\n"
            + (f"\n{table}\n" if table else "")
        )
    return "\n".join(parts)


def _table(command: Any, shown: tuple[str, ...] | None = None) -> str:
    rows = [_row(each) for each in command.params if _is_ours(each, shown)]
    return "\n".join(["| argument or option | meaning |", "| --- | --- |", *rows]) if rows else ""


def _metavar(argument: Any) -> str:
    """How an argument stands in the usage line: `[NAME]` where it may be left out, `PHOTO...` for several."""
    name = (argument.metavar or argument.name.upper()).rstrip(".") + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _is_ours(parameter: Any, shown: tuple[str, ...] | None) -> bool:
    if parameter.param_type_name == "option" and parameter.hidden:
        return False
    return parameter.name != "help" and (shown is None or any(name in shown for name in parameter.opts))


def _row(parameter: Any) -> str:
    help_text = getattr(parameter, "help", None) or ""
    if parameter.param_type_name == "argument":
        return f"| `{_metavar(parameter).strip('[].')}` | {help_text} |"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = parameter.default
    flag = getattr(parameter, "is_flag", False)
    given = "" if flag or default is None or callable(default) else f" Default: `{default}`."
    variable = getattr(parameter, "envvar", None)
    return f"| {names} | {help_text}{given}{f' Environment: `{variable}`.' if variable else ''} |"


def failures() -> list[type[DoorwardError]]:
    """Every class of failure, as `models.errors` lists them."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, DoorwardError)]


def errors_page() -> str:
    """docs/reference/errors.md."""
    rows = [
        f"| `{kind.code}` | {kind.status} | {inspect.cleandoc(kind.__doc__ or '').splitlines()[0]} | `{kind.__name__}` |"
        for kind in sorted(failures(), key=lambda kind: kind.code)
    ]
    return ERRORS_INTRO + "\n".join(rows) + "\n"


DOOR_STATES_INTRO = """# States of a door

The kiosk follows the lock and the door leaf by two tables ([Lock hardware](hardware.md) says how they are connected).
A state with an alarm raises it when it begins, and clears it when it ends. The tables are made of the code
(`access/hardware/door_machine.py`) by `python -m tests.promises.reference`.

## Alarms

| state | alarm |
| --- | --- |
{alarms}

Besides them `tamper` is raised while a housing is open. What each alarm means: [Events](events.md#alarms).

## The lock

A row is what the lock is doing, a column what happens, a cell what it is doing then; a dot changes nothing.

{lock}

- *Released* ends when the time of the grant is over. A lock that still says unlocked {relock:g} s later did not obey:
  it is `unknown`.
- *Silent* is hardware that has not answered for {silent:g} s.
- An order alone proves nothing: `jammed`, `unknown` and `offline` end only by an answer of the lock.

## The door leaf

It is followed where there is a door contact. Without one nobody can say whether a person went in, nor whether the
door is held or forced open.

{leaf}

- The door may be open while the lock is released, {lag:g} s longer, and for `door.exit_request_s` after a request to
  exit. At the first look it may be open too: nobody saw it being opened.
- It was open *for too long* when `door.held_open_s` have passed since the release was over.
- Opened after a grant: the notice `entered`. Not opened while the lock was released: `did_not_enter`. Where the
  hardware was silent meanwhile there is neither.
- A door that was opened and closed between two looks, a tenth of a second apart, is not noticed.
"""


def door_states_page() -> str:
    """docs/reference/door-states.md."""
    alarms = [f"| `{state}` | `{alarm}` |" for state, alarm in door_machine.ALARM_OF.items()]
    return DOOR_STATES_INTRO.format(
        alarms="\n".join(alarms),
        lock=_transitions(door_machine.LOCK_TABLE),
        leaf=_transitions(door_machine.LEAF_TABLE),
        relock=door_machine.RELOCK_S,
        silent=door_machine.SILENT_S,
        lag=door_machine.CONTACT_LAG_S,
    )


def _transitions(table: Mapping[tuple[Any, Any], Any]) -> str:
    """A table of transitions: states down, inputs across."""
    states, inputs = (list(dict.fromkeys(each)) for each in zip(*table, strict=True))
    lines = ["| | " + " | ".join(inputs) + " |", "| --- |" + " --- |" * len(inputs)]
    for state in states:
        cells = (table[state, given] for given in inputs)
        shown = ["·" if following is state else f"`{following}`" for following in cells]
        lines.append(f"| `{state}` | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def table_keys(page: str, heading: str) -> dict[str, str]:
    """The keys that the table under a heading of a page lists, with what the page says of them."""
    section = (FOLDER / page).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([\w.]+)` \|.*?([^|]+) \|$", section, flags=re.MULTILINE))


def check_json_line(kind: str, keys: Iterable[str]) -> None:
    """Compare the keys of a line of JSON with those that docs/reference/json.md lists.

    Raises:
        AssertionError: the page lacks a key, or lists one that the line has not and that is not "Only ..."."""
    listed = table_keys("json.md", kind)
    if kind in {"event", "why"}:
        listed |= table_keys("events.md", "Fields")
    given = set(keys)
    assert given <= set(listed), f"json.md lacks of {kind}: {given - set(listed)}"
    required = {key for key, meaning in listed.items() if not meaning.strip().startswith("Only")}
    assert required <= given, f"json.md lists of {kind} what is not there: {required - given}"


PAGES = {"cli.md": cli_page, "door-states.md": door_states_page, "errors.md": errors_page}


def main() -> None:
    """Write every page anew."""
    for name, make in PAGES.items():
        Path(FOLDER / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
