"""`event_payload`: what other programs are sent of an event.

Left out are scores, the runner-up, checks and measurements of the picture: whoever could read scores could
improve a forged face step by step. A denial names nobody, since the person most alike need not be the one
who stood there.
"""

from collections.abc import Callable
from typing import Any

from models.domain import PersonId
from models.events import DoorEvent

NameOf = Callable[[PersonId], str | None]
"""Looks up the name that a person has now; None for nobody's id."""

NAMES_NOBODY = frozenset({"denied", "fault"})
"""Outcomes whose `person_id` is only whom a face resembles."""


def event_payload(event: DoorEvent, chain: str, site: str, name_of: NameOf | None) -> dict[str, Any]:
    """Plain JSON values; docs/reference/integrations.md lists them.

    Args:
        event: with its `seq`.
        chain: that it belongs to: `chain` and `seq` together name the event.
        site: its name in topics.
        name_of: None where names are not to be sent; then there is no `person_name`.
    """
    person = None if event.outcome in NAMES_NOBODY else event.person_id
    payload = {
        "site": site,
        "chain": chain,
        "seq": event.seq,
        "door": event.door,
        "at": event.at.isoformat(timespec="microseconds"),
        "kind": str(event.kind),
        "outcome": event.outcome,
        "reason": str(event.reason),
        "event_id": event.event_id,
        "intent_id": event.intent_id,
        "factors": list(event.factors),
        "advice": [str(each) for each in event.advice],
        "detail": event.detail,
        "silent": event.silent,
        "person_id": person,
    }
    if name_of is not None:
        payload["person_name"] = None if person is None else name_of(person)
    return payload
