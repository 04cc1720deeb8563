"""A kiosk that fails: at its start nothing moves; later it locks and the service starts it again."""

import configparser
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from access.hardware.simulated import SimulatedLock
from access.kiosk import run_kiosk
from models.clock import SystemClock
from models.domain import LockState
from models.errors import DoorwardError
from models.release.networks import KNOWN_NETWORKS
from models.release.store import ENCODER_NAME, releases_folder
from models.release.weights import ensure_weights
from models.settings.settings import Settings
from models.site import open_register
from tests.access.test_running_kiosk import NEXT_NETWORK, save_next_release
from tests.conftest import ROOT


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
    release_id = save_next_release(releases_folder(settings), ensure_weights(settings.weights.folder))
    with open_register(settings, create=True) as register:
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


def test_the_service_starts_the_kiosk_again_whatever_ended_it() -> None:
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((ROOT / "deploy" / "doorward-kiosk.service").read_text(encoding="utf-8"))
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["ExecStart"].endswith("doorward kiosk")
