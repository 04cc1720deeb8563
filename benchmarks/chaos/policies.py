"""`random_policy`: rules of a few kinds, put together at random.

There is no door for two people and no zone with hard or timed anti-passback: what they depend on is kept in
the door's memory or follows from events that a killed door never wrote, so nobody could check it afterwards.
"""

from datetime import datetime
from random import Random

from benchmarks.chaos.people import GROUPS
from models.rules.factors import Factor, Way
from models.rules.policy import (
    ALWAYS,
    EVERY_DOOR,
    EVERYONE,
    LockdownPlan,
    PassbackMode,
    PassbackZone,
    Policy,
    Rule,
    Schedule,
    UnlockTime,
    Window,
)

FRONT, BACK = "front", "back"
DOORS = (FRONT, BACK)
EVERY_OTHER_MINUTE = "every-other-minute"
NEVER = "never"
FACE, PIN, CARD = Factor.FACE, Factor.PIN, Factor.CARD
WAYS: tuple[tuple[Way, ...], ...] = (
    (frozenset({FACE}),),
    (frozenset({FACE, PIN}),),
    (frozenset({FACE, CARD}), frozenset({CARD, PIN})),
    (frozenset({CARD}),),
    (frozenset({PIN}), frozenset({FACE, CARD})),
)
PLANS = (
    LockdownPlan("all", frozenset({EVERY_DOOR}), "guards"),
    LockdownPlan("front-only", frozenset({FRONT})),
)
ZONE = PassbackZone("yard", frozenset({FRONT}), frozenset({BACK}), PassbackMode.SOFT)


def schedules(at: datetime) -> dict[str, Schedule]:
    """Schedules that refuse: one always, one every other minute of the hour after `at`, until midnight."""
    first = (60 * at.hour + at.minute) // 2 * 2
    windows = tuple(Window(minute, minute + 1) for minute in range(first, min(first + 60, 1440), 2))
    return {
        EVERY_OTHER_MINUTE: Schedule(EVERY_OTHER_MINUTE, (windows,) * 7),
        NEVER: Schedule(NEVER, ((),) * 7),
    }


def random_policy(rng: Random, at: datetime) -> Policy:
    """Rules whose names fit together; mostly somebody may pass somewhere, at and after a time in UTC."""
    rules = [
        Rule(
            f"rule-{number}",
            rng.choice((*GROUPS, EVERYONE)),
            frozenset({rng.choice((EVERY_DOOR, *DOORS))}),
            rng.choice((ALWAYS, ALWAYS, EVERY_OTHER_MINUTE, NEVER)),
            rng.choice(WAYS),
        )
        for number in range(rng.randint(2, 5))
    ]
    if rng.random() < 0.8:
        ways = rng.choice((WAYS[0], WAYS[0], WAYS[1], WAYS[2]))
        rules.append(Rule("everyone", EVERYONE, frozenset({EVERY_DOOR}), ways=ways))
    unlock_times = (UnlockTime(BACK, EVERY_OTHER_MINUTE),) if rng.random() < 0.15 else ()
    return Policy(
        groups=frozenset(GROUPS),
        schedules=schedules(at),
        rules=tuple(rules),
        unlock_times=unlock_times,
        zones=(ZONE,) if rng.random() < 0.5 else (),
        plans=PLANS,
    )
