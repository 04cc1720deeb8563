"""`policy_from_text`, `policy_text`: a policy as a file that people read and write (TOML).

`policy_record` and `policy_from_record` are the same as plain JSON values, to be stored; `digest` identifies
a policy.
docs/reference/rules-file.md lists the keys.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from models.errors import RulesError
from models.rules.consistency import find_problems
from models.rules.factors import way_text
from models.rules.form import TABLES, RuleForm, check_form, defaults_of, nearest
from models.rules.policy import (
    DAY_MINUTES,
    EVERY_DOOR,
    LockdownPlan,
    PassbackZone,
    Policy,
    Rule,
    Schedule,
    TwoPersonDoor,
    UnlockTime,
    Window,
    Windows,
)
from models.rules.schedule import to_utc, window_text

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"
WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
LIMITS = ("from", "until")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def policy_from_text(text: str, zone: tzinfo | None = None, doors: Collection[str] | None = None) -> Policy:
    """Return the policy that a rules file states.

    Args:
        text: the file, TOML.
        zone: of times in it that name none; None for this machine's.
        doors: the names of the site's doors, to find misspelt ones; None when they are not known.

    Raises:
        RulesError: it is no TOML, a key or value is wrong, or names do not fit together; says each.
    """
    try:
        record = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"the rules cannot be read as TOML: {error}") from error
    return policy_from_record(record, zone, doors)


def policy_from_record(
    record: Mapping[str, Any], zone: tzinfo | None = None, doors: Collection[str] | None = None
) -> Policy:
    """Return the policy of plain JSON values; `policy_record` made them, or a file that was read.

    Args:
        record: as in the file.
        zone, doors: as of `policy_from_text`.

    Raises:
        RulesError: a key or value is wrong, or names do not fit together; says each.
    """
    form = check_form(record)
    policy = Policy(
        groups=frozenset(form.groups),
        schedules={name: _schedule(name, rows) for name, rows in form.schedules.items()},
        calendar={_date(day): kind for day, kind in form.holidays.items()},
        rules=tuple(_rule(each, zone) for each in form.rule),
        unlock_times=tuple(UnlockTime(each.door, each.schedule, each.first_person) for each in form.unlock),
        two_person=tuple(TwoPersonDoor(each.door, each.group, each.within_s) for each in form.two_person),
        zones=tuple(PassbackZone(**dict(each)) for each in form.zone),
        plans=tuple(LockdownPlan(**dict(each)) for each in form.lockdown),
    )
    problems = find_problems(policy, doors)
    if problems:
        raise RulesError("; ".join(problems))
    return policy


def policy_record(policy: Policy) -> dict[str, Any]:
    """Return a policy as plain JSON values, in the shape of the file, with every key; times are in UTC."""
    return {
        "groups": sorted(policy.groups),
        "schedules": {name: _rows(each) for name, each in sorted(policy.schedules.items())},
        "holidays": {day.isoformat(): kind for day, kind in sorted(policy.calendar.items())},
        "rule": [
            {
                "name": each.name,
                "group": each.group,
                "doors": _door_list(each.doors),
                "schedule": each.schedule,
                "factors": [way_text(way) for way in each.ways],
                "from": None if each.valid_from is None else to_utc(each.valid_from).isoformat(),
                "until": None if each.valid_until is None else to_utc(each.valid_until).isoformat(),
            }
            for each in policy.rules
        ],
        "unlock": [
            {"door": each.door, "schedule": each.schedule, "first_person": each.first_person}
            for each in policy.unlock_times
        ],
        "two_person": [
            {"door": each.door, "group": each.group, "within_s": each.within_s} for each in policy.two_person
        ],
        "zone": [
            {
                "name": each.name,
                "entries": sorted(each.entries),
                "exits": sorted(each.exits),
                "mode": str(each.mode),
                "minutes": each.minutes,
                "reset_hours": each.reset_hours,
                "exempt_group": each.exempt_group,
                "confirmed": each.confirmed,
                "when_offline": str(each.when_offline),
            }
            for each in policy.zones
        ],
        "lockdown": [
            {"name": each.name, "doors": _door_list(each.doors), "bypass_group": each.bypass_group}
            for each in policy.plans
        ],
    }


def policy_text(policy: Policy, zone: tzinfo | None = None) -> str:
    """Return the rules file of a policy; `policy_from_text` makes the same policy of it.

    Keys that have their default are left out, days with equal windows are written as one.

    Args:
        policy: which.
        zone: in whose time the limits of rules are written; None for UTC.
    """
    record = policy_record(policy)
    parts = [f"groups = {_toml(record['groups'])}\n"]
    for name, rows in record["schedules"].items():
        lines = [f"{days} = {_toml(row)}" for days, row in _joined_days(rows)]
        lines += [f"{HOLIDAY}.{_key(kind)} = {_toml(row)}" for kind, row in rows[HOLIDAY].items()]
        parts.append("\n".join([f"[schedules.{_key(name)}]", *lines, ""]))
    if record["holidays"]:
        lines = [f"{_toml(day)} = {_toml(kind)}" for day, kind in record["holidays"].items()]
        parts.append("\n".join(["[holidays]", *lines, ""]))
    for table, form in TABLES.items():
        defaults = defaults_of(form)
        for entry in record[table]:
            lines = [
                f"{key} = {_moment_text(value, zone) if key in LIMITS else _toml(value)}"
                for key, value in entry.items()
                if value != _plain(defaults.get(key))
            ]
            parts.append("\n".join([f"[[{table}]]", *lines, ""]))
    return "\n".join(parts)


def digest(policy: Policy, tzdata_version: str) -> str:
    """Return 64 hexadecimal digits that change when a rule does, or what a zone's clock shows.

    SHA-256 over the policy as JSON, keys sorted, and the version of the time zone database.

    Args:
        policy: which.
        tzdata_version: as `importlib.metadata.version("tzdata")` gives it.
    """
    record = {"policy": policy_record(policy), "tzdata": tzdata_version}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def parse_window(text: object) -> tuple[int, int]:
    """Return start and end of a window such as `07:00-19:00`, in minutes since midnight.

    The end of one over midnight, such as `22:00-06:00`, is above 1440.

    Raises:
        RulesError: it is no window, or has no minute.
    """
    match = WINDOW.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise RulesError(f"{text!r} is no window of time: write it as 07:00-19:00")
    hours, minutes, end_hours, end_minutes = match.groups()
    start = int(hours) * 60 + int(minutes)
    end = DAY_MINUTES if end_hours is None else int(end_hours) * 60 + int(end_minutes)
    if start == end:
        raise RulesError(f"{text} has no minute: a whole day is 00:00-24:00")
    return start, end if end > start else end + DAY_MINUTES


def _schedule(name: str, rows: Mapping[str, Any]) -> Schedule:
    week: list[list[Window]] = [[] for _ in DAY_NAMES]
    named: set[int] = set()
    for key, texts in rows.items():
        if key == HOLIDAY:
            continue
        days = _days(name, key)
        if named & set(days):
            raise RulesError(f"schedule {name}: {key} names a day that is named before: write each day once")
        named |= set(days)
        for start, end in _windows(f"schedule {name}: {key}", texts):
            for day in days:
                week[day].append(Window(start, min(end, DAY_MINUTES)))
                if end > DAY_MINUTES:
                    week[(day + 1) % 7].append(Window(0, end - DAY_MINUTES))
    holidays = rows.get(HOLIDAY, {})
    if not isinstance(holidays, Mapping):
        raise RulesError(
            f'schedule {name}: write holidays by kind, such as {HOLIDAY}.public = ["09:00-12:00"]'
        )
    return Schedule(
        name,
        tuple(merged(windows) for windows in week),
        {kind: _holiday_row(f"schedule {name}: {HOLIDAY}.{kind}", texts) for kind, texts in holidays.items()},
    )


def _days(name: str, key: str) -> list[int]:
    """The weekdays that a key such as `mon` or `mon-fri` names, Monday is 0."""
    first, _, last = key.partition("-")
    if first not in DAY_NAMES or (last or first) not in DAY_NAMES:
        hint = nearest(key, [*DAY_NAMES, HOLIDAY])
        raise RulesError(f"schedule {name}: {key} is no day: write mon, or mon-fri, or {HOLIDAY}.KIND{hint}")
    start, end = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
    if end < start:
        raise RulesError(f"schedule {name}: {key} ends before it begins: write two rows")
    return list(range(start, end + 1))


def _windows(place: str, texts: object) -> list[tuple[int, int]]:
    if not isinstance(texts, list):
        raise RulesError(f'{place}: write a list of windows, such as ["07:00-19:00"], or [] for closed')
    try:
        return [parse_window(text) for text in texts]
    except RulesError as error:
        raise RulesError(f"{place}: {error}") from error


def _holiday_row(place: str, texts: object) -> Windows:
    windows = _windows(place, texts)
    if any(end > DAY_MINUTES for _, end in windows):
        raise RulesError(
            f"{place}: a holiday's window ends at 24:00 at the latest, because the day after is another row: "
            "write its part of the next day there"
        )
    return merged(Window(start, end) for start, end in windows)


def merged(windows: Iterable[Window]) -> Windows:
    """Return the same minutes as few windows, in order: those that overlap or touch become one."""
    found: list[Window] = []
    for each in sorted(windows, key=lambda window: window.start):
        if found and each.start <= found[-1].end:
            found[-1] = Window(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return tuple(found)


def _date(text: str) -> date:
    try:
        if DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise RulesError(f"[holidays]: {text} is no date: write it as 2026-12-25")


def _rule(form: RuleForm, zone: tzinfo | None) -> Rule:
    try:
        limits = [
            None if at is None else _with_zone(at, zone).astimezone(UTC)
            for at in (form.valid_from, form.valid_until)
        ]
    except (OverflowError, ValueError) as error:
        raise RulesError(f"rule {form.name}: a year is too far away to be reckoned with") from error
    return Rule(form.name, form.group, form.doors, form.schedule, tuple(form.factors), *limits)


def _with_zone(at: datetime, zone: tzinfo | None) -> datetime:
    if at.tzinfo is not None:
        return at
    return at.astimezone() if zone is None else at.replace(tzinfo=zone)


def _rows(schedule: Schedule) -> dict[str, Any]:
    rows: dict[str, Any] = {
        day: [window_text(each) for each in row] for day, row in zip(DAY_NAMES, schedule.week, strict=True)
    }
    rows[HOLIDAY] = {
        kind: [window_text(each) for each in row] for kind, row in sorted(schedule.holidays.items())
    }
    return rows


def _door_list(doors: frozenset[str]) -> str | list[str]:
    return EVERY_DOOR if EVERY_DOOR in doors else sorted(doors)


def _joined_days(rows: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The rows of a week, those of neighbouring days that are equal as one: `mon-fri`."""
    found = []
    first = 0
    for after in range(1, 8):
        if after == 7 or rows[DAY_NAMES[after]] != rows[DAY_NAMES[first]]:
            last = after - 1
            days = DAY_NAMES[first] if first == last else f"{DAY_NAMES[first]}-{DAY_NAMES[last]}"
            found.append((days, rows[DAY_NAMES[first]]))
            first = after
    return found


def _toml(value: object) -> str:
    """A text, number, truth value or list in TOML: for printable text that is JSON."""
    return json.dumps(value, ensure_ascii=False)


def _key(name: str) -> str:
    return name if BARE_KEY.fullmatch(name) else _toml(name)


def _moment_text(value: str, zone: tzinfo | None) -> str:
    return datetime.fromisoformat(value).astimezone(zone or UTC).isoformat()


def _plain(default: object) -> object:
    """A default as the record has it."""
    if isinstance(default, frozenset):
        return sorted(default)
    return [way_text(way) for way in default] if isinstance(default, list) else default
