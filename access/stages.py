"""`Stopwatch`: how long each stage of a frame took."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the milliseconds of named stages of one frame.

    Args:
        seconds: a monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens inside as part of stage `name`."""
        start = self._seconds()
        try:
            yield
        finally:
            self._ms[name] = self._ms.get(name, 0.0) + 1000.0 * (self._seconds() - start)

    def ms(self) -> dict[str, float]:
        """Milliseconds of every stage so far, in the order in which they began."""
        return {name: round(value, 3) for name, value in self._ms.items()}
