"""The command `changes`: which changes it lists, and in which form."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.cli.changes import app
from models.cli.output import Console
from models.errors import UnknownPersonError
from models.register.records import PersonStatus
from models.settings.load import load_settings
from models.site import open_register
from tests.models.register.faces import face


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ada is enrolled, then Bo; Ada is revoked and Bo erased. A wide terminal in a zone east of UTC."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TZ", "XYZ-5")
    time.tzset()
    with open_register(load_settings(tmp_path), create=True, actor="shell:[maria]") as register:
        ada, bo = (
            register.add_person(name, [face(seed)], "I agree.") for seed, name in enumerate(("Ada [x]", "Bo"))
        )
        register.set_status(ada.person_id, PersonStatus.REVOKED)
        register.erase(bo.person_id)
    return tmp_path


def listed(home: Path, *options: str) -> list[dict[str, Any]]:
    console = Console(home=home, config=None, json=True)
    result = CliRunner().invoke(app, list(options), obj=console, catch_exceptions=False)
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def shown(home: Path, *options: str) -> str:
    console = Console(home=home, config=None, json=False)
    return CliRunner().invoke(app, list(options), obj=console, catch_exceptions=False).stdout


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_all_are_listed_oldest_first_with_the_names_that_are_known(home: Path) -> None:
    lines = listed(home)
    assert [(each["action"], each["subject_name"]) for each in lines] == [
        ("person_added", "Ada [x]"),
        ("person_added", None),
        ("status_changed", "Ada [x]"),
        ("person_erased", None),
    ]
    assert {each["actor"] for each in lines} == {"shell:[maria]"}
    assert (lines[2]["old"], lines[2]["new"]) == ({"status": "active"}, {"status": "revoked"})
    assert datetime.fromisoformat(lines[0]["at"]).tzinfo is not None


@pytest.mark.parametrize(
    ("options", "actions"),
    [
        (["--person", "ada [X]"], ["person_added", "status_changed"]),
        (["-n", "1"], ["person_erased"]),
        (["--since", in_days(-1)], ["person_added", "person_added", "status_changed", "person_erased"]),
        (["--since", in_days(1)], []),
        (["--until", in_days(-1)], []),
    ],
)
def test_options_choose(home: Path, options: list[str], actions: list[str]) -> None:
    assert [each["action"] for each in listed(home, *options)] == actions


def test_the_list_for_people_says_what_changed_in_local_time(home: Path) -> None:
    text = shown(home, "--person", "Ada [x]")
    (line,) = [line for line in text.splitlines() if "status changed" in line]
    assert "shell:[maria]" in line
    assert "Ada [x]" in line
    assert "status: active -> revoked" in line
    at = datetime.fromisoformat(listed(home)[2]["at"]).astimezone(UTC) + timedelta(hours=5)
    assert f"{at:%Y-%m-%d %H:%M:%S}" in line


def test_an_empty_list_says_so(home: Path) -> None:
    assert shown(home, "--since", in_days(1)) == "No change fits.\n"


def test_an_unknown_name_is_an_error(home: Path) -> None:
    with pytest.raises(UnknownPersonError, match="nobody is enrolled as Bo"):
        listed(home, "--person", "Bo")


@pytest.fixture(autouse=True)
def _zone_again(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    def restore() -> None:
        monkeypatch.undo()
        time.tzset()

    request.addfinalizer(restore)
