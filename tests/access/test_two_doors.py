"""Two kiosks on one home, as docs/how-to/run-several-doors.md sets them up: each its own process and door."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from models.domain import PersonId
from models.register.records import PersonStatus
from models.register.register import Register
from models.settings.settings import Settings
from models.site import open_register, open_site
from models.synthetic.people import SyntheticPerson
from tests.access.conftest import Enrol
from tests.access.test_kiosk import KIOSK
from tests.conftest import ROOT

SURE_S = 120.0
"""So long two kiosks may take on a busy machine of two cores for what takes some seconds."""


class Kiosk:
    """A kiosk process of one door with a settings file of its own; keeps what it logs."""

    def __init__(self, settings: Settings, door: str, seed: int) -> None:
        config = settings.home / f"{door}.toml"
        config.write_text(f'[camera]\nsource = "synthetic:{seed}"\nstale_s = 5\n\n[log]\nformat = "json"\n')
        named = {
            "DOORWARD_HOME": str(settings.home),
            "DOORWARD_CONFIG": str(config),
            "DOORWARD_DOOR__ID": door,
        }
        self.door = door
        self.lines: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", KIOSK],
            env=os.environ | named,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(SURE_S)
        self._listener.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.lines)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))


@pytest.fixture
def kiosks() -> Iterator[list[Kiosk]]:
    started: list[Kiosk] = []
    yield started
    for kiosk in started:
        if kiosk.process.poll() is None:
            kiosk.end(signal.SIGKILL)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    ends_s = time.monotonic() + SURE_S
    while not happened():
        assert time.monotonic() < ends_s, f"not within {SURE_S:g} s: {what}"
        time.sleep(0.1)


def count(register: Register, door: str) -> int:
    return sum(event.door == door for event in register.events())


@pytest.mark.slow
@pytest.mark.timeout(6 * SURE_S)
def test_two_doors_on_one_home_share_people_and_events_and_do_not_disturb_each_other(
    settings: Settings, enrol: Enrol, kiosks: list[Kiosk]
) -> None:
    with open_site(settings, create=True) as site:
        ada = enrol(site, "Ada", [SyntheticPerson(0).portrait(seed=1)])  # the first who passes by with seed 0
    front, side = Kiosk(settings, "front", seed=0), Kiosk(settings, "side", seed=3)
    kiosks += [front, side]
    with open_register(settings) as register:
        wait_until(lambda: "front" in doors_that_let_in(register, ada.person_id), "Ada comes in at the front")
        wait_until(lambda: count(register, "side") > 0, "an event of the side door")

        assert front.end(signal.SIGKILL) != 0
        before = count(register, "side")
        wait_until(lambda: count(register, "side") > before, "the side door goes on when the other is killed")

        again = Kiosk(settings, "front", seed=0)
        kiosks.append(again)
        wait_until(lambda: again.said("the door is watched"), "the front door starts again")
        register.set_status(ada.person_id, PersonStatus.REVOKED)
        for kiosk in (again, side):
            wait_until(lambda kiosk=kiosk: kiosk.said("site view loaded"), f"{kiosk.door} hears of it")
        assert [again.end(), side.end()] == [0, 0]

        events = list(register.events())
        assert doors_that_let_in(register, ada.person_id) == {"front"}
    for kiosk in (front, side, again):
        assert [line for line in kiosk.lines if line["level"] != "info" and not expected(line)] == []
        logged = {line["event_id"] for line in kiosk.lines if line["event"] == "decision"}
        assert logged <= {event.event_id for event in events if event.door == kiosk.door}


def doors_that_let_in(register: Register, person_id: PersonId) -> set[str]:
    return {
        each.door for each in register.events() if each.outcome == "granted" and each.person_id == person_id
    }


def expected(line: dict[str, Any]) -> bool:
    """A warning that has nothing to do with the other door."""
    return line["event"].startswith("the camera is synthetic") or line.get("reason") == "stale_frame"
