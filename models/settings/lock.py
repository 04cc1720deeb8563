"""`LockSettings`: the table `[lock]`, a class per kind of lock. docs/extend/lock.md adds one."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from models.settings.base import KIND, Section
from models.settings.osdp import OsdpLine

Pin = Annotated[int, Field(ge=0, le=53)]
Address = Annotated[int, Field(ge=0, le=65535)]


class AnyLockSettings(Section):
    """What the settings of every kind of lock have in common."""

    without_power: Literal["locked", "unlocked"] = "locked"
    """What the lock itself does without power: `locked` (fail-secure) or `unlocked` (fail-safe)."""


class SimulatedLockSettings(AnyLockSettings):
    """A lock without hardware."""

    kind: Literal["simulated"] = "simulated"
    """The kind of lock: `simulated`, `gpio`, `serial`, `modbus`, `mqtt`, `http` or `osdp`."""


class GpioLockSettings(AnyLockSettings):
    """A relay at a pin of the computer itself, such as a Raspberry Pi's."""

    kind: Literal["gpio"] = "gpio"
    """The kind of lock."""
    pin: Pin
    """The pin of the relay, by its number in Linux (BCM)."""
    active_high: bool = True
    """`true` where a high pin unlocks."""
    contact_pin: Pin | None = None
    """The pin of the door contact, to ground while the door is closed."""
    exit_pin: Pin | None = None
    """The pin of the button inside, to ground while it is pressed."""
    tamper_pin: Pin | None = None
    """The pin of the housing's switch, to ground while the housing is closed."""
    fire_pin: Pin | None = None
    """The pin of the fire alarm system's contact, to ground while there is no alarm."""


class SerialLockSettings(AnyLockSettings):
    """A relay board at a USB or serial port that speaks the LCUS protocol."""

    kind: Literal["serial"] = "serial"
    """The kind of lock."""
    port: str = Field(min_length=1)
    """The port, best by its name in `/dev/serial/by-id/`."""
    baud: int = Field(default=9600, ge=300, le=4_000_000)
    """Bits per second."""
    relay: int = Field(default=1, ge=1, le=8)
    """Which relay of the board, from 1."""


class ModbusLockSettings(AnyLockSettings):
    """A relay of a Modbus board, over TCP or a serial line (RTU)."""

    kind: Literal["modbus"] = "modbus"
    """The kind of lock."""
    address: str = Field(min_length=1)
    """`HOST`, `HOST:PORT`, or a serial port such as `/dev/ttyUSB0`."""
    baud: int = Field(default=9600, ge=300, le=4_000_000)
    """Bits per second of a serial line."""
    device: int = Field(default=1, ge=1, le=247)
    """The board's number on the line (unit id)."""
    coil: Address = 0
    """The coil of the relay, from 0."""
    contact_input: Address | None = None
    """The discrete input of the door contact, on while the door is closed."""
    exit_input: Address | None = None
    """The discrete input of the button inside, on while it is pressed."""
    tamper_input: Address | None = None
    """The discrete input of the housing's switch, on while the housing is closed."""
    fire_input: Address | None = None
    """The discrete input of the fire alarm system's contact, on while there is no alarm."""


class MqttLockSettings(AnyLockSettings):
    """A relay that is switched through an MQTT broker."""

    kind: Literal["mqtt"] = "mqtt"
    """The kind of lock."""
    broker: str = Field(pattern=r"^mqtts?://.")
    """`mqtt://USER:PASSWORD@HOST:1883`, or `mqtts://...:8883` with TLS."""
    command_topic: str = Field(min_length=1)
    """Where the relay takes its orders."""
    state_topic: str = Field(min_length=1)
    """Where the relay says how it stands, after every order."""
    availability_topic: str | None = None
    """Where the relay, or its last will, says `online` or `offline`."""
    unlock_payload: str = "ON"
    """The order to switch on. `{seconds}` in it is the time after which the relay switches off by itself."""
    lock_payload: str = "OFF"
    """The order to switch off."""
    unlocked_payload: str = "ON"
    """What the relay says when it is on."""
    locked_payload: str = "OFF"
    """What the relay says when it is off."""
    online_payload: str = "online"
    """What is said on `availability_topic` of a relay that is there; anything else means that it is not."""
    contact_topic: str | None = None
    """Where the door contact says `open` or `closed`."""


class HttpLockSettings(AnyLockSettings):
    """A Shelly relay (second generation or newer) in the local network."""

    kind: Literal["http"] = "http"
    """The kind of lock."""
    address: str = Field(pattern=r"^http://.")
    """`http://admin:PASSWORD@HOST`, without `admin:PASSWORD@` where the relay asks for none."""
    switch: int = Field(default=0, ge=0, le=7)
    """Which switch of the relay, from 0."""
    contact_input: int | None = Field(default=None, ge=0, le=7)
    """The input of the door contact, on while the door is closed."""
    exit_input: int | None = Field(default=None, ge=0, le=7)
    """The input of the button inside, on while it is pressed."""


class OsdpLockSettings(OsdpLine, AnyLockSettings):
    """An output of an OSDP device: a door module, or the relay inside a card reader."""

    kind: Literal["osdp"] = "osdp"
    """The kind of lock."""
    output: int = Field(default=0, ge=0, le=31)
    """The output that releases the door, from 0."""
    contact_input: int | None = Field(default=None, ge=0, le=31)
    """The input of the door contact, active while the door is closed."""
    exit_input: int | None = Field(default=None, ge=0, le=31)
    """The input of the button inside, active while it is pressed."""
    fire_input: int | None = Field(default=None, ge=0, le=31)
    """The input of the fire alarm system's contact, active while there is no alarm."""
    inverted_inputs: tuple[int, ...] = ()
    """Inputs that mean the opposite, such as that of a contact that is active while the door is open."""


def _with_kind(given: Any) -> Any:
    """A table without a kind is of the first; a setting of another kind is then refused by name."""
    return {KIND: "simulated"} | dict(given) if isinstance(given, Mapping) else given


LockSettings = Annotated[
    SimulatedLockSettings
    | GpioLockSettings
    | SerialLockSettings
    | ModbusLockSettings
    | MqttLockSettings
    | HttpLockSettings
    | OsdpLockSettings,
    Field(discriminator=KIND),
    BeforeValidator(_with_kind),
]
