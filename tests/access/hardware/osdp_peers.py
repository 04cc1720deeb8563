"""A serial cable that can be cut, and an OSDP device at its other end: libosdp in its other role."""

import ctypes
import os
import select
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import osdp
import osdp_sys

from access.hardware.osdp_keys import store_key
from access.hardware.osdp_lock import OsdpLock
from models.domain import LockState
from models.ports import Clock
from models.settings.lock import OsdpLockSettings

KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER_KEY = bytes.fromhex("ffeeddccbbaa99887766554433221100")
LIMIT_S = 20.0
"""So long a test waits for what takes well under a second: the machine may be busy."""

CONFIRM_S = 3.0


def becomes(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """True when the condition holds within the limit."""
    ends_s = time.monotonic() + limit_s
    while not condition() and time.monotonic() < ends_s:
        time.sleep(0.005)
    return condition()


class Cable:
    """Serial ports that are connected to each other, as on RS-485, until the cable is cut."""

    def __init__(self, ends: int = 2) -> None:
        pairs = [os.openpty() for _ in range(ends)]
        for _, slave in pairs:
            tty.setraw(slave)
        self.ends = tuple(os.ttyname(slave) for _, slave in pairs)
        self.cut = False
        self.carried = bytearray()
        self._pairs = pairs
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="cable", daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        masters = [master for master, _ in self._pairs]
        while not self._over.is_set():
            for source in select.select(masters, [], [], 0.05)[0]:
                data = os.read(source, 4096)
                if not self.cut:
                    self.carried += data
                    for master in masters:
                        if master != source:
                            os.write(master, data)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for pair in self._pairs:
            for end in pair:
                os.close(end)


class _Wire:
    """The port of a device, for libosdp."""

    def __init__(self, port: str) -> None:
        self.id = 7
        self.descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def read(self, max_bytes: int) -> bytes:
        try:
            return os.read(self.descriptor, max_bytes)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        return os.write(self.descriptor, data)

    def flush(self) -> None:
        pass


class DoorModule:
    """An OSDP device with a relay, lamp, buzzer, reader, keypad, and inputs if asked for.

    The relay follows the timer of its orders by the machine's clock: it locks again by itself.

    Args:
        port: its end of the cable.
        key: of the secure channel; None: it is in install mode.
        address: on the line.
        inputs: how many it has.
        outputs: how many it has.
        answers: False: it refuses questions about inputs and tamper, and only reports changes.
    """

    def __init__(
        self,
        port: str,
        key: bytes | None = KEY,
        *,
        address: int = 0,
        inputs: int = 0,
        outputs: int = 1,
        answers: bool = True,
    ) -> None:
        self.commands: list[dict[str, Any]] = []
        self.key = key
        self.refuse: set[int] = set()
        self._answers, self._outputs = answers, outputs
        self._reports = {
            osdp.StatusReportType.Input: bytes(inputs),
            osdp.StatusReportType.Local: bytes(2),
        }
        self._relay_ends_s = 0.0
        self._wire = _Wire(port)
        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
        capabilities = osdp.PDCapabilities(
            [
                (osdp.Capability.OutputControl, 1, outputs),
                (osdp.Capability.LEDControl, 1, 1),
                (osdp.Capability.AudibleControl, 1, 1),
                (
                    osdp.Capability.ContactStatusMonitoring,
                    1,
                    (len(self._reports[osdp.StatusReportType.Input])),
                ),
                (osdp.Capability.Readers, 1, 1),
            ]
        )
        flags = [osdp.LibFlag.EnforceSecure] if key else []
        info = osdp.PDInfo(address, self._wire, scbk=key, flags=flags)
        self._device: Any = osdp_sys.PeripheralDevice(info.get(), capabilities=capabilities.get())
        self._device.set_command_callback(self._obey)
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="door module", daemon=True)
        self._thread.start()

    @property
    def relay(self) -> bool:
        return time.monotonic() < self._relay_ends_s

    def end_release(self) -> None:
        """As if the time of its relay were over."""
        self._relay_ends_s = 0.0

    def orders(self, kind: int) -> list[dict[str, Any]]:
        return [command for command in self.commands if command["command"] == kind]

    def report(self, **event: Any) -> None:
        with self._guard:
            assert self._device.submit_event(event)

    def show_card(self, data: bytes, bits: int) -> None:
        self.report(
            event=osdp.Event.CardRead,
            reader_no=0,
            format=osdp.CardFormat.Wiegand,
            direction=0,
            length=bits,
            data=data,
        )

    def press(self, keys: bytes) -> None:
        self.report(event=osdp.Event.KeyPress, reader_no=0, data=keys)

    def set_status(self, kind: int, values: bytes) -> None:
        self._reports[kind] = values.ljust(len(self._reports[kind]), b"\0")
        self.report(event=osdp.Event.Status, type=kind, report=self._reports[kind])

    def is_secure(self) -> bool:
        with self._guard:
            return bool(self._device.is_sc_active())

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._device = None
        os.close(self._wire.descriptor)

    def _obey(self, command: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        self.commands.append(command)
        if command["command"] == osdp.Command.Output:
            timed = command["control_code"] == 5
            self._relay_ends_s = time.monotonic() + command["timer_count"] / 10 if timed else 0.0
        if command["command"] == osdp.Command.Keyset:
            self.key = command["data"]
        if command["command"] == osdp.Command.Status:
            self._reports[osdp.StatusReportType.Output] = bytes([self.relay]).ljust(self._outputs, b"\0")
            return self._answer(self._reports.get(command["type"]))
        status = -1 if command["command"] in self.refuse else 0
        return status, None

    def _answer(self, report: bytes | None) -> tuple[int, dict[str, Any] | None]:
        """Answer a question.

        The Python package of libosdp 3.2.9 passes no report on. In the C structure the data of a
        manufacturer's answer lie where the count of entries, in four bytes, and the entries are.
        """
        if report is None or not self._answers:
            status = -1
            return status, None
        answer = {
            "command": osdp.Command.Manufacturer,
            "vendor_code": 0,
            "data": len(report).to_bytes(4, sys.byteorder) + report,
        }
        # It drops a reference too many to what it is given, and never frees the tuple around it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(answer))
        return 0, answer

    def _run(self) -> None:
        while not self._over.is_set():
            with self._guard:
                for _ in range(3):
                    self._device.refresh()
            select.select([self._wire.descriptor], [], [], 0.01)


class LockWithDevice(OsdpLock):
    """An `OsdpLock` together with the device that it moves."""

    def __init__(self, settings: OsdpLockSettings, clock: Clock, cable: Cable, module: DoorModule) -> None:
        super().__init__(settings, clock, confirm_s=CONFIRM_S)
        self.cable, self.module = cable, module
        self._gone = False

    def close(self) -> None:
        try:
            super().close()
        finally:
            if not self._gone:
                self._gone = True
                self.module.close()
                self.cable.close()


def osdp_lock_with_device(clock: Clock) -> LockWithDevice:
    """A lock whose device is ready; close it at the end."""
    with tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "osdp.key"
        store_key(key_file, KEY)
        cable = Cable()
        module = DoorModule(cable.ends[1])
        lock = LockWithDevice(OsdpLockSettings(port=cable.ends[0], key_file=key_file), clock, cable, module)
    assert becomes(lambda: lock.state() is LockState.LOCKED)
    return lock
