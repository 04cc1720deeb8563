"""A visitor types a PIN on the display of a running door, in Chromium: camera to event, with nothing replaced
but the camera's picture and the lock."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from access.demo.acts import STANDS_STILL
from access.demo.screens import demo_door, keep_open
from models.clock import SystemClock
from models.events import DoorEvent
from models.register.access_records import PinKind
from models.register.records import EnrolledFace
from models.release.weights import WeightFiles
from models.rules.factors import parse_way
from models.rules.policy import EVERY_DOOR, EVERYONE, Policy, Rule
from models.settings.load import load_settings
from models.site import open_site
from models.synthetic.people import SyntheticPerson
from models.synthetic.scene import Appearance, Scene
from tests.browser.conftest import SWITCHES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("browser"),
]
PATIENCE_MS = 120_000.0
FACE_AND_PIN = Policy(rules=(Rule("all", EVERYONE, frozenset({EVERY_DOOR}), ways=(parse_way("face+pin"),)),))


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield browser.new_page(viewport={"width": 800, "height": 1280})
        browser.close()


def test_a_wrong_pin_is_refused_the_right_one_opens_and_duress_looks_the_same(
    page: Page, tmp_path: Path, weights: WeightFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_WEIGHTS__FOLDER", str(weights.sface.parent))
    # A busy machine may take its time for each picture.
    monkeypatch.setenv("DOORWARD_CAMERA__STALE_S", "5")
    monkeypatch.setenv("DOORWARD_DECISION__WINDOW_S", "5")
    monkeypatch.setenv("DOORWARD_DECISION__COOLDOWN_S", "1")
    person, events, stop = SyntheticPerson(501), list[DoorEvent](), threading.Event()
    with open_site(load_settings(tmp_path / "home"), create=True) as site:
        face = site.analyser.only_face(person.portrait(seed=1))
        ada = site.register.add_person("Ada Lovelace", [EnrolledFace(face.crop, face.embedding)], "I agree.")
        site.register.set_policy(FACE_AND_PIN)
        site.register.set_pin(ada.person_id, "2719")
        site.register.set_pin(ada.person_id, "2718", PinKind.DURESS)
        clock = SystemClock()
        scene = Scene((Appearance(person, 0.0, 3600.0, seed=7, path=STANDS_STILL),))
        with demo_door(site, "front", clock) as door:
            thread = threading.Thread(
                target=keep_open,
                args=(door, scene, clock, stop.is_set, lambda *shown: events.extend(shown[-1])),
            )
            thread.start()
            try:
                page.goto(door.address)
                headline = page.locator("body")
                for keys, answer in (
                    ("5050", "Wrong PIN"),
                    ("2719", "Welcome, Ada"),
                    ("2718", "Welcome, Ada"),
                ):
                    expect(headline).to_contain_text("Enter your PIN", timeout=PATIENCE_MS)
                    for key in keys:
                        page.keyboard.press(key)
                    page.keyboard.press("Enter")
                    expect(headline).to_contain_text(answer, timeout=PATIENCE_MS)
            finally:
                stop.set()
                thread.join()
        granted = [event for event in events if event.outcome == "granted"]
        assert {event.factors for event in granted} == {("face", "pin")}
        assert {event.person_id for event in granted} == {ada.person_id}
        assert "wrong_pin" in {event.reason for event in events}
        shown = site.register.events()
        assert "duress" not in {event.reason for event in shown}
        silent = [event for event in site.register.events(silent=True) if event.reason == "duress"]
        assert [event.intent_id for event in silent] == [granted[-1].event_id]
