"""The screen beside the door as a person sees and uses it, in Chromium."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from access.display.client import FeedClient
from access.display.display_page import THREADS, create_app
from access.display.page_server import listen_on, serve
from access.display.state import Direction, DisplayMode, DisplayState, Fit, Note
from access.display.words import words_of
from models.domain import Box, DenyReason, Frame, QualityReason
from models.settings.display import DisplaySettings
from tests.access.display.test_feed import Kiosk
from tests.browser.conftest import SWITCHES

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

LIMIT_MS = 60_000
SIZES = [(800, 1280), (1280, 800), (480, 800)]
SETTINGS = DisplaySettings(languages=("en", "de"), help_text="Reception: 040 1234", pin_button=True)
CLOCK = "Pacific/Kiritimati"
IDLE = DisplayState("front", DisplayMode.IDLE, time_zone=CLOCK)
SEEN = replace(
    IDLE, face=Box(0.36, 0.2, 0.64, 0.7), fit=Fit.GOOD, picture_width=640, picture_height=480, seconds_left=9
)
LOOKING = replace(SEEN, mode=DisplayMode.LOOKING, message=DenyReason.NOT_ENOUGH_EVIDENCE)
GUIDE = replace(SEEN, mode=DisplayMode.GUIDE, message=QualityReason.TOO_SMALL, fit=Fit.FAR)
PIN = replace(IDLE, mode=DisplayMode.PIN, message=DenyReason.NEEDS_PIN)
GRANTED = replace(SEEN, mode=DisplayMode.GRANTED, message=Note.COME_IN, name="Ada <b>")
DENIED = replace(SEEN, mode=DisplayMode.DENIED, message=DenyReason.ANTI_PASSBACK)
SCREENS = {
    "idle": IDLE,
    "looking": LOOKING,
    "guide": GUIDE,
    "pin": replace(PIN, seconds_left=20, pin_digits=12),
    "wrong pin": replace(PIN, message=DenyReason.WRONG_PIN, seconds_left=20),
    "card": replace(SEEN, mode=DisplayMode.CARD, message=DenyReason.NEEDS_CARD),
    "challenge": replace(SEEN, mode=DisplayMode.CHALLENGE, message=Note.FOLLOW, challenge=Direction.UP),
    "granted": GRANTED,
    "denied": DENIED,
    "words of a panel": replace(DENIED, text="Area armed since 18:00 by the porter: ask at the entrance"),
    "wait": replace(SEEN, mode=DisplayMode.WAIT, message=DenyReason.NEEDS_SECOND_PERSON),
    "unlocked": replace(IDLE, mode=DisplayMode.UNLOCKED, message=Note.OPEN_TO_ALL),
    "held open": replace(IDLE, mode=DisplayMode.HELD_OPEN, message=Note.CLOSE_DOOR),
    "lockdown": replace(IDLE, mode=DisplayMode.LOCKDOWN, message=DenyReason.LOCKDOWN),
    "fire": replace(IDLE, mode=DisplayMode.FIRE, message=Note.LEAVE_BY_DOOR),
    "out of order": replace(IDLE, mode=DisplayMode.OUT_OF_ORDER, message=DenyReason.CAMERA_FAULT),
}
NOTE_FAULTS = """
window.faults = [];
addEventListener("error", (event) => faults.push(event.message));
addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => faults.push(event.violatedDirective));
"""
OVAL_IS_AT_THE_FACE = """() => {
  const { cx, rx } = getComputedStyle(document.getElementById("oval"));
  return parseFloat(cx) === 320 && Math.abs(parseFloat(rx) - 0.74 * 0.28 * 640) < 0.1;
}"""
OVAL_IS_IN_THE_MIDDLE = """() => {
  const { cx, rx, ry } = getComputedStyle(document.getElementById("oval"));
  return parseFloat(cx) === 320 && parseFloat(rx) < 0.8 * parseFloat(ry);
}"""
OUTSIDE = """() => [...document.querySelectorAll("header *, p, time, #pad, #pad button, #left")]
  .filter((element) => {
    const { width, left, top, right, bottom } = element.getBoundingClientRect();
    return width > 1 && (left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1);
  }).map((element) => element.id || element.textContent)"""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*SWITCHES, "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    with Kiosk(tmp_path / "d.sock") as kiosk:
        kiosk.state = IDLE
        yield kiosk


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with (
        listen_on(0, "") as listener,
        FeedClient(tmp_path / "d.sock", "front") as client,
        serve(create_app(client, SETTINGS), listener, threads=THREADS) as address,
    ):
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, with every fault that it must not have noted in `window.faults`."""
    page = browser.new_page(viewport={"width": 800, "height": 1280})
    page.set_default_timeout(LIMIT_MS)
    page.add_init_script(NOTE_FAULTS)
    page.goto(address)
    yield page
    assert page.evaluate("faults") == []
    page.close()


def see(page: Page, headline: str, sentence: str = "") -> None:
    expect(page.locator("#headline")).to_have_text(headline, timeout=LIMIT_MS)
    expect(page.locator("#sentence")).to_have_text(sentence, timeout=LIMIT_MS)


def typed(kiosk: Kiosk, page: Page, count: int) -> str:
    """The keys that have reached the kiosk, which shows their number as the door does."""
    keys = ""
    while len(keys) < count:
        keys += "".join(key.key for key in kiosk.feed.keys())  # noqa: SIM118
        kiosk.state = replace(kiosk.state, pin_digits=len(keys.rstrip("#")))
        page.wait_for_timeout(10)
    return keys


def test_a_visit_from_looking_over_the_pin_to_the_welcome(page: Page, kiosk: Kiosk) -> None:
    see(page, "Look at the camera")
    expect(page.locator("#picture")).to_be_hidden()
    kiosk.state = GUIDE
    see(page, "Come closer")
    page.wait_for_function(OVAL_IS_IN_THE_MIDDLE)
    kiosk.frame = Frame(np.full((480, 640, 3), 128, np.uint8), 0.0)
    kiosk.state = LOOKING
    see(page, "Hold still, one moment")
    expect(page.locator("#picture")).to_be_visible(timeout=LIMIT_MS)
    expect(page.locator("#guide")).to_have_attribute("data-fit", "good")
    page.wait_for_function(OVAL_IS_AT_THE_FACE)
    kiosk.state = PIN
    see(page, "Enter your PIN", "Then press Enter.")
    expect(page.locator("#picture")).to_be_hidden()
    assert page.locator("#picture").get_attribute("src") is None, "nobody's picture stays behind"
    for key in "19":
        page.locator(f"[data-key='{key}']").click()
    assert typed(kiosk, page, 2) == "19"
    expect(page.locator("#dot-row .filled")).to_have_count(2, timeout=LIMIT_MS)
    expect(page.locator("#dot-words")).to_have_text("Digits entered: 2")
    page.keyboard.type("8")
    page.keyboard.press("Enter")
    assert typed(kiosk, page, 2) == "8#"
    kiosk.state = GRANTED
    see(page, "Welcome, Ada <b>", "The door is open")
    expect(page.locator("[data-for=granted]")).to_be_visible()
    assert page.evaluate("document.body.dataset.tone") == "granted"
    kiosk.state = replace(IDLE, mode=DisplayMode.UNLOCKED, message=Note.OPEN_TO_ALL)
    see(page, "The door is open", "Please come in.")


def test_the_pad_works_by_keyboard_alone_and_keys_keep_their_order(page: Page, kiosk: Kiosk) -> None:
    kiosk.state = PIN
    see(page, "Enter your PIN", "Then press Enter.")
    page.keyboard.type("0123456789")
    page.keyboard.press("Backspace")
    assert typed(kiosk, page, 11) == "0123456789*"
    page.locator("[data-key='5']").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    assert typed(kiosk, page, 2) == "55"


def test_a_button_opens_the_pad_and_it_closes_by_itself(page: Page, kiosk: Kiosk) -> None:
    see(page, "Look at the camera")
    for state, headline in ((IDLE, "Look at the camera"), (DENIED, "No entry")):
        kiosk.state = state
        expect(page.locator("#headline")).to_have_text(headline, timeout=LIMIT_MS)
        page.get_by_role("button", name="Use a PIN").click()
        see(page, "Enter your PIN", "Then press Enter.")
        expect(page.locator("#use-pin")).to_be_hidden()
        expect(page.locator("#headline")).to_have_text(headline, timeout=LIMIT_MS)
    page.get_by_role("button", name="Use a PIN").click()
    page.keyboard.type("7")
    assert typed(kiosk, page, 1) == "7"
    kiosk.state = GRANTED
    see(page, "Welcome, Ada <b>", "The door is open")


def test_no_key_is_sent_when_no_pin_is_asked_for(page: Page, kiosk: Kiosk) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    kiosk.state = LOOKING
    see(page, "Hold still, one moment")
    page.keyboard.type("123")
    kiosk.state = PIN
    see(page, "Enter your PIN", "Then press Enter.")
    page.keyboard.type("4")
    assert typed(kiosk, page, 1) == "4"
    assert len(sent) == 1


def test_a_wrong_pin_is_said_and_heard_and_the_pad_stays(page: Page, kiosk: Kiosk) -> None:
    kiosk.state = PIN
    see(page, "Enter your PIN", "Then press Enter.")
    kiosk.state = replace(PIN, message=DenyReason.WRONG_PIN)
    see(page, "Enter your PIN", "Wrong PIN. Please try again.")
    expect(page.locator("#pad")).to_be_visible()
    assert page.evaluate("document.body.dataset.tone") == "denied"


def test_the_button_changes_the_language_at_once_and_for_what_comes(page: Page, kiosk: Kiosk) -> None:
    kiosk.state = PIN
    see(page, "Enter your PIN", "Then press Enter.")
    page.get_by_role("button", name="Deutsch").click()
    see(page, "PIN eingeben", "Danach Eingabe drücken.")
    expect(page.locator("[data-key='#']")).to_have_text("Eingabe")
    assert page.evaluate("document.documentElement.lang") == "de"
    kiosk.state = DENIED
    see(page, "Kein Zutritt", "Sie sind schon drinnen.")
    page.get_by_role("button", name="English").click()
    see(page, "No entry", "You are inside already.")


def test_who_comes_next_finds_the_first_language(page: Page, kiosk: Kiosk) -> None:
    page.get_by_role("button", name="Deutsch").click()
    see(page, "Schauen Sie in die Kamera")
    see(page, "Look at the camera")


def test_a_kiosk_that_dies_is_out_of_order_without_an_old_picture_and_comes_back(
    page: Page, tmp_path: Path
) -> None:
    for _ in range(2):
        with Kiosk(tmp_path / "d.sock") as kiosk:
            kiosk.state = LOOKING
            expect(page.locator("#picture")).to_be_visible(timeout=LIMIT_MS)
        see(page, "Out of order", "The door does not answer. Please use another one.")
        expect(page.locator("#picture")).to_be_hidden()
        assert page.locator("#picture").get_attribute("src") is None
        expect(page.locator("#help")).to_have_text("Reception: 040 1234")


def test_a_display_server_that_dies_is_out_of_order_too_and_the_page_finds_the_next(
    browser: Browser, kiosk: Kiosk, tmp_path: Path
) -> None:
    page = browser.new_page()
    path, port = tmp_path / "d.sock", 0
    for visit in range(2):
        with (
            listen_on(port, "") as listener,
            FeedClient(path, "front") as client,
            serve(create_app(client, SETTINGS), listener, threads=THREADS) as address,
        ):
            port = int(address.rpartition(":")[2])
            if visit == 0:
                page.goto(address)
            see(page, "Look at the camera")
        see(page, "Out of order", "The door does not answer. Please use another one.")
    page.close()


def test_a_denial_stays_long_enough_to_be_read(page: Page, kiosk: Kiosk) -> None:
    kiosk.state = LOOKING
    see(page, "Hold still, one moment")
    page.evaluate(
        """() => {
        window.modes = [];
        new MutationObserver(() => modes.push([document.body.dataset.mode, performance.now()]))
          .observe(document.body, { attributeFilter: ["data-mode"] });
    }"""
    )
    kiosk.state = DENIED
    see(page, "No entry", "You are inside already.")
    kiosk.state = LOOKING
    see(page, "Hold still, one moment")
    (denied, denied_ms), (looking, looking_ms) = page.evaluate("modes")
    assert (denied, looking) == ("denied", "looking")
    assert looking_ms - denied_ms >= 1700
    kiosk.state = DENIED
    see(page, "No entry", "You are inside already.")
    kiosk.state = GRANTED
    see(page, "Welcome, Ada <b>", "The door is open")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_screen_fits_and_speaks_in_both_languages(
    page: Page, kiosk: Kiosk, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for language in SETTINGS.languages:
        for name, state in SCREENS.items():
            kiosk.state = replace(IDLE, mode=DisplayMode.UNLOCKED)  # nothing holds a denial up after it
            expect(page.locator("body")).to_have_attribute("data-mode", "unlocked", timeout=LIMIT_MS)
            kiosk.state = state
            expect(page.locator("body")).to_have_attribute("data-mode", state.mode, timeout=LIMIT_MS)
            words = words_of(language)
            said = {*words["headline"].values(), *words["message"].values(), *words["challenge"].values()}
            said.add(words["page"]["welcome"].replace("{name}", "Ada <b>"))
            assert page.locator("#headline").inner_text() in said, name
            assert page.evaluate(OUTSIDE) == [], (name, language)
        page.locator("#language").click()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_target_is_large_enough(page: Page, kiosk: Kiosk, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    kiosk.state = PIN
    expect(page.locator("#pad")).to_be_visible(timeout=LIMIT_MS)
    boxes = [button.bounding_box() for button in page.locator("button:visible").all()]
    assert len(boxes) == 13
    assert all(box is not None and min(box["width"], box["height"]) >= 64 for box in boxes)


COLOURS = """() => {
  const { color, backgroundColor } = getComputedStyle(document.body);
  return [color, backgroundColor].map((colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number));
}"""


def contrast(colours: list[list[float]]) -> float:
    """The contrast of two colours of 0 to 255, by WCAG 2.2: 1 to 21."""
    scaled = [[value / 255 for value in colour] for colour in colours]
    linear = [[c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in row] for row in scaled]
    darker, lighter = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in linear)
    return (lighter + 0.05) / (darker + 0.05)


def test_words_stand_out_and_nothing_moves_where_that_is_not_wanted(page: Page, kiosk: Kiosk) -> None:
    page.emulate_media(reduced_motion="reduce")
    for name, state in SCREENS.items():
        kiosk.state = state
        expect(page.locator("body")).to_have_attribute("data-mode", state.mode, timeout=LIMIT_MS)
        assert contrast(page.evaluate(COLOURS)) >= 4.5, name
        assert page.evaluate("document.getAnimations().length") == 0, name


def test_the_clock_is_that_of_the_site(page: Page, kiosk: Kiosk) -> None:
    expect(page.locator("#date")).not_to_be_empty(timeout=LIMIT_MS)
    page.wait_for_function(
        """(zone) => {
        const form = { hour: "2-digit", minute: "2-digit", timeZone: zone };
        const now = new Intl.DateTimeFormat("en-GB", form).format(new Date());
        return document.getElementById("time").textContent === now;
    }""",
        arg=CLOCK,
    )


def test_another_sites_page_gets_neither_picture_nor_keys_through(
    browser: Browser, kiosk: Kiosk, address: str
) -> None:
    kiosk.state = LOOKING
    own = browser.new_page()
    own.goto(address)
    expect(own.locator("#picture")).to_be_visible(timeout=LIMIT_MS)
    other = browser.new_page()
    other.route(
        "http://other.example/", lambda route: route.fulfill(body="<p>hello", content_type="text/html")
    )
    other.goto("http://other.example/")
    shown = other.evaluate(
        """(address) => new Promise((resolve) => {
        const picture = new Image();
        picture.onload = () => resolve("shown");
        picture.onerror = () => resolve("refused");
        picture.src = `${address}/picture.jpg`;
    })""",
        address,
    )
    assert shown == "refused"
    other.evaluate(
        """(address) => fetch(`${address}/keys`, { method: "POST", mode: "no-cors", body: '{"key": "1"}' })
        .catch(() => {})""",
        address,
    )
    assert kiosk.feed.keys() == []
    own.close()
    other.close()
