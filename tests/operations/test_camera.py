"""A camera that is away, covered or replaced by a recording."""

import threading
from pathlib import Path

import numpy as np
import pytest

from access.camera_loop import watch_camera
from access.cameras.freeze import FreezeDetector
from access.display.state import DisplayMode
from access.memory_access import MemoryAccess
from models.domain import ImageArray, LockState
from models.errors import CameraAbsentError
from models.ports import Camera
from models.register.register import Register
from models.release.weights import WeightFiles
from models.rules.policy import EVERY_DOOR, EVERYONE, LockdownPlan, Policy, Rule, Schedule, UnlockTime, Window
from models.settings.load import load_settings
from models.site import open_site
from tests.access.door import BOB, LET_IN, Door
from tests.access.test_second_factor import rules
from tests.operations.real_door import SURE_S, NotedLock, RealDoor, eventually

ALL_DAY = Schedule("day", ((Window(0, 1440),),) * 7)
POLICY = Policy(
    schedules={"day": ALL_DAY},
    rules=(Rule("all", EVERYONE, frozenset({EVERY_DOOR})),),
    unlock_times=(UnlockTime("front", "day"),),
    plans=(LockdownPlan("all", frozenset({EVERY_DOOR})),),
)
FAULT_WORDS = ("Out of order", "The camera does not work.")


def absent() -> Camera:
    raise CameraAbsentError("there is no camera: plug it in")


@pytest.mark.slow
def test_a_lockdown_locks_the_door_while_the_camera_is_away(tmp_path: Path, desk: Register) -> None:
    desk.set_policy(POLICY)
    lock, stop = NotedLock(), threading.Event()
    with RealDoor(tmp_path, lock) as door:
        camera = threading.Thread(target=watch_camera, args=(absent, door.loop, stop, door.hear))
        camera.start()
        try:
            assert eventually(lambda: door.screen_words() == FAULT_WORDS)
            assert eventually(lambda: door.driver.state() is LockState.HELD_UNLOCKED), "by its schedule"
            desk.start_lockdown("all", "an intruder")
            assert eventually(lambda: bool(door.heard("notice", "lockdown_started")))
            assert eventually(lambda: door.driver.state() is LockState.LOCKED)
            assert door.screen().mode is DisplayMode.OUT_OF_ORDER
            desk.end_lockdown()
            assert eventually(lambda: door.driver.state() is LockState.HELD_UNLOCKED)
        finally:
            stop.set()
            camera.join(SURE_S)
    assert not camera.is_alive()
    assert len(door.heard("fault", "camera_fault")) == 1


def test_a_card_that_suffices_opens_while_the_camera_is_away() -> None:
    door = Door(policy=rules("card"), history=MemoryAccess({}, {"1001": BOB}))
    door.loop.fault(CameraAbsentError("there is no camera: plug it in"))
    door.card("1001")
    door.clock.sleep(0.2)
    events = door.loop.tick()
    assert [(event.outcome, str(event.reason)) for event in events] == LET_IN
    assert events[0].person_id == BOB


def noise(seed: int) -> ImageArray:
    """What a sensor delivers behind a cover: black, but for its noise."""
    grey = np.abs(np.random.default_rng(seed).normal(0, 2, (480, 640, 3)))
    return grey.astype(np.uint8)


def test_a_covered_lens_shows_nobody_and_is_not_noticed_as_a_fault(
    tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a picture without any noise counts as frozen: the page says so."""
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.sface.parent))
    with open_site(load_settings(tmp_path / "home"), create=True) as site:
        assert [site.detector.detect(noise(seed)) for seed in range(5)] == [[]] * 5
    freeze = FreezeDetector()
    assert [freeze.unchanged_s(noise(seed), float(seed)) for seed in range(5)] == [0.0] * 5
    black = np.zeros((480, 640, 3), np.uint8)
    still = FreezeDetector()
    assert [still.unchanged_s(black, float(second)) for second in range(7)][-1] == 6.0
