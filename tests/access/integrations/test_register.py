"""`doorward sync` with a real register: chains, names, silent alarms, checkpoints, deleted events."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from access.cli.sync import names_in
from access.integrations.home_assistant import DoorTopics
from access.integrations.outbox import Delivered
from access.integrations.service import deliver_once
from models.cli.app import main
from models.clock import SystemClock
from models.domain import Embedding, FaceCrop, PersonId
from models.events import AlarmReason, DoorEvent
from models.register.records import EnrolledFace
from models.register.register import Register
from models.settings.load import load_settings
from models.storage.keys import KeyFile
from tests.access.integrations.peers import KEY, WAIT_S, HookServer, Mosquitto, Subscriber, wait_until
from tests.conftest import ROOT
from tests.door_events import door_event

FRONT = DoorTopics("site", "front")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def register(home: Path) -> Iterator[Register]:
    settings = load_settings(home)
    with Register.open(settings.storage.database, KeyFile(settings.storage.key_file)) as register:
        yield register


def configure(home: Path, hook: HookServer, more: str = "", broker: Mosquitto | None = None) -> None:
    mqtt = "" if broker is None else f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nhistory = true\n'
    webhook = f'[[webhook]]\nname = "peer"\nurl = "{hook.url}"\nkey = "{KEY}"\nhistory = true\n{more}'
    (home / "doorward.toml").write_text(f'[log]\nformat = "json"\n{mqtt}{webhook}')


def ada_in(register: Register) -> PersonId:
    vector = np.zeros(128, dtype=np.float32)
    vector[0] = 1.0
    face = EnrolledFace(FaceCrop(np.zeros((112, 112, 3), dtype=np.uint8)), Embedding(vector, "net"))
    return register.add_person("Ada", [face], "I agree to this test.").person_id


def duress() -> DoorEvent:
    return door_event(
        at=datetime.now(UTC), outcome="alarm", reason=AlarmReason.DURESS, silent=True, track=None
    )


def send(home: Path, register: Register) -> list[Delivered]:
    settings = load_settings(home)
    return deliver_once(settings, register, names_in(register), SystemClock(), threading.Event())


def test_the_command_delivers_what_is_there(
    home: Path, register: Register, hook: HookServer, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(home, hook)
    for _ in range(3):
        register.append_event(door_event())
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), "--json", "sync", "--once"])
    (result,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert ended.value.code == 0
    assert (result["receiver"], result["waiting"], result["error"]) == ("webhook:peer", 0, None)
    assert hook.sequence() == [1, 2, 3]
    hook.answer = lambda _hook: 503
    register.append_event(door_event())
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(home), "--json", "sync", "--once"])
    said = capsys.readouterr()
    assert ended.value.code == 1
    (result,) = map(json.loads, said.out.splitlines())
    assert (result["delivered"], result["waiting"]) == (0, 1)
    assert json.loads(said.err.splitlines()[-1])["error"] == "delivery_failed"


def test_names_are_those_that_people_have_now(home: Path, register: Register, hook: HookServer) -> None:
    configure(home, hook, more="publish_names = true\n")
    ada = ada_in(register)
    granted = {"outcome": "granted", "reason": "recognised", "person_id": ada}
    register.append_event(door_event(**granted))
    send(home, register)
    register.append_event(door_event(**granted))
    register.erase(ada)
    send(home, register)
    data = [each.record["data"] for each in hook.hooks if each.record["data"]["chain"] == "front"]
    assert [each["person_name"] for each in data] == ["Ada", None]
    assert data[0]["person_id"] == ada
    assert data[1]["person_id"] != ada


@pytest.mark.parametrize("silent", [False, True])
def test_duress_reaches_only_the_receiver_of_alarms(
    home: Path, register: Register, hook: HookServer, silent: bool
) -> None:
    configure(home, hook, more=f"silent = {str(silent).lower()}\n")
    register.append_event(door_event())
    register.append_event(duress())
    send(home, register)
    assert hook.sequence("front") == [1]
    assert hook.sequence("front/silent") == ([1] if silent else [])
    assert any(b"duress" in each.body for each in hook.hooks) is silent


def test_what_operators_do_is_sent_without_names(home: Path, register: Register, hook: HookServer) -> None:
    configure(home, hook)
    ada_in(register)
    send(home, register)
    found = [each for each in hook.hooks if each.record["data"]["chain"] == "site"]
    assert found
    assert not any(b"Ada" in each.body for each in found)


def test_events_that_were_deleted_before_they_were_sent_do_not_stop_the_rest(
    home: Path, register: Register, hook: HookServer, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(home, hook)
    old = datetime.now(UTC) - timedelta(days=100)
    register.append_event(door_event(at=old))
    send(home, register)
    for at in (old, old, datetime.now(UTC)):
        register.append_event(door_event(at=at))
    assert register.delete_events(datetime.now(UTC) - timedelta(days=90), 200) == 3
    send(home, register)
    assert hook.sequence() == [1, 4]
    assert "events were deleted before they were sent" in capsys.readouterr().out


def test_checkpoints_are_kept_by_the_broker(
    home: Path, register: Register, hook: HookServer, broker: Mosquitto
) -> None:
    configure(home, hook, broker=broker)
    register.append_event(door_event(at=datetime.now(UTC)))
    register.append_event(duress())
    register.write_checkpoints()
    send(home, register)
    with Subscriber(broker.port) as late:
        wait_until(lambda: late.on(FRONT["checkpoint"]))
        late.say("doorward/end", "x")
        wait_until(lambda: late.on("doorward/end"))
        assert late.on(FRONT["silent/checkpoint"]) == []
        register.check_against(late.on(FRONT["checkpoint"])[0])
    assert all(each.retained for each in late.heard if each.topic == FRONT["checkpoint"])


@pytest.mark.slow
def test_the_command_runs_while_a_door_writes_and_survives_being_killed(
    home: Path, register: Register, hook: HookServer, broker: Mosquitto
) -> None:
    configure(home, hook, broker=broker)
    events = 60
    command = [sys.executable, "-m", "models.cli.app", "--home", str(home), "sync"]
    with Subscriber(broker.port) as subscriber:
        for wanted in (20, 40, events):
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for _ in range(20):
                register.append_event(door_event(at=datetime.now(UTC)))
            wait_until(lambda wanted=wanted: wanted in hook.sequence())  # type: ignore[misc]
            wait_until(lambda wanted=wanted: wanted in subscriber.sequence(FRONT["events"]))  # type: ignore[misc]
            process.send_signal(signal.SIGKILL if wanted < events else signal.SIGTERM)
            _, said = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0
        assert json.loads(said.splitlines()[-1])["event"] == "events are sent no more"
        for found in (hook.sequence(), subscriber.sequence(FRONT["events"])):
            assert list(dict.fromkeys(found)) == list(range(1, events + 1))
