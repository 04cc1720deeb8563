"""What must hold at the doors: who is let in, who is not, what the lock does, and memory."""

from datetime import datetime
from statistics import median

from benchmarks.chaos.evidence import Evidence, answer, decided, place
from benchmarks.chaos.results import Check, quantiles
from benchmarks.chaos.world import seconds
from models.domain import DenyReason
from tests.models.rules.naive import schedule_says

RULE_REASONS = frozenset(
    {
        DenyReason.LOCKDOWN,
        DenyReason.SUSPENDED,
        DenyReason.NOT_YET_VALID,
        DenyReason.EXPIRED,
        DenyReason.NO_RULE,
        DenyReason.OUTSIDE_HOURS,
    }
)
"""Denials that follow from rules, people and orders alone."""
WARM_UP_S = 60.0
"""So long a door loads modules, fills caches, and for the first time computes what a PIN is found by."""
SHORTEST_LIFE_S = 120.0
"""A life of a door that is shorter says nothing of its memory."""
MOST_GROWTH = 1.1


def check_grants(evidence: Evidence) -> Check:
    """Nobody is let in whom the rules of the moment refuse."""
    check = Check("every grant is allowed by rules, people and orders of the 2 s before it")
    check.name = check.name.replace("2 s", f"{evidence.within_s:g} s")
    for event, failures, acted_at in decided(evidence):
        if event.outcome == "granted":
            states = evidence.history.between(event.at - seconds(evidence.within_s), acted_at)
            reasons = [answer(state, event, failures) for state in states]
            check.expect(None in reasons, f"{place(event)} with {event.factors}: {set(map(str, reasons))}")
    return check


def check_denials(evidence: Evidence) -> Check:
    """Nobody is refused by a rule that did not hold."""
    check = Check("every denial by a rule has its reason in rules, people and orders of the same time")
    for event, failures, acted_at in decided(evidence):
        if event.outcome == "denied" and event.reason in RULE_REASONS:
            states = evidence.history.between(event.at - seconds(evidence.within_s), acted_at)
            reasons = [answer(state, event, failures) for state in states]
            found = event.reason in reasons
            check.expect(found, f"{place(event)} was refused as {event.reason}: {set(map(str, reasons))}")
    return check


def check_unlockings(evidence: Evidence) -> Check:
    """The lock moves for a grant that was written before, once, or because the door stands unlocked."""
    check = Check("every unlocking has its grant, written before, and no grant has two")
    grants = {event.event_id: event for event in evidence.events if event.outcome == "granted"}
    waits, held = [], 0
    for door, lines in evidence.locks.items():
        seen: set[int] = set()
        for line in (each for each in lines if each["what"] == "unlocked"):
            at, grant_id = line["at"], line["grant_id"]
            if grant_id is None:
                held += 1
                check.expect(_may_stand_unlocked(evidence, door, at), f"{door} at {at}: no grant, no order")
                continue
            grant = grants.get(grant_id)
            fits = grant is not None and grant.door == door and grant.at <= at
            check.expect(fits, f"{door} at {at}: there is no grant {grant_id} before it")
            check.expect(grant_id not in seen, f"{door} at {at}: grant {grant_id} unlocked twice")
            seen.add(grant_id)
            if grant is not None:
                waits.append((at - grant.at).total_seconds())
    check.figures = {"from decision to unlocked": quantiles(waits), "held unlocked": held}
    return check


def _may_stand_unlocked(evidence: Evidence, door: str, at: datetime) -> bool:
    """Whether fire or a schedule unlocked the door shortly before; a door that waits to write is behind."""
    late = evidence.within_s + evidence.held_s(at - seconds(10), at)
    states = evidence.history.between(at - seconds(late), at)
    for state in states:
        if {"*", door} & state.fire_doors:
            return True
        for each in state.policy.unlock_times:
            moments = (at, at - seconds(late / 2), at - seconds(late))
            if each.door == door and any(schedule_says(state.policy, each.schedule, m) for m in moments):
                return True
    return False


def check_memory(evidence: Evidence) -> Check:
    """A door needs no more memory at the end of a life than at its beginning."""
    check = Check("the memory of a door's process does not grow")
    lives = []
    for door in evidence.doors:
        for samples in door.rss:
            warm = [size for age_s, size in samples if age_s > WARM_UP_S]
            if not samples or samples[-1][0] < SHORTEST_LIFE_S or len(warm) < 3:
                continue
            third = len(warm) // 3
            ratio = median(warm[-third:]) / median(warm[:third])
            check.expect(ratio <= MOST_GROWTH, f"{door.name} grew by {ratio:.3f}")
            life = {"door": door.name, "seconds": round(samples[-1][0]), "ratio": round(ratio, 3)}
            lives.append(life | {"mib": round(median(warm[-third:]) / 2**20)})
    check.figures = {"lives": lives}
    return check
