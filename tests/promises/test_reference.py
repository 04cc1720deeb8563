"""The reference pages say what the code says: commands and options, failures, events, lines of JSON."""

import re
from collections import Counter

import pytest

from models.cli.output import LineType
from models.errors import DoorwardError, QualityError, error_record
from models.events import EventKind
from models.register.records import ChangeAction
from tests.door_events import door_event
from tests.promises.reference import (
    FOLDER,
    PAGES,
    check_json_line,
    cli_page,
    commands,
    failures,
    table_keys,
)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_the_one_that_the_code_makes(name: str) -> None:
    """After an intended change: `python -m tests.promises.reference`."""
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_command_has_a_section_and_every_option_a_row() -> None:
    import typer.main

    from models.cli.app import build_app

    page = cli_page()
    found = list(commands(typer.main.get_command(build_app())))
    assert len(found) > 25
    for path, command in found:
        section = page.split(f"## doorward {' '.join(path)}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert f"`{parameter.opts[0]}`" in section, (path, parameter.opts)


def test_every_parameter_of_every_command_is_explained() -> None:
    rows = re.findall(r"^\| (`.*) \| (.*) \|$", cli_page(), flags=re.MULTILINE)
    assert [name for name, meaning in rows if not meaning.strip()] == []


def test_every_failure_has_a_code_of_its_own_and_a_status() -> None:
    kinds = failures()
    assert DoorwardError in kinds
    codes = Counter(kind.code for kind in kinds)
    assert [code for code, count in codes.items() if count > 1] == []
    for kind in kinds:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code), kind
        assert 400 <= kind.status < 600, kind
        error = kind("x", ["blurred"]) if kind is QualityError else kind("x")
        assert set(error_record(error)) == {"error", "message", "details"}


def test_every_field_of_an_event_is_listed() -> None:
    assert set(table_keys("events.md", "Fields")) == set(door_event().to_record())
    assert set(table_keys("events.md", "Kinds")) == set(EventKind)


def test_every_action_of_the_change_log_is_listed() -> None:
    assert set(table_keys("changes.md", "Actions")) == set(ChangeAction)


def test_every_type_of_line_has_a_section() -> None:
    page = (FOLDER / "json.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## (\w+)$", page, flags=re.MULTILINE)) == sorted(LineType)


def test_a_line_with_another_key_than_the_page_is_noticed() -> None:
    check_json_line("warning", ["message"])
    with pytest.raises(AssertionError, match="lacks of warning"):
        check_json_line("warning", ["message", "colour"])
    with pytest.raises(AssertionError, match="what is not there"):
        check_json_line("warning", [])
