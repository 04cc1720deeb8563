"""How soon a change of rules, people or orders counts at a running door."""

from collections.abc import Iterator
from datetime import datetime

from benchmarks.chaos.evidence import Evidence, answer, decided, place
from benchmarks.chaos.policies import DOORS
from benchmarks.chaos.results import Check, quantiles
from benchmarks.chaos.world import History, Span, seconds
from models.events import DoorEvent, NoticeReason


def check_reach(evidence: Evidence) -> Check:
    """A change of rules, people or orders counts at a running door in time."""
    check = Check(f"a revocation or lockdown counts at a running door within {evidence.within_s:g} s")
    late = list(_late_grants(evidence))
    for event, over_s in late:
        check.expect(over_s <= evidence.within_s, f"{place(event)}: forbidden {over_s:.2f} s before")
    notices = []
    for door in DOORS:
        for what, at, delay_s in _lockdown_delays(evidence, door):
            if delay_s is not None:
                notices.append(delay_s)
            on_time = delay_s is not None and delay_s <= evidence.within_s
            said = "no notice" if delay_s is None else f"{delay_s:.2f} s"
            check.expect(on_time, f"{door}: {what} at {at}: {said}")
    loads = [found for door in DOORS for found in _loading_delays(evidence, door)]
    for what, delay_s in loads:
        check.expect(delay_s <= evidence.within_s, f"{what} was read {delay_s:.2f} s later")
    check.figures = {
        "change until the door has read it": quantiles([delay_s for _, delay_s in loads]),
        "last grants after a change that forbids them": quantiles([over_s for _, over_s in late]),
        "lockdown until the door's own notice": quantiles(notices),
    }
    return check


def _late_grants(evidence: Evidence) -> Iterator[tuple[DoorEvent, float]]:
    """Grants that the newest state forbids, and how long the last one that allows them had been over."""
    changes = evidence.history.changes
    for event, failures, acted_at in decided(evidence):
        if event.outcome != "granted":
            continue
        newest = evidence.history.latest_at(event.at)
        while newest + 1 < len(changes) and changes[newest + 1].began <= acted_at:
            newest += 1
        newest_first = range(newest, -1, -1)
        allowed = (answer(changes[number].state, event, failures) is None for number in newest_first)
        last = next((number for number, yes in zip(newest_first, allowed, strict=True) if yes), newest)
        if last < newest:
            over_s = (event.at - changes[last + 1].ended).total_seconds()
            if over_s > 0:
                yield event, over_s


def _loading_delays(evidence: Evidence, door: str) -> Iterator[tuple[str, float]]:
    """How long after each change a door that runs had read it, as its log says."""
    loads = evidence.loads[door]
    for change in evidence.history.changes[1:]:
        late = change.ended + seconds(evidence.within_s)
        read_at = next((at for at, revision in loads if revision >= change.revision), late + seconds(1))
        if _is_watched(evidence, door, change.began, max(read_at, late)):
            delay_s = max(0.0, (read_at - change.ended).total_seconds())
            yield f"{door}: {change.what} at {change.ended}", delay_s


def _lockdown_delays(evidence: Evidence, door: str) -> Iterator[tuple[str, datetime, float | None]]:
    """How long after each lockdown of a door its notice came; None when none came in time.

    Left out: what the door cannot have seen, being killed, jammed, or locked down or released by fire just
    before; and the time in which the run itself kept the door from writing.
    """
    within = seconds(evidence.within_s)
    notices = [
        event.at
        for event in evidence.events
        if event.door == door and event.reason == NoticeReason.LOCKDOWN_STARTED
    ]
    spans = _locked_down(evidence.history, door)
    for number, (what, began, span) in enumerate(spans):
        quiet_since = spans[number - 1][2].end if number else evidence.history.changes[0].ended
        limit = span.start + within + seconds(evidence.held_s(span.start, span.start + 4 * within))
        said = next((at for at in notices if began <= at < span.end), None)
        until = limit if said is None else said
        seen = span.end > until and began - quiet_since > 2 * within
        watched = _is_watched(evidence, door, began - within, until)
        if not (seen and watched) or _is_faulty(evidence, door, began - within, until):
            continue
        waited_s = None
        if said is not None:
            waited_s = max(0.0, (said - span.start).total_seconds() - evidence.held_s(span.start, said))
        yield what, span.start, waited_s


def _locked_down(history: History, door: str) -> list[tuple[str, datetime, Span]]:
    """When a door was locked down: what did it, when its transaction began, and from its end until when."""
    found: list[tuple[str, datetime, Span]] = []
    begun: tuple[str, datetime, datetime] | None = None
    last = history.changes[-1].ended
    for change in history.changes:
        lockdowns = [
            each for each in change.state.lockdowns.values() if {"*", door} & each.doors and not each.drill
        ]
        lasting = [each for each in lockdowns if each.ends_at is None or each.ends_at > change.ended]
        locked = bool(lasting) and not {"*", door} & change.state.fire_doors
        if locked and begun is None:
            begun = change.what, change.began, change.ended
        ends = [each.ends_at for each in lasting if each.ends_at is not None]
        if begun is not None and (not locked or len(ends) == len(lasting)):
            end = change.began if not locked else max(ends)
            found.append((begun[0], begun[1], Span(begun[2], end)))
            begun = None
    if begun is not None:
        found.append((begun[0], begun[1], Span(begun[2], last)))
    return found


def _is_watched(evidence: Evidence, door: str, start: datetime, end: datetime) -> bool:
    """Whether a door was watched in all of [start, end]."""
    (process,) = [each for each in evidence.doors if each.name == door]
    began = [
        event.at
        for event in evidence.events
        if event.door == door and event.reason == NoticeReason.KIOSK_STARTED and event.at <= start
    ]
    killed = any(began and began[-1] <= at <= end for at in process.killed)
    return bool(began) and not killed


def _is_faulty(evidence: Evidence, door: str, start: datetime, end: datetime) -> bool:
    """Whether the lock had a fault, or its driver had not got over one, at some time of [start, end]."""
    broken: datetime | None = None
    for line in evidence.locks[door]:
        if line["what"] == "fault":
            broken = line["at"]
        elif line["what"] == "repaired" and broken is not None:
            if Span(broken, line["at"] + seconds(1)).overlap_s(start, end) > 0:
                return True
            broken = None
    return broken is not None and broken <= end
