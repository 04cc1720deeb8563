"""`AccessRules`: the part of the register that keeps rules, groups, validity, lockdowns and passages."""

from collections.abc import Callable, Iterable, Set
from datetime import UTC, date, datetime

from models.domain import PersonId
from models.errors import InputError
from models.register import door_state, orders, people, person_access, pins, policies, state
from models.register.access_records import (
    AccessSnapshot,
    Order,
    OrderKind,
    PersonSettings,
    PolicyVersion,
)
from models.register.base import RegisterBase
from models.register.records import ChangeAction
from models.register.session import RegisterSession
from models.rules.policy import LockdownPlan, Policy
from models.rules.request import DoorState, Failures, Passage

EVERYBODY = "everybody"
"""Stands for all people in the change log."""


class AccessRules(RegisterBase):
    """Rules, groups, validity, lockdowns, and what happened at doors; each method is one transaction.

    What an operator changes is in the change log, and raises the rules' revision where a door must learn it.
    Every method may raise RegisterLockedError, StorageFullError, RegisterError.
    """

    # --- what a door reads --------------------------------------------------------------------------------

    def rules_revision(self) -> int:
        """Return the revision; it grows when rules, people, credentials or orders change."""
        with self._connection.reading() as session:
            return session.state().rules_revision

    def access_snapshot(self, at: datetime | None = None) -> AccessSnapshot:
        """Read all that the rules need to know, in one transaction; it grows with the number of people.

        Args:
            at: lockdowns that ended before it are left out; None is now.

        Raises:
            RegisterTamperedError: a row was changed, added, removed or put back without the key.
        """
        with self._connection.reading() as session:
            return person_access.load_access(session, at or datetime.now(UTC))

    def door_state(self, door: str, person_id: PersonId, at: datetime) -> DoorState:
        """Read what is in force at a door, and what a person did before, for one decision.

        It takes as long however many people there are; `first_of_two` and `zones_reached` are the caller's.

        Raises:
            RegisterTamperedError: a row that is needed was changed without the key.
        """
        with self._connection.reading() as session:
            return door_state.load_door_state(session, door, person_id, at)

    # --- what a door writes -------------------------------------------------------------------------------

    def note_failure(self, person_id: PersonId, at: datetime) -> Failures:
        """Count a wrong PIN, or a face that does not fit the card; returns those since the last success."""
        with self._connection.writing() as session:
            return door_state.note_failure(session, person_id, at)

    def clear_failures(self, person_id: PersonId) -> None:
        """Forget the failures of a person who was let in. An operator calls `clear_lockout`."""
        with self._connection.writing() as session:
            door_state.clear_failures(session, person_id)

    def note_passages(self, person_id: PersonId, passages: Iterable[Passage]) -> None:
        """Keep where a person is, as `models.rules.anti_passback.passages_after` gives it."""
        with self._connection.writing() as session:
            door_state.note_passages(session, person_id, passages)

    def note_first_person(self, door: str, day: date) -> None:
        """Keep on which local day the first person was let in at a door."""
        with self._connection.writing() as session:
            door_state.note_first_person(session, door, day)

    # --- rules --------------------------------------------------------------------------------------------

    def set_policy(self, policy: Policy, *, seen_revision: int | None = None) -> PolicyVersion:
        """Put rules in force in the place of the present ones, which are kept as history.

        Args:
            policy: whose names fit together.
            seen_revision: the rules' revision that the change was looked at; None takes any.

        Raises:
            RulesError: names in the rules do not fit together.
            InputError: a PIN alone opens a door now, and PINs are too short for that.
            RegisterChangedError: the rules, people or credentials have changed since `seen_revision`.
        """
        with self._connection.writing() as session:
            state.check_rules_revision(session, seen_revision)
            pins.check_long_enough(session, policy)
            before = policies.newest_policy(session)
            stored = policies.insert_policy(session, policy, datetime.now(UTC))
            self._record_change(
                session,
                ChangeAction.RULES_SET,
                str(stored.number),
                old={"digest": policies.policy_digest(before), "rules": len(before.rules)},
                new={"digest": stored.digest, "rules": len(policy.rules)},
            )
            state.bump_rules(session)
            return stored

    def policy(self) -> Policy:
        """Return the rules in force; `OPEN_SITE` where none were imported."""
        with self._connection.reading() as session:
            return policies.newest_policy(session)

    def policy_history(self) -> list[PolicyVersion]:
        """Return the rules in force and the newest of the earlier ones (`policies.KEPT`), oldest first."""
        with self._connection.reading() as session:
            return policies.all_policies(session)

    # --- people -------------------------------------------------------------------------------------------

    def groups(self, person_id: PersonId) -> frozenset[str]:
        """Return the groups of a person, `everyone` left out. Raises UnknownPersonError."""
        with self._connection.reading() as session:
            people.person_row(session, person_id)
            return person_access.groups_of(session, person_id)

    def change_groups(
        self, person_id: PersonId, *, add: Set[str] = frozenset(), remove: Set[str] = frozenset()
    ) -> frozenset[str]:
        """Put a person into groups and out of others; returns the groups after it.

        Raises:
            UnknownPersonError: nobody has that id.
            InputError: the rules do not name a group.
        """
        return self._set_groups(person_id, lambda before: (before | add) - remove)

    def set_groups(self, person_id: PersonId, groups: Set[str]) -> None:
        """Put a person into these groups and out of all others; raises as `change_groups`."""
        self._set_groups(person_id, lambda _: frozenset(groups))

    def _set_groups(
        self, person_id: PersonId, change: Callable[[frozenset[str]], frozenset[str]]
    ) -> frozenset[str]:
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            before = person_access.groups_of(session, person_id)
            after = change(before)
            if after != before:
                person_access.set_groups(session, person_id, after)
                self._record_change(
                    session,
                    ChangeAction.GROUPS_CHANGED,
                    person_id,
                    old={"groups": sorted(before)},
                    new={"groups": sorted(after)},
                )
                state.bump_rules(session)
            return after

    def access_settings(self, person_id: PersonId) -> PersonSettings:
        """Return what a person's access has of its own. Raises UnknownPersonError."""
        with self._connection.reading() as session:
            people.person_row(session, person_id)
            return person_access.settings_of(session, person_id)

    def change_access(
        self, person_id: PersonId, change: Callable[[PersonSettings], PersonSettings]
    ) -> PersonSettings:
        """Change what a person's access has of its own; returns what it is then.

        Args:
            person_id: whose.
            change: gives the new settings for the present ones, in the transaction. `face_refused` is not
                changed by it: see `Register.refuse_face`.

        Raises:
            UnknownPersonError: nobody has that id.
            InputError: the access would end before it begins.
        """
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            before = person_access.settings_of(session, person_id)
            after = change(before)
            if after.face_refused != before.face_refused:
                raise InputError("whether a face is refused is changed by `doorward face`, not here")
            if after != before:
                person_access.set_settings(session, person_id, after)
                old, new = person_access.settings_record(before), person_access.settings_record(after)
                changed = [key for key, value in new.items() if old[key] != value]
                self._record_change(
                    session,
                    ChangeAction.ACCESS_CHANGED,
                    person_id,
                    old={key: old[key] for key in changed},
                    new={key: new[key] for key in changed},
                )
                state.bump_rules(session)
            return after

    def clear_lockout(self, person_id: PersonId) -> int:
        """Let a person try again who failed too often; returns how many failures there were.

        Raises:
            UnknownPersonError: nobody has that id.
        """
        with self._connection.writing() as session:
            people.person_row(session, person_id)
            before = door_state.clear_failures(session, person_id)
            if before.count:
                self._record_change(
                    session, ChangeAction.LOCKOUT_CLEARED, person_id, old={"failures": before.count}
                )
            return before.count

    def forgive_passages(self, person_id: PersonId | None) -> int:
        """Forget in which zones a person is, or everybody with None; returns how many passages that were.

        Raises:
            UnknownPersonError: nobody has that id.
        """
        with self._connection.writing() as session:
            if person_id is not None:
                people.person_row(session, person_id)
            count = door_state.forgive_passages(session, person_id)
            if count:
                action = (
                    ChangeAction.EVERYBODY_FORGIVEN if person_id is None else ChangeAction.PASSAGES_FORGIVEN
                )
                self._record_change(session, action, person_id or EVERYBODY, old={"passages": count})
            return count

    # --- orders -------------------------------------------------------------------------------------------

    def orders(self) -> list[Order]:
        """Return every lockdown and fire release that was ever started, oldest first."""
        with self._connection.reading() as session:
            return orders.all_orders(session)

    def active_orders(self, at: datetime | None = None) -> list[Order]:
        """Return the lockdowns and fire releases in force, oldest first; `at` None is now."""
        with self._connection.reading() as session:
            return orders.orders_in_force(session, at or datetime.now(UTC))

    def start_lockdown(
        self, plan_name: str, reason: str, *, ends_at: datetime | None = None, drill: bool = False
    ) -> Order:
        """Lock the doors of a plan down; one of the same plan that is in force ends.

        Args:
            plan_name: of a plan in the rules.
            reason: why, for whoever asks at the door and later.
            ends_at: when it ends by itself, with its zone; None until somebody ends it.
            drill: it is shown and recorded, and nobody is refused.

        Raises:
            InputError: the rules have no such plan, there is no reason, or the end has passed.
        """
        at = datetime.now(UTC)
        if not reason.strip():
            raise InputError("a lockdown needs a reason: say why in a few words, with --reason")
        if ends_at is not None and ends_at <= at:
            raise InputError(f"{ends_at} has passed: name an end that is still to come, or none")
        with self._connection.writing() as session:
            plan = _plan(policies.newest_policy(session), plan_name)
            self._end(session, OrderKind.LOCKDOWN, lambda order: order.plan == plan.name, at)
            order = Order(
                order_id=0,
                kind=OrderKind.LOCKDOWN,
                plan=plan.name,
                doors=plan.doors,
                bypass_group=plan.bypass_group,
                reason=reason.strip(),
                drill=drill,
                started_at=at,
                ends_at=ends_at,
                ended_at=None,
                actor=self._actor,
            )
            return self._start(session, order)

    def end_lockdown(self, plan_name: str | None = None) -> list[Order]:
        """End the lockdowns of a plan, or all of them with None; returns those that were in force."""
        with self._connection.writing() as session:
            return self._end(
                session,
                OrderKind.LOCKDOWN,
                lambda order: plan_name in (None, order.plan),
                datetime.now(UTC),
            )

    def set_fire_release(self, door: str, released: bool, reason: str = "") -> Order | None:
        """Release a door because of fire, or end that.

        Args:
            door: its name, or `*` for every door.
            released: True to release it.
            reason: why.

        Returns:
            The order that begins or ends; None where there is nothing to end.
        """
        at = datetime.now(UTC)
        with self._connection.writing() as session:
            ended = self._end(session, OrderKind.FIRE, lambda order: order.doors == {door}, at)
            if not released:
                return ended[-1] if ended else None
            order = Order(
                order_id=0,
                kind=OrderKind.FIRE,
                plan="",
                doors=frozenset({door}),
                bypass_group="",
                reason=reason.strip(),
                drill=False,
                started_at=at,
                ends_at=None,
                ended_at=None,
                actor=self._actor,
            )
            return self._start(session, order)

    def _start(self, session: RegisterSession, order: Order) -> Order:
        stored = orders.insert_order(session, order)
        action = (
            ChangeAction.FIRE_RELEASE_STARTED
            if order.kind is OrderKind.FIRE
            else ChangeAction.LOCKDOWN_STARTED
        )
        self._record_change(session, action, _subject(order), new=_order_record(order))
        state.bump_rules(session)
        return stored

    def _end(
        self, session: RegisterSession, kind: OrderKind, chosen: Callable[[Order], bool], at: datetime
    ) -> list[Order]:
        ended = [each for each in orders.orders_in_force(session, at) if each.kind is kind and chosen(each)]
        orders.end_orders(session, ended, at)
        action = ChangeAction.FIRE_RELEASE_ENDED if kind is OrderKind.FIRE else ChangeAction.LOCKDOWN_ENDED
        for order in ended:
            self._record_change(session, action, _subject(order), old=_order_record(order))
        if ended:
            state.bump_rules(session)
        return ended


def _subject(order: Order) -> str:
    """What the change log calls an order: the plan, or the door."""
    return order.plan or next(iter(order.doors))


def _order_record(order: Order) -> dict[str, object]:
    """What the change log keeps of an order."""
    record: dict[str, object] = {"reason": order.reason}
    if order.kind is OrderKind.LOCKDOWN:
        record |= {"doors": sorted(order.doors), "drill": order.drill}
        record |= {"ends_at": None if order.ends_at is None else order.ends_at.isoformat()}
    return record


def _plan(policy: Policy, name: str) -> LockdownPlan:
    for plan in policy.plans:
        if plan.name == name:
            return plan
    known = ", ".join(plan.name for plan in policy.plans) or "none: write one into the rules and import them"
    raise InputError(f"the rules have no lockdown plan {name}: there is {known}")
