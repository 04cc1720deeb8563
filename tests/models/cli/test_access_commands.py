"""The commands of rules, groups, credentials and lockdowns: what they write, and what they leave behind."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from models.cli import credentials, lockdown, rules
from models.cli.output import Console
from models.domain import PersonId
from models.errors import (
    ConsentError,
    CredentialTakenError,
    InputError,
    PinError,
    RulesError,
    UnknownPersonError,
)
from models.register.access_records import PinMatch
from models.register.register import Register
from models.rules.document import policy_from_text
from models.rules.policy import OPEN_SITE
from models.rules.request import Passage
from models.settings.load import load_settings
from models.site import open_register
from tests.conftest import ROOT
from tests.models.register.faces import face

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
RULES = """
groups = ["staff", "cleaners"]

[schedules.office]
mon-fri = ["07:00-19:00"]
holiday.public = []

[holidays]
2026-12-25 = "public"

[[rule]]
name = "staff in office hours"
group = "staff"
doors = ["front"]
schedule = "office"

[[rule]]
name = "cleaners by card"
group = "cleaners"
doors = ["back"]
factors = ["card+pin"]

[[lockdown]]
name = "all"
doors = "*"
bypass_group = "staff"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ada is enrolled, and Bo; the site keeps Berlin's time."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("DOORWARD_SITE__TIME_ZONE", "Europe/Berlin")
    with open_register(load_settings(tmp_path), create=True) as register:
        for seed, name in enumerate(("Ada [x]", "Bo")):
            register.add_person(name, [face(seed)], "I agree.")
    (tmp_path / "rules.toml").write_text(RULES)
    return tmp_path


@pytest.fixture
def register(home: Path) -> Any:
    with open_register(load_settings(home)) as opened:
        yield opened


def invoke(app: typer.Typer, home: Path, *words: str, as_json: bool, given: str = "") -> Any:
    console = Console(home=home, config=None, json=as_json)
    return CliRunner().invoke(app, list(words), obj=console, catch_exceptions=False, input=given)


def lines(app: typer.Typer, home: Path, *words: str, given: str = "") -> list[dict[str, Any]]:
    result = invoke(app, home, *words, as_json=True, given=given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def shown(app: typer.Typer, home: Path, *words: str, given: str = "") -> str:
    result = invoke(app, home, *words, as_json=False, given=given)
    assert result.exit_code == 0, result.output
    return str(result.output)


def import_rules(home: Path) -> None:
    lines(rules.app, home, "rules", "import", str(home / "rules.toml"))


def id_of(register: Register, name: str) -> PersonId:
    return register.person_named(name).person_id


# --- rules ------------------------------------------------------------------------------------------------


def test_checking_a_file_says_who_loses_what_and_changes_nothing(home: Path, register: Register) -> None:
    found = lines(rules.app, home, "rules", "check", str(home / "rules.toml"))
    assert {(each["door"], each["change"], tuple(each["people"])) for each in found} == {
        (door, "loses", ("Ada [x]", "Bo")) for door in ("*", "back", "front")
    }
    text = shown(rules.app, home, "rules", "check", str(home / "rules.toml"))
    assert "can no longer pass" in text
    assert "any other door" in text
    assert "at any time" in text
    assert "Ada [x], Bo" in text
    assert register.policy() == OPEN_SITE


def test_rules_are_imported_after_a_question_and_exported_as_they_are(home: Path, register: Register) -> None:
    refused = invoke(rules.app, home, "rules", "import", str(home / "rules.toml"), as_json=False, given="n\n")
    assert refused.exit_code == 1
    assert register.policy() == OPEN_SITE
    text = shown(rules.app, home, "rules", "import", str(home / "rules.toml"), given="y\n")
    assert "2 rules are in force, as number 1" in text
    exported = shown(rules.app, home, "rules", "export")
    assert policy_from_text(exported) == register.policy() == policy_from_text(RULES)
    assert lines(rules.app, home, "rules", "export") == [{"type": "rules_file", "text": exported}]


def test_importing_rules_with_json_or_yes_asks_nothing(home: Path, register: Register) -> None:
    *_, found = lines(rules.app, home, "rules", "import", str(home / "rules.toml"))
    assert (found["type"], found["number"], found["rules"]) == ("rules", 1, 2)
    text = shown(rules.app, home, "rules", "import", str(home / "rules.toml"), "--yes")
    assert "Nothing is different for anybody" in text
    assert [each["number"] for each in lines(rules.app, home, "rules", "history")] == [1, 2]
    assert shown(rules.app, home, "rules", "export", "--number", "1")
    with pytest.raises(InputError, match="number 3"):
        shown(rules.app, home, "rules", "export", "--number", "3")


def test_a_file_with_a_mistake_is_not_imported(home: Path, register: Register) -> None:
    (home / "rules.toml").write_text(RULES.replace('group = "staff"\n', 'group = "stuff"\n', 1))
    with pytest.raises(RulesError, match="stuff"):
        shown(rules.app, home, "rules", "import", str(home / "rules.toml"), "--yes")
    with pytest.raises(InputError, match="cannot be read"):
        shown(rules.app, home, "rules", "check", str(home / "none.toml"))
    assert register.policy() == OPEN_SITE


def test_the_difference_names_days_and_hours(home: Path) -> None:
    import_rules(home)
    lines(rules.app, home, "groups", "add", "Bo", "staff")
    (home / "rules.toml").write_text(RULES.replace("07:00-19:00", "07:00-18:00"))
    found = lines(rules.app, home, "rules", "check", str(home / "rules.toml"))
    assert {(each["door"], each["change"], *each["people"]) for each in found} == {("front", "loses", "Bo")}
    spans = found[0]["spans"]
    assert 8 <= len(spans) <= 10, "the working days of two weeks, but for holidays"
    assert {(each["from"], each["until"]) for each in spans} == {("18:00", "19:00")}
    text = shown(rules.app, home, "rules", "check", str(home / "rules.toml"))
    assert ": 18:00-19:00" in text
    assert f"and {len(spans) - 4} more days" in text


def test_rules_that_drop_a_group_with_people_in_it_say_so(home: Path) -> None:
    import_rules(home)
    lines(rules.app, home, "groups", "add", "Bo", "cleaners")
    (home / "rules.toml").write_text('groups = ["staff"]\n')
    text = shown(rules.app, home, "rules", "check", str(home / "rules.toml"))
    assert "groups that these rules do not name: cleaners" in text


def test_public_holidays_are_lines_to_paste_into_the_rules(home: Path, register: Register) -> None:
    text = shown(rules.app, home, "holidays", "de", "--year", "2026", "--subdivision", "BY")
    policy = policy_from_text(RULES.replace('[holidays]\n2026-12-25 = "public"\n', text))
    assert policy.calendar[datetime(2026, 12, 26).date()] == "public"  # noqa: DTZ001
    assert datetime(2026, 1, 6).date() in policy.calendar, "Epiphany, in Bavaria"  # noqa: DTZ001
    found = lines(rules.app, home, "holidays", "DE", "--year", "2026")
    assert "2026-01-06" not in {each["date"] for each in found}
    with pytest.raises(InputError, match="XX"):
        shown(rules.app, home, "holidays", "XX", "--year", "2026")


def test_the_rules_in_the_instructions_are_rules() -> None:
    pages = [
        (ROOT / "docs" / "how-to" / name).read_text() for name in ("set-access-rules.md", "lock-down.md")
    ]
    (first, whole), (plan,) = (re.findall(r"```toml\n(.*?)```", page, re.DOTALL) for page in pages)
    assert policy_from_text(first).rules[0].group == "everyone"
    policy = policy_from_text(whole + plan)
    assert (len(policy.rules), [each.name for each in policy.plans]) == (3, ["all"])


# --- people -----------------------------------------------------------------------------------------------


def test_groups_are_changed_and_listed(home: Path) -> None:
    import_rules(home)
    assert lines(rules.app, home, "groups", "add", "ada [X]", "staff")[0]["groups"] == ["staff"]
    assert [each["groups"] for each in lines(rules.app, home, "groups", "list")] == [["staff"], []]
    text = shown(rules.app, home, "groups", "list")
    assert "Ada [x]" in text
    assert "Nobody is in: cleaners." in text
    assert "is in no group" in shown(rules.app, home, "groups", "remove", "Ada [x]", "staff")


def test_access_is_limited_and_unlimited_in_the_sites_time_zone(home: Path, register: Register) -> None:
    (found,) = lines(
        rules.app, home, "access", "Bo", "--from", "2026-11-02", "--until", "2026-11-03T12:00", "--longer"
    )
    assert found["longer_unlock"]
    settings = register.access_settings(id_of(register, "Bo"))
    assert settings.valid_from == datetime(2026, 11, 1, 23, tzinfo=UTC)
    assert settings.valid_until == datetime(2026, 11, 3, 11, tzinfo=UTC)
    assert "2026-11-03 12:00" in shown(rules.app, home, "access", "Bo")
    (found,) = lines(rules.app, home, "access", "Bo", "--from", "none", "--second-factor", "--no-longer")
    assert (found["valid_from"], found["second_factor"], found["longer_unlock"]) == (None, True, False)
    assert found["valid_until"] is not None
    before = len(register.changes())
    lines(rules.app, home, "access", "Bo")
    assert len(register.changes()) == before


def test_failures_and_passages_are_forgotten(home: Path, register: Register) -> None:
    bo = id_of(register, "Bo")
    register.note_failure(bo, NOON)
    register.note_passages(bo, [Passage("hall", True, NOON)])
    assert "hall: inside" in shown(rules.app, home, "access", "Bo")
    assert lines(rules.app, home, "lockout", "clear", "Bo")[0]["failures"] == 1
    assert lines(rules.app, home, "passback", "forgive", "--all")[0] == {
        "type": "forgiven",
        "person_id": None,
        "name": None,
        "passages": 1,
    }
    assert lines(rules.app, home, "passback", "forgive", "Bo")[0]["passages"] == 0
    for words in ([], ["Bo", "--all"]):
        assert invoke(rules.app, home, "passback", "forgive", *words, as_json=False).exit_code == 2
    with pytest.raises(UnknownPersonError):
        lines(rules.app, home, "lockout", "clear", "Nobody")


# --- would ------------------------------------------------------------------------------------------------

MONDAY, CHRISTMAS = "2026-11-02T09:30", "2026-12-25T09:30"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["Ada [x]", "front", "--at", MONDAY], None),
        (["Ada [x]", "front", "--at", "2026-11-02T19:00"], "outside_hours"),
        (["Ada [x]", "front", "--at", CHRISTMAS], "outside_hours"),
        (["Ada [x]", "back", "--at", MONDAY], "no_rule"),
        (["Bo", "back", "--at", MONDAY], "needs_card"),
        (["Bo", "back", "--at", MONDAY, "--with", "card"], "needs_pin"),
        (["Bo", "back", "--at", MONDAY, "--with", "card+pin"], None),
    ],
)
def test_would_says_whether_a_door_would_open_and_why(
    home: Path, words: list[str], reason: str | None
) -> None:
    import_rules(home)
    lines(rules.app, home, "groups", "add", "Ada [x]", "staff")
    lines(rules.app, home, "groups", "add", "Bo", "cleaners")
    (found,) = lines(rules.app, home, "would", *words)
    assert (found["allowed"], found["reason"]) == (reason is None, reason)
    assert found["trace"][-1]["passed"] == (reason is None)
    text = shown(rules.app, home, "would", *words)
    assert ("would open" if reason is None else reason) in text
    for check in found["trace"]:
        assert check["sentence"] in text


def test_would_knows_of_a_lockdown(home: Path) -> None:
    import_rules(home)
    lines(rules.app, home, "groups", "add", "Ada [x]", "staff")
    lines(lockdown.app, home, "lockdown", "start", "all", "--reason", "Gas.")
    assert lines(rules.app, home, "would", "Ada [x]", "front", "--at", MONDAY)[0]["allowed"]
    assert lines(rules.app, home, "would", "Bo", "front", "--at", MONDAY)[0]["reason"] == "lockdown"


# --- lockdowns --------------------------------------------------------------------------------------------


def test_a_lockdown_is_started_listed_and_ended(home: Path) -> None:
    import_rules(home)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    (started,) = lines(
        lockdown.app, home, "lockdown", "start", "all", "--reason", "A [trial].", "--drill", "--until", until
    )
    assert (started["plan"], started["drill"], started["doors"]) == ("all", True, ["*"])
    assert "drill all" in shown(lockdown.app, home, "lockdown", "list")
    assert "A [trial]." in shown(lockdown.app, home, "lockdown", "list")
    (ended,) = lines(lockdown.app, home, "lockdown", "end")
    assert ended["order_id"] == started["order_id"]
    assert lines(lockdown.app, home, "lockdown", "list") == []
    assert lines(lockdown.app, home, "lockdown", "list", "--past")[0]["ended_at"] is not None
    assert "No such lockdown" in shown(lockdown.app, home, "lockdown", "end", "all")
    assert "Nothing is in force" in shown(lockdown.app, home, "lockdown", "list")
    text = shown(lockdown.app, home, "lockdown", "start", "all", "--reason", "Gas.")
    assert "The lockdown all is in force until it is ended (every door); who is in staff passes." in text


def test_a_door_is_released_because_of_fire(home: Path) -> None:
    (started,) = lines(lockdown.app, home, "fire", "start", "front", "--reason", "Smoke.")
    assert (started["kind"], started["doors"]) == ("fire", ["front"])
    assert "fire" in shown(lockdown.app, home, "lockdown", "list")
    assert "has ended: front" in shown(lockdown.app, home, "fire", "end", "front")
    assert "was not released" in shown(lockdown.app, home, "fire", "end", "front")


# --- PINs, cards, faces -----------------------------------------------------------------------------------


def test_a_pin_is_asked_for_twice_and_never_shown(home: Path, register: Register) -> None:
    bo = id_of(register, "Bo")
    text = shown(credentials.app, home, "pin", "set", "Bo", given="8035\n8035\n")
    assert "8035" not in text
    assert register.check_pin(bo, "8035") is PinMatch.NORMAL
    (found,) = lines(credentials.app, home, "pin", "duress", "Bo", "--stdin", given="9472\n")
    assert found["pins"] == ["normal", "duress"]
    assert register.check_pin(bo, "9472") is PinMatch.DURESS
    with pytest.raises(PinError):
        shown(credentials.app, home, "pin", "set", "Bo", "--stdin", given="1234\n")
    with pytest.raises(CredentialTakenError):
        shown(credentials.app, home, "pin", "set", "Ada [x]", "--stdin", given="8035\n")
    with pytest.raises(InputError, match="no PIN in its first line"):
        shown(credentials.app, home, "pin", "set", "Bo", "--stdin", given="\n")
    assert "has no PIN any more" in shown(credentials.app, home, "pin", "remove", "Bo")
    assert "had no PIN" in shown(credentials.app, home, "pin", "remove", "Bo")


def test_cards_are_added_listed_and_removed(home: Path) -> None:
    assert lines(credentials.app, home, "card", "add", "Ada [x]", "00:47-11")[0]["number"] == "4711"
    lines(credentials.app, home, "card", "add", "Bo", "04:A2:2B:91:C3")
    assert [each["name"] for each in lines(credentials.app, home, "card", "list")] == ["Ada [x]", "Bo"]
    assert [each["number"] for each in lines(credentials.app, home, "card", "list", "--person", "bo")] == [
        "4A22B91C3"
    ]
    assert "Ada [x]" in shown(credentials.app, home, "card", "list")
    assert "is Bo's no more" in shown(credentials.app, home, "card", "remove", "4a22b91c3")
    lines(credentials.app, home, "card", "remove", "4711")
    assert "There are no cards" in shown(credentials.app, home, "card", "list")


def test_a_refused_face_is_deleted_after_a_question(home: Path, register: Register) -> None:
    refused = invoke(credentials.app, home, "face", "refuse", "Bo", as_json=False, given="n\n")
    assert refused.exit_code == 1
    assert len(register.person_file(id_of(register, "Bo")).crops) == 1
    text = shown(credentials.app, home, "face", "refuse", "Bo", "--yes")
    assert "1 pictures of Bo are deleted" in text
    assert "neither a PIN nor a card" in text
    assert register.person_file(id_of(register, "Bo")).crops == ()
    (found,) = lines(credentials.app, home, "face", "allow", "Bo")
    assert not found["face_refused"]


def test_a_person_without_a_face_is_added(home: Path, register: Register) -> None:
    (found,) = lines(credentials.app, home, "add-person", "Eve", "--consent", "I was told.")
    assert found["face_refused"]
    assert register.consent(id_of(register, "Eve")).text == "I was told."
    with pytest.raises(ConsentError, match=r"site\.consent"):
        lines(credentials.app, home, "add-person", "Mallory")
