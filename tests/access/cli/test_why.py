"""The command `why`: every check of a decision, in sentences."""

import pytest

from models.domain import CheckName, CheckResult, PersonId
from models.settings.settings import Settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from tests.access.cli.conftest import Run
from tests.access.conftest import Enrol
from tests.door_events import door_event

TRACE = (
    CheckResult(CheckName.RECOGNISED, True, {"score": 0.8, "needed": 0.5}),
    CheckResult(CheckName.LOCKOUT, False, {"failures": 5, "delay_s": 30, "face_disabled": False}),
)


@pytest.fixture
def ada(settings: Settings, enrol: Enrol) -> PersonId:
    """Ada, whose events are: a denial (1), a grant (2), what became of it (3), a silent alarm (4)."""
    with open_site(settings, create=True) as site:
        found = enrol(site, "Ada", [SyntheticPerson(501).portrait(seed=1)]).person_id
        append = site.register.append_event
        append(door_event(reason="locked_out", person_id=found, trace=TRACE, factors=("face",)))
        grant = append(door_event(outcome="granted", reason="recognised", person_id=found, trace=TRACE[:1]))
        append(door_event(outcome="unlocked", reason="recognised", person_id=found, intent_id=grant, track=1))
        append(door_event(outcome="alarm", reason="duress", intent_id=grant, silent=True))
    return found


def numbers(run: Run) -> list[int]:
    _, lines, _ = run("events")
    return [line["event_id"] for line in lines]


def test_a_denial_is_explained_check_by_check_and_the_last_one_failed(run: Run, ada: PersonId) -> None:
    denial, *_ = numbers(run)
    status, (line,), _ = run("why", str(denial))
    assert (status, line["type"], line["reason"], line["person_name"]) == (0, "why", "locked_out", "Ada")
    assert [check["passed"] for check in line["trace"]] == [True, False]
    first, last = (check["sentence"] for check in line["trace"])
    assert "0.8" in first
    assert "0.5" in first
    assert "Ada" in last
    assert "5" in last


def test_what_the_lock_did_is_explained_by_the_grant_behind_it(run: Run, ada: PersonId) -> None:
    _, grant, action = numbers(run)
    _, (line,), _ = run("why", str(action))
    assert (line["event_id"], line["outcome"]) == (grant, "granted")


def test_a_silent_alarm_and_a_number_that_is_not_there_are_unknown_alike(run: Run, ada: PersonId) -> None:
    last = numbers(run)[-1]
    for number in (last + 1, 99_999):
        status, (line,), _ = run("why", str(number))
        assert (status, line["error"]) == (1, "invalid_input")
        assert f"no event {number}" in line["message"]


def test_for_people_each_check_is_a_line_with_its_mark(run: Run, ada: PersonId) -> None:
    status, _, text = run("why", str(numbers(run)[0]), as_json=False)
    assert status == 0
    head, recognised, lockout = text.strip().splitlines()
    assert "denied" in head
    assert recognised.split()[0] == "yes"
    assert lockout.split()[0] == "NO"
