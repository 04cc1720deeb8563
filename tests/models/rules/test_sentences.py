"""Every check of a decision has a sentence that says what it compared, whatever a record lacks."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from access.decision import identify
from access.evidence import Evidence
from access.limits import EvidenceLimits
from models.domain import (
    Candidate,
    CheckName,
    CheckResult,
    Deny,
    LockState,
    PersonId,
    ScoreKind,
    ScoreScale,
    SearchResult,
    Threshold,
)
from models.rules.decide import decide_access
from models.rules.document import policy_from_text
from models.rules.factors import parse_way
from models.rules.policy import Policy
from models.rules.request import (
    DoorState,
    Failures,
    FirstOfTwo,
    Lockdown,
    Passage,
    PersonAccess,
    Request,
)
from models.rules.sentences import SENTENCES, SUBJECT, sentence_for
from tests.models.rules.strategies import cases

FRIDAY = datetime(2026, 12, 25, 7, 30, tzinfo=ZoneInfo("Europe/Berlin"))
ADA = PersonAccess(PersonId("a" * 32), groups=frozenset({"staff"}), has_card=True)
POLICY = policy_from_text(
    """
    groups = ["staff", "guards"]
    [schedules.office]
    mon-fri = ["07:00-19:00"]
    [holidays]
    2026-12-25 = "public"
    [[rule]]
    name = "staff in office hours"
    group = "staff"
    doors = ["front", "vault"]
    schedule = "office"
    factors = ["face+card", "card+pin"]
    [[two_person]]
    door = "vault"
    group = "staff"
    [[zone]]
    name = "yard"
    entries = ["front"]
    """
)


def test_every_check_has_a_sentence() -> None:
    assert set(SENTENCES) == set(CheckName) == set(SUBJECT)


@settings(max_examples=200, deadline=None)
@given(cases)
def test_what_a_decision_saw_is_always_enough_for_the_full_sentence(
    case: tuple[Policy, Request, DoorState],
) -> None:
    for check in decide_access(*case).trace:
        sentence = sentence_for(check, "Ada")
        assert sentence.endswith(".")
        assert not sentence.startswith(SUBJECT[check.name]), sentence
        assert "None" not in sentence


@pytest.mark.parametrize("name", CheckName)
@pytest.mark.parametrize("saw", [{}, {"score": None, "rules": 3, "mode": []}])
def test_a_record_that_lacks_something_still_has_a_sentence(name: CheckName, saw: dict[str, object]) -> None:
    passed, failed = (sentence_for(CheckResult(name, passed, saw)) for passed in (True, False))
    assert passed.endswith(".")
    assert failed.endswith(".")
    assert passed != failed


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (
            CheckResult(CheckName.FRESH_PICTURE, False, {"age_s": 1.234, "limit_s": 1.0}),
            "The picture was 1.23 s old, which is too old: the limit is 1 s.",
        ),
        (CheckResult(CheckName.SOMEBODY_ENROLLED, True, {"people": 12}), "12 people are enrolled."),
        (CheckResult(CheckName.SOMEBODY_ENROLLED, False, {"people": 0}), "Nobody is enrolled."),
        (
            CheckResult(CheckName.ENOUGH_PICTURES, True, {"pictures": 5, "needed": 3, "refused": 2}),
            "There were 5 good pictures, which is enough: 3 are needed; 2 were not good enough.",
        ),
        (
            CheckResult(CheckName.RECOGNISED, False, {"score": 0.4, "needed": 0.55}),
            "Ada was not recognised: the score 0.400 is below the threshold 0.550.",
        ),
        (
            CheckResult(CheckName.CLEAR_LEAD, False, {"margin": 0.01, "needed": 0.05}),
            "Ada is 0.010 ahead of the next person, which is too small: 0.050 is needed.",
        ),
        (
            CheckResult(CheckName.CLEAR_LEAD, True, {"margin": None, "needed": 0.05}),
            "Nobody else is enrolled who could be taken for this person.",
        ),
        (
            CheckResult(CheckName.CLEAR_LEAD, True, {"told_apart": True}),
            "Two people are too alike, and the card or PIN that was shown tells them apart.",
        ),
        (
            CheckResult(CheckName.RULES_IN_FORCE, True, {"digest": "0123456789abcdef"}),
            "The rules in force are those with the digest 0123456789ab.",
        ),
        (CheckResult(CheckName.CREDENTIAL, False, {"factor": "pin"}), "The PIN is not that of Ada."),
        (
            CheckResult(CheckName.LOCK, False, {"state": "jammed"}),
            "The lock says that it is jammed, so that it is not moved.",
        ),
    ],
)
def test_the_sentences_of_the_face_and_the_lock(check: CheckResult, expected: str) -> None:
    assert sentence_for(check, "Ada") == expected


def last(
    person: PersonAccess = ADA,
    door: str = "front",
    at: datetime = FRIDAY - timedelta(days=1),
    shown: str = "face",
    **state: object,
) -> str:
    """The sentence of the check that the decision fell on."""
    request = Request(door, at, person, parse_way(shown))
    return sentence_for(decide_access(POLICY, request, DoorState(**state)).trace[-1], "Ada")  # type: ignore[arg-type]


def test_the_sentences_of_the_rules() -> None:
    alarm = Lockdown("all doors", frozenset({"*"}), "guards", "alarm", FRIDAY)
    noon = FRIDAY - timedelta(days=1)
    assert last(lockdowns=(alarm,)) == "The door front is locked down by all doors: only guards may pass."
    assert (
        last(fire_release=True) == "The door front is released because of fire: whoever asks is let through."
    )
    assert last(replace(ADA, suspended=True)) == "Ada is suspended."
    assert last(replace(ADA, valid_until=noon)) == (
        "The access of Ada is not valid at 2026-12-24 07:30: it holds until 2026-12-24 07:30."
    )
    assert (
        last(failures=Failures(5, noon))
        == "5 attempts in a row failed: Ada must wait until 2026-12-24 07:30."
    )
    assert last(passages=(Passage("yard", True, noon),)) == (
        "Ada is already inside yard (since 2026-12-24 07:30), and may not enter it again."
    )
    assert last(door="lab") == "No rule names Ada (staff) for the door lab."
    assert last(at=FRIDAY) == (
        "At 2026-12-25 07:30, a holiday (public), no rule is open: staff in office hours "
        "(schedule office, closed on this day) does not count: its schedule is closed. "
        "The first opens at 2026-12-28 07:00."
    )
    assert last(door="vault") == (
        "Ada showed the face; enough would be the face and the card, or the PIN and the card."
    )
    assert last(shown="face+card") == (
        "Ada showed the face and the card, which is enough by the rule staff in office hours."
    )
    pair = "The door opens for two people within 15 s, the second of staff: Ada "
    assert last(door="vault", shown="face+card") == pair + "cannot be the second now, and is the first."
    other = FirstOfTwo(PersonId("b" * 32), noon)
    assert last(door="vault", shown="face+card", first_of_two=other) == pair + "is the second."
    waiting = FirstOfTwo(ADA.person_id, noon)
    assert last(door="vault", shown="face+card", first_of_two=waiting) == (
        pair + "is the first and cannot be the second too."
    )


def test_what_the_decision_about_a_face_saw_is_enough_for_the_full_sentences() -> None:
    """The checks of the camera's part, as `access.decision` really writes them."""
    scale = ScoreScale(ScoreKind.CENTRED, "net")
    best, runner_up = Candidate(ADA.person_id, 0.9), Candidate(PersonId("b" * 32), 0.2)
    evidence = Evidence(
        result=SearchResult(best, runner_up, scale),
        frames=5,
        refused=1,
        advice=(),
        newest_at_s=10.0,
        enrolled=2,
        lock=LockState.LOCKED,
    )
    found = identify(evidence, EvidenceLimits(), Threshold(0.5, scale), now=10.1)
    assert not isinstance(found, Deny)
    sentences = [sentence_for(check, "Ada") for check in found.trace]
    assert len(sentences) == 5
    assert not any(sentence.startswith(tuple(SUBJECT.values())) for sentence in sentences)
