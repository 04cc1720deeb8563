"""The process: killed in the middle of its work nothing is lost; stopped it ends cleanly."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from access.integrations.home_assistant import DoorTopics
from access.integrations.mqtt import MqttReceiver
from tests.access.integrations.peers import (
    KEY,
    WAIT_S,
    HookServer,
    Mosquitto,
    SqliteSource,
    Subscriber,
    wait_until,
)
from tests.conftest import ROOT
from tests.door_events import door_event

pytestmark = pytest.mark.slow

FRONT = DoorTopics("site", "front")
EVENTS = 400


def configure(home: Path, broker: Mosquitto, hook: HookServer) -> None:
    home.mkdir(exist_ok=True)
    (home / "doorward.toml").write_text(
        f'[log]\nformat = "json"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nhistory = true\n'
        f'[[webhook]]\nname = "peer"\nurl = "{hook.url}"\nkey = "{KEY}"\nhistory = true\n'
    )


def start(home: Path) -> subprocess.Popen[str]:
    """The process, once it says that events are sent."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.access.integrations.sync_process", str(home)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "events are sent":
            return process
    raise AssertionError("the process has ended")


def doubles_go_back_at_most(batch: int, numbers: list[int]) -> None:
    """In order from 1, where a double only repeats the batch that was not acknowledged."""
    newest = 0
    for number in numbers:
        assert newest - batch < number <= newest + 1
        newest = max(newest, number)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SqliteSource]:
    (tmp_path / "home").mkdir()
    source = SqliteSource(tmp_path / "home" / "chains.sqlite")
    yield source
    source.close()


def test_a_process_that_is_killed_again_and_again_loses_nothing(
    broker: Mosquitto, hook: HookServer, source: SqliteSource, tmp_path: Path
) -> None:
    configure(tmp_path / "home", broker, hook)
    for _ in range(EVENTS):
        source.append(door_event())
    chance = random.Random(7)
    kills = 0
    with Subscriber(broker.port) as subscriber:
        while len(hook.hooks) < EVENTS or len(subscriber.on(FRONT["events"])) < EVENTS:
            process = start(tmp_path / "home")
            before = len(hook.hooks)
            enough = EVENTS if kills == 4 else min(EVENTS, before + 40)
            wait_until(lambda enough=enough: len(hook.hooks) >= enough)  # type: ignore[misc]
            if kills == 4:
                wait_until(lambda: set(subscriber.sequence(FRONT["events"])) == set(range(1, EVENTS + 1)))
            time.sleep(chance.random() * 0.02)  # anywhere between sending and acknowledging
            process.kill()
            process.communicate(timeout=WAIT_S)
            kills += 1
        assert kills == 5
        numbers = subscriber.sequence(FRONT["events"])
    for found, batch in ((hook.sequence(), 1), (numbers, MqttReceiver.batch)):
        assert set(found) == set(range(1, EVENTS + 1))
        assert len(found) <= EVENTS + kills * batch
        doubles_go_back_at_most(batch, found)


def test_a_broker_and_a_receiver_that_go_and_come_do_not_hold_up_each_other(
    broker: Mosquitto, hook: HookServer, source: SqliteSource, tmp_path: Path
) -> None:
    configure(tmp_path / "home", broker, hook)
    source.append(door_event())
    process = start(tmp_path / "home")
    try:
        wait_until(lambda: hook.sequence() == [1])
        broker.stop()
        for _ in range(30):
            source.append(door_event())
        wait_until(lambda: hook.sequence() == list(range(1, 32)), "the broker held up the webhook")
        hook.answer = lambda _hook: 503
        broker.start()
        with Subscriber(broker.port) as subscriber:
            wait_until(lambda: set(range(2, 32)) <= set(subscriber.sequence(FRONT["events"])))
            source.append(door_event())
            wait_until(lambda: 32 in subscriber.sequence(FRONT["events"]), "the webhook held up the broker")
            doubles = subscriber.sequence(FRONT["events"])
            assert [number for number in doubles if number > 1] == list(range(2, 33))
        hook.answer = lambda _hook: 204
        wait_until(lambda: hook.sequence() == list(range(1, 33)))
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_S)


def test_a_process_that_is_stopped_says_goodbye_and_ends_with_success(
    broker: Mosquitto, hook: HookServer, source: SqliteSource, tmp_path: Path
) -> None:
    configure(tmp_path / "home", broker, hook)
    process = start(tmp_path / "home")
    with Subscriber(broker.port) as subscriber:
        wait_until(lambda: subscriber.latest(FRONT["sync"]) == "online")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=WAIT_S)
        wait_until(lambda: subscriber.latest(FRONT["sync"]) == "offline")
    assert process.returncode == 0
    assert json.loads(said.splitlines()[-1])["event"] == "events are sent no more"
    assert KEY not in said
