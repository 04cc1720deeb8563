"""Rules, groups, validity, lockdowns and passages in the register."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from models.domain import PersonId
from models.errors import (
    InputError,
    RegisterChangedError,
    RegisterTamperedError,
    RulesError,
    UnknownPersonError,
)
from models.register.access_records import OrderKind, PinKind
from models.register.person_access import NO_SETTINGS
from models.register.policies import KEPT
from models.register.records import Change, PersonStatus
from models.register.register import Register
from models.register.schema import PersonRow
from models.rules.policy import EVERY_DOOR, OPEN_SITE, LockdownPlan, Policy, Rule
from models.rules.request import Failures, Passage, PersonAccess
from models.storage.keys import KeyFile
from tests.models.register.faces import face

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
POLICY = Policy(
    groups=frozenset({"staff", "cleaners"}),
    rules=(Rule("staff", "staff", frozenset({"front", "back"})),),
    plans=(LockdownPlan("all", frozenset({EVERY_DOOR}), "staff"), LockdownPlan("lab", frozenset({"lab"}))),
)


@pytest.fixture
def ada(register: Register) -> PersonId:
    register.set_policy(POLICY)
    return register.add_person("Ada", [face(1)], "I agree.").person_id


def newest(register: Register) -> Change:
    return register.changes(limit=1)[0]


def test_without_rules_whoever_is_enrolled_passes_every_door(register: Register) -> None:
    assert register.policy() == register.access_snapshot().policy == OPEN_SITE
    assert register.policy_history() == []


def test_the_newest_rules_count_and_the_older_ones_are_kept(register: Register) -> None:
    first, second = register.set_policy(POLICY), register.set_policy(OPEN_SITE)
    assert register.policy() == OPEN_SITE
    assert register.policy_history() == [first, second]
    assert first.policy == POLICY
    assert first.digest != second.digest == register.access_snapshot().digest
    change = newest(register)
    assert (change.action, change.subject_id) == ("rules_set", str(second.number))
    assert change.old == {"digest": first.digest, "rules": 1}


def test_rules_that_were_looked_at_before_a_change_are_not_imported(register: Register) -> None:
    seen = register.rules_revision()
    register.add_person("Ada", [face(1)], "I agree.")
    with pytest.raises(RegisterChangedError, match="look again"):
        register.set_policy(POLICY, seen_revision=seen)
    assert register.policy() == OPEN_SITE
    register.set_policy(POLICY, seen_revision=register.rules_revision())


def test_rules_that_no_door_could_read_are_not_stored(register: Register) -> None:
    with pytest.raises(RulesError, match="stuff"):
        register.set_policy(replace(POLICY, rules=(Rule("a", "stuff", frozenset({"front"})),)))
    assert register.policy_history() == []


def test_a_snapshot_has_everybody_with_what_holds_for_them(register: Register, ada: PersonId) -> None:
    bob = register.add_person("Bob", [face(2)], "I agree.").person_id
    register.set_groups(ada, {"staff", "cleaners"})
    register.change_groups(ada, add={"staff"}, remove={"cleaners"})
    until = NOON + timedelta(days=9)
    register.change_access(
        ada, lambda settings: replace(settings, valid_from=NOON, valid_until=until, longer_unlock=True)
    )
    register.change_access(ada, lambda settings: replace(settings, second_factor=True))
    register.set_pin(ada, "8035")
    register.add_card(bob, "4711")
    register.set_status(bob, PersonStatus.SUSPENDED)
    found = register.access_snapshot()
    assert found.person(ada) == PersonAccess(
        ada,
        groups=frozenset({"staff"}),
        valid_from=NOON,
        valid_until=until,
        longer_unlock=True,
        second_factor=True,
        has_pin=True,
    )
    assert found.person(bob) == PersonAccess(bob, suspended=True, has_card=True)
    assert found.person(PersonId("nobody")).suspended
    assert found.revision == register.rules_revision()


MAKES_A_CHANGE: dict[str, Callable[[Register, PersonId], object]] = {
    "rules": lambda register, _: register.set_policy(POLICY),
    "groups": lambda register, ada: register.set_groups(ada, {"staff"}),
    "validity": lambda register, ada: register.change_access(ada, lambda old: replace(old, valid_from=NOON)),
    "status": lambda register, ada: register.set_status(ada, PersonStatus.SUSPENDED),
    "newcomer": lambda register, _: register.add_person("Bob", [face(2)], "I agree."),
    "without a face": lambda register, _: register.add_person_without_face("Bob", "I agree."),
    "erased": lambda register, ada: register.erase(ada),
    "PIN": lambda register, ada: register.set_pin(ada, "8035"),
    "card": lambda register, ada: register.add_card(ada, "4711"),
    "refused face": lambda register, ada: register.refuse_face(ada),
    "lockdown": lambda register, _: register.start_lockdown("all", "A trial."),
    "fire": lambda register, _: register.set_fire_release("front", True),
}


@pytest.mark.parametrize("change", MAKES_A_CHANGE)
def test_a_door_hears_of_every_change_that_decides_who_gets_in(
    register: Register, ada: PersonId, change: str
) -> None:
    before, gallery = register.rules_revision(), register.gallery_revision()
    MAKES_A_CHANGE[change](register, ada)
    assert register.rules_revision() == before + 1
    reloads_gallery = change in ("status", "newcomer", "erased", "refused face")
    assert (register.gallery_revision() > gallery) == reloads_gallery


def test_what_happens_at_doors_makes_no_door_read_the_rules_again(register: Register, ada: PersonId) -> None:
    before = register.rules_revision(), len(register.changes())
    register.note_failure(ada, NOON)
    register.clear_failures(ada)
    register.note_passages(ada, [Passage("hall", True, NOON)])
    register.note_first_person("front", NOON.date())
    assert (register.rules_revision(), len(register.changes())) == before


def test_a_change_that_changes_nothing_is_none(register: Register, ada: PersonId) -> None:
    register.set_groups(ada, {"staff"})
    before = register.rules_revision(), len(register.changes())
    register.set_groups(ada, {"staff"})
    register.change_access(ada, lambda settings: settings)
    assert (
        register.clear_lockout(ada) == register.forgive_passages(ada) == register.forgive_passages(None) == 0
    )
    assert register.end_lockdown() == []
    assert register.set_fire_release("front", False) is None
    assert register.remove_pin(ada) == ()
    assert (register.rules_revision(), len(register.changes())) == before


@pytest.mark.parametrize(
    ("groups", "message"),
    [({"stuff"}, "no group stuff: there is cleaners, staff"), ({"everyone"}, "everybody")],
)
def test_only_groups_that_the_rules_name_are_taken(
    register: Register, ada: PersonId, groups: set[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        register.set_groups(ada, groups)
    assert register.groups(ada) == frozenset()


def test_somebody_can_leave_a_group_that_the_rules_no_longer_name(register: Register, ada: PersonId) -> None:
    register.set_groups(ada, {"staff", "cleaners"})
    register.set_policy(OPEN_SITE)
    assert register.change_groups(ada, remove={"staff"}) == {"cleaners"}


def test_access_does_not_end_before_it_begins(register: Register, ada: PersonId) -> None:
    with pytest.raises(InputError, match="would end"):
        register.change_access(ada, lambda settings: replace(settings, valid_from=NOON, valid_until=NOON))
    with pytest.raises(InputError, match="doorward face"):
        register.change_access(ada, lambda settings: replace(settings, face_refused=True))
    assert register.access_settings(ada) == NO_SETTINGS


def test_the_change_log_says_what_was_changed_of_somebodys_access(register: Register, ada: PersonId) -> None:
    register.set_groups(ada, {"staff"})
    assert (newest(register).old, newest(register).new) == ({"groups": []}, {"groups": ["staff"]})
    register.change_access(ada, lambda settings: replace(settings, valid_until=NOON))
    change = newest(register)
    assert (change.action, change.subject_id) == ("access_changed", ada)
    assert (change.old, change.new) == ({"valid_until": None}, {"valid_until": NOON.isoformat()})


# --- lockdowns --------------------------------------------------------------------------------------------


def test_a_lockdown_is_in_force_until_it_ends_or_is_ended(register: Register, ada: PersonId) -> None:
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    register.start_lockdown("lab", "Gas.", ends_at=ends_at)
    everywhere = register.start_lockdown("all", "A trial.", drill=True)
    assert [order.plan for order in register.active_orders()] == ["lab", "all"]
    assert register.active_orders(ends_at) == [everywhere]
    (found,) = register.access_snapshot(ends_at).lockdowns
    assert (found.doors, found.bypass_group, found.drill) == ({EVERY_DOOR}, "staff", True)
    assert register.door_state("front", ada, ends_at).lockdowns == (found,)
    assert [order.plan for order in register.end_lockdown("all")] == ["all"]
    assert [order.plan for order in register.active_orders()] == ["lab"]
    assert [order.plan for order in register.end_lockdown()] == ["lab"]
    assert register.access_snapshot().lockdowns == ()
    assert [order.ended_at is None for order in register.orders()] == [False, False]
    actions = [str(change.action) for change in register.changes(limit=4)]
    assert actions == ["lockdown_started", "lockdown_started", "lockdown_ended", "lockdown_ended"]
    assert newest(register).actor == everywhere.actor


def test_starting_a_plan_again_takes_the_place_of_the_drill(register: Register, ada: PersonId) -> None:
    register.start_lockdown("all", "A trial.", drill=True)
    register.start_lockdown("all", "This is no trial.")
    assert [order.drill for order in register.active_orders()] == [False]


def test_a_lockdown_that_cannot_be_meant_is_refused(register: Register, ada: PersonId) -> None:
    with pytest.raises(InputError, match="no lockdown plan ale: there is all, lab"):
        register.start_lockdown("ale", "Gas.")
    with pytest.raises(InputError, match="needs a reason"):
        register.start_lockdown("all", " ")
    with pytest.raises(InputError, match="has passed"):
        register.start_lockdown("all", "Gas.", ends_at=NOON - timedelta(days=1000))
    assert register.orders() == []


@pytest.mark.parametrize("doors", ["front", EVERY_DOOR])
def test_a_fire_release_holds_until_it_is_ended(register: Register, ada: PersonId, doors: str) -> None:
    assert not register.door_state("front", ada, NOON).fire_release
    register.set_fire_release(doors, True, "Smoke.")
    assert register.door_state("front", ada, NOON).fire_release
    assert register.door_state("back", ada, NOON).fire_release == (doors == EVERY_DOOR)
    assert register.access_snapshot().fire_doors == {doors}
    ended = register.set_fire_release(doors, False)
    assert ended is not None
    assert (ended.kind, ended.reason) == (OrderKind.FIRE, "Smoke.")
    assert not register.door_state("front", ada, NOON).fire_release


# --- what happened at doors -------------------------------------------------------------------------------


def test_failures_are_counted_until_a_success_or_an_operator_clears_them(
    register: Register, ada: PersonId
) -> None:
    for minute in range(3):
        at = NOON + timedelta(minutes=minute)
        assert register.note_failure(ada, at) == Failures(minute + 1, at)
    assert register.door_state("front", ada, NOON).failures == Failures(3, NOON + timedelta(minutes=2))
    register.clear_failures(ada)
    assert register.door_state("front", ada, NOON).failures == Failures()
    register.note_failure(ada, NOON)
    assert register.clear_lockout(ada) == 1
    assert (newest(register).action, newest(register).old) == ("lockout_cleared", {"failures": 1})


def test_the_last_passage_of_each_zone_is_kept(register: Register, ada: PersonId) -> None:
    bob = register.add_person("Bob", [face(2)], "I agree.").person_id
    inside, outside = Passage("hall", True, NOON), Passage("hall", False, NOON + timedelta(hours=1))
    register.note_passages(ada, [inside, Passage("lab", True, NOON)])
    register.note_passages(bob, [inside])
    register.note_passages(ada, [outside])
    assert register.door_state("front", ada, NOON).passages == (outside, Passage("lab", True, NOON))
    assert register.forgive_passages(ada) == 2
    assert register.door_state("front", ada, NOON).passages == ()
    assert register.door_state("front", bob, NOON).passages == (inside,)
    assert register.forgive_passages(None) == 1
    assert (newest(register).action, newest(register).subject_kind) == ("everybody_forgiven", "site")


def test_the_first_person_of_a_day_is_kept_for_each_door(register: Register, ada: PersonId) -> None:
    for day in (1, 2):
        register.note_first_person("front", date(2026, 11, day))
    assert register.door_state("front", ada, NOON).first_person_on == date(2026, 11, 2)
    assert register.door_state("back", ada, NOON).first_person_on is None


def test_who_was_erased_meanwhile_leaves_nothing_at_doors(register: Register, ada: PersonId) -> None:
    register.erase(ada)
    assert register.note_failure(ada, NOON) == Failures()
    register.note_passages(ada, [Passage("hall", True, NOON)])
    state = register.door_state("front", ada, NOON)
    assert (state.failures, state.passages) == (Failures(), ())


def test_nobody_unknown_is_changed(register: Register) -> None:
    nobody = PersonId("0" * 32)
    calls: list[Callable[[], object]] = [
        lambda: register.groups(nobody),
        lambda: register.set_groups(nobody, set()),
        lambda: register.access_settings(nobody),
        lambda: register.change_access(nobody, lambda settings: settings),
        lambda: register.clear_lockout(nobody),
        lambda: register.forgive_passages(nobody),
        lambda: register.set_pin(nobody, "8035"),
        lambda: register.remove_pin(nobody),
        lambda: register.add_card(nobody, "4711"),
        lambda: register.refuse_face(nobody),
        lambda: register.allow_face(nobody),
        lambda: register.person_credentials(nobody),
    ]
    for call in calls:
        with pytest.raises(UnknownPersonError):
            call()


def test_an_erased_person_leaves_no_row_in_any_table(
    register: Register, ada: PersonId, database: Path, key_file: KeyFile
) -> None:
    register.set_groups(ada, {"staff"})
    register.change_access(ada, lambda settings: replace(settings, valid_from=NOON))
    register.set_pin(ada, "8035")
    register.set_pin(ada, "9473", PinKind.DURESS)
    register.add_card(ada, "4711")
    register.note_failure(ada, NOON)
    register.note_passages(ada, [Passage("hall", True, NOON)])
    kept = register.person_file(ada).credentials
    assert (kept.groups, kept.pins, kept.failures.count) == (("staff",), tuple(PinKind), 1)
    assert [card.number for card in kept.cards] == ["4711"]
    register.erase(ada)
    register.close()
    assert ada.encode() not in database.read_bytes()
    with Register.open(database, key_file) as again:
        assert again.access_snapshot().people == {}


def test_a_lockdown_that_somebody_ends_without_the_key_is_noticed_at_the_next_decision(
    register: Register, ada: PersonId
) -> None:
    register.start_lockdown("all", "Gas.")
    with register._connection.engine.begin() as raw:
        raw.exec_driver_sql("UPDATE orders SET ended_at = started_at")
    with pytest.raises(RegisterTamperedError):
        register.door_state("front", ada, NOON)


@pytest.mark.slow
def test_the_rules_of_ten_thousand_people_are_read_in_time_and_a_decision_costs_the_same(
    register: Register, ada: PersonId
) -> None:
    """Generous limits: a machine that is busy takes several times as long as one that is not."""
    register.note_failure(ada, NOON)

    def decision_s() -> float:
        started_s = time.perf_counter()
        for _ in range(20):
            register.door_state("front", ada, NOON)
        return time.perf_counter() - started_s

    before_s = decision_s()
    with register._connection.writing() as session:
        for number in range(10_000):
            name = f"Person {number}"
            session.add(
                PersonRow(
                    person_id=f"{number:032d}", name=name, name_key=name, status="active", created_at=NOON
                )
            )
    started_s = time.perf_counter()
    assert len(register.access_snapshot().people) == 10_001
    assert time.perf_counter() - started_s < 20
    assert decision_s() < 20 * before_s + 5


def test_only_the_newest_rules_are_kept(register: Register) -> None:
    for number in range(KEPT + 5):
        register.set_policy(Policy(groups=frozenset({f"group-{number}"})))
    kept = [version.policy.groups for version in register.policy_history()]
    assert kept == [frozenset({f"group-{number}"}) for number in range(5, KEPT + 5)]
    assert register.policy().groups == {f"group-{KEPT + 4}"}
    assert register.access_snapshot().policy.groups == {f"group-{KEPT + 4}"}
