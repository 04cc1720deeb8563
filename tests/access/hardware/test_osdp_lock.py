"""Locks and card readers over OSDP, against libosdp as the device at the other end of a cable."""

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import osdp
import pytest

from access.hardware.driver import LockDriver
from access.hardware.osdp_install import install_device
from access.hardware.osdp_keys import DEFAULT_KEY, create_key, read_key, store_key
from access.hardware.osdp_lock import OsdpLock
from access.hardware.osdp_reader import OsdpReader
from models.clock import SimulatedClock, SystemClock
from models.domain import CardShown, Contact, DoorInputs, KeyPressed, LockState
from models.errors import ConfigError, LockError, ReaderError
from models.ports import Clock, Reader
from models.settings.lock import OsdpLockSettings
from models.settings.osdp import OsdpReaderSettings
from tests.access.hardware.osdp_peers import (
    CONFIRM_S,
    KEY,
    OTHER_KEY,
    Cable,
    DoorModule,
    LockWithDevice,
    becomes,
    osdp_lock_with_device,
)

OUTPUT = osdp.Command.Output


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("osdp")]


@pytest.fixture
def cable() -> Iterator[Cable]:
    cable = Cable()
    yield cable
    cable.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    store_key(tmp_path / "osdp.key", KEY)
    return tmp_path / "osdp.key"


@pytest.fixture
def lock() -> Iterator[LockWithDevice]:
    lock = osdp_lock_with_device(SystemClock())
    yield lock
    if not lock.cable.cut:
        lock.close()
        return
    with pytest.raises(LockError):
        lock.close()


@pytest.fixture
def simulated() -> Iterator[tuple[LockWithDevice, SimulatedClock]]:
    clock = SimulatedClock()
    lock = osdp_lock_with_device(clock)
    yield lock, clock
    lock.close()


def test_the_relay_moves_and_the_device_releases_it_by_itself(lock: LockWithDevice) -> None:
    assert not lock.module.relay
    lock.unlock(3.0)
    assert lock.module.relay
    assert becomes(lambda: lock.state() is LockState.UNLOCKED)
    lock.cable.cut = True  # as if the kiosk had died
    assert becomes(lambda: not lock.module.relay)
    assert becomes(lambda: lock.state() is LockState.UNKNOWN)
    with pytest.raises(LockError, match="does not answer"):
        lock.unlock(1.0)
    with pytest.raises(LockError, match="does not answer"):
        lock.inputs()


def test_a_long_time_is_renewed_piece_by_piece(simulated: tuple[LockWithDevice, SimulatedClock]) -> None:
    lock, clock = simulated

    def timers() -> list[int]:
        return [order["timer_count"] for order in lock.module.orders(OUTPUT) if order["control_code"] == 5]

    def renewed(count: int) -> bool:
        # Confirmed too: a simulated time must not pass between order and confirmation.
        return becomes(lambda: len(timers()) == count and lock._renewal is None)

    lock.unlock(60.0)
    assert timers() == [250]
    clock.sleep(19.0)
    assert not becomes(lambda: len(timers()) > 1, 0.2)
    clock.sleep(2.0)  # 4 s are left at the device
    assert renewed(2)
    clock.sleep(21.0)
    assert renewed(3)
    assert timers() == [250, 250, 180]
    assert becomes(lambda: lock.state() is LockState.UNLOCKED)
    clock.sleep(17.9)
    assert becomes(lambda: lock.state() is LockState.UNLOCKED)
    clock.sleep(0.3)
    lock.module.end_release()
    assert becomes(lambda: lock.state() is LockState.LOCKED)


def test_an_output_that_stays_on_is_not_called_locked(
    simulated: tuple[LockWithDevice, SimulatedClock],
) -> None:
    lock, clock = simulated
    lock.unlock(20.0)
    clock.sleep(21.0)  # the device's own clock stands at 0 s of 20: its relay is on
    lock.module.set_status(osdp.StatusReportType.Output, b"\1")
    assert becomes(lambda: lock.state() is LockState.UNLOCKED)
    lock.module.end_release()  # which it does not report: it is asked
    assert becomes(lambda: lock.state() is LockState.LOCKED)


def test_a_time_under_way_is_never_shortened(simulated: tuple[LockWithDevice, SimulatedClock]) -> None:
    lock, clock = simulated
    lock.unlock(20.0)
    clock.sleep(5.0)
    lock.unlock(3.0)
    assert lock.module.orders(OUTPUT)[-1]["timer_count"] == 150
    clock.sleep(14.9)
    assert becomes(lambda: lock.state() is LockState.UNLOCKED)


def test_an_order_that_was_not_confirmed_is_never_carried_out_later(lock: LockWithDevice) -> None:
    lock.cable.cut = True
    with pytest.raises(LockError, match=r"did not confirm|does not answer"):
        lock.unlock(30.0)
    lock.cable.cut = False
    before = len(lock.module.orders(OUTPUT))
    assert becomes(lambda: lock.state() is LockState.LOCKED)
    orders = lock.module.orders(OUTPUT)
    assert [order["control_code"] for order in orders[before:]] == [1]  # switched off at the new start
    assert 5 not in {order["control_code"] for order in orders}


def test_after_an_interruption_the_output_is_switched_off_before_the_state_is_known(
    lock: LockWithDevice,
) -> None:
    lock.unlock(25.0)
    lock.cable.cut = True
    assert becomes(lambda: lock.state() is LockState.UNKNOWN)
    assert lock.module.relay
    lock.cable.cut = False
    assert becomes(lambda: lock.state() is not LockState.UNKNOWN)
    # A short interruption keeps the secure channel, and with it the release under way; a longer one ends it.
    assert (lock.state() is LockState.UNLOCKED) == lock.module.relay


def test_it_is_quick_enough_for_the_driver(lock: LockWithDevice) -> None:
    driver = LockDriver(lock, SystemClock(), ack_s=5.0)
    assert becomes(lambda: driver.state() is LockState.LOCKED)
    driver.unlock(2.0)
    assert lock.module.relay
    driver.close()
    assert not lock.module.relay
    lock.cable.cut = False


@pytest.mark.parametrize("key", [OTHER_KEY, None], ids=["another key", "the default key"])
def test_a_device_without_our_key_is_never_obeyed_nor_ordered(
    cable: Cable, key_file: Path, key: bytes | None
) -> None:
    module = DoorModule(cable.ends[1], key)
    lock = OsdpLock(OsdpLockSettings(port=cable.ends[0], key_file=key_file), SystemClock())
    assert becomes(lambda: len(cable.carried) > 60)
    assert not becomes(lambda: lock.state() is not LockState.UNKNOWN, 1.0)
    with pytest.raises(LockError, match="its key"):
        lock.unlock(1.0)
    assert module.commands == []
    with pytest.raises(LockError):
        lock.close()
    module.close()


def test_a_device_that_refuses_to_switch_off_is_unknown(cable: Cable, key_file: Path) -> None:
    module = DoorModule(cable.ends[1])
    module.refuse = {OUTPUT}
    lock = OsdpLock(OsdpLockSettings(port=cable.ends[0], key_file=key_file), SystemClock())
    assert becomes(lambda: len(module.orders(OUTPUT)) >= 2)  # it is tried again
    assert lock.state() is LockState.UNKNOWN
    module.refuse = set()
    assert becomes(lambda: lock.state() is LockState.LOCKED)
    lock.close()
    module.close()


def test_an_output_that_the_device_lacks(cable: Cable, key_file: Path) -> None:
    module = DoorModule(cable.ends[1], outputs=2)
    lock = OsdpLock(OsdpLockSettings(port=cable.ends[0], key_file=key_file, output=2), SystemClock())
    refusals: list[str] = []

    def refused() -> bool:
        with pytest.raises(LockError) as refusal:
            lock.unlock(1.0)
        refusals.append(str(refusal.value))
        return "no output 2" in refusals[-1]

    assert becomes(refused)
    assert lock.state() is LockState.UNKNOWN
    assert module.orders(OUTPUT) == []
    with pytest.raises(LockError):
        lock.close()
    module.close()


@pytest.mark.parametrize("answers", [True, False], ids=["answers questions", "only reports changes"])
def test_inputs_and_tamper(cable: Cable, key_file: Path, answers: bool) -> None:
    module = DoorModule(cable.ends[1], inputs=3, answers=answers)
    settings = OsdpLockSettings(
        port=cable.ends[0],
        key_file=key_file,
        contact_input=0,
        exit_input=1,
        fire_input=2,
        inverted_inputs=(2,),
    )
    lock = OsdpLock(settings, SystemClock(), confirm_s=CONFIRM_S)
    assert becomes(lambda: lock.state() is LockState.LOCKED)

    def reads(expected: DoorInputs) -> bool:
        def same() -> bool:
            try:
                return lock.inputs() == expected
            except LockError:
                return False

        return becomes(same)

    def report() -> None:
        assert becomes(module.is_secure)
        module.set_status(osdp.StatusReportType.Input, bytes([0, 0, 0]))

    if not answers:
        with pytest.raises(LockError, match=r"input 0|does not answer"):
            lock.inputs()
        # It is lost twice, for a second each time, until it is not asked any more.
        assert becomes(lambda: not becomes(lambda: not module.is_secure(), 2.5))
    report()
    assert reads(DoorInputs(contact=Contact.OPEN))
    module.set_status(osdp.StatusReportType.Input, bytes([1, 1, 1]))
    assert reads(DoorInputs(contact=Contact.CLOSED, exit_request=True, fire=True))
    module.set_status(osdp.StatusReportType.Local, bytes([1, 0]))
    assert reads(DoorInputs(contact=Contact.CLOSED, exit_request=True, fire=True, tamper=True))
    lock.close()
    module.close()


def test_a_device_that_was_switched_off_and_on_is_back_soon_and_locked(cable: Cable, key_file: Path) -> None:
    module = DoorModule(cable.ends[1])
    settings = OsdpLockSettings(port=cable.ends[0], key_file=key_file)
    lock = OsdpLock(settings, SystemClock(), confirm_s=CONFIRM_S)
    assert becomes(lambda: lock.state() is LockState.LOCKED)
    lock.unlock(25.0)
    module.close()
    module = DoorModule(cable.ends[1])
    assert becomes(lambda: lock.state() is LockState.LOCKED)
    assert [order["control_code"] for order in module.orders(OUTPUT)] == [1]
    lock.close()
    module.close()


@pytest.mark.slow
def test_a_device_that_was_dead_for_20_s_is_back_soon(lock: LockWithDevice) -> None:
    lock.cable.cut = True
    time.sleep(20.0)
    assert lock.state() is LockState.UNKNOWN
    lock.cable.cut = False
    began_s = time.monotonic()
    assert becomes(lambda: lock.state() is LockState.LOCKED, 60.0)
    assert time.monotonic() - began_s < 30.0  # libosdp alone would wait 300 s; 10 to 12 s are usual
    lock.unlock(1.0)
    assert lock.module.relay


# --- Readers -----------------------------------------------------------------------------------------------


@pytest.fixture
def module(cable: Cable) -> Iterator[DoorModule]:
    module = DoorModule(cable.ends[1])
    yield module
    module.close()


def shown_by(reader: OsdpReader, count: int) -> list[CardShown | KeyPressed]:
    shown: list[CardShown | KeyPressed] = []

    def enough() -> bool:
        try:
            shown.extend(reader.read())
        except ReaderError:
            return False
        return len(shown) >= count

    assert becomes(enough)
    return shown


def test_cards_and_keys_arrive_in_order(cable: Cable, key_file: Path, module: DoorModule) -> None:
    clock = SimulatedClock()
    with OsdpReader(OsdpReaderSettings(port=cable.ends[0], key_file=key_file), clock) as reader:
        assert isinstance(reader, Reader)
        assert shown_by(reader, 0) == []
        module.show_card(int("10110010111010100001100011".ljust(32, "0"), 2).to_bytes(4), 26)
        module.press(b"19\x7f\x0d\x01")
        now_s = clock.monotonic_s()
        # 01100101 is 101, 1101010000110001 is 54321.
        assert shown_by(reader, 5) == [
            CardShown("2610154321", now_s),
            *(KeyPressed(key, now_s) for key in "19*#"),
        ]
        assert reader.read() == []


def test_the_lamp_and_the_buzzer_answer(cable: Cable, key_file: Path, module: DoorModule) -> None:
    with OsdpReader(OsdpReaderSettings(port=cable.ends[0], key_file=key_file), SystemClock()) as reader:
        assert shown_by(reader, 0) == []
        for granted in (True, False):
            reader.answer(granted=granted)
        assert becomes(lambda: len(module.commands) >= 5)  # the first asks for the tamper switch
        assert [order["on_color"] for order in module.orders(osdp.Command.LED)] == [
            osdp.CommandLEDColor.Green,
            osdp.CommandLEDColor.Red,
        ]
        assert [order["rep_count"] for order in module.orders(osdp.Command.Buzzer)] == [1, 3]


def test_a_reader_that_is_gone_says_so_and_forgets_what_was_shown(
    cable: Cable, key_file: Path, module: DoorModule
) -> None:
    with OsdpReader(OsdpReaderSettings(port=cable.ends[0], key_file=key_file), SystemClock()) as reader:
        assert shown_by(reader, 0) == []
        cable.cut = True

        def gone() -> bool:
            try:
                reader.read()
            except ReaderError:
                return True
            return False

        assert becomes(gone)
        reader.answer(granted=True)  # nobody is there to see it
    with pytest.raises(ReaderError):
        reader.read()


def test_lock_and_reader_may_be_one_device_or_share_the_line(key_file: Path) -> None:
    clock: Clock = SystemClock()
    cable = Cable(ends=3)
    first, second = DoorModule(cable.ends[1]), DoorModule(cable.ends[2], address=1)
    readers = [
        OsdpReader(OsdpReaderSettings(port=cable.ends[0], key_file=key_file, address=address), clock)
        for address in (0, 1)
    ]
    with readers[0], readers[1]:
        settings = OsdpLockSettings(port=cable.ends[0], key_file=key_file)
        lock = OsdpLock(settings, clock, confirm_s=CONFIRM_S)
        assert becomes(lambda: lock.state() is LockState.LOCKED)
        lock.unlock(5.0)
        assert first.relay
        assert not second.relay
        for module, reader in ((first, readers[0]), (second, readers[1])):
            assert becomes(module.is_secure)
            module.press(b"5")
            assert [key.key for key in shown_by(reader, 1) if isinstance(key, KeyPressed)] == ["5"]
        lock.close()
        assert not first.relay
        first.press(b"6")
        assert len(shown_by(readers[0], 1)) == 1  # closing the lock leaves the readers alone
    for module in (first, second):
        module.close()
    cable.close()


def test_one_device_has_one_key(cable: Cable, key_file: Path, tmp_path: Path, module: DoorModule) -> None:
    store_key(tmp_path / "other.key", OTHER_KEY)
    settings = OsdpReaderSettings(port=cable.ends[0], key_file=key_file)
    with (
        OsdpReader(settings, SystemClock()),
        pytest.raises(ConfigError, match="different keys"),
        OsdpReader(settings.model_copy(update={"key_file": tmp_path / "other.key"}), SystemClock()),
    ):
        pass
    with (
        OsdpReader(settings, SystemClock()),
        pytest.raises(ConfigError, match="different speeds"),
        OsdpReader(settings.model_copy(update={"baud": 19200}), SystemClock()),
    ):
        pass


# --- Keys --------------------------------------------------------------------------------------------------


def test_install_gives_a_new_device_a_key_of_its_own(cable: Cable, tmp_path: Path) -> None:
    settings = OsdpLockSettings(port=cable.ends[0], key_file=tmp_path / "keys" / "door.key")
    module = DoorModule(cable.ends[1], key=None)
    install_device(settings)
    assert module.key == read_key(settings.key_file) != DEFAULT_KEY
    assert stat.S_IMODE(settings.key_file.stat().st_mode) == 0o600
    install_device(settings)  # again: it has the key already
    module.close()


def test_install_fails_for_a_device_with_another_key(cable: Cable, tmp_path: Path) -> None:
    settings = OsdpLockSettings(port=cable.ends[0], key_file=tmp_path / "door.key")
    module = DoorModule(cable.ends[1], OTHER_KEY)
    with pytest.raises(LockError, match="install mode"):
        install_device(settings)
    assert module.key == OTHER_KEY
    module.close()


def test_install_fails_without_a_device(cable: Cable, tmp_path: Path) -> None:
    with pytest.raises(LockError, match="no OSDP device 0 answers"):
        install_device(OsdpLockSettings(port=cable.ends[0], key_file=tmp_path / "door.key"), limit_s=0.3)


def test_a_key_file_is_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "osdp.key"
    with pytest.raises(ConfigError, match="absent"):
        read_key(path)
    key = create_key(path)
    assert create_key(path) == read_key(path) == key
    assert len(key) == 16
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(path)


@pytest.mark.parametrize("text", ["", "12", "zz" * 16, DEFAULT_KEY.hex(), "é"])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "osdp.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        read_key(path)


def test_the_default_key_is_never_stored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the one"):
        store_key(tmp_path / "osdp.key", DEFAULT_KEY)
    assert not (tmp_path / "osdp.key").exists()


def test_a_port_that_is_absent_is_tried_again_and_the_door_stays_unknown(
    key_file: Path, tmp_path: Path
) -> None:
    port = tmp_path / "ttyUSB0"
    lock = OsdpLock(OsdpLockSettings(port=str(port), key_file=key_file), SystemClock())
    assert not becomes(lambda: lock.state() is not LockState.UNKNOWN, 0.3)
    cable = Cable()
    module = DoorModule(cable.ends[1])
    port.symlink_to(cable.ends[0])
    assert becomes(lambda: lock.state() is LockState.LOCKED)
    lock.close()
    module.close()
    cable.close()
