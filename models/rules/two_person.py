"""`second_person_missing`, `first_of_two_after`: doors that open for two people together."""

from datetime import timedelta

from models.domain import DenyReason
from models.rules.policy import Policy, TwoPersonDoor
from models.rules.request import DoorState, FirstOfTwo, Request, Verdict
from models.rules.schedule import to_utc


def two_person_door(policy: Policy, door: str) -> TwoPersonDoor | None:
    """Return the two-person rule of a door; None where there is none."""
    return next((each for each in policy.two_person if each.door == door), None)


def second_person_missing(rule: TwoPersonDoor, request: Request, state: DoorState) -> bool:
    """Return whether this person cannot be the second of two now.

    Nobody waits, the same person waits, too much time has passed, or the person is not of the group.
    """
    first = state.first_of_two
    if first is None or first.person_id == request.person.person_id:
        return True
    waited = to_utc(request.at) - to_utc(first.at)
    in_time = timedelta(0) <= waited <= timedelta(seconds=rule.within_s)
    return not in_time or not request.person.is_in(rule.group)


def first_of_two_after(request: Request, verdict: Verdict, state: DoorState) -> FirstOfTwo | None:
    """Return who waits for a second person after a verdict: what `DoorState.first_of_two` is to be next.

    A grant ends the wait. Whoever lacked nothing but a second person waits from now on. Any other denial
    changes nothing.
    """
    if verdict.allowed:
        return None
    if verdict.reason is DenyReason.NEEDS_SECOND_PERSON:
        return FirstOfTwo(request.person.person_id, request.at)
    return state.first_of_two
