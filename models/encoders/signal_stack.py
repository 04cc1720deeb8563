"""`kept_signal_stack`: keeps the signal stack of a thread as it is.

Where the CPU has AMX, OpenVINO gives the thread that compiles a network a signal stack of its own. It takes
it back when the network is dropped, on whichever thread that happens, and may leave the thread with one
that is gone. The next signal then ends the process with a segmentation fault, and a door told to stop would
not lock on its way out. The default stack is large enough, so the thread simply keeps what it had.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _SignalStack(ctypes.Structure):
    """`stack_t` of Linux; see sigaltstack(2)."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Restore, when the `with` ends, the signal stack that this thread has now."""
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    before = _SignalStack()
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)
