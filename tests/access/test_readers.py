"""`ReaderWatch` with a reader that comes and goes: a card reader over OSDP, and its device."""

from pathlib import Path

from access.hardware.door_machine import DoorChange
from access.hardware.osdp_keys import store_key
from access.hardware.osdp_reader import OsdpReader
from access.readers import ReaderWatch
from models.clock import SystemClock
from models.domain import KeyPressed, Shown
from models.events import AlarmReason
from models.settings.osdp import OsdpReaderSettings
from tests.access.hardware.osdp_peers import KEY, Cable, DoorModule, becomes


def test_a_reader_that_was_gone_is_one_alarm_and_answers_again(tmp_path: Path) -> None:
    store_key(tmp_path / "osdp.key", KEY)
    cable = Cable()
    module = DoorModule(cable.ends[1])
    settings = OsdpReaderSettings(port=cable.ends[0], key_file=tmp_path / "osdp.key")
    clock = SystemClock()
    shown: list[Shown] = []
    changes: list[DoorChange] = []

    with ReaderWatch(lambda: OsdpReader(settings, clock), clock) as watch:

        def keys(count: int) -> bool:
            shown.extend(watch.read())
            changes.extend(watch.take_changes())
            return len([each for each in shown if isinstance(each, KeyPressed)]) >= count

        module.press(b"1")
        assert becomes(lambda: keys(1))
        assert changes == []  # not even while it was being connected
        cable.cut = True
        assert becomes(lambda: keys(1) and len(changes) == 1)
        cable.cut = False
        assert becomes(lambda: keys(1) and len(changes) == 2)
        module.press(b"2")
        assert becomes(lambda: keys(2))
    assert [(change.outcome, change.reason) for change in changes] == [
        ("alarm", AlarmReason.READER_OFFLINE),
        ("cleared", AlarmReason.READER_OFFLINE),
    ]
    module.close()
    cable.close()
