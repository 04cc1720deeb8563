"""`entries_again`, `passages_after`: nobody enters a zone twice without leaving it.

What is not known never refuses: a zone that a person was not seen in, an entry that is too old to count.
Leaving is never refused.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from models.rules.policy import PassbackMode, PassbackZone, Policy, WhenOffline
from models.rules.request import DoorState, Passage, Request
from models.rules.schedule import to_utc


@dataclass(frozen=True, slots=True)
class EntryAgain:
    """Somebody would enter a zone again without having left it.

    Attributes:
        zone: its name.
        since: when the person entered.
        refused: False where it is only to be recorded.
    """

    zone: str
    since: datetime
    refused: bool


def entries_again(policy: Policy, request: Request, state: DoorState) -> tuple[EntryAgain, ...]:
    """Return the zones of this door that the person would enter again, in the order of the policy."""
    found = []
    for zone in policy.zones:
        entered = _counting_entry(zone, request, state)
        if entered is None or request.person.is_in(zone.exempt_group):
            continue
        mode = _mode_now(zone, request.door, state)
        if mode is not None:
            found.append(EntryAgain(zone.name, entered.at, refused=mode is not PassbackMode.SOFT))
    return tuple(found)


def passages_after(
    policy: Policy, door: str, at: datetime, opened: bool | None = None
) -> tuple[Passage, ...]:
    """Return what a grant at a door changes: one passage per zone that it leads into or out of.

    Each replaces the person's earlier passage of the same zone.

    Args:
        policy: the site's rules.
        door: which was passed.
        at: when, with its zone.
        opened: whether the door was opened after the grant; None where it has no contact.
    """
    return tuple(
        Passage(zone.name, inside=door in zone.entries, at=at)
        for zone in policy.zones
        if door in zone.entries | zone.exits and not (zone.confirmed and opened is False)
    )


def _counting_entry(zone: PassbackZone, request: Request, state: DoorState) -> Passage | None:
    """The entry into the zone that has not been left or forgotten; None when there is none."""
    if request.door not in zone.entries:
        return None
    last = next((each for each in state.passages if each.zone == zone.name), None)
    if last is None or not last.inside:
        return None
    age = to_utc(request.at) - to_utc(last.at)
    if age >= timedelta(hours=zone.reset_hours):
        return None
    if zone.mode is PassbackMode.TIMED and age >= timedelta(minutes=zone.minutes):
        return None
    return last


def _mode_now(zone: PassbackZone, door: str, state: DoorState) -> PassbackMode | None:
    """The zone's mode, or what takes its place while its other doors cannot be reached; None for none."""
    if state.zones_reached or not (zone.entries | zone.exits) - {door}:
        return zone.mode
    if zone.when_offline is WhenOffline.OFF:
        return None
    return zone.mode if zone.when_offline is WhenOffline.HARD else PassbackMode.SOFT
