"""`ControlPanel`, `Device`, `open_device`: Doorward as control panel of OSDP devices on a serial line.

One thread per line calls everything of libosdp: it has no locks of its own, its callbacks run inside
`refresh`, and the thread of its Python package would hold a lock meanwhile and keep every event in a queue
that nobody empties. What the thread does between two calls of `refresh`:

- It hands orders on and reports to whoever gave them that the device has confirmed (`Device.order`).
- An order that is not confirmed in time must not be carried out later: libosdp would repeat it for 8 s. The
  thread then makes a new panel, which forgets everything under way.
- libosdp waits 300 s before it calls a device again that was silent for 8 s. The thread disables and enables
  such a device every 10 s, so that it is back soon after it answers again.

Times here are of the machine, as libosdp's are, never of a simulated clock.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import osdp
import osdp_sys
import structlog

from access.hardware.osdp_line import Channel, SerialLine
from models.errors import ConfigError, LockError

SILENT_S = 1.0
"""A device that was not heard for so long does not count as answering; it is asked every 0.05 s."""

KICK_S = 10.0
HURRY_S = 1.0
"""A device that is given up by libosdp though it was heard just now, because it has refused something or was
switched off and on, is called again so soon."""

TICK_S = 0.01
STEPS = 3
"""libosdp takes three steps from an order to the packet on the line."""

ASK_S = 5.0
REFUSALS = 2
"""A device that refuses a question so many times is not asked it again: each time it is lost for a second."""

CLOSE_S = 5.0
ASK_AGAIN_S = 0.25
QUESTIONS = {
    osdp.StatusReportType.Local: None,
    osdp.StatusReportType.Input: osdp.Capability.ContactStatusMonitoring,
    osdp.StatusReportType.Output: osdp.Capability.OutputControl,
}
"""What is asked, and of what the device must have some to be asked it."""

log = structlog.get_logger(__name__)

Command = dict[str, Any]


class Order:
    """A command on its way to a device; `wait` for the device's confirmation."""

    def __init__(self, command: Command, limit_s: float) -> None:
        self.command = command
        self.ends_at_s = time.monotonic() + limit_s
        self._done = threading.Event()
        self._failure: str | None = None

    @property
    def finished(self) -> bool:
        """True once the device has confirmed or refused it, or its time is up."""
        return self._done.is_set()

    @property
    def confirmed(self) -> bool:
        """True once the device has confirmed it."""
        return self._done.is_set() and self._failure is None

    def finish(self, failure: str | None = None) -> None:
        """Called by the panel's thread; the first word counts."""
        if not self._done.is_set():
            self._failure = failure
            self._done.set()

    def wait(self) -> None:
        """Wait until the device has confirmed it. Raises LockError: it did not."""
        # The panel's thread finishes it when its time is up; the rest is for a thread that has died.
        if not self._done.wait(max(0.0, self.ends_at_s - time.monotonic()) + CLOSE_S):
            raise LockError("the OSDP line is closed: start the kiosk again")
        if self._failure is not None:
            raise LockError(self._failure)


class Device:
    """An OSDP device on a line, as seen from the door.

    Attributes:
        address: on the line, 0 to 126.
        local: tamper and power failure as the device reported them, None before it did.
        inputs: its inputs, True for active; None before it reported them.
        outputs: its outputs, the same.
        on_event: called with every card read and every key, in the panel's thread; it must not raise.
        users: how often it was opened and not closed.
    """

    def __init__(self, address: int, key: bytes, line: SerialLine) -> None:
        self.address = address
        self.channel = Channel(line, address)
        self.local: tuple[bool, bool] | None = None
        self.inputs: tuple[bool, ...] | None = None
        self.outputs: tuple[bool, ...] | None = None
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        self.users = 0
        self._key = key
        self._attendant: tuple[Callable[[], None], Callable[[], None]] | None = None
        self._secure = self._greeted = False
        self._capabilities: dict[int, int] = {}
        self._waiting: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._under_way: deque[Order] = deque()
        self._kick_at_s = time.monotonic() + KICK_S
        self._kicked = False
        self._silence_logged = False
        self._refusals: dict[int, int] = {}
        self._ask_at_s = self._asked_at_s = 0.0

    @property
    def answering(self) -> bool:
        """True while the device answers over the secure channel under its own key."""
        return self._secure and self._heard

    @property
    def _heard(self) -> bool:
        heard_at_s = self.channel.heard_at_s
        return heard_at_s is not None and time.monotonic() - heard_at_s <= SILENT_S

    def count(self, capability: int) -> int:
        """How many outputs, lamps ... the device says it has; 0 before it was connected."""
        return self._capabilities.get(capability, 0)

    def order(self, command: Command, limit_s: float) -> Order:
        """Send a command; it is void when the device has not confirmed it within `limit_s`."""
        order = Order(command, limit_s)
        self._waiting.put(order)
        return order

    def attend(self, on_connected: Callable[[], None], on_turn: Callable[[], None]) -> None:
        """Be called in the panel's thread; for one attendant at a time.

        Args:
            on_connected: called once whenever the device is ready for orders, now included.
            on_turn: called about 100 times a second, connected or not.
        """
        self._attendant, self._greeted = (on_connected, on_turn), False

    def ask_again(self) -> None:
        """Ask for inputs, outputs and tamper before it is due, at most four times a second."""
        self._ask_at_s = min(self._ask_at_s, self._asked_at_s + ASK_AGAIN_S)

    def leave(self) -> None:
        """Be called no more."""
        self._attendant = None

    def check_key(self, key: bytes) -> None:
        """Raise ConfigError when it was opened with another key."""
        if key != self._key:
            raise ConfigError(
                f"the OSDP device {self.address} is named twice with different keys: name one key_file"
            )

    def information(self) -> dict[str, Any]:
        """What libosdp needs to know of it."""
        flags = [osdp.LibFlag.EnforceSecure]
        info: dict[str, Any] = osdp.PDInfo(self.address, self.channel, scbk=self._key, flags=flags).get()
        return info

    def take_event(self, event: dict[str, Any]) -> None:
        """Take what the device reported."""
        if event["event"] == osdp.Event.Status:
            report = tuple(value != 0 for value in event["report"])
            self._take_status(event["type"], report)
        elif self.on_event is not None:
            self.on_event(dict(event))

    def take_completion(self, kind: int, status: int, report: int | None) -> None:
        """Take libosdp's word on the oldest order under way, or on a question of ours."""
        confirmed = status == osdp.CompletionStatus.Ok
        refused = status == osdp.CompletionStatus.Failed and self._heard
        if kind != osdp.Command.Status and self._under_way:
            failure = f"the OSDP device {self.address} refused the order: does it have that output or lamp?"
            self._under_way.popleft().finish(None if confirmed else failure)
        elif kind == osdp.Command.Status and report is not None and (confirmed or refused):
            self._refusals[report] = 0 if confirmed else self._refusals.get(report, 0) + 1

    def turn(self, panel: "osdp_sys.ControlPanel", index: int) -> bool:
        """Do what is due for this device.

        Returns:
            False when an order was not confirmed in time: the panel must be made anew.
        """
        self._look(panel, index)
        self._kick_if_silent(panel, index)
        self._call_attendant()
        in_time = self._hand_on(panel, index)
        if self._secure:
            self._ask(panel, index)  # after the orders: a device that refuses a question is lost over it
        return in_time

    def forget(self, failure: str) -> None:
        """Give up everything under way, because the panel that carried it is gone."""
        under_way, self._under_way = self._under_way, deque()
        for order in under_way:
            order.finish(failure)
        self._secure = self._greeted = self._kicked = False
        self._kick_at_s = time.monotonic() + KICK_S
        self.local = self.inputs = self.outputs = None

    def close(self) -> None:
        """Fail whatever still waits."""
        self.forget("the OSDP line is closed: open it again")
        while not self._waiting.empty():
            self._waiting.get().finish("the OSDP line is closed: open it again")

    def _look(self, panel: "osdp_sys.ControlPanel", index: int) -> None:
        bit = 1 << index
        secure = bool(panel.status() & bit) and bool(panel.sc_status() & bit)
        if secure == self._secure:
            return
        self._secure, self._greeted = secure, False
        if not secure:
            self._log_silence()
            self._kick_at_s = time.monotonic() + (HURRY_S if self._heard else KICK_S)
            self.local = self.inputs = self.outputs = None
            return
        for capability in (
            osdp.Capability.OutputControl,
            osdp.Capability.LEDControl,
            osdp.Capability.AudibleControl,
            osdp.Capability.ContactStatusMonitoring,
        ):
            level, items = panel.check_capability(index, capability)
            self._capabilities[capability] = items if level else 0
        self._ask_at_s, self._silence_logged = 0.0, False
        log.info("an OSDP device is connected", address=self.address)

    def _log_silence(self) -> None:
        if not self._silence_logged:
            log.warning("an OSDP device does not answer under its key", address=self.address)
        self._silence_logged = True

    def _call_attendant(self) -> None:
        attendant = self._attendant
        if attendant is None:
            return
        on_connected, on_turn = attendant
        if self._secure and not self._greeted:
            self._greeted = True
            on_connected()
        on_turn()

    def _kick_if_silent(self, panel: "osdp_sys.ControlPanel", index: int) -> None:
        if self._kicked and not panel.is_pd_enabled(index):
            panel.enable_pd(index)  # only now: before it has been disabled, libosdp refuses
            self._kicked = False
        elif not self._secure and not self._kicked and time.monotonic() >= self._kick_at_s:
            self._log_silence()
            self._kick_at_s = time.monotonic() + KICK_S
            self._kicked = bool(panel.disable_pd(index))

    def _ask(self, panel: "osdp_sys.ControlPanel", index: int) -> None:
        """Ask for what a device reports by itself only when it changes."""
        if time.monotonic() < self._ask_at_s:
            return
        self._ask_at_s = time.monotonic() + ASK_S
        self._asked_at_s = time.monotonic()
        for report, needed in QUESTIONS.items():
            has = needed is None or self.count(needed) > 0
            if has and self._refusals.get(report, 0) < REFUSALS:
                panel.submit_command(index, {"command": osdp.Command.Status, "type": report})

    def _take_status(self, kind: int, report: tuple[bool, ...]) -> None:
        if kind == osdp.StatusReportType.Input:
            self.inputs = report
        elif kind == osdp.StatusReportType.Output:
            self.outputs = report
        elif kind == osdp.StatusReportType.Local and len(report) >= 2:
            if report[1] and not (self.local and self.local[1]):
                log.warning("an OSDP device reports a power failure", address=self.address)
            self.local = report[0], report[1]

    def _hand_on(self, panel: "osdp_sys.ControlPanel", index: int) -> bool:
        while not self._waiting.empty():
            order = self._waiting.get()
            if order.finished or time.monotonic() >= order.ends_at_s:
                order.finish(self._silence())
            elif self._secure and panel.submit_command(index, order.command):
                self._under_way.append(order)
            else:
                order.finish(self._silence())
        late = bool(self._under_way) and time.monotonic() >= self._under_way[0].ends_at_s
        return not late

    def _silence(self) -> str:
        return f"the OSDP device {self.address} does not answer: check its power, its cable and its key"


class ControlPanel:
    """The devices of one serial line, and the thread that talks to them.

    Args:
        port: the path of the serial port.
        baud: bits per second.
    """

    def __init__(self, port: str, baud: int) -> None:
        self.baud = baud
        self._line = SerialLine(port, baud)
        self._devices: list[Device] = []
        self._changed = False
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._panel: osdp_sys.ControlPanel | None = None
        self._thread = threading.Thread(target=self._run, name=f"osdp {port}", daemon=True)

    @property
    def used(self) -> bool:
        """True while somebody uses one of its devices."""
        return any(device.users for device in self._devices)

    def device(self, address: int, key: bytes) -> Device:
        """The device of an address: the same object for everybody. Starts the thread.

        Raises:
            ConfigError: the device was opened with another key.
        """
        with self._guard:
            for device in self._devices:
                if device.address == address:
                    device.check_key(key)
                    return device
            device = Device(address, key, self._line)
            self._devices = [*self._devices, device]
            self._changed = True
            if not self._thread.is_alive():
                self._thread.start()
            return device

    def close(self) -> None:
        """End the thread and close the port."""
        self._closing.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._turn()
                self._line.wait(TICK_S)
        finally:
            self._panel = None
            for device in self._devices:
                device.close()
            self._line.close()

    def _turn(self) -> None:
        with self._guard:
            changed, self._changed, devices = self._changed, False, self._devices
        panel = self._panel
        if changed or panel is None:
            panel = self._renew(devices)
        for _ in range(STEPS):
            panel.refresh()
        in_time = [device.turn(panel, index) for index, device in enumerate(devices)]
        if not all(in_time):
            log.warning("an OSDP device did not confirm an order in time: the line starts again")
            self._renew(devices)

    def _renew(self, devices: list[Device]) -> "osdp_sys.ControlPanel":
        """Start the line again: no order that is under way can reach a device any more."""
        for device in devices:
            device.forget(
                f"the OSDP device {device.address} did not confirm the order in time: check its cable"
            )
        self._panel = None
        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)  # what matters is in our log
        panel = osdp_sys.ControlPanel([device.information() for device in devices])
        panel.set_event_callback(lambda index, event: self._take_event(devices, index, event))
        panel.set_command_completion_callback(
            lambda index, command, status: devices[index].take_completion(
                command["command"], status, command.get("type")
            )
        )
        self._panel = panel
        return panel

    @staticmethod
    def _take_event(devices: list[Device], index: int, event: dict[str, Any]) -> int:
        devices[index].take_event(event)
        event.clear()  # libosdp 3.2.9 never frees the dictionary of an event: leave it empty
        return 0


_OPEN: dict[str, ControlPanel] = {}
_OPEN_GUARD = threading.Lock()


def open_device(port: str, baud: int, address: int, key: bytes) -> Device:
    """Connect to a device. A port can be opened once, so whoever names the same port shares its panel.

    Close it with `close_device`, as often as it was opened.

    Raises:
        ConfigError: the device was opened with another key, or the port with another speed.
    """
    with _OPEN_GUARD:
        panel = _OPEN.get(port)
        if panel is None:
            panel = _OPEN[port] = ControlPanel(port, baud)
        if panel.baud != baud:
            raise ConfigError(f"the port {port} is named twice with different speeds: name one baud")
        device = panel.device(address, key)
        device.users += 1
        return device


def close_device(port: str, device: Device) -> None:
    """Let go of a device; the last one who does closes the line."""
    with _OPEN_GUARD:
        device.users -= 1
        panel = _OPEN.get(port)
        if panel is not None and not panel.used:
            del _OPEN[port]
            panel.close()
