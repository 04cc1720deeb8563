"""A machine without memory or disk space, and a kiosk that hangs."""

import resource
import signal
import socket
from pathlib import Path

import pytest
from sqlalchemy import text

from models.errors import StorageFullError
from models.register.register import Register
from models.rules.policy import EVERY_DOOR, EVERYONE, Policy, Rule, Schedule, UnlockTime, Window
from models.settings.settings import Settings
from models.site import open_register
from tests.access.door import Stand
from tests.access.test_kiosk import KIOSK, kiosk_process, said_by
from tests.door_events import door_event
from tests.models.register.test_faults import limit_pages
from tests.operations.real_door import SURE_S, NotedLock, RealDoor, eventually
from tests.peers.shelly import ShellyPeer

ADA = Stand(1)
ALL_DAY = Schedule("day", ((Window(0, 1440),),) * 7)
UNLOCKED_ALL_DAY = Policy(
    schedules={"day": ALL_DAY},
    rules=(Rule("all", EVERYONE, frozenset({EVERY_DOOR})),),
    unlock_times=(UnlockTime("front", "day"),),
)


def memory_of(process_id: int) -> int:
    """The address space of a process, in bytes."""
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8").splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmSize:")))


@pytest.mark.slow
def test_a_kiosk_without_memory_ends_and_locks(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands unlocked by its schedule; from one moment on the machine gives it no more memory."""
    with open_register(settings, create=True) as register:
        register.set_policy(UNLOCKED_ALL_DAY)
    relay = ShellyPeer()
    monkeypatch.setenv("DOORWARD_LOCK__KIND", "http")
    monkeypatch.setenv("DOORWARD_LOCK__ADDRESS", f"http://127.0.0.1:{relay.port}")
    process = kiosk_process(settings, "synthetic", KIOSK)
    try:
        said_by(process, "the door is watched")
        assert eventually(relay.is_on)
        limit = memory_of(process.pid)
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))
        _, said = process.communicate(timeout=2 * SURE_S)
        assert process.returncode != 0, said
        assert "MemoryError" in said or process.returncode < 0
        assert eventually(lambda: not relay.is_on())
    finally:
        process.kill()
        process.communicate()
        relay.stop()


HANGS = """
import threading
from access.loop import DoorLoop

judge = DoorLoop.step

def step(self, frame):
    if self.visible:
        print("hangs", flush=True)
        threading.Event().wait()
    return judge(self, frame)

DoorLoop.step = step
from access.kiosk import main
raise SystemExit(main())
"""
WATCHDOG_S = 2.0


@pytest.mark.slow
def test_a_kiosk_whose_loop_hangs_gives_no_sign_of_life_and_is_ended_by_the_watchdog(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The test is the service manager: it ends, as systemd does, what was silent for `WatchdogSec`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", str(int(WATCHDOG_S * 1e6)))
        process = kiosk_process(settings, "synthetic", HANGS)
        assert process.stdout is not None
        assert process.stdout.readline() == "hangs\n"
        manager.setblocking(False)
        heard = []
        with pytest.raises(BlockingIOError):
            while True:
                heard.append(manager.recv(4096).decode())
        assert any("READY=1" in each and "WATCHDOG=1" in each for each in heard)
        manager.settimeout(WATCHDOG_S)
        with pytest.raises(TimeoutError):
            manager.recv(4096)
        assert process.poll() is None, "it lives, and does nothing"
        process.send_signal(signal.SIGABRT)
        process.communicate(timeout=SURE_S)
    assert process.returncode == -signal.SIGABRT


@pytest.mark.slow
def test_a_full_disk_keeps_the_door_shut_until_there_is_room(tmp_path: Path, desk: Register) -> None:
    lock = NotedLock()
    with RealDoor(tmp_path, lock) as door:
        with door.register._connection.engine.connect() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        limit_pages(door.register, pages)
        with pytest.raises(StorageFullError):
            for _ in range(10_000):
                door.register.append_event(door_event())
        assert door.watch_until(lambda: door.loop.failing == "register_fault", ADA)
        assert "make room" in door.heard("fault", "register_fault")[0].detail
        assert door.screen_words() == ("Out of order", "The register cannot be read.")
        assert lock.unlockings == 0
        limit_pages(door.register, 1_000_000)
        assert door.watch_until(lambda: lock.unlockings == 1, ADA)
