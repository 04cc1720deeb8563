"""`OsdpPanel`: Doorward as a card reader of any access control panel that speaks OSDP.

libosdp plays the peripheral device (PD) in one thread; its callbacks run there, inside `refresh`.

- A card or key is sent only while the panel is connected, and what it has not fetched when its time is up is
  thrown away: a card must not open the door minutes later.
- How panels answer differs; the settings say which colour means what. Granted: the panel switches an output
  of this reader on, or shows the colour of a grant. Denied: it shows the other colour for a time. A lamp
  that is set to the colour of denial for good is the ordinary red of a locked door, and no answer.
- The panel may replace the key over the secure channel; the new one is in its file before that is confirmed.
"""

import re
import threading
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import osdp
import osdp_sys
import structlog

from access.hardware.card_bits import card_bits
from access.hardware.osdp_keys import read_key, store_key
from access.hardware.osdp_line import Channel, SerialLine
from access.hardware.osdp_reader import DELETE, RETURN
from access.hardware.panel import PanelAnswer, PanelDecision
from models.errors import ConfigError, LockError
from models.settings.osdp import OsdpPanelSettings

SILENT_S = 2.0
"""A panel that did not ask for so long is not connected; they ask several times a second."""

TICK_S = 0.01
CLOSE_S = 5.0
ONE = 1
SWITCHED_ON = frozenset({2, 4, 5})
"""Control codes that switch an output on (IEC 60839-11-5)."""

TEMPORARY_TEXT = frozenset({3, 4})
VENDOR = 0xD00D00
"""Not registered with anybody."""

KEY_CODES = {"*": DELETE, "#": RETURN, **{key: ord(key) for key in "0123456789"}}

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sent:
    """A card that was sent and is not answered yet."""

    ends_at_s: float
    text: str = ""


class OsdpPanel:
    """Implements `access.hardware.panel.Panel`.

    Args:
        settings: the line, the key, the cards' format and how the panel answers.
        install: accept a new key from a panel that knows none, and serve nothing else (`osdp_install`).
    """

    def __init__(self, settings: OsdpPanelSettings, *, install: bool = False) -> None:
        self._settings, self._install = settings, install
        self._line = SerialLine(settings.port, settings.baud)
        self._channel = Channel(self._line, None)
        self._granted = _colour(settings.granted_colour)
        self._denied = _colour(settings.denied_colour)
        self._guard = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._sent: _Sent | None = None
        self._answer: PanelAnswer | None = None
        self._text, self._text_ends_s = "", 0.0
        self._tampered, self._report_tamper = False, False
        self._secure = False
        self._drop = False
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.key_received = threading.Event()

    def __enter__(self) -> "OsdpPanel":
        """Answer the panel from now on. Raises ConfigError: the key is absent, or readable by others."""
        key = None if self._install else read_key(self._settings.key_file)
        device = self._make_device(key)
        self._thread = threading.Thread(target=self._run, args=(device,), name="osdp reader", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop answering and close the port; may be called twice."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def connected(self) -> bool:
        """True while the panel asks over the secure channel."""
        heard_at_s = self._channel.heard_at_s
        return self._secure and heard_at_s is not None and time.monotonic() - heard_at_s <= SILENT_S

    def send_card(self, number: str) -> None:
        """Send a card number; see `Panel.send_card`. `access.hardware.card_bits` says what a number is."""
        settings = self._settings
        data, bits = card_bits(number, bits=settings.card_bits, facility_code=settings.facility_code)
        event = {
            "event": osdp.Event.CardRead,
            "reader_no": 0,
            "direction": 0,
            "format": osdp.CardFormat.Wiegand,
            "length": bits,
            "data": data,
        }
        with self._guard:
            if self._sent is not None:
                raise LockError("the panel has not answered for the person before: wait a moment")
            self._send(event)
            self._sent, self._answer = _Sent(time.monotonic() + settings.answer_s), None

    def send_key(self, key: str) -> None:
        """Send a key that was pressed; see `Panel.send_key`."""
        if key not in KEY_CODES:
            raise ValueError(f"a key is 0 to 9, * or #, not {key!r}")
        with self._guard:
            self._send({"event": osdp.Event.KeyPress, "reader_no": 0, "data": bytes([KEY_CODES[key]])})

    def set_tamper(self, *, tampered: bool) -> None:
        """Tell the panel now, or as soon as it is connected, and whenever it asks."""
        with self._guard:
            self._report_tamper = self._report_tamper or tampered != self._tampered
            self._tampered = tampered

    def answer(self) -> PanelAnswer | None:
        """The panel's answer to the card sent last, once; `no_answer` when its time is up."""
        with self._guard:
            answer, self._answer = self._answer, None
            return answer

    def text(self) -> str:
        """What the panel wants to be shown now."""
        with self._guard:
            return self._text if time.monotonic() < self._text_ends_s else ""

    def _send(self, event: dict[str, Any]) -> None:
        if not self.connected():
            raise LockError("the panel does not ask this reader: check its power, the cable and the key")
        self._events.append(event)

    def _make_device(self, key: bytes | None) -> Any:
        """libosdp's device. Without a key it is in install mode; with one nothing passes in clear."""
        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
        flags = [] if key is None else [osdp.LibFlag.EnforceSecure]
        major, minor, patch = (int(part) for part in re.findall(r"\d+", version("doorward"))[:3])
        firmware = major << 16 | minor << 8 | patch
        identity = osdp.PdId(1, 1, VENDOR, self._settings.address, firmware)
        info = osdp.PDInfo(self._settings.address, self._channel, scbk=key, flags=flags, id=identity)
        capabilities = osdp.PDCapabilities(
            [
                (osdp.Capability.OutputControl, 1, ONE),
                (osdp.Capability.CardDataFormat, 1, 0),
                (osdp.Capability.LEDControl, 4, ONE),
                (osdp.Capability.AudibleControl, 2, ONE),
                (osdp.Capability.TextOutput, 1, ONE),
                (osdp.Capability.Readers, 1, ONE),
            ]
        )
        device: Any = osdp_sys.PeripheralDevice(info.get(), capabilities=capabilities.get())
        device.set_command_callback(self._obey)
        return device

    def _run(self, device: Any) -> None:
        try:
            while not self._closing.is_set():
                device.refresh()
                self._turn(device)
                self._line.wait(TICK_S)
        finally:
            self._secure = False
            self._line.close()

    def _turn(self, device: Any) -> None:
        secure = bool(device.is_sc_active())
        if secure != self._secure:
            log.info("the panel is connected" if secure else "the panel does not ask over a secure channel")
        with self._guard:
            self._report_tamper = self._report_tamper or (secure and not self._secure and self._tampered)
            self._secure = secure
            if self._sent is not None and time.monotonic() >= self._sent.ends_at_s:
                self._conclude(PanelDecision.NO_ANSWER)
                self._drop = True
            if not secure or self._drop:
                self._events.clear()
                device.flush_events()
                self._drop = False
            if secure and self._report_tamper:
                self._report_tamper = False
                report = bytes([self._tampered, 0])
                status = {"event": osdp.Event.Status, "type": osdp.StatusReportType.Local, "report": report}
                self._events.append(status)
            for event in self._events:
                device.submit_event(event)
            self._events.clear()

    def _obey(self, command: dict[str, Any]) -> tuple[int, None]:
        """Called by libosdp with what the panel orders: 0 obeys, -1 refuses."""
        kind, obeyed = command["command"], True
        if kind == osdp.Command.Keyset:
            obeyed = self._take_key(bytes(command["data"]))
        elif self._install:
            obeyed = False
        elif kind == osdp.Command.LED:
            self._take_lamp(command)
        elif kind == osdp.Command.Output:
            self._take_output(command)
        elif kind == osdp.Command.Text:
            self._take_text(command)
        elif kind == osdp.Command.Status:
            # libosdp 3.2.9 cannot pass a report from here: it answers "no tamper", and the truth follows.
            with self._guard:
                self._report_tamper = self._report_tamper or self._tampered
        else:
            obeyed = kind == osdp.Command.Buzzer
        # libosdp 3.2.9 takes a reference to None too many, and never frees this tuple. A constant tuple would
        # in the end cost None its last reference; a fresh one holds a reference of its own for good.
        status = 0 if obeyed else -1
        return status, None

    def _take_key(self, key: bytes) -> bool:
        try:
            store_key(self._settings.key_file, key)
        except ConfigError as error:
            log.error("the key that the panel sent was refused", error=str(error))
            return False
        log.warning("the panel has replaced the key", key_file=str(self._settings.key_file))
        self._secure = False  # the channel under the former key is over
        self.key_received.set()
        return True

    def _take_lamp(self, command: dict[str, Any]) -> None:
        lit = {command["on_color"]} if command["on_count"] else set()
        lit |= {command["off_color"]} if command["off_count"] else set()
        with self._guard:
            if self._granted in lit:
                self._conclude(PanelDecision.GRANTED)
            elif self._denied in lit and command["temporary"]:
                self._conclude(PanelDecision.DENIED)

    def _take_output(self, command: dict[str, Any]) -> None:
        with self._guard:
            if command["control_code"] in SWITCHED_ON:
                self._conclude(PanelDecision.GRANTED)

    def _take_text(self, command: dict[str, Any]) -> None:
        text = "".join(letter for letter in command["data"] if letter.isprintable()).strip()
        lasts_s = command["temp_time"] if command["control_code"] in TEMPORARY_TEXT else float("inf")
        with self._guard:
            self._text, self._text_ends_s = text, time.monotonic() + lasts_s
            if self._sent is not None:
                self._sent.text = text

    def _conclude(self, decision: PanelDecision) -> None:
        if self._sent is not None:
            self._answer = PanelAnswer(decision, self._sent.text)
            self._sent = None


def _colour(name: str) -> int:
    colour: int = getattr(osdp.CommandLEDColor, name.capitalize())
    return colour
