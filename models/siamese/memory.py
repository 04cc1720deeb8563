"""Memory that a training step frees is kept for the next one.

glibc hands large blocks back to the kernel as soon as they are freed, and the kernel clears every page when
it is asked for one again. A step on a processor frees and asks for gigabytes, and waits for that as long as
for its arithmetic.
"""

import ctypes

# Of mallopt(3), in glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
MAX_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, to its end; without glibc nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, MAX_INT)
