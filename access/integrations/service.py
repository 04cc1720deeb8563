"""`run_sync`, `deliver_once`: what `doorward sync` does, with a thread for each receiver."""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from access.door_report import FOLDER, DoorReportReader
from access.integrations.home_assistant import topic_name
from access.integrations.mqtt import MqttReceiver, forget_door
from access.integrations.outbox import POLL_S, Delivered, Outbox, Receiver
from access.integrations.payload import NameOf
from access.integrations.source import EventSource
from access.integrations.webhook import WebhookReceiver
from access.service_manager import ServiceManager
from access.thread_errors import ThreadErrors
from models.errors import ConfigError, DoorwardError, error_record
from models.ports import Clock
from models.settings.settings import Settings

AFTER_FAILURE_S = 5.0
"""Until the register is asked again after it could not be read."""
LOOK_S = 1.0
LEAVE_S = 30.0
"""How long a thread may take to end: it waits for an answer of its receiver."""

log = structlog.get_logger(__name__)


def site_name(settings: Settings) -> str:
    """The site's name in topics and payloads."""
    return settings.mqtt.site or topic_name(settings.site.name)


def receivers_of(settings: Settings, source: EventSource, name_of: NameOf, clock: Clock) -> list[Receiver]:
    """Everybody whom the settings name.

    Raises:
        ConfigError: nobody, or a key, password or certificate cannot be used.
    """
    site = site_name(settings)
    found: list[Receiver] = [WebhookReceiver(each, site, name_of, clock) for each in settings.webhook]
    if settings.mqtt.host is not None:
        doors = DoorReportReader(settings.home, clock)
        found.append(
            MqttReceiver(
                settings.mqtt,
                site,
                settings.door.id,
                source=source,
                doors=doors,
                name_of=name_of,
                clock=clock,
            )
        )
    if not found:
        raise ConfigError("there is nobody to send events to: set mqtt.host, or add a [[webhook]]")
    return found


def run_sync(
    settings: Settings, source: EventSource, name_of: NameOf, clock: Clock, stop: threading.Event
) -> None:
    """Deliver events to every receiver until `stop` is set.

    Raises:
        ConfigError: as `receivers_of`.
        RuntimeError: a thread ended by an error that has no name.
    """
    receivers = receivers_of(settings, source, name_of, clock)
    manager = ServiceManager(clock)
    names = ", ".join(each.name for each in receivers)
    log.info("events are sent", receivers=names)
    with ThreadErrors() as errors:
        threads = [
            threading.Thread(
                target=deliver_until_stopped,
                args=(Outbox(source, each, clock, stop), each, stop.wait),
                name=each.name,
                daemon=True,
            )
            for each in receivers
        ]
        for thread in threads:
            thread.start()
        try:
            while not stop.wait(LOOK_S):
                errors.raise_first()
                manager.alive(f"sends events to {names}")
        finally:
            stop.set()
            manager.stopping()
            for thread in threads:
                thread.join(LEAVE_S)
        errors.raise_first()
    log.info("events are sent no more")


def deliver_until_stopped(outbox: Outbox, receiver: Receiver, wait: Callable[[float], bool]) -> None:
    """Deliver to one receiver, turn by turn.

    Args:
        outbox: of the receiver.
        receiver: closed at the end.
        wait: waits for so many seconds; True means stop.
    """
    wait_s = 0.0
    try:
        while not wait(wait_s):
            try:
                wait_s = 0.0 if outbox.turn() else POLL_S
            except DoorwardError as error:
                log.warning("events cannot be read", receiver=receiver.name, **error_record(error))
                wait_s = AFTER_FAILURE_S
    finally:
        receiver.close()


def deliver_once(
    settings: Settings, source: EventSource, name_of: NameOf, clock: Clock, stop: threading.Event
) -> list[Delivered]:
    """Deliver everything that is there now; what became of it, by receiver.

    Raises:
        ConfigError: as `receivers_of`.
        RegisterError: the events cannot be read.
    """
    done = []
    for receiver in receivers_of(settings, source, name_of, clock):
        try:
            done.append(Outbox(source, receiver, clock, stop).deliver_all())
        finally:
            receiver.close()
    return done


def forget(settings: Settings, door: str) -> None:
    """Remove a door from the broker and its status file, so that it is not announced again.

    Raises:
        ConfigError: there is no broker, or its password or certificates cannot be read.
        DeliveryError: the broker does not take it.
    """
    if settings.mqtt.host is None:
        raise ConfigError("there is no broker to remove the door from: set mqtt.host")
    Path(settings.home / FOLDER / f"{door}.json").unlink(missing_ok=True)
    forget_door(settings.mqtt, site_name(settings), door)
