"""`divide`: the same people are held out in every run, whoever else comes or goes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrollment.retraining.divide import divide

IDS = st.sets(st.text(min_size=1, max_size=8), max_size=40)


@given(IDS, IDS, st.floats(0.0, 1.0))
def test_nobody_changes_sides_when_others_come(first: set[str], later: set[str], share: float) -> None:
    kept, held_out = divide(dict.fromkeys(first), share)
    kept_later, held_out_later = divide(dict.fromkeys(first | later), share)
    assert set(kept) | set(held_out) == first
    assert set(kept) <= set(kept_later)
    assert set(held_out) <= set(held_out_later)
    assert not set(kept_later) & set(held_out_later)


@given(IDS, st.floats(0.0, 0.5))
def test_a_smaller_share_holds_out_some_of_the_same_people(people: set[str], share: float) -> None:
    fewer, more = (list(divide(dict.fromkeys(people), each)[1]) for each in (share, 0.5))
    assert fewer == more[: len(fewer)]


@pytest.mark.parametrize("share", [0.1, 0.25, 2 / 3])
def test_the_share_is_met(share: float) -> None:
    people = {f"{number:032x}": number for number in range(4000)}
    held_out = divide(people, share)[1]
    assert len(held_out) == pytest.approx(share * len(people), rel=0.1)
    assert all(people[person] == place for person, place in held_out.items())
