"""`tables`, `page`: the results of a run as tables in Markdown, and as the page docs/experiments/chaos.md."""

from collections.abc import Iterable, Sequence

from benchmarks.chaos.policies import DOORS
from benchmarks.chaos.results import Check
from benchmarks.chaos.run import Result

INTRODUCTION = """# Two doors under changes and faults

Made by `{command}`; do not edit by hand. It needs mosquitto.

Two doors ({doors}), each a process of its own, share one home and one SQLite register. They run the real
loop, rules, lock driver, event log and watch of the register; camera, detector, network and lock are
simulated. People with and without right, strangers, cards and PINs (right, wrong, for duress) come to them
without a pause. For {minutes:g} minutes rules, groups, PINs, cards, validity, suspensions, lockdowns and
fire releases were changed at random, the database's write lock was held for up to 3 s at a time, doors and
`doorward sync` were killed, the locks jammed or fell silent, the broker was stopped, and webhooks were
refused.
Afterwards the following was checked, from what the register, the files of the locks and the receivers hold.
The machine of two cores did other work too.

{tables}

Whether somebody may pass is worked out by an implementation of the rules that was written apart from the one
that the doors use (`tests/models/rules/naive.py`), for each state of rules, people and orders that the door
may have known. Wrong PINs count there as far as events prove them. Doors for two people and anti-passback
that refuses are not among the random rules: what they depend on is in a door's memory, or follows from an
event that a killed door never wrote. Anti-passback that only takes note is among them.

The times are measured from the end of the transaction that makes a change. While the write lock is held by
the run itself, a door cannot write the notice of a lockdown: that time is taken off.
"""


def tables(result: Result) -> str:
    """What was checked, how long things took, memory, and what was done."""
    checks = _table(
        ("what must hold", "looked at", "violations"),
        [(each.name, each.counted, len(each.violations)) for each in result.checks],
    )
    times = _table(
        ("from ... to ...", "number", "median", "95 %", "longest"),
        [
            (name, each["number"], *(f"{each[key]:.2f} s" for key in ("p50_s", "p95_s", "max_s")))
            for name, each in _figures(result.checks)
            if isinstance(each, dict) and "p50_s" in each
        ],
    )
    lives = [life for check in result.checks for life in check.figures.get("lives", ())]
    memory = _table(
        ("door", "life", "last third to first third", "memory"),
        [(each["door"], f"{each['seconds']} s", each["ratio"], f"{each['mib']} MiB") for each in lives],
    )
    receivers = _table(
        ("receiver", "events", "of them silent", "repeats"),
        [
            (each.name.split()[0], each.figures["events"], each.figures["silent"], each.figures["repeats"])
            for each in result.checks
            if "repeats" in each.figures
        ],
    )
    done = f"Done: {_listed(result.done)}."
    events = f"Events: {_listed(result.totals)}."
    return "\n\n".join((checks, times, receivers, *([memory] if lives else []), done, events))


def page(result: Result, command: str, minutes: float) -> str:
    """The page of the documentation."""
    return INTRODUCTION.format(
        command=command, doors=" and ".join(DOORS), minutes=minutes, tables=tables(result)
    )


def _figures(checks: Sequence[Check]) -> list[tuple[str, object]]:
    return [(name, figure) for check in checks for name, figure in check.figures.items()]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
