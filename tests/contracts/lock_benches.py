"""A bench for each kind of lock: the lock and a peer whose relay, inputs and faults a test controls."""

import secrets
import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import osdp
from gpiozero.exc import PinError
from gpiozero.pins.mock import MockFactory, MockPin

from access.hardware.gpio import GpioBoard
from access.hardware.http import HttpBoard
from access.hardware.modbus import ModbusBoard
from access.hardware.mqtt import MqttBoard
from access.hardware.osdp_keys import store_key
from access.hardware.osdp_lock import OsdpLock
from access.hardware.relay import RelayLock
from access.hardware.serial_board import SerialBoard
from access.hardware.simulated import LockEvent, SimulatedLock
from models.clock import SystemClock
from models.domain import Contact, DoorInputs, LockState
from models.ports import Lock
from models.settings.lock import (
    GpioLockSettings,
    HttpLockSettings,
    ModbusLockSettings,
    MqttLockSettings,
    OsdpLockSettings,
    SerialLockSettings,
)
from tests.access.hardware.osdp_peers import KEY, Cable, DoorModule, becomes
from tests.peers.modbus_board import ModbusPeer
from tests.peers.mqtt_relay import MqttRelay, Proxy, need_broker
from tests.peers.pty_port import PtyPort
from tests.peers.serial_board import LcusBoard
from tests.peers.shelly import ShellyPeer

ANSWER_S = 2.0
"""So long a test waits for a peer's answer: a busy machine takes longer than a door may."""


@dataclass(frozen=True)
class Can:
    """What a bench can do, for tests that need it.

    Attributes:
        get_stuck: its relay can stop moving.
        be_late: its peer can answer late.
        inputs: which of the door's inputs can be wired to it.
    """

    get_stuck: bool = True
    be_late: bool = True
    inputs: tuple[str, ...] = ()


class Bench(ABC):
    """A lock and its peer. The times are real ones."""

    kind: ClassVar[str]
    can: ClassVar[Can] = Can()

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.lock: Lock

    @abstractmethod
    def is_unlocked(self) -> bool:
        """What the hardware does in truth."""

    @abstractmethod
    def die(self) -> None:
        """The peer is gone."""

    @abstractmethod
    def come_back(self) -> None:
        """The peer is there again."""

    def get_stuck(self) -> None:
        """The relay does not move any more, and the peer says how it stands."""
        raise NotImplementedError

    def be_late(self, seconds: float) -> None:
        """From now on every answer comes so much later."""
        raise NotImplementedError

    def set_inputs(self, inputs: DoorInputs) -> None:
        """Wire that up."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027
        """Take the peer away, where there is one."""


class SimulatedBench(Bench):
    kind = "simulated"
    can = Can(get_stuck=False, be_late=False, inputs=("contact", "exit_request", "tamper", "fire"))

    def __init__(self, _: Path) -> None:
        super().__init__()
        self.lock: SimulatedLock = SimulatedLock(self.clock)

    def is_unlocked(self) -> bool:
        return self.lock.state() is LockState.UNLOCKED

    def die(self) -> None:
        self.lock.inject(LockEvent.STOP_ANSWERING)

    def come_back(self) -> None:
        self.lock.inject(LockEvent.COME_BACK)

    def set_inputs(self, inputs: DoorInputs) -> None:
        self.lock.set_inputs(inputs)


class FaultyPin(MockPin):
    """A pin of gpiozero's own simulation whose chip can go away, and whose level can get stuck."""

    gone: ClassVar[bool] = False
    stuck: ClassVar[bool] = False

    def _get_state(self) -> Any:
        if FaultyPin.gone:
            raise PinError("the chip is gone")
        return super()._get_state()

    def _set_state(self, value: Any) -> None:
        if FaultyPin.gone:
            raise PinError("the chip is gone")
        if not FaultyPin.stuck:
            super()._set_state(value)


class GpioBench(Bench):
    kind = "gpio"
    can = Can(be_late=False, inputs=("contact", "exit_request", "tamper", "fire"))
    active_high = True

    def __init__(self, _: Path) -> None:
        super().__init__()
        FaultyPin.gone = FaultyPin.stuck = False
        self.factory = MockFactory(pin_class=FaultyPin)
        settings = GpioLockSettings(
            pin=17, active_high=self.active_high, contact_pin=22, exit_pin=23, tamper_pin=24, fire_pin=25
        )
        self.lock = RelayLock(GpioBoard(settings, self.factory), self.clock)
        self.set_inputs(DoorInputs(contact=Contact.CLOSED))

    def is_unlocked(self) -> bool:
        pin = self.factory.pin(17)
        return bool(pin._function == "output" and pin._state == self.active_high)

    def die(self) -> None:
        FaultyPin.gone = True

    def come_back(self) -> None:
        FaultyPin.gone = False

    def get_stuck(self) -> None:
        FaultyPin.stuck = True

    def set_inputs(self, inputs: DoorInputs) -> None:
        grounded = {
            22: inputs.contact is Contact.CLOSED,
            23: inputs.exit_request,
            24: not inputs.tamper,
            25: not inputs.fire,
        }
        for number, closed in grounded.items():
            pin = self.factory.pin(number)
            if closed:
                pin.drive_low()
            else:
                pin.drive_high()

    def close(self) -> None:
        FaultyPin.gone = False
        self.factory.close()


class GpioActiveLowBench(GpioBench):
    active_high = False


class SerialBench(Bench):
    kind = "serial"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.board = LcusBoard(folder / "relay")
        settings = SerialLockSettings(port=str(folder / "relay"), relay=2)
        self.lock = RelayLock(SerialBoard(settings, answer_s=ANSWER_S), self.clock)

    def is_unlocked(self) -> bool:
        return self.board.relays[1]

    def die(self) -> None:
        self.board.port.unplug()

    def come_back(self) -> None:
        self.board.port.plug_in()

    def get_stuck(self) -> None:
        self.board.stuck = True

    def be_late(self, seconds: float) -> None:
        self.board.late_s = seconds

    def close(self) -> None:
        self.board.waits.set()
        self.board.port.unplug()


class ModbusBench(Bench):
    kind = "modbus"
    can = Can(inputs=("contact", "exit_request", "tamper", "fire"))
    coil = 3

    def _make(self, address: str, peer: ModbusPeer) -> None:
        self.peer = peer
        peer.start()
        settings = ModbusLockSettings(
            address=address, coil=self.coil, contact_input=0, exit_input=1, tamper_input=2, fire_input=3
        )
        self.lock = RelayLock(ModbusBoard(settings, answer_s=ANSWER_S), self.clock)
        self.set_inputs(DoorInputs(contact=Contact.CLOSED))

    def is_unlocked(self) -> bool:
        return self.peer.coil(self.coil)

    def die(self) -> None:
        self.peer.stop()

    def come_back(self) -> None:
        self.peer.start()

    def get_stuck(self) -> None:
        self.peer.stuck = True

    def be_late(self, seconds: float) -> None:
        self.peer.late_s = seconds

    def set_inputs(self, inputs: DoorInputs) -> None:
        closed = [inputs.contact is Contact.CLOSED, inputs.exit_request, not inputs.tamper, not inputs.fire]
        for number, on in enumerate(closed):
            self.peer.set_input(number, on)

    def close(self) -> None:
        self.peer.close()


class ModbusTcpBench(ModbusBench):
    def __init__(self, _: Path) -> None:
        super().__init__()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._make(f"127.0.0.1:{port}", ModbusPeer(tcp=("127.0.0.1", port)))


class ModbusRtuBench(ModbusBench):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        # Two ports whose far ends are joined: a line with the board at one end and the kiosk at the other.
        self.board_port = PtyPort(folder / "board", lambda data: self._pass(self.kiosk_port, data))
        self.kiosk_port = PtyPort(folder / "kiosk", lambda data: self._pass(self.board_port, data))
        self.board_port.plug_in()
        self.kiosk_port.plug_in()
        self._make(str(folder / "kiosk"), ModbusPeer(serial=str(folder / "board")))

    def _pass(self, port: PtyPort, data: bytes) -> bytes:
        if self.peer.running:  # a line keeps nothing for a board that is dead
            port.send(data)
        return b""

    def close(self) -> None:
        super().close()
        self.board_port.unplug()
        self.kiosk_port.unplug()


class MqttBench(Bench):
    kind = "mqtt"
    can = Can(inputs=("contact",))
    unlock_payload = "ON"

    def __init__(self, _: Path) -> None:
        super().__init__()
        need_broker()
        topic = f"doorward-test/{secrets.token_hex(6)}"
        self.relay, self.proxy = MqttRelay(topic), Proxy()
        self.relay.start()
        self.proxy.start()
        settings = MqttLockSettings(
            broker=f"mqtt://127.0.0.1:{self.proxy.port}",
            command_topic=f"{topic}/set",
            state_topic=f"{topic}/state",
            availability_topic=f"{topic}/online",
            contact_topic=f"{topic}/contact",
            unlock_payload=self.unlock_payload,
        )
        self.board = MqttBoard(settings, self.clock, answer_s=ANSWER_S)
        self.lock = RelayLock(self.board, self.clock)

    def is_unlocked(self) -> bool:
        return self.relay.on

    def die(self) -> None:
        self.proxy.cut()

    def come_back(self) -> None:
        self.proxy.start()

    def get_stuck(self) -> None:
        self.relay.stuck = True

    def be_late(self, seconds: float) -> None:
        self.relay.late_s = seconds

    def set_inputs(self, inputs: DoorInputs) -> None:
        self.relay.say("contact", inputs.contact.value, retain=True)

    def close(self) -> None:
        self.relay.late_s = 0.0
        self.relay._waits.set()
        self.relay.close()
        self.proxy.cut()


class HttpBench(Bench):
    kind = "http"
    can = Can(inputs=("contact", "exit_request"))

    def __init__(self, _: Path) -> None:
        super().__init__()
        self.relay = ShellyPeer(password="p@ss/w:rd")
        settings = HttpLockSettings(
            address=f"http://admin:p%40ss%2Fw%3Ard@127.0.0.1:{self.relay.port}", contact_input=0, exit_input=1
        )
        self.lock = RelayLock(HttpBoard(settings, self.clock, answer_s=ANSWER_S), self.clock)
        self.set_inputs(DoorInputs(contact=Contact.CLOSED))

    def is_unlocked(self) -> bool:
        return self.relay.is_on()

    def die(self) -> None:
        self.relay.stop()

    def come_back(self) -> None:
        self.relay.start()

    def get_stuck(self) -> None:
        self.relay.stuck = True

    def be_late(self, seconds: float) -> None:
        self.relay.late_s = seconds

    def set_inputs(self, inputs: DoorInputs) -> None:
        self.relay.inputs = [inputs.contact is Contact.CLOSED, inputs.exit_request]

    def close(self) -> None:
        self.relay.late_s = 0.0
        self.relay.stop()


class OsdpBench(Bench):
    kind = "osdp"
    can = Can(get_stuck=False, be_late=False, inputs=("contact", "exit_request", "tamper", "fire"))

    def __init__(self, folder: Path) -> None:
        super().__init__()
        store_key(folder / "osdp.key", KEY)
        self.cable = Cable()
        self.module = DoorModule(self.cable.ends[1], inputs=3)
        settings = OsdpLockSettings(
            port=self.cable.ends[0],
            key_file=folder / "osdp.key",
            contact_input=0,
            exit_input=1,
            fire_input=2,
        )
        # Before the first question: its inputs at rest are a door that stands open, and a fire alarm.
        self.set_inputs(DoorInputs(contact=Contact.CLOSED))
        self.lock = OsdpLock(settings, self.clock, confirm_s=ANSWER_S)
        assert becomes(lambda: self.lock.state() is LockState.LOCKED)

    def is_unlocked(self) -> bool:
        return self.module.relay

    def die(self) -> None:
        self.cable.cut = True

    def come_back(self) -> None:
        self.cable.cut = False

    def set_inputs(self, inputs: DoorInputs) -> None:
        levels = [inputs.contact is Contact.CLOSED, inputs.exit_request, not inputs.fire]
        self.module.set_status(osdp.StatusReportType.Input, bytes(levels))
        self.module.set_status(osdp.StatusReportType.Local, bytes([inputs.tamper, 0]))

    def close(self) -> None:
        self.module.close()
        self.cable.close()
