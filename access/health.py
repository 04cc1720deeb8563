"""`Health`: whether a door does its work now, and if not, which part does not."""

from dataclasses import dataclass
from typing import Any

from access.metrics import KioskMetrics, Readings
from models.domain import LockState
from models.errors import DoorwardError
from models.ports import Clock

SILENCE_S = 10.0
"""Without a turn of the loop for so long it hangs; a live camera in trouble takes a turn each second."""


@dataclass(frozen=True, slots=True)
class Check:
    """One part of a door.

    Attributes:
        ok: whether it works.
        detail: a code that says what is wrong; empty when it works.
    """

    ok: bool
    detail: str = ""


class Health:
    """Looks at the parts of a door that must work for anybody to get in.

    Args:
        metrics: knows when a picture was judged last, and what is wrong with the camera.
        readings: the lock and the register.
        clock: of `metrics`.
        silence_s: without a turn of the loop for so long it counts as hanging.
    """

    def __init__(
        self, metrics: KioskMetrics, readings: Readings, clock: Clock, silence_s: float = SILENCE_S
    ) -> None:
        self._metrics, self._readings = metrics, readings
        self._clock, self._silence_s = clock, silence_s

    def checks(self) -> dict[str, Check]:
        """Every part with whether it works: `loop`, `register`, `lock`."""
        return {"loop": self._loop(), "register": self._register(), "lock": self._lock()}

    def record(self) -> tuple[bool, dict[str, Any]]:
        """Whether all parts work, and the answer as plain JSON values: `healthy` and `checks`."""
        checks = self.checks()
        healthy = all(check.ok for check in checks.values())
        return healthy, {
            "healthy": healthy,
            "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
        }

    def _loop(self) -> Check:
        if self._metrics.failing is not None:
            return Check(False, self._metrics.failing)
        if self._metrics.judged_at_s is None:
            return Check(False, "no_picture_yet")
        silent_s = self._clock.monotonic_s() - self._metrics.turned_at_s
        return Check(True) if silent_s <= self._silence_s else Check(False, "hangs")

    def _register(self) -> Check:
        try:
            self._readings.revisions()
        except DoorwardError as error:
            return Check(False, error.code)
        return Check(True)

    def _lock(self) -> Check:
        state = self._readings.lock.state()
        return Check(True) if state is not LockState.UNKNOWN else Check(False, "lock_unknown")
