"""`reason_of`: turns a typed failure into the reason why the door stays shut."""

import math

from models.domain import DenyReason
from models.errors import (
    CameraError,
    DoorwardError,
    EmptyGalleryError,
    GalleryError,
    InputError,
    LockError,
    ReaderError,
    RegisterError,
    ReleaseError,
    StaleFrameError,
)

REASON_OF: tuple[tuple[type[DoorwardError], DenyReason], ...] = (
    (StaleFrameError, DenyReason.STALE_FRAME),
    (CameraError, DenyReason.CAMERA_FAULT),
    (LockError, DenyReason.LOCK_FAULT),
    (ReaderError, DenyReason.LOCK_FAULT),
    (EmptyGalleryError, DenyReason.NOBODY_ENROLLED),
    (GalleryError, DenyReason.REGISTER_FAULT),
    (RegisterError, DenyReason.REGISTER_FAULT),
    (ReleaseError, DenyReason.REGISTER_FAULT),
    (InputError, DenyReason.POOR_QUALITY),
    (DoorwardError, DenyReason.MODEL_FAULT),
)
"""Looked through from the top; a class stands before its parents."""


def reason_of(error: DoorwardError) -> DenyReason:
    """The reason that an operator reads for this failure; docs/reference/deny-reasons.md explains it."""
    return next(reason for kind, reason in REASON_OF if isinstance(error, kind))


FAULT_SILENCE_S = 5.0
"""A fault that returns after this many quiet seconds is a new one."""


class FaultMemory:
    """Tells a new fault from one that merely goes on, so that an hour without a camera is one event."""

    def __init__(self) -> None:
        self._last_s: dict[DenyReason, float] = {}

    def should_record(self, reason: DenyReason, now: float) -> bool:
        """True when this fault did not occur in the last `FAULT_SILENCE_S` seconds."""
        quiet_s = now - self._last_s.get(reason, -math.inf)
        self._last_s[reason] = now
        return quiet_s > FAULT_SILENCE_S
