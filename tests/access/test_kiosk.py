"""The kiosk: what it loads, what it logs, what it does when the camera is in trouble, and how it stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from access.camera_loop import FAULT_SLICE_S, watch_camera
from access.kiosk import look_up_names, run_kiosk
from access.signals import stopped_by_signals
from models.domain import Frame, PersonId
from models.errors import (
    AlreadyRunningError,
    CameraAbsentError,
    CameraError,
    CameraFrozenError,
    CameraLostError,
    ConfigError,
    EncryptionKeyError,
)
from models.events import DoorEvent
from models.ports import Camera
from models.settings.camera import DeviceCameraSettings
from models.settings.settings import Settings
from models.site import Site
from models.storage.single import single_run_lock
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene, write_clip
from tests.access.conftest import Enrol
from tests.access.door import FRAME_S, LET_IN, Door, Stand, picture
from tests.conftest import ROOT
from tests.door_events import door_event

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


def outcomes(events: list[DoorEvent]) -> list[tuple[str, str]]:
    return [(event.outcome, str(event.reason)) for event in events]


@pytest.mark.parametrize("error", [CameraLostError("gone"), CameraFrozenError("stuck")])
def test_a_camera_in_trouble_is_one_fault_and_the_door_goes_on_when_it_is_back(
    error: CameraError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("access.camera_loop.FAULT_SLICE_S", 0.01)
    door, events = Door(), list[DoorEvent]()
    camera = ScriptedCamera(door, [error, error, error, Stand(1), Stand(1), Stand(1)])
    ended = watch_camera(lambda: camera, door.loop, threading.Event(), events.extend)
    assert outcomes(events) == [("fault", "camera_fault"), *LET_IN]
    assert ended


def test_an_absent_camera_is_opened_again_until_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.camera_loop.FAULT_SLICE_S", 0.01)
    monkeypatch.setattr("access.camera_loop.reconnect_delay_s", lambda attempt: 0.02)
    door, events = Door(), list[DoorEvent]()
    attempts = iter([CameraAbsentError("unplugged"), CameraAbsentError("unplugged"), None])

    @contextmanager
    def connect() -> Iterator[Camera]:
        error = next(attempts)
        if error is not None:
            raise error
        yield ScriptedCamera(door, [Stand(1)] * 3)

    watch_camera(connect, door.loop, threading.Event(), events.extend)  # type: ignore[arg-type]
    assert outcomes(events) == [("fault", "camera_fault"), *LET_IN]


def test_the_first_frame_is_reported_once_and_not_before_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access.camera_loop.FAULT_SLICE_S", 0.01)
    door, reported = Door(), list[str]()
    camera = ScriptedCamera(door, [CameraLostError("not yet"), Stand(1), CameraLostError("gone"), Stand(1)])

    def note_fault(events: list[DoorEvent]) -> None:
        reported.extend(event.outcome for event in events)

    watch_camera(
        lambda: camera, door.loop, threading.Event(), note_fault, lambda: reported.append("first frame")
    )
    assert reported == ["fault", "first frame"]


def test_a_recording_that_is_absent_ends_the_start() -> None:
    door, events = Door(), list[DoorEvent]()

    @contextmanager
    def connect() -> Iterator[Camera]:
        raise CameraAbsentError("there is no clip")
        yield

    with pytest.raises(CameraAbsentError, match="no clip"):
        watch_camera(
            connect,  # type: ignore[arg-type]
            door.loop,
            threading.Event(),
            events.extend,
            retry_absent=False,
        )
    assert events == []


def test_stopping_ends_it_at_the_next_frame_and_writes_what_is_open() -> None:
    door, events, stop = Door(), list[DoorEvent](), threading.Event()
    camera = ScriptedCamera(door, [Stand(1, good=False)] * 1000)

    def stop_after_five(happened: list[DoorEvent]) -> None:
        events.extend(happened)
        if door.loop.visible and door.loop.visible[0].frames_seen == 5:
            stop.set()

    ended = watch_camera(lambda: camera, door.loop, stop, stop_after_five)
    assert outcomes(events) == [("denied", "poor_quality")]
    assert not ended


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


def test_a_name_that_cannot_be_read_does_not_stop_the_door(site: Site, enrol: Enrol) -> None:
    ada = enrol(site, "Ada", [PERSON.portrait(seed=1)])
    event = door_event(person_id=ada.person_id)
    assert look_up_names(site.register, event) == {ada.person_id: "Ada"}
    assert look_up_names(site.register, door_event(person_id=PersonId("f" * 32))) == {}
    assert look_up_names(site.register, door_event()) == {}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """An enrolled person comes and stands there."""
    path = tmp_path / "visit.mp4"
    write_clip(Scene((Appearance(PERSON, 0.0, 6.0, seed=1),)), path, fps=10)
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


@pytest.mark.slow
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
    said = [line["event"] for line in lines]
    assert said[0] == "the door is watched"
    assert said[-2:] == ["the clip has ended", "the door is locked"]
    with open_site(settings, create=True) as site:
        assert {event.outcome for event in site.register.events()} == {"granted", "unlocked", "notice"}


KIOSK = "from access.kiosk import main; raise SystemExit(main())"


def said_by(process: "subprocess.Popen[str]", event: str) -> list[str]:
    """What a kiosk logs until it logs `event`."""
    assert process.stderr is not None
    said = [json.loads(process.stderr.readline())["event"]]
    while said[-1] != event:
        said.append(json.loads(process.stderr.readline())["event"])
    return said


@pytest.mark.slow
def test_sigterm_locks_and_leaves_with_0(settings: Settings) -> None:
    process = kiosk_process(settings, "synthetic", KIOSK)
    assert said_by(process, "the door is watched") == [
        "the camera is synthetic: nobody real is seen",
        "the door is watched",
    ]
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    said = [json.loads(line)["event"] for line in err.splitlines()]
    assert said[-1] == "the door is locked"
    assert "the synthetic has ended" not in said


@pytest.mark.slow
def test_a_second_kiosk_of_a_door_is_refused_and_the_first_goes_on(settings: Settings) -> None:
    first = kiosk_process(settings, "synthetic", KIOSK)
    said_by(first, "the door is watched")
    with pytest.raises(AlreadyRunningError, match=r"door front runs on .*door\.id or another --home"):
        run_kiosk(settings, threading.Event())
    assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 0


def test_kiosks_of_two_doors_share_a_home(settings: Settings) -> None:
    side = settings.model_copy(update={"door": settings.door.model_copy(update={"id": "side"})})
    stop = threading.Event()
    stop.set()
    with single_run_lock(settings.home / "kiosk-front.lock", "the front door's"):
        run_kiosk(side, stop)
        with pytest.raises(AlreadyRunningError):
            run_kiosk(settings, stop)


@pytest.mark.slow
def test_a_kiosk_with_a_wrong_clip_says_that_alone(settings: Settings) -> None:
    process = kiosk_process(settings, "none.mp4", KIOSK)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    lines = [json.loads(line) for line in err.splitlines()]
    assert [(line["event"], line["error"]) for line in lines] == [("the door cannot begin", "camera_absent")]
    assert f"{settings.home}/none.mp4" in lines[0]["message"]


def test_main_logs_why_the_door_cannot_begin(
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


class Stopping(threading.Event):
    """Set after so many waits; notes how long each was to be, and takes no time."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waited_s: list[float] = []
        self._waits = waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_s.append(timeout or 0.0)
        if len(self.waited_s) == self._waits:
            self.set()
        return self.is_set()


class Failing:
    """A camera that opens and fails at each read, at once."""

    def __init__(self) -> None:
        self.reads = 0

    def __enter__(self) -> "Failing":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def read(self) -> Frame | None:
        self.reads += 1
        assert self.reads <= 1000, "it spins"
        raise CameraLostError("holds no picture")


def test_a_camera_that_fails_at_once_is_asked_again_only_after_a_wait() -> None:
    door, stop, camera, turns = Door(), Stopping(waits=5), Failing(), list[CameraError | None]()
    watch_camera(
        lambda: camera, door.loop, stop, lambda _: None, on_turn=lambda trouble, _frame: turns.append(trouble)
    )
    assert camera.reads == 5
    assert stop.waited_s == [FAULT_SLICE_S] * 5
    assert [str(turn) for turn in turns] == ["holds no picture"] * 5


def test_a_turn_is_reported_after_every_frame_and_what_it_raises_ends_the_watch() -> None:
    door, turns = Door(), list[int]()
    camera = ScriptedCamera(door, [Stand(1)] * 10)

    def on_turn(trouble: CameraError | None, _frame: Frame | None) -> None:
        assert trouble is None
        turns.append(10 - len(camera._script))
        if len(turns) == 4:
            raise RuntimeError("a thread has died")

    with pytest.raises(RuntimeError, match="has died"):
        watch_camera(lambda: camera, door.loop, threading.Event(), lambda _: None, on_turn=on_turn)
    assert turns == [1, 2, 3, 4]


def test_a_watchdog_with_less_patience_than_the_camera_needs_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(settings.home / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    live = settings.model_copy(update={"camera": DeviceCameraSettings(source=0, lost_s=5.0)})
    with pytest.raises(ConfigError, match=r"WatchdogSec is 20 s, .* may take 20 s: raise WatchdogSec"):
        run_kiosk(live, threading.Event())
    stop = threading.Event()
    stop.set()
    monkeypatch.delenv("WATCHDOG_USEC")
    run_kiosk(live, stop)


@pytest.mark.slow
def test_the_service_manager_hears_of_a_door_from_its_start_to_its_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(120.0)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "2000000")
        process = kiosk_process(settings, "synthetic", KIOSK)
        first = receiver.recv(4096).decode().split("\n")
        again = receiver.recv(4096).decode().split("\n")
        process.send_signal(signal.SIGTERM)
        last = again
        while last != ["STOPPING=1"]:
            last = receiver.recv(4096).decode().split("\n")
        process.communicate(timeout=60)
    assert first == ["READY=1", "STATUS=the door front is watched", "WATCHDOG=1"]
    assert again == ["WATCHDOG=1"]
    assert process.returncode == 0
