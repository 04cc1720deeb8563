"""Doorward as a card reader of an OSDP panel: against libosdp as the panel, and against a foreign one."""

import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import osdp
import osdp_sys
import pytest

from access.hardware.card_bits import card_bits
from access.hardware.door_machine import DoorChange, HoldReason, LeafStatus
from access.hardware.osdp_install import install_panel
from access.hardware.osdp_keys import DEFAULT_KEY, read_key, store_key
from access.hardware.osdp_line import Channel, SerialLine
from access.hardware.osdp_panel import OsdpPanel
from access.hardware.panel import Panel, PanelAnswer, PanelDecision, PanelDriver, open_panel
from models.clock import SystemClock
from models.domain import DoorInputs, LockState
from models.errors import InputError, LockError
from models.events import AlarmReason
from models.settings.osdp import NoPanelSettings, OsdpPanelSettings
from tests.access.hardware.foreign_osdp import ForeignPanel, foreign_python
from tests.access.hardware.osdp_peers import KEY, OTHER_KEY, Cable, becomes

GREEN, RED, BLACK = osdp.CommandLEDColor.Green, osdp.CommandLEDColor.Red, osdp.CommandLEDColor.Black


class LibosdpPanel:
    """A panel by libosdp: what it hears, and what it is told to order."""

    def __init__(self, port: str, key: bytes, *, enforce: bool = True) -> None:
        self.heard: list[dict[str, Any]] = []
        self._orders: list[dict[str, Any]] = []
        self._line = SerialLine(port, 9600)
        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
        flags = [osdp.LibFlag.EnforceSecure] if enforce else []
        info = osdp.PDInfo(0, Channel(self._line, None), scbk=key, flags=flags)
        self._panel: Any = osdp_sys.ControlPanel([info.get()])
        self._panel.set_event_callback(self._hear)
        self._state = (0, 0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="libosdp panel", daemon=True)
        self._thread.start()

    @property
    def online(self) -> bool:
        return bool(self._state[0])

    def order(self, command: int, **arguments: Any) -> None:
        self._orders.append({"command": command, **arguments})

    def lamp(self, colour: int, *, temporary: bool = True) -> None:
        self.order(
            osdp.Command.LED,
            reader=0,
            led_number=0,
            temporary=temporary,
            control_code=2 if temporary else 1,
            on_count=5,
            off_count=0,
            on_color=colour,
            off_color=BLACK,
            timer_count=20,
        )

    def text(self, words: str) -> None:
        self.order(
            osdp.Command.Text, reader=0, control_code=1, temp_time=0, offset_row=1, offset_col=1, data=words
        )

    def events(self, kind: int) -> list[dict[str, Any]]:
        return [event for event in list(self.heard) if event["event"] == kind]

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._panel = None
        self._line.close()

    def _hear(self, _index: int, event: dict[str, Any]) -> int:
        self.heard.append(event)
        return 0

    def _run(self) -> None:
        while not self._over.is_set():
            for _ in range(3):
                self._panel.refresh()
            self._state = (self._panel.status(), self._panel.sc_status())
            while self._orders and self._panel.submit_command(0, self._orders[0]):
                self._orders.pop(0)
            self._line.wait(0.01)


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


@pytest.fixture
def settings(cable: Cable, tmp_path: Path) -> OsdpPanelSettings:
    store_key(tmp_path / "osdp.key", KEY)
    return OsdpPanelSettings(
        port=cable.ends[0], key_file=tmp_path / "osdp.key", facility_code=101, answer_s=2.0
    )


@pytest.fixture
def reader(settings: OsdpPanelSettings) -> Iterator[OsdpPanel]:
    with OsdpPanel(settings) as reader:
        yield reader
    assert "osdp reader" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
def panel(cable: Cable, reader: OsdpPanel) -> Iterator[LibosdpPanel]:
    panel = LibosdpPanel(cable.ends[1], KEY)
    assert becomes(lambda: panel.online and reader.connected())
    yield panel
    panel.close()


def next_answer(reader: OsdpPanel) -> PanelAnswer:
    answers: list[PanelAnswer] = []

    def answered() -> bool:
        answer = reader.answer()
        if answer is not None:
            answers.append(answer)
        return bool(answers)

    assert becomes(answered)
    return answers[0]


def test_it_satisfies_the_protocol_and_is_not_connected_without_a_panel(reader: OsdpPanel) -> None:
    assert isinstance(reader, Panel)
    assert not reader.connected()
    with pytest.raises(LockError, match="does not ask"):
        reader.send_card("1234")
    with pytest.raises(LockError, match="does not ask"):
        reader.send_key("1")


def test_the_panel_hears_the_card_with_the_facility_code_and_the_keys(
    reader: OsdpPanel, panel: LibosdpPanel
) -> None:
    reader.send_card("54321")
    for key in "19*#":
        reader.send_key(key)
    assert becomes(lambda: len(panel.heard) >= 5)
    (card,) = panel.events(osdp.Event.CardRead)
    # Parity by hand: 101 = 0b01100101, 54321 = 0b1101010000110001.
    assert (
        f"{int.from_bytes(card['data']):032b}"[: card["length"]]
        == "1" + "01100101" + "1101010000110001" + "1"
    )
    assert b"".join(event["data"] for event in panel.events(osdp.Event.KeyPress)) == b"19\x7f\x0d"


@pytest.mark.parametrize(
    ("say", "decision"),
    [
        (lambda panel: panel.lamp(GREEN), PanelDecision.GRANTED),
        (lambda panel: panel.lamp(GREEN, temporary=False), PanelDecision.GRANTED),
        (lambda panel: panel.lamp(RED), PanelDecision.DENIED),
        (
            lambda panel: panel.order(osdp.Command.Output, output_no=0, control_code=5, timer_count=50),
            PanelDecision.GRANTED,
        ),
        (lambda panel: panel.lamp(RED, temporary=False), PanelDecision.NO_ANSWER),
        (
            lambda panel: panel.order(osdp.Command.Output, output_no=0, control_code=1, timer_count=0),
            PanelDecision.NO_ANSWER,
        ),
    ],
    ids=["green", "green for good", "red", "output on", "red for good", "output off"],
)
def test_lamp_and_output_say_what_the_panel_decided(
    reader: OsdpPanel,
    panel: LibosdpPanel,
    say: Callable[[LibosdpPanel], None],
    decision: PanelDecision,
) -> None:
    reader.send_card("54321")
    assert becomes(lambda: bool(panel.heard))
    say(panel)
    answer = next_answer(reader)
    assert answer.decision is decision
    assert (answer.detail == "") == (decision is PanelDecision.GRANTED)
    assert reader.answer() is None  # once


def test_the_text_of_the_panel_belongs_to_its_answer_and_is_shown(
    reader: OsdpPanel, panel: LibosdpPanel
) -> None:
    reader.send_card("54321")
    panel.text("Card expired")
    assert becomes(lambda: reader.text() == "Card expired")
    panel.lamp(RED)
    assert next_answer(reader) == PanelAnswer(PanelDecision.DENIED, "Card expired")


def test_one_person_after_the_other(reader: OsdpPanel, panel: LibosdpPanel) -> None:
    reader.send_card("1")
    with pytest.raises(LockError, match="before"):
        reader.send_card("2")
    panel.lamp(GREEN)
    assert next_answer(reader).decision is PanelDecision.GRANTED
    reader.send_card("2")
    assert becomes(lambda: len(panel.events(osdp.Event.CardRead)) == 2)


def test_a_lamp_without_a_card_answers_nothing(reader: OsdpPanel, panel: LibosdpPanel) -> None:
    panel.lamp(GREEN)
    panel.text("Office closed")
    assert becomes(lambda: reader.text() == "Office closed")
    assert reader.answer() is None


def test_a_card_that_was_not_fetched_in_time_never_reaches_the_panel(
    cable: Cable, reader: OsdpPanel, panel: LibosdpPanel
) -> None:
    cable.cut = True
    reader.send_card("54321")
    assert next_answer(reader).decision is PanelDecision.NO_ANSWER
    panel.close()  # libosdp may wait 300 s before it asks again
    cable.cut = False
    again = LibosdpPanel(cable.ends[1], KEY)
    assert becomes(lambda: again.online and reader.connected())
    reader.send_key("7")
    assert becomes(lambda: bool(again.events(osdp.Event.KeyPress)))
    assert panel.events(osdp.Event.CardRead) == again.events(osdp.Event.CardRead) == []
    again.close()


def test_tamper_is_reported_and_again_when_the_panel_asks(reader: OsdpPanel, panel: LibosdpPanel) -> None:
    reader.set_tamper(tampered=True)
    assert becomes(lambda: [event["report"][0] for event in panel.events(osdp.Event.Status)] == [1])
    panel.order(osdp.Command.Status, type=osdp.StatusReportType.Local)
    assert becomes(lambda: [event["report"][0] for event in panel.events(osdp.Event.Status)][-1:] == [1])
    reader.set_tamper(tampered=False)
    assert becomes(lambda: [event["report"][0] for event in panel.events(osdp.Event.Status)][-1:] == [0])


def test_a_panel_with_another_key_is_not_connected(cable: Cable, reader: OsdpPanel) -> None:
    panel = LibosdpPanel(cable.ends[1], OTHER_KEY)
    assert becomes(lambda: len(cable.carried) > 60)  # past the greeting
    assert not becomes(lambda: panel.online or reader.connected(), 1.0)
    panel.close()


def test_the_panel_may_replace_the_key(
    reader: OsdpPanel, panel: LibosdpPanel, settings: OsdpPanelSettings
) -> None:
    panel.order(osdp.Command.Keyset, type=1, data=OTHER_KEY)
    assert becomes(lambda: read_key(settings.key_file) == OTHER_KEY)
    assert stat.S_IMODE(settings.key_file.stat().st_mode) == 0o600
    assert becomes(lambda: panel.online and reader.connected())


def test_the_default_key_is_refused_as_a_new_key(
    reader: OsdpPanel, panel: LibosdpPanel, settings: OsdpPanelSettings
) -> None:
    panel.order(osdp.Command.Keyset, type=1, data=DEFAULT_KEY)
    assert becomes(lambda: not panel.online)  # libosdp goes offline when it is refused
    assert read_key(settings.key_file) == KEY


def test_orders_do_not_use_up_none(reader: OsdpPanel, panel: LibosdpPanel) -> None:
    """libosdp 3.2.9 drops a reference to the second item of every answer to an order."""
    before = sys.getrefcount(None)
    panel.text("first")
    assert becomes(lambda: reader.text() == "first")
    for number in range(200):
        panel.text(f"text {number}")
    assert becomes(lambda: reader.text() == "text 199")
    # Other threads change the count a little; 200 orders would take 200 or more.
    assert sys.getrefcount(None) > before - 180


@pytest.mark.parametrize("number", ["", "12a", "-1", "65536", "99999999", "123456789"])
def test_what_is_no_card_number_is_refused(reader: OsdpPanel, panel: LibosdpPanel, number: str) -> None:
    with pytest.raises(InputError):
        reader.send_card(number)
    with pytest.raises(ValueError, match="key"):
        reader.send_key("A")


def test_install_takes_the_key_that_the_panel_sends_under_the_default_one(
    cable: Cable, tmp_path: Path
) -> None:
    settings = OsdpPanelSettings(port=cable.ends[0], key_file=tmp_path / "keys" / "new.key")
    panel = LibosdpPanel(cable.ends[1], OTHER_KEY, enforce=False)
    install_panel(settings, limit_s=30)
    assert read_key(settings.key_file) == OTHER_KEY
    panel.close()


def test_install_without_a_panel_says_what_to_do(cable: Cable, tmp_path: Path) -> None:
    settings = OsdpPanelSettings(port=cable.ends[0], key_file=tmp_path / "new.key")
    with pytest.raises(LockError, match="gave this reader no key"):
        install_panel(settings, limit_s=0.2)
    assert not settings.key_file.exists()


# --- In the place of a lock's driver -----------------------------------------------------------------------


def test_a_grant_is_carried_out_by_the_panel_or_says_why_not(reader: OsdpPanel, panel: LibosdpPanel) -> None:
    driver = PanelDriver(reader, {7: "54321"}.get, SystemClock())
    assert driver.state() is LockState.LOCKED

    def answers(colour: int) -> None:
        seen = len(panel.events(osdp.Event.CardRead))
        assert becomes(lambda: len(panel.events(osdp.Event.CardRead)) > seen)
        if colour == RED:
            panel.text("Card expired")
        panel.lamp(colour)

    with ThreadPoolExecutor(1) as other:
        decided = other.submit(answers, GREEN)
        driver.unlock(5.0, grant_id=7)
        decided.result()
        decided = other.submit(answers, RED)
        with pytest.raises(LockError, match="the panel refused the card: Card expired"):
            driver.unlock(5.0, grant_id=7)
        decided.result()
    with pytest.raises(LockError, match="did not say in time"):
        driver.unlock(5.0, grant_id=7)


def test_without_a_card_nothing_is_asked(reader: OsdpPanel, panel: LibosdpPanel) -> None:
    driver = PanelDriver(reader, {7: "54321"}.get, SystemClock())
    for grant_id in (8, None):
        with pytest.raises(LockError, match="doorward card add"):
            driver.unlock(5.0, grant_id=grant_id)
    with pytest.raises(LockError, match="hold it unlocked there"):
        driver.hold_unlocked(HoldReason.SCHEDULE)
    driver.lock()
    driver.close()
    assert driver.inputs() == DoorInputs()
    assert driver.door_status() is LeafStatus.NO_CONTACT
    assert reader.answer() is None
    assert panel.events(osdp.Event.CardRead) == []


def test_a_panel_that_is_gone_is_an_alarm_until_it_is_back(
    cable: Cable, reader: OsdpPanel, panel: LibosdpPanel
) -> None:
    driver = PanelDriver(reader, {7: "54321"}.get, SystemClock())
    changes: list[DoorChange] = []

    def changed(count: int) -> bool:
        changes.extend(driver.take_changes())
        return len(changes) >= count

    assert not becomes(lambda: changed(1), 0.1)
    cable.cut = True
    assert becomes(lambda: changed(1))
    assert driver.state() is LockState.UNKNOWN
    with pytest.raises(LockError, match="does not ask"):
        driver.unlock(5.0, grant_id=7)
    panel.close()  # libosdp may wait 300 s before it asks again
    cable.cut = False
    again = LibosdpPanel(cable.ends[1], KEY)
    assert becomes(lambda: changed(2))
    again.close()
    assert [change.outcome for change in changes] == ["alarm", "cleared"]
    assert {change.reason for change in changes} == {AlarmReason.HARDWARE_OFFLINE}


def test_the_settings_name_the_panel(settings: OsdpPanelSettings) -> None:
    assert open_panel(NoPanelSettings()) is None
    assert isinstance(open_panel(settings), OsdpPanel)


# --- A foreign panel ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python() -> Path:
    return foreign_python()


@pytest.fixture
def foreign(python: Path, cable: Cable) -> Iterator[Callable[..., ForeignPanel]]:
    made: list[ForeignPanel] = []

    def make(*, secure: bool) -> ForeignPanel:
        made.append(ForeignPanel(python, cable.ends[1], secure=secure))
        return made[-1]

    yield make
    for panel in made:
        panel.close()


@pytest.mark.slow
def test_a_foreign_panel_installs_its_key_and_then_hears_cards_and_decides(
    cable: Cable, tmp_path: Path, foreign: Callable[..., ForeignPanel]
) -> None:
    settings = OsdpPanelSettings(
        port=cable.ends[0], key_file=tmp_path / "new.key", facility_code=7, answer_s=10.0
    )
    installer = foreign(secure=True)
    install_panel(settings, limit_s=60)
    assert read_key(settings.key_file) not in {DEFAULT_KEY, KEY}
    assert installer.says(online=True, secure=True, default=True)
    assert installer.says(online=True, secure=True, default=False)
    # Package osdp 1.6 never starts a new secure session by itself when the device has restarted.
    installer.close()
    with OsdpPanel(settings) as reader:
        panel = foreign(secure=True)
        assert becomes(reader.connected)
        assert panel.says(online=True, secure=True, default=False)
        panel.tell("identify")
        assert panel.says(reply="PdIdReport", serial=settings.address)

        data, bits = card_bits("4242", bits=26, facility_code=7)
        cable.carried.clear()
        reader.send_card("4242")
        assert panel.says(reply="RawReaderData", bits=bits, data=data.hex())
        assert data not in bytes(cable.carried)  # encrypted on the cable
        panel.tell("lamp", colour="Red")
        assert next_answer(reader).decision is PanelDecision.DENIED

        reader.send_card("4242")
        panel.tell("relay")
        assert next_answer(reader).decision is PanelDecision.GRANTED

        reader.send_key("5")
        assert panel.says(reply="KeypadData", keys="35")
        reader.set_tamper(tampered=True)
        assert panel.says(reply="LocalStatusReport", tamper=True)
        panel.tell("text", text="Willkommen")
        assert becomes(lambda: reader.text() == "Willkommen")
        panel.tell("text", text="Tür geöffnet")  # in Latin-1: refused, and the reader goes on
        assert panel.says(done="text")
        reader.send_key("6")
        assert panel.says(reply="KeypadData", keys="36")


@pytest.mark.slow
def test_a_foreign_panel_in_clear_is_refused(
    reader: OsdpPanel, foreign: Callable[..., ForeignPanel], cable: Cable
) -> None:
    panel = foreign(secure=False)
    assert panel.says(reply="Nak", code="CommunicationSecurityNotMet")
    assert not becomes(reader.connected, 1.0)
    with pytest.raises(LockError, match="does not ask"):
        reader.send_card("4242")


@pytest.mark.slow
def test_a_foreign_panel_with_another_key_is_refused(
    reader: OsdpPanel, foreign: Callable[..., ForeignPanel], cable: Cable
) -> None:
    panel = foreign(secure=True)
    ends_s = time.monotonic() + 3.0
    assert becomes(lambda: len(cable.carried) > 100)
    assert not becomes(reader.connected, max(0.0, ends_s - time.monotonic()))
    assert not any(record.get("secure") for record in panel.said)
