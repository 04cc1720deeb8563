"""What every card reader keeps to, against a peer: a reader's program at a pty, an OSDP device on a cable."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from access.hardware.osdp_keys import store_key
from access.hardware.readers import READERS, open_reader
from models.clock import SimulatedClock, SystemClock
from models.domain import CardShown, Shown
from models.errors import ReaderError
from models.ports import Reader
from models.settings.base import kind_of
from models.settings.osdp import OsdpReaderSettings
from models.settings.reader import NoReaderSettings, SerialReaderSettings
from models.settings.settings import sections
from tests.access.hardware.osdp_peers import KEY, Cable, DoorModule
from tests.peers.pty_port import PtyPort

LIMIT_S = 20.0


class ReaderBench(ABC):
    """A reader and its peer."""

    reader: Reader

    @abstractmethod
    def show(self, number: int) -> str:
        """Hold a card of 26 bits, facility code 0, to it; the text that is to come of it."""

    @abstractmethod
    def die(self) -> None:
        """The peer is gone."""

    @abstractmethod
    def come_back(self) -> None:
        """The peer is there again."""

    @abstractmethod
    def close(self) -> None:
        """Take the peer away."""


class SerialReaderBench(ReaderBench):
    def __init__(self, folder: Path) -> None:
        self.port = PtyPort(folder / "reader", lambda _: b"")
        self.port.plug_in()
        made = open_reader(SerialReaderSettings(port=str(folder / "reader")), SystemClock())
        assert made is not None
        self.reader = made

    def show(self, number: int) -> str:
        self.port.send(b"%08d\r\n" % number)
        return f"{number:08d}"

    def die(self) -> None:
        self.port.unplug()

    def come_back(self) -> None:
        self.port.plug_in()

    def close(self) -> None:
        self.port.unplug()


class OsdpReaderBench(ReaderBench):
    def __init__(self, folder: Path) -> None:
        store_key(folder / "osdp.key", KEY)
        self.cable = Cable()
        self.module = DoorModule(self.cable.ends[1])
        made = open_reader(
            OsdpReaderSettings(port=self.cable.ends[0], key_file=folder / "osdp.key"), SystemClock()
        )
        assert made is not None
        self.reader = made

    def show(self, number: int) -> str:
        assert 0 <= number < 65536
        bits = number << 1
        bits |= 1 - bin(number & 0xFFF).count("1") % 2  # odd parity over the last twelve
        bits |= (bin(number >> 12).count("1") % 2) << 25  # even parity over the first twelve
        self.module.show_card((bits << 6).to_bytes(4, "big"), 26)
        return f"26{number:08d}"

    def die(self) -> None:
        self.cable.cut = True

    def come_back(self) -> None:
        self.cable.cut = False

    def close(self) -> None:
        self.module.close()
        self.cable.close()


BENCHES: dict[str, Callable[[Path], ReaderBench]] = {"serial": SerialReaderBench, "osdp": OsdpReaderBench}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReaderBench]:
    bench = BENCHES[request.param](tmp_path)
    with bench.reader:
        assert eventually(lambda: answers(bench.reader))
        yield bench
    bench.reader.__exit__()
    bench.close()
    names = {thread.name for thread in threading.enumerate()}
    assert not [name for name in names if name == "pty-port" or name.startswith("osdp")]


def eventually(holds: Callable[[], bool]) -> bool:
    ends_s = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.01)
    return holds()


def answers(reader: Reader) -> bool:
    try:
        reader.read()
    except ReaderError:
        return False
    return True


def read_until(reader: Reader, count: int) -> list[Shown]:
    shown: list[Shown] = []
    ends_s = time.monotonic() + LIMIT_S
    while len(shown) < count and time.monotonic() < ends_s:
        shown += reader.read()
        time.sleep(0.01)
    return shown


def numbers(shown: list[Shown]) -> list[str]:
    assert all(isinstance(each, CardShown) for each in shown)
    return [each.number for each in shown if isinstance(each, CardShown)]


def test_every_reader_satisfies_the_protocol_and_says_nothing_of_itself(bench: ReaderBench) -> None:
    assert isinstance(bench.reader, Reader)
    assert bench.reader.read() == []
    bench.reader.answer(granted=True)
    bench.reader.answer(granted=False)
    assert bench.reader.read() == []


def test_cards_come_once_in_their_order_and_with_their_time(bench: ReaderBench) -> None:
    began_s = time.monotonic()
    expected = [bench.show(number) for number in (4711, 1, 65535)]
    shown = read_until(bench.reader, 3)
    assert numbers(shown) == expected
    assert all(began_s <= each.at_s <= time.monotonic() for each in shown)
    assert bench.reader.read() == []


@pytest.mark.slow
def test_a_reader_that_dies_is_an_error_and_is_found_again(bench: ReaderBench) -> None:
    bench.die()
    assert eventually(lambda: not answers(bench.reader))
    with pytest.raises(ReaderError, match="check its"):
        bench.reader.read()
    bench.reader.answer(granted=True)
    bench.come_back()
    assert eventually(lambda: answers(bench.reader))
    expected = bench.show(4711)
    assert numbers(read_until(bench.reader, 1)) == [expected]


def test_the_kinds_of_readers_are_the_same_everywhere() -> None:
    kinds = {kind_of(each) for each in sections()["reader"]}
    assert kinds - {"none"} == set(READERS) == set(BENCHES)
    assert open_reader(NoReaderSettings(), SystemClock()) is None


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[tuple[PtyPort, Reader]]:
    port = PtyPort(tmp_path / "reader", lambda _: b"")
    port.plug_in()
    reader = open_reader(SerialReaderSettings(port=str(tmp_path / "reader")), SimulatedClock())
    assert reader is not None
    with reader:
        yield port, reader
    port.unplug()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"0009876543\r\n", ["0009876543"]),
        (b"04a1b2c3\n", ["04A1B2C3"]),
        (b"\x020102030405\x03", ["0102030405"]),
        (b"1\r\n\r\n2\r", ["1", "2"]),
        (b"hello\r\n7\r\n", ["7"]),
        (b"12;34\r\n7\r\n", ["7"]),
        (b"\xff\xfe\r\n7\r\n", ["7"]),
        (b"9" * 65 + b"\r\n7\r\n", ["7"]),
    ],
)
def test_a_line_is_a_card_when_it_is_a_number(
    wire: tuple[PtyPort, Reader], sent: bytes, expected: list[str]
) -> None:
    port, reader = wire
    port.send(sent)
    assert numbers(read_until(reader, len(expected))) == expected


def test_a_number_that_comes_in_pieces_is_one_card(wire: tuple[PtyPort, Reader]) -> None:
    port, reader = wire
    port.send(b"4711")
    time.sleep(0.05)
    assert reader.read() == []
    port.send(b"0815\r")
    assert numbers(read_until(reader, 1)) == ["47110815"]


def test_an_endless_line_is_forgotten(wire: tuple[PtyPort, Reader]) -> None:
    port, reader = wire
    for _ in range(40):
        port.send(b"1" * 100)
        assert reader.read() == []
    assert eventually(lambda: reader.read() == [])
    time.sleep(0.1)
    assert reader.read() == []
    port.send(b"\r7\r")
    shown = numbers(read_until(reader, 1))
    assert shown[-1] == "7"
    assert len("".join(shown)) < 200


def test_a_port_that_is_absent_is_told(tmp_path: Path) -> None:
    reader = open_reader(SerialReaderSettings(port=str(tmp_path / "none")), SystemClock())
    assert reader is not None
    with pytest.raises(ReaderError, match=r"check its cable, reader\.port"):
        reader.__enter__()
