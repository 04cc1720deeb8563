"""`divide`: divides people by their ids, so that the same people are held out in every run.

A random draw would hold out, in one run, people from whom the release in use learnt in another: they would
flatter it, and no error rate on them says anything.
"""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

Photos = TypeVar("Photos")

ID_BYTES = 8


def divide(people: Mapping[str, Photos], share: float) -> tuple[dict[str, Photos], dict[str, Photos]]:
    """Divide people into those who stay and those held out; each person's id alone decides.

    Args:
        people: photos by id; the order does not matter.
        share: of all people who are held out on average, 0 to 1.

    Returns:
        who stays and who is held out, in the order of a hash of their ids: the first are the same people in
        every run, too.
    """
    places = {person: _place(person) for person in people}
    ordered = sorted(people, key=lambda person: (places[person], person))
    return (
        {person: people[person] for person in ordered if places[person] >= share},
        {person: people[person] for person in ordered if places[person] < share},
    )


def _place(person: str) -> float:
    """Return a number in [0, 1) that only depends on the id."""
    digest = hashlib.sha256(person.encode()).digest()[:ID_BYTES]
    return int.from_bytes(digest, "big") / float(1 << 8 * ID_BYTES)
