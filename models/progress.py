"""`Progress`: how long work reports how far it is; a terminal or a job's record shows it, or nobody."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Advance(Protocol):
    """Moves a progress bar on."""

    def __call__(self, steps: int = 1) -> None:
        """Move on by `steps`."""
        ...


class Progress(Protocol):
    """Makes progress bars."""

    def __call__(self, description: str, total: int | None) -> AbstractContextManager[Advance]:
        """A bar for `total` steps, or for an unknown number; entering it gives the callable that moves it."""
        ...


def ignore_steps(steps: int = 1) -> None:
    """An `Advance` that shows nothing."""


Note = Callable[[str], None]
"""Is given a line of text about what is going on."""


def ignore_note(line: str) -> None:
    """A `Note` that shows nothing."""
