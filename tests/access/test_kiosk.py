"""The daemon: what it loads, what it does when the camera or the process is in trouble, and how it stops."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from access.kiosk import log_events, run_kiosk, stopped_by_signals, watch_camera
from access.logs import configure_logging
from models.domain import Frame
from models.errors import (
    CameraAbsentError,
    CameraError,
    CameraFrozenError,
    CameraLostError,
    EncryptionKeyError,
)
from models.events import DoorEvent
from models.ports import Camera
from models.settings.log import LogSettings
from models.settings.settings import Settings
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, write_clip
from tests.access.conftest import Enrol
from tests.access.door import FRAME_S, Door, Stand, picture
from tests.conftest import ROOT

PERSON = SyntheticPerson(501)


class ScriptedCamera:
    """Delivers frames of `stands`, or raises, as the script says; then ends."""

    def __init__(self, door: Door, script: list[Stand | CameraError]) -> None:
        self._door = door
        self._script = script

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def read(self) -> Frame | None:
        if not self._script:
            return None
        item = self._script.pop(0)
        self._door.clock.sleep(FRAME_S)
        if isinstance(item, CameraError):
            raise item
        self._door.detector.stands = [item]
        return Frame(picture([item]), self._door.clock.monotonic_s())


def told(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


@pytest.mark.parametrize("error", [CameraLostError("gone"), CameraFrozenError("stuck")])
def test_a_camera_in_trouble_is_one_fault_and_the_door_goes_on_when_it_is_back(error: CameraError) -> None:
    door, events = Door(), list[DoorEvent]()
    camera = ScriptedCamera(door, [error, error, error, Stand(1), Stand(1), Stand(1)])
    watch_camera(lambda: camera, door.loop, threading.Event(), events.extend)
    assert told(events) == [("fault", "camera_fault"), ("granted", "recognised")]


def test_an_absent_camera_is_opened_again_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.kiosk.FAULT_SLICE_S", 0.01)
    monkeypatch.setattr("access.kiosk.reconnect_delay_s", lambda attempt: 0.02)
    door, events = Door(), list[DoorEvent]()
    attempts = iter([CameraAbsentError("unplugged"), CameraAbsentError("unplugged"), None])

    @contextmanager
    def connect() -> Iterator[Camera]:
        error = next(attempts)
        if error is not None:
            raise error
        yield ScriptedCamera(door, [Stand(1)] * 3)

    watch_camera(connect, door.loop, threading.Event(), events.extend)  # type: ignore[arg-type]
    assert told(events) == [("fault", "camera_fault"), ("granted", "recognised")]


def test_stopping_ends_it_at_the_next_frame_and_writes_what_is_open() -> None:
    door, events, stop = Door(), list[DoorEvent](), threading.Event()
    camera = ScriptedCamera(door, [Stand(1, good=False)] * 1000)

    def tell(happened: list[DoorEvent]) -> None:
        events.extend(happened)
        if door.loop.visible and door.loop.visible[0].frames_seen == 5:
            stop.set()

    watch_camera(lambda: camera, door.loop, stop, tell)
    assert told(events) == [("denied", "poor_quality")]


def test_signals_ask_to_stop_and_the_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopped_by_signals() as stop:
        assert not stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.wait(1.0)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_wrong_key_is_a_typed_error_before_anything_moves(settings: Settings) -> None:
    settings.storage.key_file.parent.mkdir(parents=True)
    settings.storage.key_file.write_text("not a key")
    settings.storage.key_file.chmod(0o600)
    with pytest.raises(EncryptionKeyError):
        run_kiosk(settings, threading.Event())


def test_events_are_logged_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    door = Door()
    log_events(door.watch(Stand(1), frames=3) + door.loop.fault(CameraLostError("gone")))
    granted, fault = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (granted["event"], granted["outcome"], granted["level"]) == ("decision", "granted", "info")
    assert (fault["reason"], fault["detail"], fault["level"]) == ("camera_fault", "gone", "warning")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """An enrolled person comes and stands there."""
    path = tmp_path / "visit.mp4"
    write_clip(Scene((Appearance(PERSON, 0.0, 3.0, seed=1),)), path, fps=10)
    return path


def kiosk_process(settings: Settings, source: str, code: str) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "DOORWARD_HOME": str(settings.home),
        "DOORWARD_CAMERA__SOURCE": source,
        "DOORWARD_CAMERA__STALE_S": "5",
        "DOORWARD_LOG__FORMAT": "json",
    }
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_process_opens_the_door_without_torch_or_flask(
    settings: Settings, enrol: Enrol, clip: Path
) -> None:
    from models.site import open_site

    with open_site(settings, create=True) as site:
        enrol(site, "Ada", [PERSON.portrait(seed=1)])
    code = (
        "import sys; from access.kiosk import main; status = main();"
        "print(*sorted({name.partition('.')[0] for name in sys.modules})); sys.exit(status)"
    )
    process = kiosk_process(settings, f"clip:{clip}", code)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert not {"torch", "torchvision", "flask", "matplotlib", "enrollment"} & set(out.split())
    assert {"cv2", "openvino", "faiss"} <= set(out.split())
    lines = [json.loads(line) for line in err.splitlines()]
    assert ("decision", "granted") in [(line["event"], line.get("outcome")) for line in lines]
    assert lines[-1]["event"] == "the door is locked"
    with open_site(settings, create=True) as site:
        assert [event.outcome for event in site.register.events()] == ["granted"]


def test_sigterm_locks_and_leaves_with_0(settings: Settings) -> None:
    process = kiosk_process(settings, "synthetic", "from access.kiosk import main; raise SystemExit(main())")
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert first["event"] == "the door is watched"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(err.splitlines()[-1])["event"] == "the door is locked"


def test_main_says_why_it_cannot_begin(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from access.kiosk import main

    monkeypatch.setenv("DOORWARD_HOME", str(settings.home))
    monkeypatch.setenv("DOORWARD_CAMERA__SOURCE", "nonsense")
    assert main() == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "the door cannot begin" in last
    assert "config_error" in last
    assert "'nonsense' is not one of" in last
