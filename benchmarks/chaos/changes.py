"""`Operator`: changes rules, people and orders at random, and notes each change in a `History`."""

import dataclasses
from collections.abc import Callable
from random import Random

import numpy as np

from benchmarks.chaos.people import GROUPS, PEOPLE, card_of, duress_pin_of, embedding_of, pin_of
from benchmarks.chaos.policies import DOORS, PLANS, random_policy
from benchmarks.chaos.world import Change, History, State, now, seconds
from models.domain import FaceCrop, PersonId
from models.errors import DoorwardError
from models.register.access_records import PinKind
from models.register.records import EnrolledFace, PersonStatus
from models.register.register import Register
from models.rules.request import Lockdown, PersonAccess


def enrol_everybody(register: Register, rng: Random) -> tuple[dict[int, PersonId], State]:
    """Make the people of the run and the first rules; who they are by number, and what holds then."""
    numbers: dict[int, PersonId] = {}
    people: dict[PersonId, PersonAccess] = {}
    policy = random_policy(rng, now())
    register.set_policy(policy)
    picture = np.zeros((112, 112, 3), np.uint8)
    for number in range(1, PEOPLE + 1):
        face = EnrolledFace(FaceCrop(picture), embedding_of(number))
        person_id = register.add_person(f"Person {number}", [face], "I agree.").person_id
        numbers[number] = person_id
        groups = frozenset(rng.sample(GROUPS, rng.randint(0, 2)))
        register.set_groups(person_id, groups)
        register.set_pin(person_id, pin_of(number))
        register.set_pin(person_id, duress_pin_of(number), PinKind.DURESS)
        register.add_card(person_id, card_of(number))
        people[person_id] = PersonAccess(person_id, groups=groups, has_pin=True, has_card=True)
    return numbers, State(policy, people, {})


class Operator:
    """Makes one change at a time.

    Attributes:
        done: how many changes there were, by what was changed.
        refused: errors of transactions that changed nothing.
    """

    def __init__(
        self, register: Register, numbers: dict[int, PersonId], history: History, rng: Random
    ) -> None:
        self._register, self._numbers = register, numbers
        self._history, self._rng = history, rng
        self.done: dict[str, int] = {}
        self.refused: list[str] = []
        self._actions: dict[Callable[[State], State | None], int] = {
            self.set_rules: 8,
            self.suspend_or_restore: 14,
            self.change_groups: 8,
            self.change_pin: 6,
            self.change_card: 6,
            self.change_validity: 8,
            self.change_second_factor: 4,
            self.start_lockdown: 4,
            self.end_lockdowns: 25,
            self.start_fire_release: 1,
            self.end_fire_release: 20,
            self.sign_checkpoints: 2,
        }

    def act(self) -> None:
        """Make a change chosen at random."""
        (action,) = self._rng.choices(list(self._actions), list(self._actions.values()))
        began = now()
        try:
            state = action(self._history.state)
        except DoorwardError as error:  # nothing was stored: the register was busy
            self.refused.append(f"{action.__name__}: {error}")
            return
        if state is not None:
            ended, revision = now(), self._register.rules_revision()
            self._history.add(Change(action.__name__, began, ended, state, revision))
            self.done[action.__name__] = self.done.get(action.__name__, 0) + 1

    def set_rules(self, state: State) -> State:
        """Put other rules in force."""
        policy = random_policy(self._rng, now())
        self._register.set_policy(policy)
        return dataclasses.replace(state, policy=policy)

    def suspend_or_restore(self, state: State) -> State:
        """Suspend somebody, or let them in again: more often, so that most people are active."""
        suspended = [each for each in state.people.values() if each.suspended]
        if suspended and self._rng.random() < 0.6:
            person = self._rng.choice(suspended)
        else:
            person = self._anybody(state)[1]
        status = PersonStatus.ACTIVE if person.suspended else PersonStatus.SUSPENDED
        self._register.set_status(person.person_id, status)
        return self._changed(state, person, suspended=not person.suspended)

    def change_groups(self, state: State) -> State:
        """Put somebody into other groups."""
        _, person = self._anybody(state)
        groups = frozenset(self._rng.sample(GROUPS, self._rng.randint(0, 2)))
        self._register.set_groups(person.person_id, groups)
        return self._changed(state, person, groups=groups)

    def change_pin(self, state: State) -> State:
        """Take somebody's PINs away, or give them again."""
        number, person = self._anybody(state)
        if person.has_pin:
            self._register.remove_pin(person.person_id)
        else:
            self._register.set_pin(person.person_id, pin_of(number))
            try:
                self._register.set_pin(person.person_id, duress_pin_of(number), PinKind.DURESS)
            except DoorwardError as error:  # the first one is stored
                self.refused.append(f"the PIN for duress: {error}")
        return self._changed(state, person, has_pin=not person.has_pin)

    def change_card(self, state: State) -> State:
        """Take somebody's card away, or give it again."""
        number, person = self._anybody(state)
        if person.has_card:
            self._register.remove_card(card_of(number))
        else:
            self._register.add_card(person.person_id, card_of(number))
        return self._changed(state, person, has_card=not person.has_card)

    def change_validity(self, state: State) -> State:
        """Let somebody's access end in a few seconds, begin in a few seconds, or have no limit."""
        _, person = self._anybody(state)
        soon = now() + seconds(self._rng.uniform(1, 4))
        limits = ((None, soon), (soon, None), (None, None), (None, None))
        begins, ends = self._rng.choice(limits)
        self._register.change_access(
            person.person_id, lambda own: dataclasses.replace(own, valid_from=begins, valid_until=ends)
        )
        return self._changed(state, person, valid_from=begins, valid_until=ends)

    def change_second_factor(self, state: State) -> State:
        """Demand a PIN or card beside somebody's face, or no longer."""
        _, person = self._anybody(state)
        demanded = not person.second_factor
        self._register.change_access(
            person.person_id, lambda own: dataclasses.replace(own, second_factor=demanded)
        )
        return self._changed(state, person, second_factor=demanded)

    def start_lockdown(self, state: State) -> State:
        """Lock doors down: sometimes as a drill, sometimes with an end."""
        plan = self._rng.choice(PLANS).name
        ends_at = now() + seconds(self._rng.uniform(6, 12)) if self._rng.random() < 0.3 else None
        order = self._register.start_lockdown(plan, "chaos", ends_at=ends_at, drill=self._rng.random() < 0.15)
        lockdown = Lockdown(
            plan, order.doors, order.bypass_group, order.reason, order.started_at, order.ends_at, order.drill
        )
        return dataclasses.replace(state, lockdowns={**state.lockdowns, plan: lockdown})

    def end_lockdowns(self, state: State) -> State | None:
        """End all lockdowns, once they have lasted for a while."""
        lasted = [now() - each.started_at for each in state.lockdowns.values()]
        if not lasted or min(lasted) < seconds(4):
            return None
        self._register.end_lockdown()
        return dataclasses.replace(state, lockdowns={})

    def start_fire_release(self, state: State) -> State:
        """Release a door."""
        door = self._rng.choice(DOORS)
        self._register.set_fire_release(door, True, "chaos")
        return dataclasses.replace(state, fire_doors=state.fire_doors | {door})

    def end_fire_release(self, state: State) -> State | None:
        """Release a door no longer."""
        if not state.fire_doors:
            return None
        door = sorted(state.fire_doors)[0]
        self._register.set_fire_release(door, False)
        return dataclasses.replace(state, fire_doors=state.fire_doors - {door})

    def sign_checkpoints(self, state: State) -> State:
        """Sign where the chains end now, for the receivers to keep."""
        self._register.write_checkpoints()
        return state

    def _anybody(self, state: State) -> tuple[int, PersonAccess]:
        number = self._rng.choice(list(self._numbers))
        return number, state.people[self._numbers[number]]

    @staticmethod
    def _changed(state: State, person: PersonAccess, **values: object) -> State:
        changed = dataclasses.replace(person, **values)  # type: ignore[arg-type]
        return dataclasses.replace(state, people={**state.people, person.person_id: changed})
