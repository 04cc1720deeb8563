"""Logged decisions decided again under another threshold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain import PersonId
from models.evaluation.whatif import replay_decisions
from models.events import DoorEvent

START = datetime(2026, 11, 1, 8, tzinfo=UTC)


def event(minutes, outcome, reason, score, runner_up=None, threshold=0.45):
    return DoorEvent(
        at=START + timedelta(minutes=minutes),
        door="front",
        track=1,
        outcome=outcome,
        reason=reason,
        person_id=PersonId("p"),
        score=score,
        runner_up_score=runner_up,
        threshold=threshold,
        release="r",
    )


LOG = [
    event(0, "granted", "recognised", 0.60, 0.2),
    event(1, "granted", "recognised", 0.46, 0.2),
    event(2, "denied", "not_recognised", 0.42, 0.2),
    event(3, "denied", "not_recognised", 0.42, 0.40),
    event(4, "denied", "ambiguous", 0.70, 0.69),
    event(5, "denied", "ambiguous", 0.80, 0.2),
    event(6, "denied", "poor_quality", None, threshold=None),
    event(7, "fault", "camera_fault", None, threshold=None),
]


def test_a_lower_threshold_lets_in_whom_only_the_score_kept_out():
    replayed = replay_decisions(LOG, 0.41, min_margin=0.05)
    assert (replayed.judged, replayed.granted, replayed.would_grant) == (6, 2, 3)
    assert [e.at.minute for e in replayed.newly_granted] == [2]
    assert replayed.newly_denied == ()


def test_a_higher_threshold_keeps_out_whom_the_score_let_in():
    replayed = replay_decisions(LOG, 0.5, min_margin=0.05)
    assert (replayed.granted, replayed.would_grant) == (2, 1)
    assert [e.at.minute for e in replayed.newly_denied] == [1]


@given(st.permutations(LOG), st.floats(0, 1))
def test_order_does_not_matter(log, threshold):
    assert replay_decisions(log, threshold, 0.05) == replay_decisions(LOG, threshold, 0.05)


@given(st.floats(0, 1), st.floats(0, 1))
def test_raising_the_threshold_never_lets_more_in(one, other):
    low, high = sorted((one, other))
    assert replay_decisions(LOG, high, 0.05).would_grant <= replay_decisions(LOG, low, 0.05).would_grant


def test_the_same_threshold_changes_nothing():
    replayed = replay_decisions(LOG, 0.45, 0.05)
    assert replayed.granted == replayed.would_grant == 2
    assert (replayed.newly_denied, replayed.newly_granted) == ((), ())


@pytest.mark.parametrize("log", [[], LOG[6:]])
def test_a_log_without_scores_replays_to_no_changes(log):
    assert replay_decisions(log, 0.4, 0.05).judged == 0
