"""What the settings make of receivers; errors that end the service, and those that it outlives."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from access.door_report import DoorReport, DoorReportFile
from access.integrations.home_assistant import DoorTopics
from access.integrations.outbox import Delivered, Outbox
from access.integrations.service import (
    deliver_once,
    deliver_until_stopped,
    forget,
    receivers_of,
    run_sync,
    site_name,
)
from access.integrations.source import MemorySource
from models.clock import SimulatedClock, SystemClock
from models.domain import LockState, PersonId
from models.errors import ConfigError, RegisterLockedError
from models.events import DoorEvent
from models.settings.load import load_settings
from models.settings.settings import Settings
from tests.access.integrations.peers import KEY, HookServer, Mosquitto, Subscriber, wait_until
from tests.access.integrations.test_outbox import Receiver
from tests.door_events import door_event


def settings_of(home: Path, text: str) -> Settings:
    home.mkdir(exist_ok=True)
    (home / "doorward.toml").write_text(text)
    return load_settings(home)


def nobody(_person: PersonId) -> None:
    return None


def webhook(name: str, url: str) -> str:
    return f'[[webhook]]\nname = "{name}"\nurl = "{url}"\nkey = "{KEY}"\nhistory = true\n'


def test_every_table_is_a_receiver_of_its_own(tmp_path: Path) -> None:
    text = '[mqtt]\nhost = "broker"\n' + webhook("a", "https://a/") + webhook("b", "https://b/")
    found = receivers_of(settings_of(tmp_path, text), MemorySource(), nobody, SimulatedClock())
    assert [each.name for each in found] == ["webhook:a", "webhook:b", "mqtt"]
    assert [each.silent for each in found] == [False, False, False], "by default nobody hears of duress"


def test_without_a_receiver_there_is_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.host"):
        receivers_of(settings_of(tmp_path, ""), MemorySource(), nobody, SimulatedClock())
    with pytest.raises(ConfigError, match=r"mqtt\.host"):
        forget(settings_of(tmp_path, ""), "front")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", "site"), ('[site]\nname = "Head Quarters"\n', "head_quarters"), ('[mqtt]\nsite = "HQ"\n', "HQ")],
)
def test_the_site_has_a_name_for_topics(tmp_path: Path, text: str, expected: str) -> None:
    assert site_name(settings_of(tmp_path, text)) == expected


def test_delivering_once_says_for_each_receiver_what_waits(tmp_path: Path, hook: HookServer) -> None:
    source = MemorySource()
    for _ in range(3):
        source.append(door_event())
    with HookServer() as gone:
        pass
    settings = settings_of(tmp_path, webhook("here", hook.url) + webhook("gone", gone.url))
    here, away = deliver_once(settings, source, nobody, SimulatedClock(), threading.Event())
    assert here == Delivered("webhook:here", 3, 0, None)
    assert (away.receiver, away.delivered, away.waiting) == ("webhook:gone", 0, 3)
    assert "did not answer" in str(away.error)
    assert hook.sequence() == [1, 2, 3]


class Locked(MemorySource):
    """A source that cannot be read for a while."""

    failures = 2

    def chain_events(self, chain: str, after_seq: int, limit: int) -> list[DoorEvent]:
        if self.failures:
            self.failures -= 1
            raise RegisterLockedError("another process holds the database")
        return super().chain_events(chain, after_seq, limit)


def test_a_register_that_cannot_be_read_for_a_while_is_asked_again() -> None:
    source, receiver, stop = Locked(), Receiver(), threading.Event()
    source.append(door_event())
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return bool(receiver.got)

    deliver_until_stopped(Outbox(source, receiver, SimulatedClock(), stop), receiver, wait)
    assert receiver.numbers() == [1]
    assert len(waits) == 4


def stopping_at(true: Callable[[], bool]) -> threading.Event:
    """An event that is set once something is so."""

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if true():
                self.set()
            return super().wait(min(timeout or 0.0, 0.05))

    return Stop()


def test_the_service_delivers_until_it_is_stopped(tmp_path: Path, hook: HookServer) -> None:
    source = MemorySource()
    for _ in range(3):
        source.append(door_event())
    settings = settings_of(tmp_path, webhook("peer", hook.url))
    run_sync(settings, source, nobody, SystemClock(), stopping_at(lambda: len(hook.hooks) == 3))
    assert hook.sequence() == [1, 2, 3]
    assert source.acknowledged("webhook:peer")["front"] == 3


def test_a_thread_that_dies_ends_the_service(tmp_path: Path, hook: HookServer) -> None:
    class Broken(MemorySource):
        def chains(self) -> list[str]:
            raise ZeroDivisionError

    settings = settings_of(tmp_path, webhook("peer", hook.url))
    with pytest.raises(RuntimeError, match="webhook:peer has died"):
        run_sync(settings, Broken(), nobody, SystemClock(), threading.Event())


def test_an_error_without_a_name_ends_the_thread_after_the_receiver_was_closed() -> None:
    class Broken(Receiver):
        closed = False

        def refresh(self) -> None:
            raise ZeroDivisionError

        def close(self) -> None:
            self.closed = True

    receiver = Broken()
    outbox = Outbox(MemorySource(), receiver, SimulatedClock(), threading.Event())
    with pytest.raises(ZeroDivisionError):
        deliver_until_stopped(outbox, receiver, lambda _seconds: False)
    assert receiver.closed


def test_a_forgotten_door_is_not_announced_again(tmp_path: Path, broker: Mosquitto) -> None:
    settings = settings_of(tmp_path, f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n')
    for door in ("front", "back"):
        DoorReportFile(tmp_path, door, SimulatedClock()).update(DoorReport(LockState.LOCKED))
    front, back = DoorTopics("site", "front"), DoorTopics("site", "back")
    deliver_once(settings, MemorySource(), nobody, SimulatedClock(), threading.Event())
    forget(settings, "back")
    deliver_once(settings, MemorySource(), nobody, SimulatedClock(), threading.Event())
    with Subscriber(broker.port) as late:
        wait_until(lambda: late.on(front.discovery))
        late.say("doorward/end", "x")
        wait_until(lambda: late.on("doorward/end"))
        assert late.on(back.discovery) == []
