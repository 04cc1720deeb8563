"""`find_problems`: names in a policy that refer to nothing, and what cannot be meant."""

from collections import Counter
from collections.abc import Collection, Iterator

from models.rules.form import nearest
from models.rules.policy import (
    ALWAYS,
    EVERY_DOOR,
    EVERYONE,
    PassbackMode,
    PassbackZone,
    Policy,
)

Use = tuple[str, str, str]
"""The table that uses a name, which of its entries, and the name."""


def find_problems(policy: Policy, doors: Collection[str] | None = None) -> list[str]:
    """Return one sentence for each thing that does not fit together, with what to do about it.

    Args:
        policy: which.
        doors: the names of the site's doors; None when they are not known, and not checked.
    """
    return [*_repeated(policy), *_unknown_names(policy, doors), *_contradictions(policy)]


def _repeated(policy: Policy) -> Iterator[str]:
    """What may be there once only."""
    named = {
        "rule": [each.name for each in policy.rules],
        "zone": [each.name for each in policy.zones],
        "lockdown": [each.name for each in policy.plans],
        "two_person door": [each.door for each in policy.two_person],
        "unlock door and schedule": [f"{each.door}, {each.schedule}" for each in policy.unlock_times],
    }
    for what, names in named.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield f"the {what} {name} is there {count} times: write it once"


def _unknown_names(policy: Policy, doors: Collection[str] | None) -> Iterator[str]:
    """Groups, schedules and doors that something refers to, and that are not there."""
    groups: list[Use] = [("rule", each.name, each.group) for each in policy.rules]
    groups += [("two_person", each.door, each.group) for each in policy.two_person]
    groups += [("zone", each.name, each.exempt_group) for each in policy.zones if each.exempt_group]
    groups += [("lockdown", each.name, each.bypass_group) for each in policy.plans if each.bypass_group]
    schedules: list[Use] = [("rule", each.name, each.schedule) for each in policy.rules]
    schedules += [("unlock", each.door, each.schedule) for each in policy.unlock_times]
    yield from _missing(groups, "group", {*policy.groups, EVERYONE}, "add it to groups")
    yield from _missing(schedules, "schedule", {*policy.schedules, ALWAYS}, "add a table [schedules.NAME]")
    if doors is not None:
        yield from _missing(_door_uses(policy), "door", {*doors, EVERY_DOOR}, "write it as door.id has it")


def _door_uses(policy: Policy) -> list[Use]:
    found: list[Use] = [("rule", each.name, door) for each in policy.rules for door in sorted(each.doors)]
    found += [("unlock", each.door, each.door) for each in policy.unlock_times]
    found += [("two_person", each.door, each.door) for each in policy.two_person]
    found += [
        ("zone", each.name, door) for each in policy.zones for door in sorted(each.entries | each.exits)
    ]
    found += [("lockdown", each.name, door) for each in policy.plans for door in sorted(each.doors)]
    return found


def _missing(uses: list[Use], what: str, known: set[str], advice: str) -> Iterator[str]:
    for table, owner, name in uses:
        if name not in known:
            yield f"{table} {owner}: there is no {what} {name}{nearest(name, sorted(known)) or f': {advice}'}"


def _contradictions(policy: Policy) -> Iterator[str]:
    """What cannot be meant."""
    if EVERYONE in policy.groups:
        yield f"the group {EVERYONE} is there without being written: take it out of groups"
    if ALWAYS in policy.schedules:
        yield f"the schedule {ALWAYS} is there without being written: give yours another name"
    for rule in policy.rules:
        if len(set(rule.ways)) < len(rule.ways):
            yield f"rule {rule.name}: the same factors are there twice: write them once"
        if (
            rule.valid_from is not None
            and rule.valid_until is not None
            and rule.valid_from >= rule.valid_until
        ):
            yield f"rule {rule.name}: it ends before it begins: exchange from and until"
    for zone in policy.zones:
        yield from _zone_contradictions(zone)
    for plan in policy.plans:
        if plan.bypass_group == EVERYONE:
            yield f"lockdown {plan.name}: what {EVERYONE} bypasses locks nobody out: name a group"


def _zone_contradictions(zone: PassbackZone) -> Iterator[str]:
    both = sorted(zone.entries & zone.exits)
    if both:
        yield f"zone {zone.name}: {', '.join(both)} cannot be an entry and an exit: take it out of one"
    if (zone.mode is PassbackMode.TIMED) != (zone.minutes > 0):
        yield f"zone {zone.name}: minutes belong to the mode timed, which needs them: set both or neither"
    if zone.exempt_group == EVERYONE:
        yield f"zone {zone.name}: what exempts {EVERYONE} refuses nobody: name a group"
