"""The commands of `audit`: what they print, what they find, and with which status they end."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from models.cli.audit import app, split_notes
from models.cli.output import Console
from models.errors import InputError, LogAlteredError
from models.settings.load import load_settings
from models.site import open_register
from tests.door_events import NOON, door_event
from tests.models.register.faces import face


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two days at one door, one of them open."""
    with open_register(load_settings(tmp_path), create=True) as register:
        ada = register.add_person("Ada [x]", [face(1)], "I agree.")
        for hour in (0, 1, 24, 25):
            register.append_event(
                door_event(at=NOON + timedelta(hours=hour), person_id=ada.person_id, score=0.5)
            )
    return tmp_path


def run(home: Path, *arguments: str | Path, as_json: bool = True) -> Result:
    console = Console(home=home, config=None, json=as_json)
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], obj=console)


def lines_of(result: Result) -> list[dict[str, Any]]:
    assert result.exception is None, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def attack(home: Path, statement: str) -> None:
    with closing(sqlite3.connect(home / "register.sqlite")) as raw:
        raw.execute("DROP TRIGGER IF EXISTS events_are_not_changed")
        raw.execute("DROP TRIGGER IF EXISTS events_are_kept")
        raw.execute(statement)
        raw.commit()


def test_a_log_as_it_was_written_is_said_to_be_so(home: Path) -> None:
    found = {line["chain"]: line for line in lines_of(run(home, "verify"))}
    assert {chain: (line["events"], line["days"]) for chain, line in found.items()} == {
        "front": (4, 1),
        "site": (1, 0),
    }
    text = run(home, "verify", as_json=False).stdout
    assert text.splitlines() == [
        "front: 4 events, 1 closed days",
        "site: 1 events, 0 closed days",
        "Nothing was changed.",
    ]


def test_what_was_changed_is_named_and_ends_with_an_error(home: Path) -> None:
    attack(home, "UPDATE events SET kind = 'fault' WHERE chain = 'front' AND seq = 2")
    result = run(home, "verify")
    assert isinstance(result.exception, LogAlteredError)
    problems = [
        line for line in map(json.loads, result.stdout.splitlines()) if line["type"] == "audit_problem"
    ]
    assert [(line["chain"], line["seq"]) for line in problems] == [("front", 2)]
    assert "event 2 was changed" in run(home, "verify", as_json=False).stdout


def test_checkpoints_are_kept_in_a_file_and_find_an_older_copy(home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    assert run(home, "checkpoint", kept, as_json=False).exit_code == 0
    assert len(split_notes(kept.read_text())) == 2
    assert kept.stat().st_mode & 0o777 == 0o600
    printed = [line["checkpoint"] for line in lines_of(run(home, "checkpoint"))]
    assert printed == split_notes(kept.read_text())
    assert run(home, "checkpoint", as_json=False).stdout == kept.read_text()
    assert run(home, "verify", "--checkpoint", kept).exit_code == 0
    attack(home, "DELETE FROM events WHERE chain = 'front' AND seq = 4")
    attack(home, "DELETE FROM heads WHERE chain = 'front'")
    result = run(home, "verify", "--checkpoint", kept)
    assert isinstance(result.exception, LogAlteredError)
    assert any("was signed in a checkpoint" in line for line in result.stdout.splitlines())


def test_an_export_is_checked_without_the_register(home: Path, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "log.jsonl", tmp_path / "elsewhere"
    (line,) = lines_of(run(home, "export", file))
    assert (line["events"], file.stat().st_mode & 0o777) == (5, 0o600)
    for options in (("--key", line["key"]), ("--key", line["key"], "--file", file)):
        found = lines_of(run(elsewhere, "verify", "--file", file, *options))
        assert {each["chain"]: each["events"] for each in found} == {"front": 4, "site": 1}
    assert run(home, "verify", "--file", file).exit_code == 0, "with the register's own key"
    file.write_text(file.read_text().replace('"seq": 3', '"seq": 4'))
    assert isinstance(
        run(elsewhere, "verify", "--file", file, "--key", line["key"]).exception, LogAlteredError
    )


def test_an_export_can_be_of_one_door_and_of_some_days(home: Path, tmp_path: Path) -> None:
    (line,) = lines_of(
        run(home, "export", tmp_path / "a", "--door", "front", "--since", "2026-11-03T00:00+00:00")
    )
    assert line["events"] == 2
    assert run(home, "verify", "--file", tmp_path / "a").exit_code == 0


def test_a_proof_is_checked_like_an_export(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    result = run(home, "prove", "front", "2", as_json=False)
    file.write_text(result.stdout)
    assert [(each["chain"], each["events"]) for each in lines_of(run(home, "verify", "--file", file))] == [
        ("front", 1)
    ]
    assert lines_of(run(home, "prove", "front", "2"))[0]["format"] == "doorward-proof-1"
    file.write_text(result.stdout.replace("2026-11-02T13", "2026-11-02T14"))
    assert isinstance(run(home, "verify", "--file", file).exception, LogAlteredError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "--checkpoint", "absent.txt"), "cannot be read"),
        (("verify", "--checkpoint", "other.txt"), "no checkpoint"),
        (("verify", "--file", "other.txt"), "not one that Doorward writes"),
        (("verify", "--file", "other.txt", "--key", "wrong"), "base64|no public key"),
        (("export", "other.txt"), "exists already"),
        (("export", "new.txt", "--door", "nowhere"), "no chain nowhere: there are front, site"),
        (("prove", "front", "9"), "front has no event 9"),
        (("prove", "nowhere", "1"), "nowhere has no event 1"),
    ],
)
def test_what_cannot_be_done_says_why(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.txt").write_text("doorward/words\n")
    result = run(home, *arguments)
    assert isinstance(result.exception, InputError)
    assert re.search(message, str(result.exception)), result.exception
