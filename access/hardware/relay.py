"""`RelayLock`: a lock behind a relay: on means unlocked. `Board` is what each way to switch one provides."""

import math
from collections.abc import Callable
from typing import Protocol, TypeVar

import structlog

from access.hardware.unlock_time import check_unlock_time
from models.domain import Contact, DoorInputs, LockState
from models.errors import LockError
from models.ports import Clock

ANSWER_S = 0.2
"""So long a board may take for an answer: less than `access.hardware.driver.ACK_S`."""

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class Board(Protocol):
    """Has a relay and perhaps inputs. Each call answers, or raises LockError, in about `ANSWER_S`."""

    pause_s: float
    """After a missing answer nothing is asked for so long, where a late answer could be taken for another."""

    def switch_on(self, seconds: float) -> None:
        """Switch the relay on; if the board has a timer, off again after `seconds`. Raises LockError."""
        ...

    def switch_off(self) -> None:
        """Switch the relay off. Raises LockError."""
        ...

    def is_on(self) -> bool:
        """What the relay says of itself. Raises LockError when it does not say."""
        ...

    def inputs(self) -> DoorInputs:
        """What the board's inputs say. Raises LockError."""
        ...

    def close(self) -> None:
        """Let go of the board; it is locked already, or does not answer."""
        ...


class RelayLock:
    """A lock that is unlocked while a relay is on, and believed only by what the relay says.

    It is locked at the start, when its time is over, and again after every doubt: an order that was not
    confirmed, or a board that did not answer. Until the board confirms that, the order is repeated at every
    look. `state` therefore has to be asked several times a second, as `LockDriver` does.

    Args:
        board: what switches the relay; the lock owns it from now on.
        clock: when the time is over.
    """

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board, self._clock = board, clock
        self._until_s = -math.inf
        self._must_lock = True
        self._ask_again_s = -math.inf
        self._silent = self._closed = False

    def unlock(self, seconds: float) -> None:
        """Unlock for `seconds`; a time under way is never shortened.

        Raises:
            LockError: not confirmed, or closed.
            ValueError: `seconds` is not a finite number above 0.
        """
        check_unlock_time(seconds)
        if self._closed:
            raise LockError("the lock is closed: open it again")
        now = self._clock.monotonic_s()
        until_s = max(self._until_s, now + seconds)
        # Whatever goes wrong from here on, the relay may be on: it is to be locked when the old time is over.
        self._must_lock = True
        self._ask(lambda: self._board.switch_on(until_s - now))
        if not self._ask(self._board.is_on):
            raise LockError("the relay says that it is off, though it was switched on: check the board")
        self._until_s = until_s

    def lock(self) -> None:
        """Lock now. Raises LockError when the relay does not confirm it."""
        if self._switch_off():
            raise LockError("the relay says that it is on, though it was switched off: check the board")

    def state(self) -> LockState:
        """What the relay says; UNKNOWN when it does not. Locks when the time is over."""
        if self._closed:
            return LockState.UNKNOWN
        try:
            is_due = self._must_lock and self._clock.monotonic_s() >= self._until_s
            on = self._switch_off() if is_due else self._ask(self._board.is_on)
        except LockError as error:
            if not self._silent:
                log.warning("the relay does not say how it stands", error=str(error))
            self._silent = self._must_lock = True
            return LockState.UNKNOWN
        if self._silent:
            log.info("the relay answers again")
            self._silent = False
        return LockState.UNLOCKED if on else LockState.LOCKED

    def inputs(self) -> DoorInputs:
        """What the board's inputs say. Raises LockError."""
        if self._closed:
            raise LockError("the lock is closed: open it again")
        return self._ask(self._board.inputs)

    def close(self) -> None:
        """Lock and let go of the board; may be called twice. Raises LockError when that is not confirmed."""
        if self._closed:
            return
        try:
            self.lock()
        finally:
            self._closed = True
            self._board.close()

    def _switch_off(self) -> bool:
        """Switch the relay off; whether it says that it is on all the same. Raises LockError."""
        self._until_s, self._must_lock = -math.inf, True
        self._ask(self._board.switch_off, at_once=True)
        self._must_lock = self._ask(self._board.is_on)
        return self._must_lock

    def _ask(self, question: Callable[[], Answer], *, at_once: bool = False) -> Answer:
        """Call the board; not before late answers have passed, except `at_once`. Raises LockError."""
        now = self._clock.monotonic_s()
        if now < self._ask_again_s and not at_once:
            raise LockError("the board did not answer: nothing is asked until late answers have passed")
        try:
            return question()
        except LockError:
            self._ask_again_s = now + self._board.pause_s
            raise


def contact_of(closed: bool | None) -> Contact:
    """What an input that is on while the door is closed says; None without such an input."""
    if closed is None:
        return Contact.NONE
    return Contact.CLOSED if closed else Contact.OPEN


def door_inputs(
    *, contact: bool | None, exit_request: bool | None, tamper: bool | None, fire: bool | None
) -> DoorInputs:
    """What four inputs say, each True while its circuit is closed, None where there is none.

    A cut wire reads as an open door, an open housing and a fire alarm, never as a request to exit.
    """
    return DoorInputs(
        contact=contact_of(contact),
        exit_request=exit_request is True,
        tamper=tamper is False,
        fire=fire is False,
    )
