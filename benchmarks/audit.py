"""Measures what the event log's chain costs: a durable append beside a plain INSERT, the check, the size.

python -m benchmarks.audit [EVENTS]
"""

import argparse
import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from models.domain import CheckName, CheckResult, PersonId, Quality
from models.events import DoorEvent
from models.register.register import Register
from models.storage.keys import KeyFile

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
ROUNDS = 5
"""Appends and INSERTs take turns this often, so that a busy machine slows both."""


def event(number: int) -> DoorEvent:
    """A grant as a door writes it; a day has 500."""
    return DoorEvent(
        at=NOON + timedelta(days=number // 500, seconds=number % 500),
        door="front",
        outcome="granted",
        reason="recognised",
        track=number,
        person_id=PersonId("a" * 32),
        score=0.8123,
        runner_up_id=PersonId("b" * 32),
        runner_up_score=0.2,
        threshold=0.41,
        release="pretrained",
        quality=Quality(112, 100, 1, 2, 3, 120, 40, ()),
        frames=5,
        stages_ms={"detect": 12.5, "embed": 20.25},
        trace=(CheckResult(CheckName.RECOGNISED, True, {"score": 0.8123, "threshold": 0.41}),),
    )


def insert_plainly(raw: sqlite3.Connection, number: int) -> None:
    """Insert the same content as one row, as durably."""
    raw.execute("BEGIN IMMEDIATE")
    raw.execute("INSERT INTO plain (at, content) VALUES (?, ?)", (str(NOON), str(event(number).to_record())))
    raw.execute("COMMIT")


def measure(events: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with (
            Register.open(home / "register.sqlite", KeyFile(home / "keys" / "register.key")) as register,
            closing(sqlite3.connect(home / "plain.sqlite", isolation_level=None)) as raw,
        ):
            raw.execute("PRAGMA journal_mode = WAL")
            raw.execute("PRAGMA synchronous = FULL")
            raw.execute("CREATE TABLE plain (id INTEGER PRIMARY KEY, at TEXT, content TEXT)")
            appends, inserts, number = [], [], 0
            for _ in range(ROUNDS):
                for _ in range(events // ROUNDS):
                    started_s = time.perf_counter()
                    register.append_event(event(number))
                    between_s = time.perf_counter()
                    insert_plainly(raw, number)
                    appends.append(between_s - started_s)
                    inserts.append(time.perf_counter() - between_s)
                    number += 1
            register.write_checkpoints()
            checkpoints, started_s = register.checkpoints(), time.process_time()
            report = register.verify_log(checkpoints)
            took_s = time.process_time() - started_s
            assert not report.problems
        size = (home / "register.sqlite").stat().st_size
    append_ms, insert_ms = 1000 * np.median(appends), 1000 * np.median(inserts)
    print(f"durable event: {append_ms:.1f} ms, p99 {1000 * np.quantile(appends, 0.99):.1f} ms")
    print(f"plain INSERT: {insert_ms:.1f} ms, p99 {1000 * np.quantile(inserts, 0.99):.1f} ms")
    print(f"ratio of the medians: {append_ms / insert_ms:.1f}")
    print(f"check: {number / took_s:,.0f} events a second of processor time, with what is sealed")
    print(f"register: {size / number:,.0f} bytes for each event")


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=2000, help="at least 500")
    measure(parser.parse_args().events)


if __name__ == "__main__":
    main()
