"""`PolicyForm`: the shape of a rules file, table by table; `check_form` says what is wrong with one.

docs/reference/rules-file.md explains every key to an operator. `models.rules.document` makes a policy of it.
"""

import difflib
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from models.errors import InputError, RulesError
from models.rules.factors import Way, parse_way
from models.rules.policy import ALWAYS, EVERY_DOOR, EVERYONE, PassbackMode, WhenOffline

DOOR = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the setting `door.id` may be."""


def _checked_name(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("a name has neither line breaks nor spaces at its ends")
    return value


def _doors(value: object) -> frozenset[str]:
    """A list of doors' names, or `*`."""
    if value == EVERY_DOOR:
        return frozenset({EVERY_DOOR})
    if not isinstance(value, list) or not value:
        raise ValueError('write "*" for all doors, or a list of names such as ["front", "lab"]')
    return frozenset(map(_door, value))


def _some_doors(value: object) -> frozenset[str]:
    """A list of doors' names, which may be empty."""
    if not isinstance(value, list):
        raise ValueError('write a list of names such as ["front", "lab"]')
    return frozenset(map(_door, value))


def _door(value: object) -> str:
    if not isinstance(value, str) or not DOOR.fullmatch(value):
        raise ValueError(f"{value!r} is no door's name: it has 1 to 64 letters, digits, - and _")
    return value


def _way(value: object) -> Way:
    if not isinstance(value, str):
        raise ValueError("write factors as texts such as face or card+pin")
    try:
        return parse_way(value)
    except InputError as error:
        raise ValueError(str(error)) from error


def _moment(value: object) -> datetime:
    """A date, which is its first moment, or a time; with or without its zone."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    raise ValueError("write a date such as 2026-11-01, or a time such as 2026-11-01T08:00:00")


Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_checked_name)]
Door = Annotated[str, BeforeValidator(_door)]
Doors = Annotated[frozenset[str], BeforeValidator(_doors)]
SomeDoors = Annotated[frozenset[str], BeforeValidator(_some_doors)]
WayText = Annotated[Way, BeforeValidator(_way)]
Moment = Annotated[datetime, BeforeValidator(_moment)]


class Form(BaseModel):
    """A table of the file: nothing but its keys, and no value is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class RuleForm(Form):
    """A table `[[rule]]`."""

    name: Name
    group: Name
    doors: Doors
    schedule: Name = ALWAYS
    factors: Annotated[list[WayText], Field(min_length=1)] = [parse_way("face")]
    valid_from: Annotated[Moment | None, Field(alias="from")] = None
    valid_until: Annotated[Moment | None, Field(alias="until")] = None


class UnlockForm(Form):
    """A table `[[unlock]]`."""

    door: Door
    schedule: Name
    first_person: bool = False


class TwoPersonForm(Form):
    """A table `[[two_person]]`."""

    door: Door
    group: Name = EVERYONE
    within_s: Annotated[float, Field(gt=0, le=3600)] = 15.0


class ZoneForm(Form):
    """A table `[[zone]]`."""

    name: Name
    entries: Annotated[SomeDoors, Field(min_length=1)]
    exits: SomeDoors = frozenset()
    mode: Annotated[PassbackMode, Field(strict=False)] = PassbackMode.HARD
    minutes: Annotated[int, Field(ge=0, le=10_080)] = 0
    reset_hours: Annotated[int, Field(ge=1, le=168)] = 12
    exempt_group: Annotated[str, Field(max_length=64)] = ""
    confirmed: bool = True
    when_offline: Annotated[WhenOffline, Field(strict=False)] = WhenOffline.SOFT


class LockdownForm(Form):
    """A table `[[lockdown]]`."""

    name: Name
    doors: Doors
    bypass_group: Annotated[str, Field(max_length=64)] = ""


class PolicyForm(Form):
    """The whole file. Schedules and holidays have keys of their own, which `models.rules.document` reads."""

    groups: list[Name] = []
    schedules: dict[Name, dict[str, Any]] = {}
    holidays: dict[str, Name] = {}
    rule: list[RuleForm] = []
    unlock: list[UnlockForm] = []
    two_person: list[TwoPersonForm] = []
    zone: list[ZoneForm] = []
    lockdown: list[LockdownForm] = []


TABLES: dict[str, type[Form]] = {
    "rule": RuleForm,
    "unlock": UnlockForm,
    "two_person": TwoPersonForm,
    "zone": ZoneForm,
    "lockdown": LockdownForm,
}
"""The tables that a file may have several of, by name."""


def keys_of(form: type[Form]) -> list[str]:
    """Return the keys of a table, as they stand in a file."""
    return [field.alias or name for name, field in form.model_fields.items()]


def defaults_of(form: type[Form]) -> dict[str, object]:
    """Return the defaults of those keys of a table that have one."""
    return {
        field.alias or name: field.default
        for name, field in form.model_fields.items()
        if not field.is_required()
    }


def check_form(record: Mapping[str, Any]) -> PolicyForm:
    """Return the form of a file that was read.

    Args:
        record: as TOML or JSON gives it.

    Raises:
        RulesError: one clause for each value that is wrong, with its place.
    """
    try:
        return PolicyForm.model_validate(record)
    except ValidationError as error:
        raise RulesError("; ".join(map(_clause, error.errors(include_url=False)))) from error


def nearest(name: str, known: list[str]) -> str:
    """Return `; did you mean X?` of the known name most like this one, or nothing when none is like it."""
    found = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def _clause(detail: ErrorDetails) -> str:
    """What is wrong with one value, and where it stands: tables are counted from 1."""
    *tables, key = detail["loc"]
    place = " ".join(f"number {part + 1}" if isinstance(part, int) else f"[{part}]" for part in tables)
    where = f"{place}: {key}" if place else str(key)
    if isinstance(key, int):
        where = f"{place} number {key + 1}"
    if detail["type"] == "extra_forbidden":
        form = TABLES[cast("str", tables[0])] if tables else PolicyForm
        return f"{where} is no key{nearest(str(key), keys_of(form))}"
    if detail["type"] == "missing":
        return f"{where} is missing"
    return f"{where}: {detail['msg'].removeprefix('Value error, ')}"
