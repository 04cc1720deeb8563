"""`LockDriver`: a thread of its own for a lock, so that hardware that hangs does not stop the door."""

import queue
import threading

import structlog

from access.hardware.unlock_time import check_unlock_time
from models.domain import DoorInputs, LockState
from models.errors import LockError
from models.ports import Clock, Lock

ACK_S = 0.25
"""So long an order waits for the hardware's answer: one that works answers in less than 0.1 s."""

MAX_AGE_S = 2.0
"""What the lock said of itself longer ago than this is no longer believed."""

POLL_S = 0.1
CLOSE_S = 2.0

log = structlog.get_logger(__name__)


class LockDriver:
    """A lock whose hardware is touched by one thread alone; `state` answers from memory.

    An order waits at most `ack_s` for the hardware. When that has passed it raises, and the order is void: if
    it has not begun it is dropped, and if the hardware unlocks after all, it is locked again at once.

    An error without a type in the hardware's code ends the thread, which locks on its way out; from then on
    the state is UNKNOWN, every order raises LockError, and the error goes to `threading.excepthook`.

    Args:
        lock: the hardware; the driver owns it from now on.
        clock: measures the age of the state.
        ack_s: how long an order waits, in seconds.
        close_s: how long `close` waits, in seconds.
        poll_s: the pause between two looks at the lock, in seconds.
    """

    def __init__(
        self,
        lock: Lock,
        clock: Clock,
        *,
        ack_s: float = ACK_S,
        close_s: float = CLOSE_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._lock, self._clock = lock, clock
        self._ack_s, self._close_s, self._poll_s = ack_s, close_s, poll_s
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._seen = (LockState.UNKNOWN, clock.monotonic_s())
        self._inputs = DoorInputs()
        self._closing = threading.Event()
        self._closed_well = False
        self._thread = threading.Thread(target=self._run, name="lock-driver", daemon=True)
        self._thread.start()

    def unlock(self, seconds: float) -> None:
        """Unlock for `seconds`; on return the hardware has confirmed it.

        Raises:
            LockError: refused, closed, or not confirmed in time; a late unlocking is undone.
            ValueError: `seconds` is not a finite number above 0.
        """
        check_unlock_time(seconds)
        self._give(_Order(seconds))

    def lock(self) -> None:
        """Lock now. An order that is not confirmed in time is still carried out. Raises LockError."""
        self._give(_Order(None))

    def state(self) -> LockState:
        """What the lock said at the latest look; UNKNOWN when that is too long ago. Touches no hardware."""
        state, at_s = self._seen
        believed = self._thread.is_alive() and self._clock.monotonic_s() - at_s <= MAX_AGE_S
        return state if believed else LockState.UNKNOWN

    def inputs(self) -> DoorInputs:
        """What is wired to the hardware, at the latest look. Touches no hardware."""
        return self._inputs

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

    def _give(self, order: "_Order") -> None:
        if self._closing.is_set() or not self._thread.is_alive():
            raise LockError("the lock is closed: open it again")
        self._orders.put(order)
        order.wait(self._ack_s)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._look()
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
        try:
            state = self._lock.state()
            self._inputs = self._lock.inputs()
        except LockError as error:
            log.warning("the lock does not say how it stands", error=str(error))
            state = LockState.UNKNOWN
        self._seen = (state, asked_s)

    def _carry_out(self, order: "_Order") -> None:
        if order.seconds is None:
            order.finish(self._try_to_lock())
            return
        if order.given_up:
            log.warning("the lock was too slow for an order to unlock: it was dropped")
            return
        try:
            self._lock.unlock(order.seconds)
        except LockError as error:
            order.finish(error)
            return
        if not order.finish(None):
            log.warning("the lock unlocked too late: it is locked again")
            refusal = self._try_to_lock()
            if refusal is not None:
                log.error("the lock may be unlocked", error=str(refusal))

    def _try_to_lock(self) -> LockError | None:
        try:
            self._lock.lock()
        except LockError as error:
            return error
        return None

    def _close_hardware(self) -> None:
        try:
            self._lock.close()
        except LockError as error:
            log.error("the lock may be unlocked", error=str(error))
        else:
            self._closed_well = True


class _Order:
    """To unlock for `seconds`, or to lock (None): given by one thread, carried out by another."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
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
