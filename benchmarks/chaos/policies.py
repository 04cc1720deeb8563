"""`random_policy`: rules of a few kinds, put together at random.

There is no door for two people and no zone with hard or timed anti-passback: what they depend on is kept in
the door's memory or follows from events that a killed door never wrote, so nobody could check it afterwards.
"""

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
SCHEDULES = {
    EVERY_OTHER_MINUTE: Schedule(
        EVERY_OTHER_MINUTE, (tuple(Window(minute, minute + 1) for minute in range(0, 1440, 2)),) * 7
    ),
    NEVER: Schedule(NEVER, ((),) * 7),
}
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


def random_policy(rng: Random) -> Policy:
    """Rules whose names fit together; mostly somebody may pass somewhere."""
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
        schedules=SCHEDULES,
        rules=tuple(rules),
        unlock_times=unlock_times,
        zones=(ZONE,) if rng.random() < 0.5 else (),
        plans=PLANS,
    )
