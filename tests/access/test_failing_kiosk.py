"""A kiosk that fails: at its start nothing moves; later it locks and the service starts it again."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from access.assembly import build_loop
from access.cameras.newest import NewestFrameCamera
from access.hardware.simulated import SimulatedLock
from access.kiosk import run_kiosk
from models.clock import SystemClock
from models.domain import Frame, LockState
from models.errors import DoorwardError
from models.release.networks import KNOWN_NETWORKS
from models.release.store import ENCODER_NAME, releases_folder
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.site import open_register
from tests.access.test_running_kiosk import NEXT_NETWORK, save_next_release


def without_weights(settings: Settings) -> Settings:
    """The folder has none, and neither has the source."""
    nothing = settings.home / "nothing"
    nothing.mkdir(parents=True)
    weights = settings.weights.model_copy(
        update={"folder": settings.home / "weights", "source": str(nothing)}
    )
    return settings.model_copy(update={"weights": weights})


def with_other_weights(settings: Settings) -> Settings:
    """The source has files of the right names with other bytes."""
    changed = without_weights(settings)
    for network in KNOWN_NETWORKS:
        (settings.home / "nothing" / network.file_name).write_bytes(b"other bytes")
    return changed


def with_an_altered_release(settings: Settings) -> Settings:
    """A release is active whose network is not what its manifest says."""
    with open_register(settings, create=True) as register:
        release_id = save_next_release(settings, register, ensure_weights(settings.weights.folder))
        register.activate_release(release_id, NEXT_NETWORK)
    network = releases_folder(settings) / release_id / ENCODER_NAME
    network.write_bytes(network.read_bytes()[:-1] + b"?")
    return settings


def with_a_newer_register(settings: Settings) -> Settings:
    """A newer version has written the register."""
    with open_register(settings, create=True):
        pass
    with closing(sqlite3.connect(settings.storage.database)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    return settings


def with_a_damaged_register(settings: Settings) -> Settings:
    """The register is no database."""
    settings.home.mkdir(parents=True)
    Path(settings.storage.database).write_bytes(b"\0" * 5000)
    return settings


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (without_weights, "weights_unavailable"),
        (with_other_weights, "weights_altered"),
        (with_an_altered_release, "release_error"),
        (with_a_newer_register, "register_error"),
        (with_a_damaged_register, "register_error"),
    ],
)
def test_a_door_that_cannot_begin_ends_with_the_reason_and_moves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, prepare: Callable[[Settings], Settings], code: str
) -> None:
    opened: list[object] = []
    monkeypatch.setattr("access.kiosk.open_camera", lambda *given: opened.append(given))
    with pytest.raises(DoorwardError) as caught:
        run_kiosk(prepare(settings), threading.Event(), opened.extend)
    assert caught.value.code == code
    assert opened == [], "neither a camera was opened nor an event written"


def test_a_failure_without_a_name_ends_the_kiosk_with_the_door_locked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = SimulatedLock(SystemClock())
    lock.hold_unlocked()

    def fail(*_: object) -> None:
        assert lock.state() is LockState.HELD_UNLOCKED
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("access.kiosk.open_lock", lambda *_: lock)
    monkeypatch.setattr("access.kiosk.open_camera", fail)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        run_kiosk(settings, threading.Event())
    assert lock.state() is LockState.LOCKED


class BrokenLock(SimulatedLock):
    """Breaks in the driver's thread when `broken` is set."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.broken = threading.Event()

    def state(self) -> LockState:
        if self.broken.is_set() and threading.current_thread().name == "lock-driver":
            self.broken.clear()
            raise MemoryError
        return super().state()


def break_the_lock(_monkeypatch: pytest.MonkeyPatch, lock: BrokenLock) -> None:
    lock.broken.set()


def break_the_site_watch(monkeypatch: pytest.MonkeyPatch, _lock: BrokenLock) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("access.site_watch.SiteWatch._load_new_view", fail)


def break_the_camera(monkeypatch: pytest.MonkeyPatch, _lock: BrokenLock) -> None:
    class Broken:
        def __enter__(self) -> "Broken":
            return self

        def __exit__(self, *exc: object) -> None:
            pass

        def read(self) -> Frame:
            raise MemoryError

    monkeypatch.setattr("access.kiosk.open_camera", lambda _, clock: NewestFrameCamera(Broken, clock))


def break_any_thread(_monkeypatch: pytest.MonkeyPatch, _lock: BrokenLock) -> None:
    def fail() -> None:
        raise MemoryError

    threading.Thread(target=fail, name="library").start()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("break_it", "name"),
    [
        (break_the_lock, "lock-driver"),
        (break_the_site_watch, "site-watch"),
        (break_the_camera, "camera-reader"),
        (break_any_thread, "library"),
    ],
)
def test_an_error_without_a_type_in_any_thread_ends_the_kiosk_locked(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch, BrokenLock], None],
    name: str,
) -> None:
    lock, stop = BrokenLock(), threading.Event()
    lock.hold_unlocked()
    monkeypatch.setattr("access.kiosk.open_lock", lambda *_: lock)

    def break_once(*given: object, **named: object) -> object:
        break_it(monkeypatch, lock)
        monkeypatch.setattr("access.kiosk.build_loop", build_loop)
        return build_loop(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("access.kiosk.build_loop", break_once)
    ends = threading.Timer(120.0, stop.set)
    ends.start()
    try:
        with pytest.raises(RuntimeError, match="has died") as caught:
            run_kiosk(settings, stop, lambda _: None)
    finally:
        ends.cancel()
    assert not stop.is_set()
    assert lock.state() is LockState.LOCKED
    assert isinstance(caught.value.__cause__, MemoryError) or name == "camera-reader"
