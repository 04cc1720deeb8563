"""A rules file is read as it is meant, is written back as the same rules, and says what is wrong with it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import RulesError
from models.rules.document import (
    digest,
    merged,
    parse_window,
    policy_from_record,
    policy_from_text,
    policy_record,
    policy_text,
)
from models.rules.factors import parse_way
from models.rules.policy import (
    OPEN_SITE,
    LockdownPlan,
    PassbackMode,
    PassbackZone,
    Policy,
    Rule,
    Schedule,
    TwoPersonDoor,
    UnlockTime,
    WhenOffline,
    Window,
)
from tests.models.rules.strategies import policies

BERLIN = ZoneInfo("Europe/Berlin")
FILE = """
groups = ["staff", "night guards"]

[schedules.office]
mon-fri = ["07:00-12:00", "13:00-19:00"]
sat = ["09:00-13:00"]
holiday.public = []
holiday.short = ["09:00-12:00"]

[schedules.night]
fri-sun = ["22:00-06:00"]

[holidays]
"2026-12-25" = "public"
2026-12-24 = "short"

[[rule]]
name = "Staff in office hours"
group = "staff"
doors = ["front", "lab"]
schedule = "office"
factors = ["face", "pin+card"]
from = 2026-11-01
until = 2027-01-01T12:00:00+01:00

[[rule]]
name = "Guards"
group = "night guards"
doors = "*"

[[unlock]]
door = "front"
schedule = "office"
first_person = true

[[two_person]]
door = "lab"

[[zone]]
name = "yard"
entries = ["front"]
exits = ["back"]
mode = "timed"
minutes = 30
when_offline = "off"

[[lockdown]]
name = "all doors"
doors = "*"
bypass_group = "night guards"
"""
DAY = (Window(420, 720), Window(780, 1140))
POLICY = Policy(
    groups=frozenset({"staff", "night guards"}),
    schedules={
        "office": Schedule(
            "office",
            (DAY, DAY, DAY, DAY, DAY, (Window(540, 780),), ()),
            {"public": (), "short": (Window(540, 720),)},
        ),
        "night": Schedule(
            "night",
            (
                (Window(0, 360),),
                (),
                (),
                (),
                (Window(1320, 1440),),
                (Window(0, 360), Window(1320, 1440)),
                (Window(0, 360), Window(1320, 1440)),
            ),
        ),
    },
    calendar={date(2026, 12, 25): "public", date(2026, 12, 24): "short"},
    rules=(
        Rule(
            "Staff in office hours",
            "staff",
            frozenset({"front", "lab"}),
            "office",
            (parse_way("face"), parse_way("card+pin")),
            datetime(2026, 11, 1, tzinfo=BERLIN),
            datetime(2027, 1, 1, 11, tzinfo=UTC),
        ),
        Rule("Guards", "night guards", frozenset({"*"})),
    ),
    unlock_times=(UnlockTime("front", "office", first_person=True),),
    two_person=(TwoPersonDoor("lab"),),
    zones=(
        PassbackZone(
            "yard",
            frozenset({"front"}),
            frozenset({"back"}),
            PassbackMode.TIMED,
            30,
            when_offline=WhenOffline.OFF,
        ),
    ),
    plans=(LockdownPlan("all doors", frozenset({"*"}), "night guards"),),
)


def test_a_file_is_read_as_it_is_meant() -> None:
    assert policy_from_text(FILE, BERLIN) == POLICY
    assert policy_from_text("", BERLIN) == Policy()


def test_the_written_file_is_short_and_reads_the_same() -> None:
    text = policy_text(POLICY, BERLIN)
    assert policy_from_text(text) == POLICY
    assert 'mon-fri = ["07:00-12:00", "13:00-19:00"]' in text
    assert "from = 2026-11-01T00:00:00+01:00" in text
    assert "reset_hours" not in text
    assert policy_text(policy_from_text(text), BERLIN) == text


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(policies)
def test_any_policy_comes_back_from_text_and_from_json(policy: Policy) -> None:
    assert policy_from_text(policy_text(policy)) == policy
    assert policy_from_text(policy_text(policy, BERLIN)) == policy
    record = policy_record(policy)
    assert policy_from_record(json.loads(json.dumps(record))) == policy
    assert policy_record(policy_from_record(record)) == record


names = st.text(min_size=1, max_size=64).filter(lambda name: name.isprintable() and name == name.strip())


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(names.filter(lambda name: name not in {"everyone", "always"}))
def test_any_printable_name_comes_back(name: str) -> None:
    schedule = Schedule(name, ((),) * 7, {name: (Window(0, 1),)})
    policy = Policy(
        frozenset({name}), {name: schedule}, rules=(Rule(name, name, frozenset({"front"}), name),)
    )
    assert policy_from_text(policy_text(policy)) == policy


windows = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])
)


@given(windows)
def test_merged_windows_have_the_same_minutes_and_do_not_touch(pairs: list[tuple[int, int]]) -> None:
    found = merged(Window(*pair) for pair in pairs)
    assert {minute for each in found for minute in range(each.start, each.end)} == {
        minute for start, end in pairs for minute in range(start, end)
    }
    assert all(one.end < other.start for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("07:00-19:00", (420, 1140)),
        ("00:00-24:00", (0, 1440)),
        ("22:00-06:00", (1320, 1800)),
        ("22:00-00:00", (1320, 1440)),
        ("23:59-24:00", (1439, 1440)),
    ],
)
def test_a_window_is_read(text: str, expected: tuple[int, int]) -> None:
    assert parse_window(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "7:00-19:00",
        "07:00",
        "07:00-25:00",
        "07:60-08:00",
        "24:00-25:00",
        "07:00-07:00",
        "07:00 - 08:00",
        7,
        "٠٧:00-08:00",
    ],
)
def test_what_is_no_window_is_refused(text: object) -> None:
    with pytest.raises(RulesError, match=r"07:00-19:00|00:00-24:00"):
        parse_window(text)


def rule(**change: str) -> str:
    keys = {"name": '"a"', "group": '"staff"', "doors": '"*"'} | change
    return 'groups = ["staff"]\n[[rule]]\n' + "\n".join(f"{key} = {value}" for key, value in keys.items())


def zone(**change: str) -> str:
    keys = {"name": '"yard"', "entries": '["front"]'} | change
    return "[[zone]]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("groups = [", "cannot be read as TOML"),
        ("group = []", r"group is no key; did you mean groups\?"),
        (rule(scheduel='"always"'), r"\[rule\] number 1: scheduel is no key; did you mean schedule\?"),
        ('[[rule]]\nname = "a"\ndoors = "*"', r"\[rule\] number 1: group is missing"),
        (rule(group='"stuff"'), r"rule a: there is no group stuff; did you mean staff\?"),
        (rule(group='"zzz"'), "rule a: there is no group zzz: add it to groups"),
        (rule(schedule='"office"'), "rule a: there is no schedule office"),
        (rule(doors='["fron"]'), r"rule a: there is no door fron; did you mean front\?"),
        (rule(doors='["front door"]'), "no door's name"),
        (rule(doors='["*", "lab"]'), "no door's name"),
        (rule(doors="[]"), "list of names"),
        (rule(factors="[]"), "at least 1"),
        (rule(factors='["eye"]'), "'eye' names no factors"),
        (rule(factors='["face", "face"]'), "twice"),
        (rule(factors="[1]"), "as texts"),
        (rule(name='""'), "at least 1"),
        (rule(name='" a"'), "spaces at its ends"),
        (rule(name='"a\\nb"'), "line breaks"),
        (rule(name="1"), "valid string"),
        (rule(**{"from": "2026-01-02", "until": "2026-01-02"}), "ends before it begins"),
        (rule(**{"from": "0001-01-01"}), "too far away"),
        (rule(**{"from": "12"}), "write a date"),
        (rule(**{"from": '"soon"'}), "number 1: from"),
        (rule() + "\n" + rule().partition("\n")[2], "rule a is there 2 times"),
        ('[schedules.s]\nmo = ["07:00-19:00"]', r"schedule s: mo is no day.*did you mean mon\?"),
        ("[schedules.s]\nfri-mon = []", "ends before it begins"),
        ("[schedules.s]\nmon-fri = []\nwed = []", "each day once"),
        ('[schedules.s]\nmon = "07:00-19:00"', "list of windows"),
        ('[schedules.s]\nmon = ["7-19"]', "schedule s: mon: '7-19' is no window"),
        ('[schedules.s]\nholiday = ["07:00-19:00"]', "by kind"),
        ('[schedules.s]\nholiday.a = ["22:00-06:00"]', "ends at 24:00 at the latest"),
        ("[schedules.always]\nmon = []", "another name"),
        ('groups = ["everyone"]', "take it out"),
        ('[holidays]\n"25.12.2026" = "public"', "no date"),
        ('[holidays]\n"2026-02-30" = "public"', "no date"),
        (zone(exits='["front"]'), "cannot be an entry and an exit"),
        (zone(mode='"timed"'), "minutes belong"),
        (zone(minutes="5"), "minutes belong"),
        (zone(mode='"strict"'), "'hard', 'soft' or 'timed'"),
        (zone(reset_hours="0"), "greater than or equal to 1"),
        (zone(reset_hours="169"), "less than or equal to 168"),
        (zone(exempt_group='"everyone"'), "refuses nobody"),
        (zone(entries="[]"), "at least 1"),
        (zone(entries='"front"'), "list of names"),
        ('[[lockdown]]\nname = "a"\ndoors = "*"\nbypass_group = "everyone"', "locks nobody out"),
        ('[[lockdown]]\nname = "a"\ndoors = "*"\nbypass_group = "x"', "lockdown a: there is no group x"),
        (
            '[[two_person]]\ndoor = "front"\n[[two_person]]\ndoor = "front"',
            "two_person door front is there 2",
        ),
        ('[[two_person]]\ndoor = "front"\nwithin_s = inf', "finite"),
        ('[[two_person]]\ndoor = "front"\nwithin_s = 0', "greater than 0"),
        ('[[unlock]]\ndoor = "front"\nschedule = "shop"', "unlock front: there is no schedule shop"),
        ('[[unlock]]\ndoor = "front"\nschedule = "always"\nfirst_person = 1', "valid boolean"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(RulesError, match=says):
        policy_from_text(text, BERLIN, doors=["front", "lab"])


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(RulesError) as caught:
        policy_from_text(rule(group='"x"', schedule='"y"'))
    assert "no group x" in str(caught.value)
    assert "no schedule y" in str(caught.value)


def test_the_digest_changes_with_each_rule_and_with_the_time_zones_and_not_with_the_order() -> None:
    first = digest(POLICY, "2026.6")
    assert len(first) == 64
    reordered = replace(POLICY, calendar=dict(reversed(list(POLICY.calendar.items()))))
    assert digest(reordered, "2026.6") == first
    others = [
        digest(POLICY, "2026.7"),
        digest(OPEN_SITE, "2026.6"),
        digest(replace(POLICY, rules=POLICY.rules[::-1]), "2026.6"),
        digest(replace(POLICY, calendar={}), "2026.6"),
        digest(replace(POLICY, two_person=(TwoPersonDoor("lab", within_s=16),)), "2026.6"),
    ]
    assert len({first, *others}) == 6
