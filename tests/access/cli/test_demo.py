"""The command `demo`: who comes, who gets in, and that it leaves a running demo alone."""

import socket

import pytest

from access.demo import demonstration as show
from access.demo import run as demo_run
from access.demo.run import run_headless, summarise
from models.cli.output import Console
from models.domain import PersonId
from models.events import DoorEvent
from models.settings.settings import Settings
from models.storage.single import single_run_lock
from models.synthetic.people import SyntheticPerson
from tests.access.cli.conftest import Run
from tests.access.door import Door, Stand

ADA, STRANGER = SyntheticPerson(501), SyntheticPerson(599)


@pytest.mark.slow
def test_the_demo_lets_the_enrolled_in_and_nobody_else(run: Run, settings: Settings) -> None:
    (settings.home / "demo").mkdir(parents=True)
    (settings.home / "demo" / "left over").touch()
    status, lines, _ = run("demo", "--headless", "--visits", "8")
    visits, summary = [line for line in lines if line["type"] == "demo_visit"], lines[-1]
    acts = [line for line in lines if line["type"] == "demo_act"]
    assert status == 0
    assert [act["happened"] for act in acts] == [act["expected"] for act in acts]
    assert {act["door"] for act in acts} == {"front", "laboratory"}
    assert len(acts) == summary["acts"] == summary["acts_right"] == 10
    assert [line["visit"] for line in visits] == list(range(1, 9))
    assert all(line["granted_to"] == line["who"] for line in visits if line["who"] != "stranger")
    assert summary["right"] is True
    assert summary["enrolled_visits"] + summary["stranger_visits"] == summary["visits"] == 8
    assert summary["stranger_visits"] > 0
    assert not (settings.home / "demo" / "left over").exists()


def test_guests_are_the_same_for_the_same_seed_and_all_kinds_come() -> None:
    names = [show.name_of(position) for position in range(show.ENROLLED)]
    guests = show.invite(60, 3, names)
    assert guests == show.invite(60, 3, names)
    assert guests != show.invite(60, 4, names)
    enrolled_seeds = {guest.person.seed for guest in guests if guest.name}
    strangers = [guest.person.seed for guest in guests if not guest.name]
    assert len(strangers) >= 10
    assert not enrolled_seeds & set(strangers)
    assert len({guest.name for guest in guests if guest.name}) > 10
    assert len(set(names)) == show.ENROLLED
    assert {guest.name for guest in show.invite(60, 3, names[:2])} == {None, *names[:2]}


def events_of(who: int) -> list[DoorEvent]:
    return Door().watch(Stand(who), frames=4)


def test_a_visit_is_right_only_when_the_right_person_got_in() -> None:
    names = {PersonId("a" * 32): "Ada", PersonId("b" * 32): "Bo"}
    ada, stranger = show.Guest(0, ADA, "Ada"), show.Guest(1, STRANGER, None)
    granted, denied = events_of(1), events_of(3)
    assert show.judge(ada, granted, names).right
    assert show.judge(ada, denied + granted, names).right
    assert not show.judge(ada, events_of(2), names).right
    assert not show.judge(ada, denied, names).right
    assert not show.judge(ada, [], names).right
    assert show.judge(stranger, denied, names).right
    assert show.judge(stranger, [], names).right
    assert not show.judge(stranger, granted, names).right
    summary = summarise([show.judge(ada, granted, names), show.judge(stranger, granted, names)], [])
    assert (summary["enrolled_granted"], summary["strangers_granted"], summary["right"]) == (1, 1, False)


@pytest.fixture
def running(settings: Settings) -> Settings:
    """A demo that has its home and a photo in it."""
    (settings.home / "demo" / "photos").mkdir(parents=True)
    return settings


def test_a_second_demo_on_a_home_is_refused_and_the_first_keeps_its_files(
    run: Run, running: Settings
) -> None:
    with single_run_lock(running.home / "demo.lock", "the first demo"):
        status, (error,), _ = run("demo", "--headless", "--visits", "1")
    assert (status, error["error"]) == (1, "already_running")
    assert all(each in error["message"] for each in (str(running.home), "--home", 'DEMO="--port 8081"'))
    assert (running.home / "demo" / "photos").exists()


def test_a_demo_whose_port_is_taken_is_refused_and_deletes_nothing(run: Run, running: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status, (error,), _ = run("demo", "--port", str(taken.getsockname()[1]))
    assert (status, error["error"]) == (1, "config_error")
    assert "--port 8081" in error["message"]
    assert (running.home / "demo" / "photos").exists()


def visits() -> list[show.DemoVisit]:
    """Ada gets in; a stranger does not."""
    names = {PersonId("a" * 32): "Ada"}
    return [
        show.judge(show.Guest(0, ADA, "Ada"), events_of(1), names),
        show.judge(show.Guest(1, STRANGER, None), events_of(3), names),
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_without_a_terminal_each_visit_is_printed_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: bool
) -> None:
    printed: list[str] = []

    def receive(*_arguments):
        for visit in visits():
            yield visit
            printed.append(capsys.readouterr().out)

    monkeypatch.setattr(demo_run.show, "receive", receive)
    monkeypatch.setattr(demo_run, "play_acts", lambda *_: iter(()))
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    run_headless(Console(None, None, json=False), None, [visit.guest for visit in visits()], 0)  # type: ignore[arg-type]
    rest = capsys.readouterr().out
    assert "1 of 1 enrolled visitors got in, 0 of 1 strangers did, " in rest
    if terminal:
        assert printed == ["", ""]
        assert "who came" in rest
    else:
        assert [line.split()[:3] for line in printed] == [
            ["1", "Ada", "granted"],
            ["2", "stranger", "denied"],
        ]
        assert "who came" not in rest
