"""`LockDriver`: a thread of its own for a lock, so that hardware that hangs does not stop the door."""

import queue
import threading
from collections.abc import Callable

import structlog

from access.hardware.door_machine import (
    SILENT_S,
    DoorChange,
    DoorLimits,
    DoorMachine,
    DoorStatus,
    HoldReason,
)
from access.hardware.unlock_time import check_unlock_time
from models.domain import DoorInputs, LockState
from models.errors import LockError
from models.ports import Clock, Lock

ACK_S = 0.25
"""So long an order waits for the hardware's answer: one that works answers in less than 0.1 s."""

HOLD_S = 6.0
"""A door held unlocked is unlocked for so long again and again: without the kiosk it locks by itself."""

POLL_S = 0.1
CLOSE_S = 2.0

log = structlog.get_logger(__name__)


class LockDriver:
    """A lock whose hardware is touched by one thread alone; everything else is answered from memory.

    An order waits at most `ack_s` for the hardware. When that has passed it raises, and the order is void: if
    it has not begun it is dropped, and if the hardware unlocks after all, it is locked again at once.

    The thread looks at the hardware again and again, and tells a `DoorMachine` what it sees. What follows,
    alarms and notices, is collected until `take_changes`. A fire input unlocks the door for as long as it
    lasts, whatever the rules say; a request to exit does so for a while, where the settings say so.

    An error without a type in the hardware's code ends the thread, which locks on its way out; from then on
    the state is UNKNOWN, every order raises LockError, and the error goes to `threading.excepthook`.

    Args:
        lock: the hardware; the driver owns it from now on.
        clock: measures the age of the state, and the times of the door.
        limits: the door's times.
        ack_s: how long an order waits, in seconds.
        close_s: how long `close` waits, in seconds.
        poll_s: the pause between two looks at the lock, in seconds.
    """

    def __init__(
        self,
        lock: Lock,
        clock: Clock,
        limits: DoorLimits | None = None,
        *,
        ack_s: float = ACK_S,
        close_s: float = CLOSE_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._lock, self._clock = lock, clock
        self._limits = limits or DoorLimits()
        self._ack_s, self._close_s, self._poll_s = ack_s, close_s, poll_s
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._seen = (LockState.UNKNOWN, clock.monotonic_s())
        self._inputs = DoorInputs()
        self._machine = DoorMachine(self._limits, clock.monotonic_s())
        self._machine_guard = threading.Lock()
        self._renew_at_s = clock.monotonic_s()
        self._silent = self._refused = False
        self._closing = threading.Event()
        self._closed_well = False
        self._thread = threading.Thread(target=self._run, name="lock-driver", daemon=True)
        self._thread.start()

    def unlock(self, seconds: float, *, grant_id: int | None = None) -> None:
        """Unlock for `seconds`; on return the hardware has confirmed it.

        Args:
            seconds: above 0; a time under way is never shortened.
            grant_id: the `event_id` of the grant; the notice whether the person went in names it.

        Raises:
            LockError: refused, closed, or not confirmed in time; a late unlocking is undone.
            ValueError: `seconds` is not a finite number above 0.
        """
        check_unlock_time(seconds)
        self._give(_Order(lambda order: self._unlock(order, seconds, grant_id), may_be_late=False))

    def hold_unlocked(self, reason: HoldReason) -> None:
        """Keep the door unlocked until `lock()`; on return the hardware has confirmed it.

        Raises:
            LockError: the hardware did not confirm it in time. The driver goes on trying until `lock()`.
        """
        self._give(_Order(lambda order: self._hold(order, reason), may_be_late=True))

    def lock(self) -> None:
        """Lock now, and keep the door unlocked no longer. A late order is still carried out.

        Raises:
            LockError: not confirmed, or the fire alarm system asks for the door to be released.
        """
        self._give(_Order(self._lock_now, may_be_late=True))

    def state(self) -> LockState:
        """What the lock said at the latest look; UNKNOWN when that is too long ago. Touches no hardware."""
        state, _ = self._seen
        if not self._believed():
            return LockState.UNKNOWN
        with self._machine_guard:
            held = state is LockState.UNLOCKED and self._machine.holds
        return LockState.HELD_UNLOCKED if held else state

    def inputs(self) -> DoorInputs:
        """What is wired to the hardware, at the latest look that was answered. Touches no hardware."""
        return self._inputs

    def door_status(self) -> DoorStatus:
        """What lock and leaf are doing, the more urgent of the two. Touches no hardware."""
        believed = self._believed()
        with self._machine_guard:
            if not believed:
                self._machine.no_answer(self._clock.monotonic_s())
            return self._machine.status

    def take_changes(self) -> list[DoorChange]:
        """Alarms and notices since the last call, oldest first. Touches no hardware."""
        believed = self._believed()
        with self._machine_guard:
            if not believed:
                self._machine.no_answer(self._clock.monotonic_s())
            return self._machine.take_changes()

    def close(self) -> None:
        """Lock, let go of the hardware and end the thread; may be called twice.

        Raises:
            LockError: the hardware did not confirm it: the door may be open.
        """
        self._closing.set()
        self._orders.put(None)
        self._thread.join(self._close_s)
        if not self._closed_well:
            raise LockError("the lock did not confirm that it is locked: check the door, its power and cable")

    def _believed(self) -> bool:
        _, at_s = self._seen
        return self._thread.is_alive() and self._clock.monotonic_s() - at_s <= SILENT_S

    def _give(self, order: "_Order") -> None:
        if self._closing.is_set() or not self._thread.is_alive():
            raise LockError("the lock is closed: open it again")
        self._orders.put(order)
        order.wait(self._ack_s)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._look()
                self._keep_unlocked()
                order = self._next_order()
                if order is not None:
                    self._carry_out(order)
        finally:
            self._close_hardware()

    def _next_order(self) -> "_Order | None":
        try:
            return self._orders.get(timeout=self._poll_s)
        except queue.Empty:
            return None

    def _look(self) -> None:
        asked_s = self._clock.monotonic_s()
        before = self._inputs
        try:
            state, inputs = self._lock.state(), self._lock.inputs()
        except LockError as error:
            if not self._silent:
                log.warning("the lock does not say how it stands", error=str(error))
            state, inputs = LockState.UNKNOWN, before
        self._silent = state is LockState.UNKNOWN
        with self._machine_guard:
            self._machine.look(state, inputs, self._clock.monotonic_s())
            if inputs.fire:
                self._machine.hold(HoldReason.FIRE, asked_s)
        self._inputs, self._seen = inputs, (state, asked_s)
        if before.fire and not inputs.fire:
            self._end_fire_release()
        if inputs.exit_request and not before.exit_request:
            self._renew_at_s = asked_s

    def _keep_unlocked(self) -> None:
        """Prolong the time of a door that stands unlocked, or whose exit request goes on."""
        now, holds = self._clock.monotonic_s(), bool(self._machine.holds)
        exiting = self._limits.exit_unlocks and self._inputs.exit_request
        if not (holds or exiting) or now < self._renew_at_s:
            return
        seconds = HOLD_S if holds else self._limits.exit_request_s
        try:
            self._try_to_unlock(seconds)
        except LockError as error:
            if not self._refused:
                log.warning("the lock could not be unlocked: it is tried again", error=str(error))
            self._refused = True
            return
        self._refused = False
        with self._machine_guard:
            self._machine.confirmed(0.0 if holds else seconds, None, now)
        self._renew_at_s = now + seconds / 3

    def _carry_out(self, order: "_Order") -> None:
        if order.given_up and not order.may_be_late:
            log.warning("the lock was too slow for an order to unlock: it was dropped")
            return
        try:
            order.work(order)
        except LockError as error:
            order.finish(error)

    def _unlock(self, order: "_Order", seconds: float, grant_id: int | None) -> None:
        self._try_to_unlock(seconds)
        with self._machine_guard:
            in_time = order.finish(None)
            if in_time:
                self._machine.confirmed(seconds, grant_id, self._clock.monotonic_s())
            else:
                self._machine.not_confirmed(self._clock.monotonic_s())
        if not in_time:
            log.warning("the lock unlocked too late: it is locked again")
            self._lock_or_log()

    def _hold(self, order: "_Order", reason: HoldReason) -> None:
        now = self._clock.monotonic_s()
        with self._machine_guard:
            self._machine.hold(reason, now)
        self._renew_at_s = now
        self._try_to_unlock(HOLD_S)
        with self._machine_guard:
            self._machine.confirmed(0.0, None, self._clock.monotonic_s())
        self._renew_at_s = now + HOLD_S / 3
        order.finish(None)

    def _lock_now(self, order: "_Order") -> None:
        if self._inputs.fire:
            raise LockError("the fire alarm system asks for this door to be released: it is not locked")
        now = self._clock.monotonic_s()
        with self._machine_guard:
            for reason in self._machine.holds:
                self._machine.end_hold(reason, now)
        self._lock.lock()
        with self._machine_guard:
            self._machine.locked(self._clock.monotonic_s())
        order.finish(None)

    def _end_fire_release(self) -> None:
        with self._machine_guard:
            self._machine.end_hold(HoldReason.FIRE, self._clock.monotonic_s())
        if not self._machine.holds:
            self._lock_or_log()

    def _try_to_unlock(self, seconds: float) -> None:
        with self._machine_guard:
            self._machine.ordered(self._clock.monotonic_s())
        try:
            self._lock.unlock(seconds)
        except LockError:
            with self._machine_guard:
                self._machine.not_confirmed(self._clock.monotonic_s())
            raise

    def _lock_or_log(self) -> None:
        try:
            self._lock.lock()
        except LockError as error:
            log.error("the lock may be unlocked", error=str(error))
            return
        with self._machine_guard:
            self._machine.locked(self._clock.monotonic_s())

    def _close_hardware(self) -> None:
        try:
            self._lock.close()
        except LockError as error:
            log.error("the lock may be unlocked", error=str(error))
        else:
            self._closed_well = True


class _Order:
    """Something to do: given by one thread, carried out by another.

    Args:
        work: does it, and calls `finish`; raises LockError when the hardware refuses.
        may_be_late: whether it is still to be done when nobody waits for it any more.
    """

    def __init__(self, work: "Callable[[_Order], None]", *, may_be_late: bool) -> None:
        self.work = work
        self.may_be_late = may_be_late
        self.given_up = False
        self._done = False
        self._error: LockError | None = None
        self._changed = threading.Condition()

    def wait(self, limit_s: float) -> None:
        """Wait until it is finished. Raises LockError: the hardware's, or that the time is up."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._done, limit_s):
                self.given_up = True
                raise LockError(
                    f"the lock did not answer within {limit_s:g} s: check its power and its cable"
                )
        if self._error is not None:
            raise self._error

    def finish(self, error: LockError | None) -> bool:
        """Say that it was carried out, or why not; False when nobody waits for it any more."""
        with self._changed:
            self._done, self._error = True, error
            self._changed.notify_all()
            return not self.given_up
