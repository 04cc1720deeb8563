"""`ThreadErrors`: an error that ends any thread ends the process too."""

import threading
from types import TracebackType


class ThreadErrors:
    """Keeps the first error that ended a thread, for the main thread to raise.

    While entered it is `threading.excepthook`, so it hears of every thread, also of those of libraries.
    """

    def __init__(self) -> None:
        self._first: tuple[str, BaseException] | None = None
        self._hook_before = threading.excepthook

    def __enter__(self) -> "ThreadErrors":
        """Begin to listen."""
        self._hook_before, threading.excepthook = threading.excepthook, self._note
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        threading.excepthook = self._hook_before

    def raise_first(self) -> None:
        """Do nothing while every thread is well.

        Raises:
            RuntimeError: a thread has ended by an error, which is the cause.
        """
        if self._first is not None:
            name, error = self._first
            raise RuntimeError(f"the thread {name} has died") from error

    def _note(self, args: threading.ExceptHookArgs) -> None:
        if self._first is None:
            name = "of a library" if args.thread is None else args.thread.name
            self._first = (name, args.exc_value or args.exc_type())
