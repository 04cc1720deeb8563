"""`run_chaos`: sets the site up, lets everything happen for a while, and checks what is left of it."""

import base64
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.chaos.access_checks import check_denials, check_grants, check_memory, check_unlockings
from benchmarks.chaos.changes import Operator, enrol_everybody
from benchmarks.chaos.evidence import Evidence, read_loads, read_lock_file
from benchmarks.chaos.faults import Faults
from benchmarks.chaos.log_checks import Key, check_chains, check_delivery, what_was_written
from benchmarks.chaos.policies import DOORS
from benchmarks.chaos.processes import Broker, Door, Program, sync_program
from benchmarks.chaos.reach_checks import check_reach
from benchmarks.chaos.receivers import HookServer, Received, Subscriber
from benchmarks.chaos.results import Check
from benchmarks.chaos.world import History
from models.events import DoorEvent
from models.register.register import Register
from models.settings.load import load_settings
from models.settings.settings import Settings
from models.site import open_register

DOORS_LIVE_FROM = 0.6
"""After this part of the time no door is killed any more: the memory of a long life is measured."""
FAULT_CHANCE = 0.12
REPORT_S = 10.0
CATCH_UP_S = 180.0
START_S = 120.0


@dataclass(frozen=True)
class Result:
    """What a run led to.

    Attributes:
        checks: all of them.
        done: how often what was done and what failed.
        totals: of events by outcome.
    """

    checks: list[Check]
    done: dict[str, int]
    totals: dict[str, int]

    @property
    def holds(self) -> bool:
        """True when nothing is violated."""
        return not any(check.violations for check in self.checks)

    def to_record(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "checks": [check.to_record() for check in self.checks],
            "done": self.done,
            "events": self.totals,
        }


def configure(home: Path, broker: Broker, hooks: HookServer) -> Settings:
    """Write the site's settings file, and read it."""
    key = "whsec_" + base64.b64encode(b"thirty-two bytes for the chaos..").decode()
    webhooks = "".join(
        f'[[webhook]]\nname = "{name}"\nurl = "http://127.0.0.1:{hooks.port}/{name}"\nkey = "{key}"\n'
        f"history = true\nsilent = {silent}\ntimeout_s = 5\n"
        for name, silent in (("ordinary", "false"), ("alarms", "true"))
    )
    (home / "doorward.toml").write_text(
        f'[log]\nformat = "json"\n[site]\ntime_zone = "UTC"\n'
        f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nhistory = true\n{webhooks}',
        encoding="utf-8",
    )
    return load_settings(home)


def run_chaos(
    home: Path,
    mosquitto: str,
    *,
    run_s: float,
    seed: int,
    within_s: float,
    say: Callable[[str], None] = print,
) -> Result:
    """Run two doors under changes and faults, then check everything.

    Args:
        home: an empty folder.
        mosquitto: the broker's program.
        run_s: how long, in seconds.
        seed: of all chance but the time that things take.
        within_s: so soon a change must count at a running door.
        say: shows progress.
    """
    rng = Random(seed)
    with ExitStack() as stack:
        hooks = stack.enter_context(HookServer())
        broker = Broker(mosquitto, home / "broker")
        broker.start()
        stack.callback(broker.stop)
        settings = configure(home, broker, hooks)
        subscriber = stack.enter_context(Subscriber(broker.port))
        register = stack.enter_context(open_register(settings, create=True, actor="chaos"))
        numbers, first = enrol_everybody(register, rng)
        history = History(first)
        doors = [Door(home, door, seed + 1000 * number) for number, door in enumerate(DOORS)]
        sync = sync_program(home)
        for program in (*doors, sync):
            program.start()
            stack.callback(program.stop)
        faults = Faults(
            Path(settings.storage.database), doors, sync=sync, broker=broker, hooks=hooks, rng=rng
        )
        operator = Operator(register, numbers, history, rng)
        _wait_for_doors(register, say)
        _let_things_happen(run_s, rng, operator, faults, programs=[*doors, sync], say=say)
        faults.end_due(everything=True)
        for door in doors:
            door.stop()
        register.write_checkpoints()
        sync.kill()  # what it waits for is forgotten: it tries again at once
        received = [subscriber.received, hooks.ordinary, hooks.alarms]
        written = what_was_written(register)
        _wait_for_receivers(written, received, say)
        events = sorted(
            (event for (chain, _), event in written.items() if chain != "site"),
            key=lambda event: event.event_id or 0,
        )
        locks = {door: read_lock_file(home / f"lock-{door}.jsonl") for door in DOORS}
        loads = {door: read_loads(home / f"{door}.log") for door in DOORS}
        evidence = Evidence(history, events, locks, loads, doors, faults.held, within_s)
        checks = [
            check_grants(evidence),
            check_denials(evidence),
            check_unlockings(evidence),
            *(check_delivery(written, each) for each in received),
            check_chains(register, sorted(subscriber.received.notes)),
            check_memory(evidence),
            check_reach(evidence),
        ]
        sync.stop()
        checks.append(_check_programs([*doors, sync, broker], home))
    done = operator.done | faults.done | {"changes refused": len(operator.refused)}
    return Result(checks, done, _totals(events))


def _let_things_happen(
    run_s: float,
    rng: Random,
    operator: Operator,
    faults: Faults,
    *,
    programs: list[Program],
    say: Callable[[str], None],
) -> None:
    started_s = time.monotonic()
    reported_s = 0.0
    while (elapsed_s := time.monotonic() - started_s) < run_s:
        faults.end_due()
        if rng.random() < FAULT_CHANCE:
            faults.act(may_kill_doors=elapsed_s < DOORS_LIVE_FROM * run_s)
        operator.act()
        for program in programs:
            program.check()
            if isinstance(program, Door):
                program.sample()
        if elapsed_s - reported_s >= REPORT_S:
            reported_s = elapsed_s
            made, failed = sum(operator.done.values()), sum(faults.done.values())
            say(f"{elapsed_s:.0f} of {run_s:.0f} s: {made} changes, {failed} faults")
        time.sleep(rng.uniform(0.1, 0.6))


def _wait_for_doors(register: Register, say: Callable[[str], None]) -> None:
    """Wait until both doors are watched."""
    ends_s = time.monotonic() + START_S
    while {event.door for event in register.events(limit=100)} != set(DOORS):
        if time.monotonic() > ends_s:
            raise TimeoutError("the doors do not start: see their logs")
        time.sleep(0.2)
    say("both doors are watched")


def _wait_for_receivers(
    written: dict[Key, DoorEvent], received: list[Received], say: Callable[[str], None]
) -> None:
    """Wait until every receiver has what is for it, or does not get it in time."""
    ends_s = time.monotonic() + CATCH_UP_S
    for each in received:
        wanted = {key for key in written if each.silent or not key[0].endswith("/silent")}
        while time.monotonic() < ends_s:
            got = {(payload["chain"], payload["seq"]) for payload in list(each.events)}
            if wanted <= got:
                break
            time.sleep(0.2)
        say(f"{each.name}: {len(each.events)} events, {len(wanted)} were written for it")


def _check_programs(programs: list[Program], home: Path) -> Check:
    """No process ended by itself or by an error that has no name."""
    check = Check("no process ended by itself, and each ended when it was asked to")
    for program in programs:
        check.expect(not program.failures, f"{program.failures}")
        check.figures[program.name] = {"starts": len(program.started)}
    for door in DOORS:
        log = (home / f"{door}.log").read_text(encoding="utf-8", errors="replace")
        check.expect("Traceback" not in log, f"{door} had an error without a name: {log[-800:]}")
    return check


def _totals(events: list[DoorEvent]) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in events:
        name = f"{event.outcome} {event.reason}"
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def to_json(result: Result) -> str:
    """The result as JSON."""
    return json.dumps(result.to_record(), indent=1)
