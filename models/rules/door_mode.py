"""`door_mode`: what a door does by itself: locked, unlocked by schedule, locked down, released by fire."""

from datetime import datetime
from enum import StrEnum

from models.rules.policy import EVERY_DOOR, Policy
from models.rules.request import DoorState, Lockdown
from models.rules.schedule import is_open_by_name, local_time, to_utc


class DoorMode(StrEnum):
    """What a door does without anybody asking."""

    LOCKED = "locked"
    """It opens for whom the rules let in."""

    UNLOCKED = "unlocked"
    """It stands unlocked, by its schedule."""

    LOCKDOWN = "lockdown"
    """It opens for nobody, or only for the group that bypasses the lockdown."""

    FIRE = "fire"
    """It stands unlocked because of fire, whatever else holds."""


def covers(doors: frozenset[str], door: str) -> bool:
    """Return whether a set of doors' names, or `*`, has this door."""
    return door in doors or EVERY_DOOR in doors


def lockdowns_of(state: DoorState, door: str, at: datetime) -> tuple[Lockdown, ...]:
    """Return the lockdowns and drills of this door that have not ended."""
    return tuple(
        each
        for each in state.lockdowns
        if covers(each.doors, door) and (each.ends_at is None or to_utc(at) < to_utc(each.ends_at))
    )


def door_mode(policy: Policy, door: str, at: datetime, state: DoorState) -> DoorMode:
    """Return what the door does at a moment. Fire beats a lockdown, and a lockdown beats a schedule.

    Args:
        policy: the site's rules.
        door: its name.
        at: the moment, with the zone whose clock counts.
        state: what is in force at the door.

    Raises:
        ValueError: `at` has no zone.
    """
    if state.fire_release:
        return DoorMode.FIRE
    if any(not each.drill for each in lockdowns_of(state, door, at)):
        return DoorMode.LOCKDOWN
    today = local_time(at).date()
    for each in policy.unlock_times:
        armed = not each.first_person or state.first_person_on == today
        if each.door == door and armed and is_open_by_name(policy, each.schedule, at):
            return DoorMode.UNLOCKED
    return DoorMode.LOCKED


def arms_unlocking(policy: Policy, door: str, at: datetime) -> bool:
    """Return whether whoever is let in now is the first person that a schedule of this door waits for.

    The date is then to be kept as `DoorState.first_person_on`. Who comes outside the schedule arms nothing.
    """
    return any(
        each.first_person and each.door == door and is_open_by_name(policy, each.schedule, at)
        for each in policy.unlock_times
    )
