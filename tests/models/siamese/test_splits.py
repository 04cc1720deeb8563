"""`hold_out`: nobody is on two sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import TrainingError
from models.siamese.splits import hold_out


@given(
    st.sets(st.text(min_size=1, max_size=4), min_size=4, max_size=60),
    st.floats(0.05, 0.5),
    st.integers(0, 99),
)
def test_split_is_disjoint_complete_and_at_least_two_each(people, share, seed):
    kept, held_out = hold_out(people, share, seed)
    assert set(kept) & set(held_out) == set()
    assert set(kept) | set(held_out) == people
    assert min(len(kept), len(held_out)) >= 2


@given(st.lists(st.text(min_size=1, max_size=4), min_size=4, max_size=30, unique=True), st.integers(0, 99))
def test_split_does_not_depend_on_the_order_of_people(people, seed):
    assert hold_out(people, 0.3, seed) == hold_out(sorted(people, reverse=True), 0.3, seed)


def test_three_people_cannot_be_split():
    with pytest.raises(TrainingError, match="3 people are too few"):
        hold_out(["a", "b", "c"], 0.2, 0)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_share_out_of_range_is_an_error(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        hold_out("abcdef", share, 0)
