"""The live page as a person sees it, in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from access.display.live_page import LiveBoard, create_app, listen_on, serve
from models.domain import Frame
from tests.access.door import ADA, Door, Stand, picture
from tests.browser.conftest import SWITCHES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def page(chromium: str, tmp_path: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield browser.new_page(viewport={"width": 400, "height": 800})
        browser.close()


def test_the_page_follows_the_door_without_being_reloaded(page: Page) -> None:
    faults: list[str] = []
    board, door = LiveBoard({ADA: "Ada <b>"}.__getitem__), Door()
    page.on("pageerror", lambda error: faults.append(error.message))
    with listen_on(0) as listener, serve(create_app(board, "front", "A test"), listener) as address:
        page.goto(address)
        expect(page.locator("#headline")).to_have_text("Nobody is at the door")
        for _ in range(3):
            for event in door.show(Stand(1)):
                board.record(event)
        frame = Frame(picture([Stand(1)]), door.clock.monotonic_s())
        board.show(frame, door.loop.visible, door.lock.state(), 0.5)
        expect(page.locator("#headline")).to_have_text("Welcome, Ada <b>")
        expect(page.locator("#lock-message")).to_have_text("Unlocked")
        expect(page.locator("#decisions tr")).to_have_count(1)
        width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert faults == []
    assert width[0] <= width[1], "a telephone's page scrolls sideways"
