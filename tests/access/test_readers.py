"""`ReaderWatch`: a reader that goes away and comes back, and what the door hears of it."""

from access.readers import REOPEN_S, ReaderWatch
from models.clock import SimulatedClock
from models.domain import CardShown, KeyPressed, Shown
from models.errors import ReaderError


class Scripted:
    """Gives what is queued; raises while `away`."""

    away = False
    opened = 0

    def __init__(self, queued: list[Shown], answers: list[bool]) -> None:
        self._queued, self._answers = queued, answers

    def __enter__(self) -> "Scripted":
        if Scripted.away:
            raise ReaderError("the port is not there: plug the reader in")
        Scripted.opened += 1
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def read(self) -> list[Shown]:
        if Scripted.away:
            raise ReaderError("the reader was unplugged")
        found, self._queued[:] = list(self._queued), []
        return found

    def answer(self, *, granted: bool) -> None:
        if Scripted.away:
            raise ReaderError("the reader was unplugged")
        self._answers.append(granted)


def test_a_reader_that_was_gone_is_one_alarm_and_answers_again() -> None:
    clock, queued, answers = SimulatedClock(), list[Shown](), list[bool]()
    Scripted.away, Scripted.opened = False, 0
    with ReaderWatch(lambda: Scripted(queued, answers), clock) as watch:
        queued += [CardShown("1001", 0.0), KeyPressed("1", 0.1)]
        assert watch.read() == [CardShown("1001", 0.0), KeyPressed("1", 0.1)]
        assert watch.read() == []
        watch.answer(granted=True)
        assert answers == [True]
        Scripted.away = True
        for _ in range(20):
            assert watch.read() == []
            watch.answer(granted=False)
            clock.sleep(1.0)
        (alarm,) = watch.take_changes()
        assert (alarm.outcome, alarm.reason) == ("alarm", "reader_offline")
        assert alarm.detail == "the reader was unplugged"
        Scripted.away = False
        clock.sleep(REOPEN_S)
        watch.read()
        assert [(each.outcome, each.reason) for each in watch.take_changes()] == [
            ("cleared", "reader_offline")
        ]
        queued.append(CardShown("1002", 30.0))
        assert watch.read() == [CardShown("1002", 30.0)]
    assert answers == [True]
    assert Scripted.opened == 1


def test_a_reader_that_is_absent_at_the_start_holds_up_nothing() -> None:
    clock = SimulatedClock()
    Scripted.away, Scripted.opened = True, 0
    with ReaderWatch(lambda: Scripted([], []), clock) as watch:
        for _ in range(3):
            clock.sleep(REOPEN_S)
            assert watch.read() == []
        assert [each.outcome for each in watch.take_changes()] == ["alarm"]
        Scripted.away = False
        clock.sleep(REOPEN_S)
        watch.read()
        watch.read()
        assert [each.outcome for each in watch.take_changes()] == ["cleared"]
    assert Scripted.opened == 1
