"""The interfaces (ports): `Clock`, `Camera`, `Lock`, `Reader`, `Encoder`; each has two adapters or more.

`tests/contracts/` runs one suite per port against every adapter.
"""

from datetime import datetime
from typing import Protocol, runtime_checkable

from models.domain import DoorInputs, Embedding, FaceCrop, Frame, LockState, Shown


@runtime_checkable
class Clock(Protocol):
    """Where time comes from. Nothing else reads a clock."""

    def monotonic_s(self) -> float:
        """Seconds that never go back, from an arbitrary start."""
        ...

    def now(self) -> datetime:
        """The time of day, with the zone UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; a simulated clock moves itself instead."""
        ...


@runtime_checkable
class Camera(Protocol):
    """Delivers the newest picture. Use as a context manager: entering opens, leaving closes."""

    def __enter__(self) -> "Camera":
        """Open the camera. Raises CameraAbsentError."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Close the camera; may be called twice."""
        ...

    def read(self) -> Frame | None:
        """The newest frame not yet read, or None when the source has ended (a clip, a folder).

        Raises:
            CameraLostError: no picture came within the time limit.
            CameraFrozenError: the same picture came again and again.
        """
        ...


@runtime_checkable
class Lock(Protocol):
    """An electric lock. Unlocked means that the door can be pulled open."""

    def unlock(self, seconds: float) -> None:
        """Unlock for `seconds`, then lock by itself. Raises LockError."""
        ...

    def lock(self) -> None:
        """Lock now. Raises LockError."""
        ...

    def state(self) -> LockState:
        """What the lock says of itself; UNKNOWN when it does not answer."""
        ...

    def inputs(self) -> DoorInputs:
        """What is wired to the same hardware; `DoorInputs()` where nothing is. Raises LockError."""
        ...

    def close(self) -> None:
        """Lock and let go of the hardware; may be called twice. Raises LockError when that is not sure."""
        ...


@runtime_checkable
class Reader(Protocol):
    """A reader of cards, a keypad, or both. Use as a context manager: entering opens, leaving closes."""

    def __enter__(self) -> "Reader":
        """Open the reader. Raises ReaderError."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Close the reader; may be called twice."""
        ...

    def read(self) -> list[Shown]:
        """Cards and keys since the last call, oldest first; never waits. Raises ReaderError."""
        ...

    def answer(self, *, granted: bool) -> None:
        """Show the person what was decided, by the reader's lamp and buzzer where it has them."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """A released network, ready to embed aligned crops."""

    @property
    def model_id(self) -> str:
        """The network and its preprocessing; every embedding carries it."""
        ...

    @property
    def dimension(self) -> int:
        """D of its embeddings."""
        ...

    def embed(self, crops: list[FaceCrop]) -> list[Embedding]:
        """Embed crops, in order; an empty list gives an empty list.

        Raises:
            EmbeddingError: the network returned something that is not finite.
        """
        ...
