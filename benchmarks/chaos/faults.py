"""`Faults`: at random kills processes, stops the broker, refuses webhooks and holds the write lock."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from random import Random

from benchmarks.chaos.processes import Broker, Door, Program
from benchmarks.chaos.receivers import HookServer
from benchmarks.chaos.world import Span, now

LONGEST_HOLD_S = 3.0
BUSY_S = 5.0


class Faults:
    """Makes one fault at a time, and ends it again.

    Args:
        database: of the register.
        doors, sync, broker, hooks: what can fail.
        rng: chance.

    Attributes:
        done: how many faults there were, by kind.
        held: when the write lock was held.
    """

    def __init__(
        self,
        database: Path,
        doors: list[Door],
        *,
        sync: Program,
        broker: Broker,
        hooks: HookServer,
        rng: Random,
    ) -> None:
        self._database, self._doors, self._sync = database, doors, sync
        self._broker, self._hooks, self._rng = broker, hooks, rng
        self.done: dict[str, int] = {}
        self.held: list[Span] = []
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._holders: list[threading.Thread] = []

    def act(self, *, may_kill_doors: bool) -> None:
        """Make a fault chosen at random.

        Args:
            may_kill_doors: False near the end, so that the memory of a long life can be measured.
        """
        kinds: dict[Callable[[], bool], int] = {
            self.hold_write_lock: 3,
            self.kill_door: 2 if may_kill_doors else 0,
            self.kill_sync: 2,
            self.stop_broker: 2,
            self.refuse_webhooks: 2,
        }
        (fault,) = self._rng.choices(list(kinds), list(kinds.values()))
        if fault():
            self.done[fault.__name__] = self.done.get(fault.__name__, 0) + 1

    def end_due(self, *, everything: bool = False) -> None:
        """End the faults whose time is up, or all of them."""
        over = [each for each in self._due if everything or time.monotonic() >= each[0]]
        self._due = [each for each in self._due if each not in over]
        for _, end in over:
            end()
        if everything:
            for holder in self._holders:
                holder.join()

    def hold_write_lock(self) -> bool:
        """Keep everybody else from writing to the register for a while."""
        seconds = self._rng.uniform(0.3, LONGEST_HOLD_S)
        holder = threading.Thread(target=self._hold, args=(seconds,), daemon=True)
        self._holders.append(holder)
        holder.start()
        return True

    def kill_door(self) -> bool:
        """Kill a door; it is started again at once."""
        self._rng.choice(self._doors).kill()
        return True

    def kill_sync(self) -> bool:
        """Kill `doorward sync`; it is started again at once."""
        self._sync.kill()
        return True

    def stop_broker(self) -> bool:
        """Stop the broker for some seconds."""
        if self._due:
            return False
        self._broker.stop()
        self._due.append((time.monotonic() + self._rng.uniform(1, 4), self._broker.start))
        return True

    def refuse_webhooks(self) -> bool:
        """Refuse webhooks, or hang up, for some seconds."""
        if self._due:
            return False
        self._hooks.failing = self._rng.choice((503, 0))
        self._due.append((time.monotonic() + self._rng.uniform(1, 4), self._accept_webhooks))
        return True

    def _accept_webhooks(self) -> None:
        self._hooks.failing = None

    def _hold(self, seconds: float) -> None:
        started: datetime = now()
        with closing(sqlite3.connect(self._database, timeout=BUSY_S, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:  # somebody else holds it
                return
            time.sleep(seconds)
            database.execute("ROLLBACK")
        self.held.append(Span(started, now()))
